/** The first rounds of an opening, over the row variables, eight or sixteen rows at a time. */
import { add, type Ext, mul, ONE, sub, ZERO } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { OpeningClaim } from './opening.js';
import type { Placement } from './oracles.js';
import { blockWeights, type RowBlock, rowBlocks } from './prove-opening-blocks.js';
import type { CommittedOracle } from './prove-oracles.js';
import { type RowPart, rowParts } from './prove-row-parts.js';
import { prepareWeights, type Weights } from './prove-weights.js';

const EXT_BYTES = 16;
/** Rows that the kernels take at once. */
const KERNEL_ROWS = 8;
/** From so many row variables on, sixteen rows are one block: half as much is kept, but dense weights cost twice as much. */
const MANY_ROWS = 9;

/** Rows of one block. */
export const blockRows = (rowVars: number): number => (rowVars >= MANY_ROWS ? 2 * KERNEL_ROWS : KERNEL_ROWS);

/** Weights of a block of fewer cells are made sooner than it is found out whether they come apart. */
const FEW_CELLS = 2 ** 16;

/** Columns of dense weights that are folded at once. */
const FOLDED_COLUMNS = 2 ** 15;

/** One row of F and W, each of 2^log extension elements. */
export interface Row {
  readonly f: Ptr;
  readonly w: Ptr;
  readonly log: number;
}

/** The stretches over which rows of different lengths (given by their log2) are uniform. */
export function segments(logs: readonly (number | undefined)[]): [number, number][] {
  const ends = [...new Set(logs.flatMap((log) => (log === undefined ? [] : [2 ** log])))].sort((a, b) => a - b);
  return ends.map((end, i) => [ends[i - 1] ?? 0, end]);
}

/** A stretch of columns that rows of a block have in common: the weights as parts, or as rows. */
interface Stretch {
  /** Of the block. */
  readonly index: number;
  readonly parts: readonly RowPart[];
  readonly w: readonly Ptr[] | undefined;
  readonly from: number;
  readonly length: number;
}

/** The first rounds over the row variables, a block of rows at a time. */
export interface Cube {
  readonly variables: number;
  /** [s(0), s(2)]. */
  round(): Ext[];
  /** Whether all of its variables are bound now. */
  bind(rho: Ext): boolean;
  /** The rows that are left, by their number. */
  fold(): Map<number, Row>;
}

/**
 * Of a block of 2^n rows f_x, w_x, Σ F·W is one polynomial of degree 2 in each of n variables, given at 3^n points;
 * their sum over all blocks is all that the first n rounds need. Rows and weights are made for this, let go, and
 * made once more to be folded by the challenges: one row of each block is kept. Where the weights come apart in products
 * (prove-row-parts.ts), inner products of the rows f_x stand for all of it.
 */
