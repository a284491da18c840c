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

/** (x + y·u)(z + w·u) = xz + (2+i)·yw + (xw + yz)·u over the complex field M31[i]. */
export function mul(a: Ext, b: Ext): Ext {
  const [a0, a1, a2, a3] = a;
  const [b0, b1, b2, b3] = b;
  const { mul: m } = m31;
  const xzr = m31.sub(m(a0, b0), m(a1, b1));
  const xzi = m31.add(m(a0, b1), m(a1, b0));
  const ywr = m31.sub(m(a2, b2), m(a3, b3));
  const ywi = m31.add(m(a2, b3), m(a3, b2));
  // (2 + i)(r + s·i) = 2r - s + (r + 2s)·i
  const c0 = m31.add(xzr, m31.sub(m31.add(ywr, ywr), ywi));
  const c1 = m31.add(xzi, m31.add(ywr, m31.add(ywi, ywi)));
  const c2 = m31.add(m31.sub(m(a0, b2), m(a1, b3)), m31.sub(m(a2, b0), m(a3, b1)));
  const c3 = m31.add(m31.add(m(a0, b3), m(a1, b2)), m31.add(m(a2, b1), m(a3, b0)));
  return [c0, c1, c2, c3];
}

export const square = (a: Ext): Ext => mul(a, a);

/** a·s for s in M31. */
export function mulBase(a: Ext, s: number): Ext {
  return [m31.mul(a[0], s), m31.mul(a[1], s), m31.mul(a[2], s), m31.mul(a[3], s)];
}

/** The inverse of a non-zero element (and 0 for 0), by the norms to M31[i] and to M31. */
export function inv(a: Ext): Ext {
  const { mul: m, add: plus, sub: minus } = m31;
  const [a0, a1, a2, a3] = a;
  // norm to M31[i]: x² - (2+i)·y²
  const yr = minus(m(a2, a2), m(a3, a3));
  const yi = m(2, m(a2, a3));
  const nr = minus(minus(m(a0, a0), m(a1, a1)), minus(plus(yr, yr), yi));
  const ni = minus(m(2, m(a0, a1)), plus(yr, plus(yi, yi)));
  const d = m31.inv(plus(m(nr, nr), m(ni, ni)));
  const ir = m(nr, d);
  const ii = m31.neg(m(ni, d));
  const scale = (r: number, i: number): [number, number] => [minus(m(r, ir), m(i, ii)), plus(m(r, ii), m(i, ir))];
  const [c0, c1] = scale(a0, a1);
  const [c2, c3] = scale(m31.neg(a2), m31.neg(a3));
  return [c0, c1, c2, c3];
}

export function equal(a: Ext, b: Ext): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

export function isCanonical(a: readonly number[]): a is Ext {
  return a.length === 4 && a.every((x) => Number.isInteger(x) && x >= 0 && x < m31.P);
}
