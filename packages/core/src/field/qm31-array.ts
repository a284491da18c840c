/**
 * Flat arrays over QM31: entry i is the four words at [4i, 4i + 4). Loops without allocation, for the verifier.
 */
import { invariant } from '../base/errors.js';
import { P } from './m31.js';
import { type Ext, ONE, reduceSplit } from './qm31.js';

/** Takes p·⌊x/2^31⌋ off an integer |x| < 2^53: a representative in (-2^22, 2^31 + 2^22). */
const slim = (x: number): number => x - Math.floor(x * 2 ** -31) * P;

/** dst[i…] = a[j…]·b[k…], four words each; see mul of qm31.ts. */
function mulInto(dst: Uint32Array, i: number, a: Uint32Array, j: number, b: Uint32Array, k: number): void {
  const [a0, a1, a2, a3] = [a[j], a[j + 1], a[j + 2], a[j + 3]];
  const [l0, l1, l2, l3] = [b[k] & 0xffff, b[k + 1] & 0xffff, b[k + 2] & 0xffff, b[k + 3] & 0xffff];
  const [h0, h1, h2, h3] = [b[k] >>> 16, b[k + 1] >>> 16, b[k + 2] >>> 16, b[k + 3] >>> 16];
  const rl = a2 * l2 - a3 * l3;
  const rh = a2 * h2 - a3 * h3;
  const sl = a2 * l3 + a3 * l2;
  const sh = a2 * h3 + a3 * h2;
  dst[i] = reduceSplit(a0 * l0 - a1 * l1 + 2 * rl - sl, a0 * h0 - a1 * h1 + 2 * rh - sh);
  dst[i + 1] = reduceSplit(a0 * l1 + a1 * l0 + 2 * sl + rl, a0 * h1 + a1 * h0 + 2 * sh + rh);
  dst[i + 2] = reduceSplit(a0 * l2 - a1 * l3 + a2 * l0 - a3 * l1, a0 * h2 - a1 * h3 + a2 * h0 - a3 * h1);
  dst[i + 3] = reduceSplit(a0 * l3 + a1 * l2 + a2 * l1 + a3 * l0, a0 * h3 + a1 * h2 + a2 * h1 + a3 * h0);
}

/** Σ a[i]·b[i] of two arrays of equal length. */
export function dot(a: Uint32Array, b: Uint32Array): Ext {
  invariant(a.length === b.length, 'lengths of a dot product');
  // Sums of half products by coefficient, kept below 2^31 + 2^22 + 2^50 in magnitude.
  let [x0, x1, x2, x3, y0, y1, y2, y3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i += 4) {
    const [a0, a1, a2, a3] = [a[i], a[i + 1], a[i + 2], a[i + 3]];
    const [l0, l1, l2, l3] = [b[i] & 0xffff, b[i + 1] & 0xffff, b[i + 2] & 0xffff, b[i + 3] & 0xffff];
    const [h0, h1, h2, h3] = [b[i] >>> 16, b[i + 1] >>> 16, b[i + 2] >>> 16, b[i + 3] >>> 16];
    const rl = a2 * l2 - a3 * l3;
    const rh = a2 * h2 - a3 * h3;
    const sl = a2 * l3 + a3 * l2;
    const sh = a2 * h3 + a3 * h2;
    x0 = slim(x0 + a0 * l0 - a1 * l1 + 2 * rl - sl);
    y0 = slim(y0 + a0 * h0 - a1 * h1 + 2 * rh - sh);
    x1 = slim(x1 + a0 * l1 + a1 * l0 + 2 * sl + rl);
    y1 = slim(y1 + a0 * h1 + a1 * h0 + 2 * sh + rh);
    x2 = slim(x2 + a0 * l2 - a1 * l3 + a2 * l0 - a3 * l1);
    y2 = slim(y2 + a0 * h2 - a1 * h3 + a2 * h0 - a3 * h1);
    x3 = slim(x3 + a0 * l3 + a1 * l2 + a2 * l1 + a3 * l0);
    y3 = slim(y3 + a0 * h3 + a1 * h2 + a2 * h1 + a3 * h0);
  }
  return [reduceSplit(x0, y0), reduceSplit(x1, y1), reduceSplit(x2, y2), reduceSplit(x3, y3)];
}

/** Σ base[from + i]·ext[i] over all entries of `ext`: `base` holds M31 elements, as many from there on at least. */
export function dotBase(base: Uint32Array, from: number, ext: Uint32Array): Ext {
  const n = ext.length / 4;
  invariant(from + n <= base.length, 'lengths of a dot product');
  let [x0, x1, x2, x3, y0, y1, y2, y3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < n; ) {
    // Sixteen products below 2^47 at a time.
    for (const end = Math.min(n, i + 16); i < end; i++) {
      const low = base[from + i] & 0xffff;
      const high = base[from + i] >>> 16;
      const o = 4 * i;
      x0 += ext[o] * low;
      y0 += ext[o] * high;
      x1 += ext[o + 1] * low;
      y1 += ext[o + 1] * high;
      x2 += ext[o + 2] * low;
      y2 += ext[o + 2] * high;
      x3 += ext[o + 3] * low;
      y3 += ext[o + 3] * high;
    }
    x0 = slim(x0);
    x1 = slim(x1);
    x2 = slim(x2);
    x3 = slim(x3);
    y0 = slim(y0);
    y1 = slim(y1);
    y2 = slim(y2);
    y3 = slim(y3);
  }
  return [reduceSplit(x0, y0), reduceSplit(x1, y1), reduceSplit(x2, y2), reduceSplit(x3, y3)];
}

