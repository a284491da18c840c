/** The prover's side of contraction.ts: the tables A and B of every claim, and the rounds over them. */

import { sizeOf, stridesOf } from '../base/dims.js';
import { type Integers, widthOf } from '../base/integers.js';
import { mul as mulM31 } from '../field/m31.js';
import { add, type Ext, mul, mulBase, ONE, sub, ZERO } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { AxisIndex } from '../relation/relation.js';
import type { ContractionProver, ContractionShape, ContractValue } from './contraction.js';
import { copyEntries, type ExtVector, getExt, ones, outer, setExt } from './ext-vector.js';
import { denseOver } from './functional.js';
import type { Weights } from './pull-back.js';

const EXT_BYTES = 16;

export interface Operands {
  readonly value: ContractValue;
  readonly dimsA: readonly number[];
  readonly dimsB: readonly number[];
  readonly a: Integers;
  readonly b: Integers;
}

/** A tensor in kernel memory, base or extension entries. */
interface Held {
  readonly ptr: Ptr;
  readonly base: boolean;
  readonly dims: readonly number[];
}

export function contractionProver(kernels: Kernels, operands: readonly Operands[]): ContractionProver {
  let gammas: readonly Ext[] = [];
  let remaining = 0;
  /** Claims' tables, current number of variables, and current sum where the claim is still idle. */
  let state: { a: Ptr; b: Ptr; numVars: number; sum: Ext }[] = [];
  return {
    open(shapes, g, numVars) {
      gammas = g;
      remaining = numVars;
      state = operands.map((o, i) => {
        const shape = shapes[i];
        const a = jointTable(kernels, o.a, o.dimsA, o.value.axesA, shape, shape.privateA, true);
        const b = jointTable(kernels, o.b, o.dimsB, o.value.axesB, shape, shape.privateB, false);
        return { a, b, numVars: shape.numVars, sum: kernels.dot(a, b, 2 ** shape.numVars) };
      });
    },
    round() {
      let s0: Ext = ZERO;
      let s2: Ext = ZERO;
      state.forEach((c, i) => {
        if (c.numVars < remaining) {
          // Constant in this variable: half of what it counts for before the round.
          let x = mul(gammas[i], c.sum);
          for (let j = c.numVars; j < remaining - 1; j++) x = add(x, x);
          s0 = add(s0, x);
          s2 = add(s2, x);
          return;
        }
        const half = 2 ** (c.numVars - 1);
        const step = EXT_BYTES * half;
        const [x0, x2] = kernels.productRound(c.a, c.a + step, c.b, c.b + step, half);
        s0 = add(s0, mul(gammas[i], x0));
        s2 = add(s2, mul(gammas[i], x2));
      });
      return [s0, s2];
    },
    bind(rho) {
      for (const c of state) {
        if (c.numVars < remaining) continue;
        const half = 2 ** (c.numVars - 1);
        kernels.fold(c.a, c.a, c.a + EXT_BYTES * half, half, rho);
        kernels.fold(c.b, c.b, c.b + EXT_BYTES * half, half, rho);
        c.numVars--;
      }
      remaining--;
    },
    ends() {
      return state.flatMap((c) => [kernels.readExt(c.a), kernels.readExt(c.b)]);
    },
  };
}

