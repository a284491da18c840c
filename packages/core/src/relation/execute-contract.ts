/** Contractions and readings in integers, modulo 2^32: exact, as the results fit 32 bits. */
import type { Integers } from '../base/integers.js';
import { Arrays } from './arrays.js';
import type { AxisIndex, Value } from './relation.js';
import { sizeOf } from './relation.js';

export type ContractValue = Extract<Value, { kind: 'contract' }>;

/** Computes a contraction into `out`, which is zero; what it needs meanwhile it takes of `arrays`. */
export type Contract = (
  out: Int32Array,
  v: ContractValue,
  a: Integers,
  dimsA: readonly number[],
  b: Integers,
  dimsB: readonly number[],
  arrays?: Arrays,
) => void;

/** Flat offset of a reading as start + Σ step·index, where no index can leave the tensor. */
export interface FlatReading {
  readonly start: number;
  readonly steps: readonly number[];
}

/**
 * out[i] = Σ_k a[axesA(i,k)]·b[axesB(i,k)]. Borders are taken care of by copying an operand that is read outside into a
 * zero-padded one; then every reading is a constant stride, and the loops run over flat offsets.
 */
export function contractInto(
  out: Int32Array,
  v: ContractValue,
  a: Integers,
  dimsA: readonly number[],
  b: Integers,
  dimsB: readonly number[],
  arrays = new Arrays(0),
): void {
  const sizes = [...v.dims, ...v.sums];
  const left = flatten(a, dimsA, v.axesA, sizes, arrays);
  const right = flatten(b, dimsB, v.axesB, sizes, arrays);
  // The innermost loop is the last output index; sums run outside it, so that both are read in order.
  const rank = v.dims.length;
  const inner = rank > 0 ? v.dims[rank - 1] : 1;
  const stepA = rank > 0 ? left.reading.steps[rank - 1] : 0;
  const stepB = rank > 0 ? right.reading.steps[rank - 1] : 0;
  const outer = v.dims.slice(0, -1);
  const order = [...outer.map((_, i) => i), ...v.sums.map((_, i) => rank + i)];
  const counter = order.map(() => 0);
  let offsetA = left.reading.start;
  let offsetB = right.reading.start;
  const rows = sizeOf(outer);
  const sums = sizeOf(v.sums);
  const x = left.data;
  const y = right.data;
  for (let row = 0; row < rows; row++) {
    const to = row * inner;
    for (let k = 0; k < sums; k++) {
      if (stepB === 0) {
        const w = y[offsetB];
        if (w !== 0) for (let i = 0, p = offsetA; i < inner; i++, p += stepA) out[to + i] += Math.imul(w, x[p]);
      } else if (stepA === 0) {
        const w = x[offsetA];
        if (w !== 0) for (let i = 0, p = offsetB; i < inner; i++, p += stepB) out[to + i] += Math.imul(w, y[p]);
      } else {
        for (let i = 0, p = offsetA, q = offsetB; i < inner; i++, p += stepA, q += stepB) {
          out[to + i] += Math.imul(x[p], y[q]);
        }
      }
      for (let j = order.length - 1; j >= 0; j--) {
        const index = order[j];
        counter[j]++;
        offsetA += left.reading.steps[index];
        offsetB += right.reading.steps[index];
        if (counter[j] < sizes[index]) break;
        offsetA -= left.reading.steps[index] * counter[j];
        offsetB -= right.reading.steps[index] * counter[j];
        counter[j] = 0;
      }
    }
  }
  if (x !== a) arrays.give(x as Int32Array);
  if (y !== b) arrays.give(y as Int32Array);
}

/** out[i] += coef·Σ_k src[axes(i, k)], k over `sums`, modulo 2^32. */
export function addReading(
  out: Int32Array,
  outDims: readonly number[],
  sums: readonly number[],
  coef: number,
  src: Integers,
  srcDims: readonly number[],
  axes: readonly AxisIndex[],
  arrays: Arrays,
): void {
  const sizes = [...outDims, ...sums];
  const { data, reading } = flatten(src, srcDims, axes, sizes, arrays);
  const rank = outDims.length;
  const inner = rank > 0 ? outDims[rank - 1] : 1;
  const step = rank > 0 ? reading.steps[rank - 1] : 0;
  const outer = outDims.slice(0, -1);
  const order = [...outer.map((_, i) => i), ...sums.map((_, i) => rank + i)];
  const counter = order.map(() => 0);
  let offset = reading.start;
  const rows = sizeOf(outer);
  const terms = sizeOf(sums);
  for (let row = 0; row < rows; row++) {
    const to = row * inner;
    for (let k = 0; k < terms; k++) {
      if (coef === 1) for (let i = 0, p = offset; i < inner; i++, p += step) out[to + i] += data[p];
      else for (let i = 0, p = offset; i < inner; i++, p += step) out[to + i] += Math.imul(coef, data[p]);
      for (let j = order.length - 1; j >= 0; j--) {
        const index = order[j];
        counter[j]++;
        offset += reading.steps[index];
        if (counter[j] < sizes[index]) break;
        offset -= reading.steps[index] * counter[j];
        counter[j] = 0;
      }
    }
  }
  if (data !== src) arrays.give(data as Int32Array);
}

/** Makes every reading of the tensor a flat one, padding with zeros where it reads outside: in another array of `arrays`. */
export function flatten(
  data: Integers,
  dims: readonly number[],
  axes: readonly AxisIndex[],
  sizes: readonly number[],
  arrays: Arrays,
): { data: Integers; reading: FlatReading } {
  const lows: number[] = [];
  const padded: number[] = [];
  let outside = false;
  axes.forEach((a, k) => {
    let lo = a.start;
    let hi = a.start;
    for (const t of a.terms) {
      const reach = t.step * (sizes[t.index] - 1);
      if (reach < 0) lo += reach;
      else hi += reach;
    }
    lows[k] = Math.min(0, lo);
    padded[k] = Math.max(dims[k], hi + 1) - lows[k];
    if (padded[k] !== dims[k]) outside = true;
  });
  const strides = padded.map((_, k) => sizeOf(padded.slice(k + 1)));
  let source = data;
  if (outside) {
    const copy = arrays.zeros(sizeOf(padded));
    source = copy;
    const run = dims.length > 0 ? dims[dims.length - 1] : 1;
    const rows = data.length / run;
    const counter = dims.slice(0, -1).map(() => 0);
    for (let r = 0; r < rows; r++) {
      let offset = -(lows[dims.length - 1] ?? 0);
      for (let k = 0; k < counter.length; k++) offset += (counter[k] - lows[k]) * strides[k];
      copy.set(data.subarray(r * run, (r + 1) * run), offset);
      for (let k = counter.length - 1; k >= 0; k--) {
        counter[k] = counter[k] + 1 < dims[k] ? counter[k] + 1 : 0;
        if (counter[k] > 0) break;
      }
    }
  }
  const steps = sizes.map((_, i) =>
    axes.reduce((s, a, k) => s + strides[k] * a.terms.reduce((n, t) => (t.index === i ? n + t.step : n), 0), 0),
  );
  const start = axes.reduce((s, a, k) => s + strides[k] * (a.start - lows[k]), 0);
  return { data: source, reading: { start, steps } };
}