/** Σ ext[i]·x[from + i] over all entries of `ext`, for signed 32-bit integers x. */
export function dotSigned(ext: Uint32Array, x: Int32Array, from: number): Ext {
  const n = ext.length / 4;
  let bits = 0;
  for (let i = from; i < from + n; i++) bits |= x[i] ^ (x[i] >> 31);
  return bits < 2 ** 16 ? dotSmall(ext, x, from) : dotLarge(ext, x, from);
}

/** The same for integers below 2^16 in magnitude. */
function dotSmall(ext: Uint32Array, x: Int32Array, from: number): Ext {
  let [x0, x1, x2, x3] = [0, 0, 0, 0];
  const n = ext.length / 4;
  for (let i = 0; i < n; ) {
    // Sixteen products below 2^47 at a time.
    for (const end = Math.min(n, i + 16); i < end; i++) {
      const factor = x[from + i];
      const o = 4 * i;
      x0 += ext[o] * factor;
      x1 += ext[o + 1] * factor;
      x2 += ext[o + 2] * factor;
      x3 += ext[o + 3] * factor;
    }
    x0 = slim(x0);
    x1 = slim(x1);
    x2 = slim(x2);
    x3 = slim(x3);
  }
  return [reduceSplit(x0, 0), reduceSplit(x1, 0), reduceSplit(x2, 0), reduceSplit(x3, 0)];
}

function dotLarge(ext: Uint32Array, x: Int32Array, from: number): Ext {
  let [x0, x1, x2, x3, y0, y1, y2, y3] = [0, 0, 0, 0, 0, 0, 0, 0];
  const n = ext.length / 4;
  for (let i = 0; i < n; ) {
    // As in dotBase; x = low + 2^16·high with a signed high half.
    for (const end = Math.min(n, i + 16); i < end; i++) {
      const low = x[from + i] & 0xffff;
      const high = x[from + i] >> 16;
      const o = 4 * i;
      x0 += ext[o] * low;
      y0 += ext[o] * high;
      x1 += ext[o + 1] * low;
      y1 += ext[o + 1] * high;
      x2 += ext[o + 2] * low;
      y2 += ext[o + 2] * high;
      x3 += ext[o + 3] * low;
      y3 += ext[o + 3] * high;
    }
    x0 = slim(x0);
    x1 = slim(x1);
    x2 = slim(x2);
    x3 = slim(x3);
    y0 = slim(y0);
    y1 = slim(y1);
    y2 = slim(y2);
    y3 = slim(y3);
  }
  return [reduceSplit(x0, y0), reduceSplit(x1, y1), reduceSplit(x2, y2), reduceSplit(x3, y3)];
}

/** Entry i is scale·eq(point, i), point[0] being the most significant bit of i; 2^point.length entries. */
export function eqTable(point: readonly Ext[], scale: Ext = ONE): Uint32Array {
  const table = new Uint32Array(4 * 2 ** point.length);
  const factors = Uint32Array.from(point.flat());
  table.set(scale);
  // The filled prefix of 4n words doubles: the entry at i moves to 2i and 2i + 1, from the last to the first.
  for (let k = 0, n = 1; k < point.length; k++, n *= 2) {
    for (let j = 4 * (n - 1); j >= 0; j -= 4) {
      const [t0, t1, t2, t3] = [table[j], table[j + 1], table[j + 2], table[j + 3]];
      const o = 2 * j;
      mulInto(table, o + 4, table, j, factors, 4 * k);
      const [d0, d1, d2, d3] = [t0 - table[o + 4], t1 - table[o + 5], t2 - table[o + 6], t3 - table[o + 7]];
      table[o] = d0 < 0 ? d0 + P : d0;
      table[o + 1] = d1 < 0 ? d1 + P : d1;
      table[o + 2] = d2 < 0 ? d2 + P : d2;
      table[o + 3] = d3 < 0 ? d3 + P : d3;
    }
  }
  return table;
}

/** Entry i·n + j is a[i]·b[j], n being the length of b. */
export function outer(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out = new Uint32Array((a.length * b.length) / 4);
  for (let i = 0, o = 0; i < a.length; i += 4) {
    for (let j = 0; j < b.length; j += 4, o += 4) mulInto(out, o, b, j, a, i);
  }
  return out;
}

/** Entry i is a[i]·b[i], for arrays of equal length. */
export function hadamard(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out = new Uint32Array(a.length);
  for (let i = 0; i < a.length; i += 4) mulInto(out, i, a, i, b, i);
  return out;
}