/** Σ_private weights·tensor at every joint index, padded to a cube; times coef·F if `withJoint`. */
function jointTable(
  kernels: Kernels,
  data: Integers,
  dims: readonly number[],
  axes: readonly AxisIndex[],
  shape: ContractionShape,
  weights: readonly Weights[],
  withJoint: boolean,
): Ptr {
  const out = kernels.alloc(EXT_BYTES * 2 ** shape.numVars);
  const mark = kernels.mark();
  const isPrivate = new Map<number, Weights>();
  for (const w of weights) for (const i of w.indices) isPrivate.set(i, w);
  let held = loadBase(kernels, data, dims);
  /** How the joint indices read the remaining axes. */
  let reading: AxisIndex[] = [...axes];
  let coef: Ext = withJoint ? shape.coef : ONE;
  for (const w of weights) {
    const single = w.indices.length === 1 ? w.indices[0] : -1;
    const readers = axes.flatMap((a, k) => (a.terms.some((t) => w.indices.includes(t.index)) ? [k] : []));
    if (readers.length === 0) {
      coef = mul(coef, w.values.total);
      continue;
    }
    const k = readers[0];
    const others = reading[k].terms.filter((t) => t.index !== single);
    if (single < 0 || readers.length > 1 || others.length > 1 || others.some((t) => isPrivate.has(t.index))) {
      kernels.release(mark);
      return directTable(kernels, out, data, dims, axes, shape, weights, withJoint);
    }
    const own = reading[k].terms.find((t) => t.index === single) as { step: number };
    const other = others[0];
    const outAxis = other ? shape.sizes[other.index] : 1;
    held = contractAxis(kernels, held, k, w.values.entries, reading[k].start, own.step, other?.step ?? 0, outAxis);
    reading = reading.map((a, j) =>
      j === k ? { start: 0, terms: other ? [{ index: other.index, step: 1 }] : [] } : a,
    );
  }
  gather(kernels, out, held, reading, shape, coef, withJoint ? shape.jointWeights : []);
  kernels.release(mark);
  return out;
}

function loadBase(kernels: Kernels, data: Integers, dims: readonly number[]): Held {
  const ptr = kernels.take(4 * data.length);
  const width = widthOf(data);
  const mark = kernels.mark();
  const at = width === 4 ? ptr : kernels.take(width * data.length);
  kernels.integers(at, data.length, width).set(data);
  kernels.canonical(ptr, at, data.length, width);
  kernels.release(mark);
  return { ptr, base: true, dims };
}

function contractAxis(
  kernels: Kernels,
  held: Held,
  k: number,
  weights: ExtVector,
  start: number,
  stepSum: number,
  stepOut: number,
  outAxis: number,
): Held {
  const sums = weights.length / 4;
  const f = kernels.take(4 * weights.length);
  kernels.u32(f, weights.length).set(weights);
  const outer = sizeOf(held.dims.slice(0, k));
  const inner = sizeOf(held.dims.slice(k + 1));
  const dst = kernels.take(EXT_BYTES * outer * outAxis * inner);
  const shape = { outer, axis: held.dims[k], outAxis, inner, sums, start, stepSum, stepOut };
  if (held.base) kernels.contractAxisBase(dst, held.ptr, f, shape);
  else kernels.contractAxis(dst, held.ptr, f, shape);
  return { ptr: dst, base: false, dims: held.dims.map((d, i) => (i === k ? outAxis : d)) };
}

/** The joint indices' cube: every cell, with the value of each index (by its number) as an odometer. */
function forJoint(shape: ContractionShape, visit: (at: Int32Array, cube: number) => void): void {
  const { joint, sizes, logs } = shape;
  const at = new Int32Array(sizes.length);
  const strides = joint.map((_, k) => 2 ** logs.slice(k + 1).reduce((a, b) => a + b, 0));
  const total = sizeOf(joint.map((i) => sizes[i]));
  let cube = 0;
  for (let n = 0; n < total; n++) {
    visit(at, cube);
    for (let k = joint.length - 1; k >= 0; k--) {
      const i = joint[k];
      cube += strides[k];
      if (++at[i] < sizes[i]) break;
      cube -= strides[k] * sizes[i];
      at[i] = 0;
    }
  }
}

/** Offset that an affine reading gives for known indices, or -1 outside. */
function offsetOf(axes: readonly AxisIndex[], dims: readonly number[], at: Int32Array): number {
  let offset = 0;
  for (let k = 0; k < dims.length; k++) {
    let p = axes[k].start;
    for (const t of axes[k].terms) p += t.step * at[t.index];
    if (p < 0 || p >= dims[k]) return -1;
    offset = offset * dims[k] + p;
  }
  return offset;
}