export function openCube(
  kernels: Kernels,
  oracles: readonly CommittedOracle[],
  placement: Placement,
  claims: readonly OpeningClaim[],
  lambda: Ext,
  gapPoint: readonly Ext[],
): Cube {
  const size = blockRows(placement.rowVars);
  const variables = Math.min(Math.log2(size), placement.rowVars);
  const groups = rowBlocks(oracles, placement, size);
  const blocks = groups.flatMap((g) => g.blocks);
  const kept = new Map(
    blocks.map((b): [number, Row] => {
      const log = Math.max(...b.rows.map((r) => r?.log ?? 0));
      return [b.index, { f: kernels.take(EXT_BYTES * 2 ** log), w: kernels.alloc(EXT_BYTES * 2 ** log), log }];
    }),
  );
  const mark = kernels.mark();
  const weights = prepareWeights(kernels, oracles, claims, lambda, gapPoint);
  const parts = new Map(blocks.map((b) => [b, partsOf(kernels, weights, b)]));
  /** Calls `visit` for the rows of every block, stretch by stretch. */
  const each = (visit: (f: Ptr[], stretch: Stretch) => void): void => {
    for (const group of groups) {
      group.visit(kernels, (block, at) => {
        const places = block.rows.map((row) => row && { row, f: at(row) });
        const apart = parts.get(block);
        const weightsAt = apart ? undefined : blockWeights(kernels, weights, block);
        for (const [from, to] of segments(block.rows.map((r) => r?.log))) {
          const live = places.map((p) => (p && from < 2 ** p.row.log ? p : undefined));
          const f = live.map((p) => (p ? p.f + 4 * from : 0));
          const w = weightsAt && live.map((p) => (p ? weightsAt(p.row) + EXT_BYTES * from : 0));
          visit(f, { index: block.index, parts: apart ?? [], w, from, length: to - from });
        }
      });
    }
  };
  // Σ F·W at the points a + 3b + 9c + … of {0, 1, ∞}^n; bound variables are taken out from the front.
  let grid = zeros(3 ** Math.log2(size));
  const collect = (products: readonly Ext[]): void => {
    grid = grid.map((x, g) => add(x, products[g]));
  };
  if (variables > 0) {
    each((f, { parts, w, length }) => {
      if (w) collect(denseCube(kernels, f, w, length));
      for (const part of parts) collect(partCube(kernels, f, part));
    });
  }
  const rhos: Ext[] = [];
  /** Values at 0 and 1 and the leading coefficient, at the k-th point of the other variables. */
  const quadratic = (k: number): [Ext, Ext, Ext] => [grid[3 * k], grid[3 * k + 1], grid[3 * k + 2]];
  /** The points of the other variables that are 0 or 1 in each. */
  const corners = (): number[] =>
    Array.from({ length: grid.length / 3 }, (_, k) => k).filter((k) => !k.toString(3).includes('2'));
  return {
    variables,
    round() {
      let s0: Ext = ZERO;
      let s2: Ext = ZERO;
      for (const k of corners()) {
        const [t0, t1, lead] = quadratic(k);
        s0 = add(s0, t0);
        // t(2) = 2·t(1) - t(0) + 2·lead
        const sum = add(t1, lead);
        s2 = add(s2, sub(add(sum, sum), t0));
      }
      return [s0, s2];
    },
    bind(rho) {
      rhos.push(rho);
      grid = Array.from({ length: grid.length / 3 }, (_, k): Ext => {
        const [t0, t1, lead] = quadratic(k);
        return add(t0, mul(rho, add(sub(sub(t1, t0), lead), mul(rho, lead))));
      });
      return rhos.length === variables;
    },
    fold() {
      const factors = eqFactors(rhos, size);
      each((f, { index, parts, w, from, length }) => {
        const row = kept.get(index) as Row;
        const to = row.w + EXT_BYTES * from;
        const inner = kernels.mark();
        combine(kernels, row.f + EXT_BYTES * from, f, rhos, length);
        // Some columns at a time: what is folded on the way stays near, and little memory is taken for it.
        for (let at = 0; w && at < length; at += FOLDED_COLUMNS) {
          const some = w.map((row) => (row === 0 ? 0 : row + EXT_BYTES * at));
          const level = kernels.mark();
          foldRows(kernels, to + EXT_BYTES * at, some, Math.min(FOLDED_COLUMNS, length - at), rhos);
          kernels.release(level);
        }
        for (const { lead, from: column, add: addTo } of parts) addTo(to + EXT_BYTES * column, sumOf(factors, lead));
        kernels.release(inner);
      });
      kernels.release(mark);
      return kept;
    },
  };
}

/** The parts of a block of eight rows of one oracle, where its weights come apart. */
function partsOf(kernels: Kernels, weights: Weights, { rows }: RowBlock): RowPart[] | undefined {
  const [first] = rows;
  if (!first || weights.shapes[first.oracle].rows <= rows.length / 2) return undefined;
  if (rows.length * 2 ** first.log < FEW_CELLS) return undefined;
  return rowParts(kernels, weights, first.oracle, first.row, rows.length);
}

const zeros = (n: number): Ext[] => Array.from({ length: n }, () => ZERO);
const isNone = (rows: readonly Ptr[]): boolean => rows.every((row) => row === 0);
/** The rows whose highest bit is 0, and those whose is 1. */
const halves = (rows: readonly Ptr[]): [readonly Ptr[], readonly Ptr[]] => [
  rows.slice(0, rows.length / 2),
  rows.slice(rows.length / 2),
];

