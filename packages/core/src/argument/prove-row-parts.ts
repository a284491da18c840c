/**
 * The weights of some rows of an oracle, taken apart in products: a functional in product form weighs the rows of a large
 * tensor by one vector, and the columns by another that all of its rows share. Σ F·W is then, row by row, an inner
 * product with that one vector, and neither W nor products of F and W at other points are made. Parts of one tensor
 * (boxes of constants) stand in rows of their own, and are weighed by multiples of one vector where it is eq: they are one part.
 */
import { add, type Ext, equal, inv, mul, ONE, ZERO } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { Piece } from './layout.js';
import {
  addCells,
  factorsOf,
  fillGaps,
  leadOf,
  overlaps,
  rowOfHigh,
  type Term,
  type Weights,
} from './prove-weights.js';

const EXT_BYTES = 16;

/** lead[x]·w[y] at row x of the block and column from + y, y < length. */
export interface RowPart {
  readonly lead: readonly Ext[];
  readonly from: number;
  readonly length: number;
  /** Adds scale·w to `dst`. */
  add(dst: Ptr, scale: Ext): void;
}

/** Largest number of factors of a row that are compared with those of another. */
const MAX_COMPARED = 2 ** 13;

/** Multiplications of M31 for a cell: of a part, of which w is made twice; of a term in W, made twice; of a cell of W, all
 * pairs of eight rows being multiplied. */
const partCost = (size: number): number => size * 4 + 2 * 16;
const TERM_COST = 2 * 16;
const denseCost = (size: number): number => 24 * (size / 8);

/**
 * The weights of an oracle's rows [first, first + size), first being a multiple of size, a power of two, as a sum of
 * products; undefined where making them as they are costs less.
 */
export function rowParts(
  kernels: Kernels,
  weights: Weights,
  oracle: number,
  first: number,
  size: number,
): RowPart[] | undefined {
  const width = 2 ** weights.shapes[oracle].logRow;
  const columns = new Map<string, Column[]>();
  let cost = 0;
  let dense = denseCost(size) * size * width;
  for (const term of weights.terms[oracle]) {
    if (equal(term.coef, ZERO)) continue;
    for (const { piece, start, cells } of overlaps(term, first * width, size * width)) {
      const row = Math.floor(start / width) - first;
      const length = Math.min(cells, width);
      const lead = leadOfRows(kernels, term, leadOf(term, piece, start), { row, count: cells / length, width, size });
      if (!lead) return undefined;
      dense += TERM_COST * cells;
      if (lead.factors.every((x) => equal(x, ZERO))) continue;
      const from = start % width;
      // The column factors are those of the first row that has any.
      const { factors, pivot } = lead;
      const column = { term, piece, at: start + pivot * width, from, length, lead: factors };
      const alike = columns.get(`${from} ${length}`) ?? [];
      if (alike.some((other) => joins(kernels, other, column))) continue;
      alike.push(column);
      columns.set(`${from} ${length}`, alike);
      cost += partCost(size) * length;
    }
  }
  const gaps = gapParts(kernels, weights, oracle, first, size);
  if (cost + partCost(size) * width * gaps.length > dense) return undefined;
  const parts = [...columns.values()].flat().map(({ term, piece, at, from, length, lead }) => ({
    lead,
    from,
    length,
    add: (dst: Ptr, scale: Ext) => addCells(kernels, term, piece, at, length, dst, mul(scale, term.coef)),
  }));
  return [...parts, ...gaps];
}

/** What a term weighs in some columns: the cells [at, at + length) of a piece, times `lead` in the rows of the block. */
interface Column {
  readonly term: Term;
  readonly piece: Piece;
  readonly at: number;
  readonly from: number;
  readonly length: number;
  readonly lead: Ext[];
}

/** Adds `other` to a part of the same columns where its weights are a multiple of that one's. @returns whether they are */
function joins(kernels: Kernels, part: Column, other: Column): boolean {
  const [a, b] = [part, other].map(({ term, piece, at, length }) => factorsOf(term, piece, at, length));
  if (a.n !== b.n) return false;
  const inners = ratioOf(kernels, a.inner, b.inner, a.n);
  const leads = inners && ratioOf(kernels, a.lead, b.lead, a.m);
  if (!inners || !leads) return false;
  const ratio = mul(mul(leads, inners), mul(other.term.coef, inv(part.term.coef)));
  other.lead.forEach((x, i) => {
    part.lead[i] = add(part.lead[i], mul(ratio, x));
  });
  return true;
}

