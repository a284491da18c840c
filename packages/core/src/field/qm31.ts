/**
 * QM31 = M31[i, u] / (i² + 1, u² - 2 - i), of p^4 ≈ 2^124 elements: the field of the challenges.
 */
import * as m31 from './m31.js';

/** An element of QM31: c0 + c1·i + (c2 + c3·i)·u with i² = -1, u² = 2 + i; canonical M31 coefficients. */
export type Ext = readonly [number, number, number, number];

export const ZERO: Ext = [0, 0, 0, 0];
export const ONE: Ext = [1, 0, 0, 0];

export const fromBase = (a: number): Ext => [a, 0, 0, 0];

export function add(a: Ext, b: Ext): Ext {
  return [m31.add(a[0], b[0]), m31.add(a[1], b[1]), m31.add(a[2], b[2]), m31.add(a[3], b[3])];
}

export function sub(a: Ext, b: Ext): Ext {
  return [m31.sub(a[0], b[0]), m31.sub(a[1], b[1]), m31.sub(a[2], b[2]), m31.sub(a[3], b[3])];
}

export function neg(a: Ext): Ext {
  return [m31.neg(a[0]), m31.neg(a[1]), m31.neg(a[2]), m31.neg(a[3])];
}

/**
 * low + 2^16·high mod p for integers |low|, |high| < 2^52: where sums of products meet the field again.
 *
 * x - ⌊x/2^31⌋·p is congruent to x, exact (every intermediate is an integer below 2^53) and lies in (-2^22, 2^31 + 2^22).
 * Applied to `high`, then to the sum, which is below 2^47 + 2^38 + 2^52 < 2^53.
 */
export function reduceSplit(low: number, high: number): number {
  const h = high - Math.floor(high * 2 ** -31) * m31.P;
  const x = h * 65536 + low;
  const r = x - Math.floor(x * 2 ** -31) * m31.P;
  return (r >= m31.P ? r - m31.P : r < 0 ? r + m31.P : r) | 0;
}

/**
 * (x + y·u)(z + w·u) = xz + (2+i)·yw + (xw + yz)·u over the complex field M31[i].
 *
 * The coefficients of b are split in 16 low and 15 high bits; the sums of the half products, below 8·2^47, are exact in
 * doubles and reduced once.
 */
export function mul(a: Ext, b: Ext): Ext {
  const a0 = a[0];
  const a1 = a[1];
  const a2 = a[2];
  const a3 = a[3];
  const l0 = b[0] & 0xffff;
  const l1 = b[1] & 0xffff;
  const l2 = b[2] & 0xffff;
  const l3 = b[3] & 0xffff;
  const h0 = b[0] >>> 16;
  const h1 = b[1] >>> 16;
  const h2 = b[2] >>> 16;
  const h3 = b[3] >>> 16;
  // yw = r + s·i, (2 + i)·yw = 2r - s + (r + 2s)·i
  const rl = a2 * l2 - a3 * l3;
  const rh = a2 * h2 - a3 * h3;
  const sl = a2 * l3 + a3 * l2;
  const sh = a2 * h3 + a3 * h2;
  return [
    reduceSplit(a0 * l0 - a1 * l1 + 2 * rl - sl, a0 * h0 - a1 * h1 + 2 * rh - sh),
    reduceSplit(a0 * l1 + a1 * l0 + 2 * sl + rl, a0 * h1 + a1 * h0 + 2 * sh + rh),
    reduceSplit(a0 * l2 - a1 * l3 + a2 * l0 - a3 * l1, a0 * h2 - a1 * h3 + a2 * h0 - a3 * h1),
    reduceSplit(a0 * l3 + a1 * l2 + a2 * l1 + a3 * l0, a0 * h3 + a1 * h2 + a2 * h1 + a3 * h0),
  ];
}

export const square = (a: Ext): Ext => mul(a, a);

/** a·s for s in M31. */
export function mulBase(a: Ext, s: number): Ext {
  return [m31.mul(a[0], s), m31.mul(a[1], s), m31.mul(a[2], s), m31.mul(a[3], s)];
}

/** The inverse of a non-zero element (and 0 for 0), by the norms to M31[i] and to M31. */
export function inv(a: Ext): Ext {
  const [a0, a1, a2, a3] = a;
  // norm to M31[i]: x² - (2+i)·y²
  const yr = m31.sub(m31.mul(a2, a2), m31.mul(a3, a3));
  const yi = m31.mul(2, m31.mul(a2, a3));
  const nr = m31.sub(m31.sub(m31.mul(a0, a0), m31.mul(a1, a1)), m31.sub(m31.add(yr, yr), yi));
  const ni = m31.sub(m31.mul(2, m31.mul(a0, a1)), m31.add(yr, m31.add(yi, yi)));
  const d = m31.inv(m31.add(m31.mul(nr, nr), m31.mul(ni, ni)));
  // The conjugate, x - y·u, times the inverse of the norm.
  return mul([a0, a1, m31.neg(a2), m31.neg(a3)], [m31.mul(nr, d), m31.neg(m31.mul(ni, d)), 0, 0]);
}

/** a·b + (1 - a)·(1 - b) = 1 - a - b + 2·a·b: eq of two coordinates. */
export function eqOf(a: Ext, b: Ext): Ext {
  const c = mul(a, b);
  return [
    m31.sub(m31.sub(m31.add(m31.add(c[0], c[0]), 1), a[0]), b[0]),
    m31.sub(m31.sub(m31.add(c[1], c[1]), a[1]), b[1]),
    m31.sub(m31.sub(m31.add(c[2], c[2]), a[2]), b[2]),
    m31.sub(m31.sub(m31.add(c[3], c[3]), a[3]), b[3]),
  ];
}

export function equal(a: Ext, b: Ext): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

export function isCanonical(a: readonly number[]): a is Ext {
  return a.length === 4 && a.every((x) => Number.isInteger(x) && x >= 0 && x < m31.P);
}
