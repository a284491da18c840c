/**
 * All lookups of a slice as one sum of fractions (logup, Haböck 2022, ePrint 2022/1530), over one or several trees.
 *
 * A cell (in) or (in, out) looked up in table t has the fraction 1 / (α - t - β·in - β²·out), a row of the table
 * -m / (α - t - β·in - β²·out) with the row's multiplicity m. The sum over all is zero for random α, β only if every
 * cell is a row of its own table: the table's number is part of what is compared. A row that no table has would stay
 * unnoticed if it occurred a multiple of p times; the number of leaves is far below p.
 */

import { paddedSize } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import { add, type Ext, mul, ONE, sub, ZERO } from '../field/qm31.js';
import type { Relation, ValueId } from '../relation/relation.js';
import type { EqTables } from './eq-tables.js';
import { fromInteger, identityAt, mulInteger } from './ext-vector.js';
import { type Functional, weightOf } from './functional.js';
import { ceilLog2, eqFunctional, type Stack, stack, type TensorLayout } from './layout.js';

/** log2 of the most leaves that one proof sums: below p, and within the pointers of the kernels. */
const MAX_DEPTH = 28;

/** The leaves of one tree: the cells of some lookups, then the rows of some tables. */
export interface LookupTree {
  /** Numbers of the lookups and tables in the relation, in the layout's order. */
  readonly lookups: readonly number[];
  readonly tables: readonly number[];
  readonly layout: Stack;
  readonly depth: number;
}

/**
 * All lookups of a relation and all tables that they look into, in order, in as few trees of at most 2^logTree leaves as
 * that allows: a prover has one tree at a time in memory.
 */
export function lookupTrees(relation: Relation, logTree: number): LookupTree[] {
  if (relation.lookups.length === 0) return [];
  const columns = relation.lookups.map((l) => relation.values[l.columns[0]].dims);
  const shapes = [...columns, ...relation.tables.map((t) => [tableSize(t)])];
  const groups: { members: number[]; cells: number }[] = [];
  let total = 0;
  shapes.forEach((dims, i) => {
    const cells = paddedSize(dims);
    const last = groups.at(-1);
    if (last && last.cells + cells <= 2 ** logTree) {
      last.members.push(i);
      last.cells += cells;
    } else groups.push({ members: [i], cells });
    total += cells;
  });
  if (total > 2 ** MAX_DEPTH) {
    throw new InputError(
      'slice-too-large',
      `a slice of ${total} lookups is beyond the 2^${MAX_DEPTH} that one proof holds`,
      'cut the program in more slices (--slices)',
    );
  }
  return groups.map(({ members, cells }) => ({
    lookups: members.filter((i) => i < columns.length),
    tables: members.filter((i) => i >= columns.length).map((i) => i - columns.length),
    layout: stack(members.map((i) => shapes[i])),
    depth: Math.max(1, ceilLog2(cells)),
  }));
}

export const tableSize = (t: Relation['tables'][number]): number => (t.kind === 'range' ? 2 ** t.bits : t.size);

/** A term of a linear claim: a functional on a value of the relation, or on a table's multiplicities. */
export type ClaimTerm =
  | { readonly on: 'value'; readonly value: ValueId; readonly f: Functional }
  | { readonly on: 'multiplicity'; readonly table: number; readonly f: Functional };

/** Σ terms = target. */
export interface LinearClaim {
  readonly terms: readonly ClaimTerm[];
  readonly target: Ext;
}

const scaledBy = (f: Functional, c: Ext): Functional => ({ coef: mul(f.coef, c), blocks: f.blocks });

/** What the evaluations p̃(r), q̃(r) of the leaves say about the committed tensors: two linear claims. */
export function leafClaims(
  relation: Relation,
  tree: LookupTree,
  point: readonly Ext[],
  p: Ext,
  q: Ext,
  alpha: Ext,
  beta: Ext,
  tables: EqTables,
): [LinearClaim, LinearClaim] {
  const beta2 = mul(beta, beta);
  const numerators: ClaimTerm[] = [];
  const denominators: ClaimTerm[] = [];
  let ones: Ext = ZERO;
  let covered: Ext = ZERO;
  // q̃(r) with the constants moved to the other side; leaves outside every tensor have denominator 1.
  let known: Ext = ZERO;
  const shift = (table: number): Ext => sub(alpha, fromInteger(table));
  tree.lookups.forEach((number, i) => {
    const l = relation.lookups[number];
    const f = eqFunctional(tree.layout.tensors[i], point, tables);
    const weight = weightOf(f);
    ones = add(ones, weight);
    covered = add(covered, weight);
    known = add(known, mul(weight, shift(l.table)));
    denominators.push({ on: 'value', value: l.columns[0], f: scaledBy(f, beta) });
    if (l.columns.length > 1) denominators.push({ on: 'value', value: l.columns[1], f: scaledBy(f, beta2) });
  });
  tree.tables.forEach((number, i) => {
    const t = relation.tables[number];
    const layout = tree.layout.tensors[tree.lookups.length + i];
    const f = eqFunctional(layout, point, tables);
    const { weight, index } = rowSums(layout, point, tables);
    numerators.push({ on: 'multiplicity', table: number, f });
    covered = add(covered, weight);
    const lo = t.kind === 'range' ? 0 : t.lo;
    const inputs = add(index, mulInteger(weight, lo));
    known = add(known, sub(mul(weight, shift(number)), mul(beta, inputs)));
    if (t.kind === 'function') denominators.push({ on: 'value', value: t.output, f: scaledBy(f, beta2) });
  });
  return [
    // Σ ones - Σ m = p
    { terms: numerators, target: sub(ones, p) },
    // known + (1 - covered) - Σ (β·in + β²·out) = q
    { terms: denominators, target: sub(add(known, sub(ONE, covered)), q) },
  ];
}

/** Σ_j eq(point, row j) and Σ_j eq(point, row j)·j over a table's rows, in closed form. */
function rowSums(layout: TensorLayout, point: readonly Ext[], tables: EqTables): { weight: Ext; index: Ext } {
  let weight: Ext = ZERO;
  let index: Ext = ZERO;
  for (const piece of layout.pieces) {
    const cut = point.length - piece.logRows;
    const e = tables.factor(point, cut, piece.offset / 2 ** piece.logRows);
    weight = add(weight, e);
    index = add(index, mul(e, add(identityAt(point.slice(cut)), fromInteger(piece.row))));
  }
  return { weight, index };
}