/** The factor that makes `n` elements at `a`, of which one is not zero, those at `b`; undefined where there is none. */
function ratioOf(kernels: Kernels, a: Ptr, b: Ptr, n: number): Ext | undefined {
  if (n > MAX_COMPARED) return undefined;
  const entry = (from: Ptr, i: number): Ext => kernels.readExt(from + EXT_BYTES * i);
  let some = 0;
  while (some < n && equal(entry(a, some), ZERO)) some++;
  if (some === n) return undefined;
  const ratio = mul(entry(b, some), inv(entry(a, some)));
  for (let i = 0; i < n; i++) if (!equal(entry(b, i), mul(ratio, entry(a, i)))) return undefined;
  return ratio;
}

/**
 * Whether `count` rows of a term, from the entry `at` of its leading factor on, are multiples of one of them: that one, and
 * the multiples, the first standing at `row` of the block.
 */
function leadOfRows(
  kernels: Kernels,
  term: Term,
  at: number,
  { row, count, width, size }: Record<'row' | 'count' | 'width' | 'size', number>,
): { factors: Ext[]; pivot: number } | undefined {
  const factors = new Array<Ext>(size).fill(ZERO);
  if (count === 1) {
    factors[row] = ONE;
    return { factors, pivot: 0 };
  }
  const perRow = width / term.innerLength;
  if (perRow < 1 || perRow > MAX_COMPARED) return undefined;
  const entry = (x: number, i: number): Ext => kernels.readExt(term.lead + EXT_BYTES * (at + x * perRow + i));
  const total = count * perRow;
  let found = 0;
  while (found < total && equal(entry(0, found), ZERO)) found++;
  if (found === total) return { factors, pivot: 0 };
  const pivot = Math.floor(found / perRow);
  const column = found % perRow;
  const scale = inv(entry(pivot, column));
  for (let x = 0; x < count; x++) {
    const factor = x === pivot ? ONE : mul(entry(x, column), scale);
    for (let i = 0; i < perRow && x !== pivot; i++) {
      if (!equal(entry(x, i), mul(factor, entry(pivot, i)))) return undefined;
    }
    factors[row + x] = factor;
  }
  return { factors, pivot };
}

/** What is weighed outside all tensors: rows of one tensor have the same gaps. */
function gapParts(kernels: Kernels, weights: Weights, oracle: number, first: number, size: number): RowPart[] {
  const gaps = weights.gaps[oracle];
  if (!gaps) return [];
  const { logRow, rows } = weights.shapes[oracle];
  const factor = (row: number): Ext => kernels.readExt(rowOfHigh(gaps, row, logRow));
  const groups: number[][] = [];
  for (let row = first; row < Math.min(first + size, rows); row++) {
    if (gaps.runs[row].length === 0) continue;
    const group = groups.find(([other]) => sameRuns(gaps.runs[other], gaps.runs[row]) && !equal(factor(other), ZERO));
    if (group) group.push(row);
    else groups.push([row]);
  }
  return groups.map((group) => {
    const [shown] = group;
    const lead = new Array<Ext>(size).fill(ZERO);
    lead[shown - first] = ONE;
    for (const row of group.slice(1)) lead[row - first] = mul(factor(row), inv(factor(shown)));
    const length = 2 ** logRow;
    return {
      lead,
      from: 0,
      length,
      add(dst, scale) {
        const mark = kernels.mark();
        const w = kernels.alloc(EXT_BYTES * (length + 1));
        fillGaps(kernels, gaps, w, shown, logRow);
        kernels.writeExt(w + EXT_BYTES * length, ONE);
        kernels.outerAdd(dst, length, w + EXT_BYTES * length, 1, w, length, scale);
        kernels.release(mark);
      },
    };
  });
}

function sameRuns(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}
