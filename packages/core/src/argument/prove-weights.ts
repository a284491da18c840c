/**
 * The weights W of an opening, made row by row: they are four times as large as what is committed, and never held as a
 * whole.
 */
import { stridesOf } from '../base/dims.js';
import { type Ext, mul, ONE } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import { offsetsOf } from '../relation/loops.js';
import { copyEntries } from './ext-vector.js';
import { denseOver, type Functional } from './functional.js';
import type { Piece, TensorLayout } from './layout.js';
import { merged } from './merge-functionals.js';
import type { OpeningClaim, OpeningTerm } from './opening.js';
import { type OracleShape, oracleVars } from './oracles.js';
import { type CommittedOracle, forGaps } from './prove-oracles.js';
import { Vector } from './vector.js';

const EXT_BYTES = 16;

/** A functional's contribution to W on one tensor: coef·lead[i]·inner[j] at cell i·innerLength + j. */
export interface Term {
  readonly layout: TensorLayout;
  readonly coef: Ext;
  readonly lead: Ptr;
  readonly inner: Ptr;
  readonly innerLength: number;
  /** Entries of `lead` that a row of the tensor has. */
  readonly perRow: number;
}

/** eq on the gaps of an oracle. */
export interface Gaps {
  /** By row: first column and length of every gap. */
  readonly runs: readonly (readonly number[])[];
  /** The two halves of the table: the value at a cell is high[cell >> logLow]·low[cell mod 2^logLow]. */
  readonly low: Ptr;
  readonly logLow: number;
  readonly high: Ptr;
}

/** Σ_i lambda^i·claims_i, and what is added on the gaps: by oracle. */
export interface Weights {
  readonly shapes: readonly OracleShape[];
  readonly terms: readonly (readonly Term[])[];
  readonly gaps: readonly (Gaps | undefined)[];
}

/** The factors of the weights; they stay allocated while these are used. */
export function prepareWeights(
  kernels: Kernels,
  oracles: readonly CommittedOracle[],
  claims: readonly OpeningClaim[],
  lambda: Ext,
  gapPoint: readonly Ext[],
): Weights {
  const terms: Term[][] = oracles.map(() => []);
  let power: Ext = ONE;
  for (const claim of claims) {
    for (const t of mergedTerms(claim.terms)) {
      const layout = oracles[t.oracle].shape.layout.tensors[t.tensor];
      terms[t.oracle].push(prepareTerm(kernels, layout, t.f, power));
    }
    power = mul(power, lambda);
  }
  const gaps = oracles.map(({ shape }) => {
    if (!shape.gap) return undefined;
    const found = prepareGaps(kernels, shape, gapPoint.slice(gapPoint.length - oracleVars(shape)), power);
    power = mul(power, lambda);
    return found;
  });
  return { shapes: oracles.map((o) => o.shape), terms, gaps };
}

/** The same sum, in which functionals on one tensor that can be added up are. */
function mergedTerms(terms: readonly OpeningTerm[]): OpeningTerm[] {
  const byTensor = new Map<string, OpeningTerm[]>();
  for (const t of terms) {
    const key = `${t.oracle}/${t.tensor}`;
    const list = byTensor.get(key);
    if (list) list.push(t);
    else byTensor.set(key, [t]);
  }
  return [...byTensor.values()].flatMap((list) => merged(list.map((t) => t.f)).map((f) => ({ ...list[0], f })));
}

/** Adds the weights of the rows [first, first + count) of an oracle to zeros at `dst`; `count` is a power of two. */
export function addWeights(
  kernels: Kernels,
  { shapes, terms, gaps }: Weights,
  oracle: number,
  dst: Ptr,
  first: number,
  count: number,
): void {
  const { logRow } = shapes[oracle];
  for (let k = 0; k < count; k++) {
    fillGaps(kernels, gaps[oracle], dst + EXT_BYTES * k * 2 ** logRow, first + k, logRow);
  }
  const from = first * 2 ** logRow;
  const length = count * 2 ** logRow;
  for (const t of terms[oracle]) {
    for (const { start, cells, piece } of overlaps(t, from, length)) {
      addCells(kernels, t, piece, start, cells, dst + EXT_BYTES * (start - from), t.coef);
    }
  }
}