/** Weight of known indices under blocks over them. */
function weightAt(weights: readonly Weights[], sizes: readonly number[], at: Int32Array): Ext {
  let w: Ext = ONE;
  for (const b of weights) {
    let i = 0;
    for (const index of b.indices) i = i * sizes[index] + at[index];
    w = mul(w, getExt(b.values.entries, i));
  }
  return w;
}

function gather(
  kernels: Kernels,
  out: Ptr,
  held: Held,
  axes: readonly AxisIndex[],
  shape: ContractionShape,
  coef: Ext,
  joint: readonly Weights[],
): void {
  const size = sizeOf(held.dims);
  const flat = flatReading(axes, held.dims, shape);
  if (flat && held.base && joint.length > 0) {
    gatherWeighted(kernels, out, held.ptr, size, flat, shape, coef, joint);
    return;
  }
  const src = kernels.u32(held.ptr, held.base ? size : 4 * size);
  const dst = kernels.u32(out, 4 * 2 ** shape.numVars);
  const plain = joint.length === 0 && coef[0] === 1 && !coef[1] && !coef[2] && !coef[3];
  forJoint(shape, (at, cube) => {
    const o = offsetOf(axes, held.dims, at);
    if (o < 0) return;
    if (plain) {
      if (held.base) dst[4 * cube] = src[o];
      else for (let i = 0; i < 4; i++) dst[4 * cube + i] = src[4 * o + i];
      return;
    }
    const w = mul(coef, weightAt(joint, shape.sizes, at));
    setExt(dst, cube, held.base ? mulBase(w, src[o]) : mul(w, getExt(src, o)));
  });
}

/** start + Σ step·index over the joint indices, where no reading leaves the tensor. */
interface FlatReading {
  readonly start: number;
  /** By place among the joint indices. */
  readonly steps: readonly number[];
}

function flatReading(
  axes: readonly AxisIndex[],
  dims: readonly number[],
  shape: ContractionShape,
): FlatReading | undefined {
  const strides = stridesOf(dims);
  const steps = shape.joint.map(() => 0);
  let start = 0;
  for (let k = 0; k < axes.length; k++) {
    let [lo, hi] = [axes[k].start, axes[k].start];
    for (const t of axes[k].terms) {
      const reach = t.step * (shape.sizes[t.index] - 1);
      if (reach < 0) lo += reach;
      else hi += reach;
      steps[shape.joint.indexOf(t.index)] += strides[k] * t.step;
    }
    if (lo < 0 || hi >= dims[k]) return undefined;
    start += strides[k] * axes[k].start;
  }
  return { start, steps };
}

/** coef·F at every joint index, times the base tensor's cell there. */
function gatherWeighted(
  kernels: Kernels,
  out: Ptr,
  source: Ptr,
  size: number,
  { start, steps }: FlatReading,
  shape: ContractionShape,
  coef: Ext,
  joint: readonly Weights[],
): void {
  weightTable(kernels, out, shape, coef, joint);
  const src = kernels.u32(source, size);
  const dst = kernels.u32(out, 4 * 2 ** shape.numVars);
  const last = shape.joint.length - 1;
  const [n, step] = [shape.sizes[shape.joint[last]], steps[last]];
  const outer = { ...shape, joint: shape.joint.slice(0, last), logs: shape.logs.slice(0, last) };
  const row = 2 ** shape.logs[last];
  forJoint(outer, (at, cube) => {
    let from = start;
    for (let k = 0; k < last; k++) from += steps[k] * at[shape.joint[k]];
    for (let i = 4 * cube * row, end = i + 4 * n; i < end; i += 4, from += step) {
      const x = src[from];
      dst[i] = mulM31(dst[i], x);
      dst[i + 1] = mulM31(dst[i + 1], x);
      dst[i + 2] = mulM31(dst[i + 2], x);
      dst[i + 3] = mulM31(dst[i + 3], x);
    }
  });
}

