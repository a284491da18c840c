/**
 * Loops over flat numbers, each over arrays of one type: engines compile such once and keep what they compiled, while one
 * that sees several types, or calls a function made anew for each call, is compiled again and again.
 */
import type { Integers } from '../base/integers.js';
import type { Arrays } from './arrays.js';
import { sizeOf } from './relation.js';

/** Cells that several loops go over one after the other: they stay in a core's first-level cache meanwhile. */
export const CHUNK = 2048;

/** Loops over the cells of an output, row-major, the last the innermost, and what each reading advances by in each. */
export interface Loops {
  readonly sizes: readonly number[];
  /** By reading, then by loop. */
  readonly steps: readonly (readonly number[])[];
}

/**
 * The loops over `dims`, as few as it takes: neighbours along which all readings go on alike are one.
 * @param steps by reading, then by axis; at least one loop is left
 */
export function loopsOver(dims: readonly number[], steps: readonly (readonly number[])[]): Loops {
  const sizes: number[] = [];
  const merged: number[][] = steps.map(() => []);
  for (let i = dims.length - 1; i >= 0; i--) {
    if (dims[i] === 1) continue;
    const goesOn = sizes.length > 0 && steps.every((s, r) => s[i] === merged[r][0] * sizes[0]);
    if (goesOn) sizes[0] *= dims[i];
    else {
      sizes.unshift(dims[i]);
      for (let r = 0; r < steps.length; r++) merged[r].unshift(steps[r][i]);
    }
  }
  return sizes.length > 0 ? { sizes, steps: merged } : { sizes: [1], steps: steps.map(() => [0]) };
}

/** Σ step·index for every assignment of indices of these sizes, row-major. */
export function offsetsOf(steps: readonly number[], sizes: readonly number[]): Int32Array {
  const out = new Int32Array(sizeOf(sizes));
  let done = 1;
  for (let i = sizes.length - 1; i >= 0; i--) {
    for (let k = 1; k < sizes[i]; k++) {
      const by = k * steps[i];
      for (let j = 0, to = k * done; j < done; j++, to++) out[to] = out[j] + by;
    }
    done *= sizes[i];
  }
  return out;
}

/** Calls `visit` with numbers at 32 bits, which are copied to another array of `arrays` for it where they have less. */
export function widened<T>(data: Integers, arrays: Arrays, visit: (data: Int32Array) => T): T {
  if (data instanceof Int32Array) return visit(data);
  const wide = arrays.take(data.length);
  wide.set(data);
  try {
    return visit(wide);
  } finally {
    arrays.give(wide);
  }
}

/** out[to + i] = offset + coef·src[from + step·i], i < n, modulo 2^32. */
export function setRun(
  out: Int32Array,
  to: number,
  n: number,
  src: Int32Array,
  from: number,
  step: number,
  coef: number,
  offset: number,
): void {
  const end = to + n;
  if (step === 0) {
    out.fill(offset + Math.imul(coef, src[from]), to, end);
    return;
  }
  for (let i = to, p = from; i < end; i++, p += step) out[i] = offset + Math.imul(coef, src[p]);
}

/** out[to + i] += coef·src[from + step·i], i < n, modulo 2^32. */
export function addRun(
  out: Int32Array,
  to: number,
  n: number,
  src: Int32Array,
  from: number,
  step: number,
  coef: number,
): void {
  const end = to + n;
  if (step === 0) {
    const x = Math.imul(coef, src[from]);
    for (let i = to; i < end; i++) out[i] += x;
    return;
  }
  for (let i = to, p = from; i < end; i++, p += step) out[i] += Math.imul(coef, src[p]);
}

/** out[to + i] += x[p + stepX·i]·y[q + stepY·i], i < n, modulo 2^32. */
export function addProducts(
  out: Int32Array,
  to: number,
  n: number,
  x: Int32Array,
  p: number,
  stepX: number,
  y: Int32Array,
  q: number,
  stepY: number,
): void {
  const end = to + n;
  for (let i = to; i < end; i++, p += stepX, q += stepY) out[i] += Math.imul(x[p], y[q]);
}

/** From so many numbers on, a copy by a view of them is worth the view. */
const MANY = 256;

/** out[to + i] = src[from + i], i < n. */
export function copyRun(out: Int32Array, to: number, n: number, src: Integers, from: number): void {
  if (n >= MANY) out.set(src.subarray(from, from + n), to);
  else if (src instanceof Int32Array) for (let i = to, p = from, end = to + n; i < end; i++, p++) out[i] = src[p];
  else copyNarrow(out, to, n, src, from);
}

/** Apart, so that the loop above sees one type only. */
function copyNarrow(out: Int32Array, to: number, n: number, src: Integers, from: number): void {
  for (let i = to, p = from, end = to + n; i < end; i++, p++) out[i] = src[p];
}

/** out[i] = floor((src[i] + 2^(shift-1)) / 2^shift), from <= i < to, for 1 <= shift <= 30. */
export function quotients(out: Int32Array, src: Int32Array, from: number, to: number, shift: number): void {
  // Without the sum, which may not fit 32 bits: rounded up where the highest bit that goes is set.
  const below = shift - 1;
  for (let i = from; i < to; i++) {
    const x = src[i];
    out[i] = (x >> shift) + ((x >> below) & 1);
  }
}

/** out[i] = floor(num[i] / den[i]), from <= i < to. */
export function floorQuotients(out: Int32Array, num: Int32Array, den: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) out[i] = Math.floor(num[i] / den[i]);
}

/** out[i] = floor(src[i] / 2^shift) mod 2^bits, from <= i < to; below zero its sign is that of the source. */
export function limbs(out: Int32Array, src: Int32Array, from: number, to: number, shift: number, bits: number): void {
  const mask = 2 ** bits - 1;
  for (let i = from; i < to; i++) {
    const x = src[i] >> shift;
    out[i] = x >= 0 ? x & mask : -(-x & mask);
  }
}

/** out[i] = floor(sqrt(src[i])), from <= i < to. */
export function squareRoots(out: Int32Array, src: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) out[i] = Math.floor(Math.sqrt(src[i]));
}

/**
 * out[i] = table[src[i] - lo], from <= i < to, |lo| < 2^30.
 * @returns the first i whose number is no row of the table; `to` where there is none
 */
export function lookUp(
  out: Int32Array,
  src: Int32Array,
  table: Int32Array,
  lo: number,
  from: number,
  to: number,
): number {
  const rows = table.length;
  for (let i = from; i < to; i++) {
    // Modulo 2^32 a number below is beyond.
    const row = (src[i] - lo) >>> 0;
    if (row >= rows) return i;
    out[i] = table[row];
  }
  return to;
}

/** The first i, from <= i < to, of which data[i] is not among the `width` + 1 numbers from `least` on; `to` where there is none. */
export function firstOutside(data: Int32Array, from: number, to: number, least: number, width: number): number {
  // As one comparison without a sign, of four numbers at a time: this reads every number of the inference once more.
  let i = from;
  for (const whole = to - 3; i < whole; i += 4) {
    if (
      (data[i] - least) >>> 0 > width ||
      (data[i + 1] - least) >>> 0 > width ||
      (data[i + 2] - least) >>> 0 > width ||
      (data[i + 3] - least) >>> 0 > width
    ) {
      break;
    }
  }
  while (i < to && (data[i] - least) >>> 0 <= width) i++;
  return i;
}
