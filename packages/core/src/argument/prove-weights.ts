/**
 * The weights W of an opening, made window by window: they are four times as large as what is committed, and never held
 * as a whole.
 */
import { type Ext, mul, ONE } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { ExtVector } from './ext-vector.js';
import { denseOver, type Functional } from './functional.js';
import type { TensorLayout } from './layout.js';
import type { OpeningClaim } from './opening.js';
import { type OracleShape, oracleVars } from './oracles.js';
import { type CommittedOracle, forGaps } from './prove-oracles.js';

const EXT_BYTES = 16;

/** Adds the weights of the cells [from, from + length) of an oracle to `dst`; both powers of two, `from` a multiple. */
export type Weights = (oracle: number, dst: Ptr, from: number, length: number) => void;

/** A functional's contribution to W on one tensor: coef·lead[i]·inner[j] at cell i·innerLength + j. */
interface Term {
  readonly layout: TensorLayout;
  readonly coef: Ext;
  readonly lead: Ptr;
  readonly inner: Ptr;
  readonly innerLength: number;
  /** Entries of `lead` that a row of the tensor has. */
  readonly perRow: number;
}

/** eq on the gaps of an oracle: (first cell, length) of every gap, and the two halves of the table. */
interface Gaps {
  readonly runs: readonly number[];
  readonly low: Ptr;
  readonly logLow: number;
  readonly high: Ptr;
}

/** The factors of Σ_i lambda^i·claims_i and of the gaps; they stay allocated while the result is used. */
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
    for (const t of claim.terms) {
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
  return (oracle, dst, from, length) => {
    fillGaps(kernels, gaps[oracle], dst, from, length);
    for (const t of terms[oracle]) addTerm(kernels, t, dst, from, length);
  };
}

/** scale·eq(point, ·) on the cells outside every tensor. */
function prepareGaps(kernels: Kernels, shape: OracleShape, point: readonly Ext[], scale: Ext): Gaps | undefined {
  const runs: number[] = [];
  forGaps(shape.layout, shape.rows * 2 ** shape.logRow, (position, length) => runs.push(position, length));
  if (runs.length === 0) return undefined;
  // No longer than a window is: a window starts at a multiple of the lower table's length.
  const logLow = Math.min(shape.logRow, Math.floor(point.length / 2));
  const cut = point.length - logLow;
  const high = kernels.alloc(EXT_BYTES * 2 ** cut);
  const low = kernels.alloc(EXT_BYTES * 2 ** logLow);
  kernels.eqTable(high, point.slice(0, cut), scale);
  kernels.eqTable(low, point.slice(cut), ONE);
  return { runs, low, logLow, high };
}

/** Writes the gaps of a window; its other cells are left as they are. */
function fillGaps(kernels: Kernels, gaps: Gaps | undefined, dst: Ptr, from: number, length: number): void {
  if (!gaps) return;
  const inside: number[] = [];
  for (let i = 0; i < gaps.runs.length; i += 2) {
    const start = Math.max(from, gaps.runs[i]);
    const end = Math.min(from + length, gaps.runs[i] + gaps.runs[i + 1]);
    if (start < end) inside.push(start - from, end - start);
  }
  if (inside.length === 0) return;
  const mark = kernels.mark();
  const at = kernels.alloc(4 * inside.length);
  kernels.u32(at, inside.length).set(inside);
  const high = gaps.high + EXT_BYTES * (from / 2 ** gaps.logLow);
  kernels.eqRuns(dst, at, inside.length / 2, gaps.low, gaps.logLow, high);
  kernels.release(mark);
}

function prepareTerm(kernels: Kernels, t: TensorLayout, f: Functional, power: Ext): Term {
  const split = splitAxis(t, f);
  return {
    layout: t,
    coef: mul(power, f.coef),
    lead: hold(kernels, paddedDense(t, f, 0, split)),
    inner: hold(kernels, paddedDense(t, f, split, t.dims.length)),
    innerLength: 2 ** t.logs.slice(split).reduce((a, b) => a + b, 0),
    perRow: 2 ** t.logs.slice(0, split).reduce((a, b) => a + b, 0),
  };
}

/** W[cell] += power·f[cell] on the part of one tensor that a window has. */
function addTerm(kernels: Kernels, t: Term, window: Ptr, from: number, length: number): void {
  const { coef, innerLength, perRow } = t;
  for (const piece of t.layout.pieces) {
    const size = 2 ** piece.logRows * perRow * innerLength;
    // Pieces and windows are aligned powers of two: one holds the other, or they are apart.
    const start = Math.max(from, piece.offset);
    const cells = Math.min(from + length, piece.offset + size) - start;
    if (cells <= 0) continue;
    const skipped = start - piece.offset;
    const lead = t.lead + EXT_BYTES * (piece.row * perRow + Math.floor(skipped / innerLength));
    const inner = t.inner + EXT_BYTES * (skipped % innerLength);
    const dst = window + EXT_BYTES * (start - from);
    const n = Math.min(innerLength, cells);
    const m = cells / n;
    // A single column is written as one long row.
    if (n === 1) kernels.outerAdd(dst, m, inner, 1, lead, m, coef);
    else kernels.outerAdd(dst, n, lead, m, inner, n, coef);
  }
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

/** The functional's factor on axes [from, to), with the padding of the layout filled with zeros. */
function paddedDense(t: TensorLayout, f: Functional, from: number, to: number): ExtVector {
  const axes = t.dims.map((_, i) => i).slice(from, to);
  const dense = denseOver(
    f.blocks.filter((b) => b.axes.some((x) => x >= from && x < to)),
    axes,
    t.dims,
  );
  const padded = axes.map((i) => (i > t.lead ? 2 ** t.logs[i] : t.dims[i]));
  if (axes.every((i, k) => padded[k] === t.dims[i])) return dense;
  const out = new Uint32Array(4 * product(padded));
  const counter = axes.map(() => 0);
  const n = dense.length / 4;
  for (let i = 0; i < n; i++) {
    let o = 0;
    for (let k = 0; k < axes.length; k++) o = o * padded[k] + counter[k];
    for (let c = 0; c < 4; c++) out[4 * o + c] = dense[4 * i + c];
    for (let k = axes.length - 1; k >= 0; k--) {
      counter[k] = counter[k] + 1 < t.dims[axes[k]] ? counter[k] + 1 : 0;
      if (counter[k] > 0) break;
    }
  }
  return out;
}

function hold(kernels: Kernels, v: ExtVector): Ptr {
  const ptr = kernels.alloc(4 * v.length);
  kernels.u32(ptr, v.length).set(v);
  return ptr;
}