/** coef·F over the cube of the joint indices, zero on its padding: an outer product of the blocks, which are in order. */
function weightTable(kernels: Kernels, out: Ptr, shape: ContractionShape, coef: Ext, joint: readonly Weights[]): void {
  const factors: ExtVector[] = [];
  for (let k = 0; k < shape.joint.length; ) {
    const block = joint.find((w) => w.indices[0] === shape.joint[k]);
    const indices = block?.indices ?? [shape.joint[k]];
    const logs = shape.logs.slice(k, k + indices.length);
    const sizes = indices.map((i) => shape.sizes[i]);
    factors.push(padded(block?.values.entries ?? ones(sizes[0]), sizes, logs));
    k += indices.length;
  }
  // Two factors of about the same length, so that neither is a table as long as the product.
  let cut = 1;
  const length = (vs: readonly ExtVector[]): number => vs.reduce((n, v) => n * (v.length / 4), 1);
  while (cut < factors.length && length(factors.slice(0, cut)) < length(factors.slice(cut))) cut++;
  const lead = factors.slice(0, cut).reduce(outer);
  const inner = factors.slice(cut).reduce(outer, ones(1));
  const mark = kernels.mark();
  const [a, b] = [lead, inner].map((v) => {
    const ptr = kernels.take(4 * v.length);
    kernels.u32(ptr, v.length).set(v);
    return ptr;
  });
  const [m, n] = [lead.length / 4, inner.length / 4];
  kernels.outerAdd(out, n, a, m, b, n, coef);
  kernels.release(mark);
}

/** A block's vector with every index padded to its power of two. */
function padded(values: ExtVector, sizes: readonly number[], logs: readonly number[]): ExtVector {
  const out = new Uint32Array(4 * 2 ** logs.reduce((a, b) => a + b, 0));
  const counter = sizes.map(() => 0);
  for (let i = 0; i < values.length; i += 4) {
    let to = 0;
    for (let k = 0; k < sizes.length; k++) to = to * 2 ** logs[k] + counter[k];
    copyEntries(out, to, values, i / 4);
    for (let k = sizes.length - 1; k >= 0; k--) {
      counter[k] = counter[k] + 1 < sizes[k] ? counter[k] + 1 : 0;
      if (counter[k] > 0) break;
    }
  }
  return out;
}

/** The table by its definition, for readings that the kernels do not cover. */
function directTable(
  kernels: Kernels,
  out: Ptr,
  data: Integers,
  dims: readonly number[],
  axes: readonly AxisIndex[],
  shape: ContractionShape,
  weights: readonly Weights[],
  withJoint: boolean,
): Ptr {
  const dst = kernels.u32(out, 4 * 2 ** shape.numVars);
  const indices = weights.flatMap((w) => w.indices).sort((a, b) => a - b);
  const sizes = indices.map((i) => shape.sizes[i]);
  const dense = denseOver(
    weights.map((w) => ({ axes: w.indices, values: w.values })),
    indices,
    shape.sizes,
  );
  const total = sizeOf(sizes);
  forJoint(shape, (at, cube) => {
    const counter = indices.map(() => 0);
    let s: Ext = ZERO;
    for (let n = 0; n < total; n++) {
      const o = offsetOf(axes, dims, at);
      if (o >= 0 && data[o] !== 0) {
        const x = data[o];
        const term = mulBase(getExt(dense, n), Math.abs(x));
        s = x < 0 ? sub(s, term) : add(s, term);
      }
      for (let k = indices.length - 1; k >= 0; k--) {
        counter[k] = counter[k] + 1 < sizes[k] ? counter[k] + 1 : 0;
        at[indices[k]] = counter[k];
        if (counter[k] > 0) break;
      }
    }
    if (withJoint) s = mul(s, mul(shape.coef, weightAt(shape.jointWeights, shape.sizes, at)));
    setExt(dst, cube, s);
  });
  return out;
}