/** scale·eq(point, ·) on the cells outside every tensor. */
function prepareGaps(kernels: Kernels, shape: OracleShape, point: readonly Ext[], scale: Ext): Gaps | undefined {
  const width = 2 ** shape.logRow;
  const runs: number[][] = Array.from({ length: shape.rows }, () => []);
  let some = false;
  forGaps(shape.layout, shape.rows * width, (position, length) => {
    some = true;
    for (let at = position, end = position + length; at < end; ) {
      const row = Math.floor(at / width);
      const stop = Math.min(end, (row + 1) * width);
      runs[row].push(at - row * width, stop - at);
      at = stop;
    }
  });
  if (!some) return undefined;
  // The lower table is no longer than a row.
  const logLow = Math.min(shape.logRow, Math.floor(point.length / 2));
  const cut = point.length - logLow;
  const high = kernels.take(EXT_BYTES * 2 ** cut);
  const low = kernels.take(EXT_BYTES * 2 ** logLow);
  kernels.eqTable(high, point.slice(0, cut), scale);
  kernels.eqTable(low, point.slice(cut), ONE);
  return { runs, low, logLow, high };
}

/** Writes the gaps of a row; its other cells are left as they are. */
export function fillGaps(kernels: Kernels, gaps: Gaps | undefined, dst: Ptr, row: number, logRow: number): void {
  const inside = gaps?.runs[row] ?? [];
  if (!gaps || inside.length === 0) return;
  const mark = kernels.mark();
  const at = kernels.take(4 * inside.length);
  kernels.u32(at, inside.length).set(inside);
  kernels.eqRuns(dst, at, inside.length / 2, gaps.low, gaps.logLow, rowOfHigh(gaps, row, logRow));
  kernels.release(mark);
}

/** Where the factors of a row begin in the upper table. */
export const rowOfHigh = ({ high, logLow }: Gaps, row: number, logRow: number): Ptr =>
  high + EXT_BYTES * row * 2 ** (logRow - logLow);

function prepareTerm(kernels: Kernels, layout: TensorLayout, functional: Functional, power: Ext): Term {
  const { t, f } = inStackOrder(layout, functional);
  const split = splitAxis(t, f);
  return {
    layout: t,
    coef: mul(power, f.coef),
    lead: holdFactor(kernels, t, f, 0, split),
    inner: holdFactor(kernels, t, f, split, t.dims.length),
    innerLength: 2 ** t.logs.slice(split).reduce((a, b) => a + b, 0),
    perRow: 2 ** t.logs.slice(0, split).reduce((a, b) => a + b, 0),
  };
}

/** The same with the axes in the order in which the cells are laid down: the leading one first. */
function inStackOrder(t: TensorLayout, f: Functional): { t: TensorLayout; f: Functional } {
  const axes = t.dims.map((_, i) => i).sort((a, b) => Number(b === t.lead) - Number(a === t.lead) || a - b);
  const place = axes.map((_, i) => axes.indexOf(i));
  return {
    t: {
      ...t,
      dims: axes.map((i) => t.dims[i]),
      strides: axes.map((i) => t.strides[i]),
      lead: t.lead < t.dims.length ? 0 : t.lead,
      logs: axes.map((i) => t.logs[i]),
    },
    f: { ...f, blocks: f.blocks.map((b) => ({ ...b, axes: b.axes.map((i) => place[i]) })) },
  };
}

/** The cells that a term weighs among [from, from + length): by piece, the first of them and their number. */
export function overlaps(
  t: Term,
  from: number,
  length: number,
): { readonly piece: Piece; readonly start: number; readonly cells: number }[] {
  const found: { readonly piece: Piece; readonly start: number; readonly cells: number }[] = [];
  for (const piece of t.layout.pieces) {
    // Pieces and windows are aligned powers of two: one holds the other, or they are apart.
    const start = Math.max(from, piece.offset);
    const end = piece.offset + 2 ** piece.logRows * t.perRow * t.innerLength;
    const cells = Math.min(from + length, end) - start;
    if (cells > 0) found.push({ piece, start, cells });
  }
  return found;
}

