import { add, type Ext, mul, mulBase, sub, ZERO } from '../../field/qm31.js';
import { get, put } from './arithmetic.js';

export function lookupDenominators(
  dst: Uint32Array,
  a: Uint32Array,
  b: Uint32Array | undefined,
  n: number,
  shift: Ext,
  beta: Ext,
  beta2: Ext,
): void {
  for (let i = 0; i < n; i++) {
    let x = sub(shift, mulBase(beta, a[i]));
    if (b) x = sub(x, mulBase(beta2, b[i]));
    put(dst, i, x);
  }
}

/** @param getP how entries of p are read: {@link get}, or {@link getBase} for base ones */
export function fractionUp(
  dstP: Uint32Array,
  dstQ: Uint32Array,
  p: Uint32Array,
  q: Uint32Array,
  n: number,
  getP: typeof get,
): void {
  for (let i = 0; i < n; i++) {
    const q0 = get(q, 2 * i);
    const q1 = get(q, 2 * i + 1);
    put(dstP, i, add(mul(getP(p, 2 * i), q1), mul(getP(p, 2 * i + 1), q0)));
    put(dstQ, i, mul(q0, q1));
  }
}

const g = (p0: Ext, p1: Ext, q0: Ext, q1: Ext, lambda: Ext): Ext =>
  add(add(mul(p0, q1), mul(p1, q0)), mul(lambda, mul(q0, q1)));

export function fractionRound(
  p: Uint32Array,
  q: Uint32Array,
  eqLow: Uint32Array,
  logLow: number,
  eqHigh: Uint32Array,
  n: number,
  lambda: Ext,
  getP: typeof get,
): [Ext, Ext, Ext] {
  let low: Ext = ZERO;
  let lead: Ext = ZERO;
  let weight: Ext = ZERO;
  for (let j = 0; j < n; j++) {
    const e = mul(get(eqHigh, j >>> logLow), get(eqLow, j % 2 ** logLow));
    const [p0, p1, p2, p3] = [getP(p, 4 * j), getP(p, 4 * j + 1), getP(p, 4 * j + 2), getP(p, 4 * j + 3)];
    const [q0, q1, q2, q3] = [get(q, 4 * j), get(q, 4 * j + 1), get(q, 4 * j + 2), get(q, 4 * j + 3)];
    low = add(low, mul(e, g(p0, p1, q0, q1, lambda)));
    lead = add(lead, mul(e, g(sub(p2, p0), sub(p3, p1), sub(q2, q0), sub(q3, q1), lambda)));
    weight = add(weight, e);
  }
  return [low, lead, weight];
}

export function fractionFold(dst: Uint32Array, src: Uint32Array, n: number, rho: Ext, getP: typeof get): void {
  for (let j = 0; j < n; j++) {
    for (let c = 0; c < 2; c++) {
      const lo = getP(src, 4 * j + c);
      put(dst, 2 * j + c, add(lo, mul(rho, sub(getP(src, 4 * j + 2 + c), lo))));
    }
  }
}