/** Σ F·W at the 3^n points for the weights as they are. */
function denseCube(kernels: Kernels, f: readonly Ptr[], w: readonly Ptr[], length: number): Ext[] {
  if (isNone(f) || isNone(w)) return zeros(3 ** Math.log2(f.length));
  if (f.length === KERNEL_ROWS) return kernels.productCube(f, w, length);
  const [[f0, f1], [w0, w1]] = [halves(f), halves(w)];
  const of = (a: readonly Ptr[], b: readonly Ptr[]): Ext[] => denseCube(kernels, a, b, length);
  const [low, high, one, other] = [of(f0, w0), of(f1, w1), of(f0, w1), of(f1, w0)];
  // (F1 - F0)·(W1 - W0)
  const lead = low.map((x, i) => sub(add(x, high[i]), add(one[i], other[i])));
  return [...low, ...high, ...lead];
}

/** Σ F·W at the 3^n points for one part of W. */
function partCube(kernels: Kernels, rows: readonly Ptr[], { lead, from, length, add: addTo }: RowPart): Ext[] {
  const mark = kernels.mark();
  const w = kernels.alloc(EXT_BYTES * length);
  addTo(w, ONE);
  const products: Ext[] = [];
  for (let k = 0; k < rows.length; k += KERNEL_ROWS) {
    const some = rows.slice(k, k + KERNEL_ROWS).map((f) => (f === 0 ? 0 : f + 4 * from));
    products.push(...(isNone(some) ? zeros(KERNEL_ROWS) : kernels.dotRows(some, w, length)));
  }
  kernels.release(mark);
  const [a, b] = [cubeOf(lead), cubeOf(products)];
  return a.map((x, g) => mul(x, b[g]));
}

/** A multilinear polynomial, given at the 2^n corners of a cube, at its 3^n points. */
function cubeOf(corners: readonly Ext[]): Ext[] {
  let values = corners;
  // Each step puts a variable of digits 0, 1, ∞ behind those that are bits still: the lowest bit first.
  for (let k = 1; k < corners.length; k *= 2) {
    const pairs = values.length / 2;
    const half = Array.from({ length: pairs }, (_, i): [Ext, Ext] => [values[2 * i], values[2 * i + 1]]);
    values = [0, 1, 2].flatMap((digit) => half.map(([x, y]) => (digit === 0 ? x : digit === 1 ? y : sub(y, x))));
  }
  return values as Ext[];
}

/** eq(rhos, x) for x < size, rhos[0] belonging to the lowest bit; without a variable, x is 0. */
function eqFactors(rhos: readonly Ext[], size: number): Ext[] {
  const factors = zeros(size);
  factors[0] = ONE;
  rhos.forEach((rho, k) => {
    for (let x = 0; x < 2 ** k; x++) {
      const high = mul(factors[x], rho);
      factors[x + 2 ** k] = high;
      factors[x] = sub(factors[x], high);
    }
  });
  return factors;
}

const sumOf = (a: readonly Ext[], b: readonly Ext[]): Ext => a.reduce((s, x, i) => add(s, mul(x, b[i])), ZERO);

/** dst = Σ_x eq(rhos, x)·rows[x] of base rows, rhos[0] belonging to the lowest bit of x. */
function combine(kernels: Kernels, dst: Ptr, rows: readonly Ptr[], rhos: readonly Ext[], n: number): void {
  if (rows.length === KERNEL_ROWS) {
    kernels.combineRows(dst, rows, eqFactors(rhos, KERNEL_ROWS), n);
    return;
  }
  const [lo, hi] = halves(rows).map((half) => {
    if (isNone(half)) return 0;
    const to = kernels.take(EXT_BYTES * n);
    combine(kernels, to, half, rhos.slice(0, -1), n);
    return to;
  });
  kernels.fold(dst, lo, hi, n, rhos[rhos.length - 1]);
}

/** The same of extension rows. */
function foldRows(kernels: Kernels, dst: Ptr, rows: readonly Ptr[], n: number, rhos: readonly Ext[]): void {
  // Without a variable, a row and nothing are folded at 0: the row itself.
  const steps = rhos.length > 0 ? rhos : [ZERO];
  let level = rows;
  steps.forEach((rho, k) => {
    const pairs = k === steps.length - 1 ? 1 : level.length / 2;
    level = Array.from({ length: pairs }, (_, i) => {
      const [lo, hi] = [level[2 * i], level[2 * i + 1]];
      if (lo === 0 && hi === 0 && pairs > 1) return 0;
      const to = pairs === 1 ? dst : kernels.take(EXT_BYTES * n);
      kernels.fold(to, lo, hi, n, rho);
      return to;
    });
  });
}