/** Number of the entry of `lead` that weighs a cell of a piece. */
export const leadOf = (t: Term, piece: Piece, cell: number): number =>
  piece.row * t.perRow + Math.floor((cell - piece.offset) / t.innerLength);

/** The factors of a term on the cells [start, start + cells) of a piece, all powers of two: cell i·n + j is lead[i]·inner[j]. */
export function factorsOf(
  t: Term,
  piece: Piece,
  start: number,
  cells: number,
): { readonly lead: Ptr; readonly m: number; readonly inner: Ptr; readonly n: number } {
  const n = Math.min(t.innerLength, cells);
  return {
    lead: t.lead + EXT_BYTES * leadOf(t, piece, start),
    m: cells / n,
    inner: t.inner + EXT_BYTES * ((start - piece.offset) % t.innerLength),
    n,
  };
}

/** dst[i] += coef·lead·inner for those cells. */
export function addCells(
  kernels: Kernels,
  t: Term,
  piece: Piece,
  start: number,
  cells: number,
  dst: Ptr,
  coef: Ext,
): void {
  const { lead, m, inner, n } = factorsOf(t, piece, start, cells);
  // A single column is written as one long row.
  if (n === 1) kernels.outerAdd(dst, m, inner, 1, lead, m, coef);
  else kernels.outerAdd(dst, n, lead, m, inner, n, coef);
}

/** The axis that splits the functional in two factors with the least to write down; beyond the leading axis. */
function splitAxis(t: TensorLayout, f: Functional): number {
  let best = t.dims.length;
  let least = Number.POSITIVE_INFINITY;
  for (let s = Math.min(t.lead + 1, t.dims.length); s <= t.dims.length; s++) {
    if (f.blocks.some((b) => b.axes.some((x) => x < s) && b.axes.some((x) => x >= s))) continue;
    const cost = product(t.dims.slice(0, s)) + product(t.dims.slice(s));
    if (cost < least) {
      least = cost;
      best = s;
    }
  }
  return best;
}

const product = (xs: readonly number[]): number => xs.reduce((a, b) => a * b, 1);

/** Tables of eq of fewer entries are written as other vectors are. */
const FEW_ENTRIES = 256;

/** The functional's factor on axes [from, to), with the padding of the layout filled with zeros, where the kernels read it. */
function holdFactor(kernels: Kernels, t: TensorLayout, f: Functional, from: number, to: number): Ptr {
  const blocks = f.blocks.filter((b) => b.values !== Vector.one && b.axes.some((x) => x >= from && x < to));
  const [only] = blocks;
  const point = blocks.length === 1 && only.axes.length === 1 ? only.values.eqPoint : undefined;
  if (!point || 2 ** point.length < FEW_ENTRIES) return holdPadded(kernels, t, f, from, to);
  const ptr = kernels.take(EXT_BYTES * 2 ** point.length);
  kernels.eqTable(ptr, point, ONE);
  const { length } = only.values;
  kernels.u32(ptr + EXT_BYTES * length, 4 * (2 ** point.length - length)).fill(0);
  return ptr;
}

/** The same of any blocks, entry by entry. */
function holdPadded(kernels: Kernels, t: TensorLayout, f: Functional, from: number, to: number): Ptr {
  const axes = t.dims.map((_, i) => i).slice(from, to);
  const dense = denseOver(
    f.blocks.filter((b) => b.axes.some((x) => x >= from && x < to)),
    axes,
    t.dims,
  );
  const sizes = axes.map((i) => t.dims[i]);
  const padded = axes.map((i) => (i === t.lead ? t.dims[i] : 2 ** t.logs[i]));
  const ptr = kernels.alloc(EXT_BYTES * product(padded));
  const out = kernels.u32(ptr, 4 * product(padded));
  // Axes of which nothing is padded are copied as one with those before.
  let whole = axes.length;
  while (whole > 0 && padded[whole - 1] === sizes[whole - 1]) whole--;
  const outer = Math.max(0, whole - 1);
  const rows = offsetsOf(stridesOf(padded).slice(0, outer), sizes.slice(0, outer));
  const run = dense.length / 4 / rows.length;
  for (let r = 0; r < rows.length; r++) copyEntries(out, rows[r], dense, run * r, run);
  return ptr;
}
