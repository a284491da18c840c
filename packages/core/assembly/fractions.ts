// The fractions of the lookup argument; see kernels.ts for the contracts.
import { add4, complement4, sub4 } from './m31';
import {
  addTo, high4, low4, mul, mulRows, mulRows2, reduce, slim, splat0, splat1, splat2, splat3, timesI, timesU,
} from './qm31';
import { PARTIALS, PARTIAL_BYTES, ZEROS } from './memory';

/** shift + x·beta + y·beta2 for splats x and y. */
// @ts-ignore: decorator
@inline function denominator(x: v128, y: v128, shift: v128, beta: v128, beta2: v128): v128 {
  const low = i64x2.add(i64x2.extmul_low_i32x4_u(x, beta), i64x2.extmul_low_i32x4_u(y, beta2));
  const high = i64x2.add(i64x2.extmul_high_i32x4_u(x, beta), i64x2.extmul_high_i32x4_u(y, beta2));
  return add4(shift, reduce(low, high));
}

export function lookupDenominators(
  from: u32, to: u32, slot: u32, dst: usize, a: usize, b: usize, shift: usize, beta: usize, beta2: usize,
): void {
  const s = v128.load(shift);
  const r = v128.load(beta);
  const r2 = v128.load(beta2);
  const bStep: usize = b ? 4 : 0;
  let p = a + (<usize>from << 2);
  let q = b ? b + (<usize>from << 2) : ZEROS;
  let at = dst + (<usize>from << 4);
  const end = dst + (<usize>to << 4);
  for (; at + 64 <= end; at += 64) {
    const x = complement4(v128.load(p));
    const y = complement4(v128.load(q));
    v128.store(at, denominator(splat0(x), splat0(y), s, r, r2));
    v128.store(at, denominator(splat1(x), splat1(y), s, r, r2), 16);
    v128.store(at, denominator(splat2(x), splat2(y), s, r, r2), 32);
    v128.store(at, denominator(splat3(x), splat3(y), s, r, r2), 48);
    p += 16;
    q += bStep << 2;
  }
  for (; at < end; at += 16) {
    v128.store(at, denominator(complement4(v128.load32_splat(p)), complement4(v128.load32_splat(q)), s, r, r2));
    p += 4;
    q += bStep;
  }
}

export function fractionUp(
  from: u32, to: u32, slot: u32, dstP: usize, dstQ: usize, p: usize, q: usize,
): void {
  const skip = <usize>from << 5;
  let at = p + skip;
  let by = q + skip;
  let toP = dstP + (<usize>from << 4);
  let toQ = dstQ + (<usize>from << 4);
  for (let n = to - from; n > 0; n--) {
    const q0 = v128.load(by);
    const iq0 = timesI(q0);
    const uq0 = timesU(q0, iq0);
    const iuq0 = timesI(uq0);
    const q1 = v128.load(by, 16);
    const iq1 = timesI(q1);
    const uq1 = timesU(q1, iq1);
    const iuq1 = timesI(uq1);
    v128.store(toP, mulRows2(v128.load(at), q1, iq1, uq1, iuq1, v128.load(at, 16), q0, iq0, uq0, iuq0));
    v128.store(toQ, mulRows(q0, q1, iq1, uq1, iuq1));
    at += 32;
    by += 32;
    toP += 16;
    toQ += 16;
  }
}

/** The same with base p. */
export function fractionUpBase(
  from: u32, to: u32, slot: u32, dstP: usize, dstQ: usize, p: usize, q: usize,
): void {
  let at = p + (<usize>from << 3);
  let by = q + (<usize>from << 5);
  let toP = dstP + (<usize>from << 4);
  let toQ = dstQ + (<usize>from << 4);
  for (let n = to - from; n > 0; n--) {
    const p0 = v128.load32_splat(at);
    const p1 = v128.load32_splat(at, 4);
    const q0 = v128.load(by);
    const q1 = v128.load(by, 16);
    v128.store(toP, reduce(
      i64x2.add(i64x2.extmul_low_i32x4_u(p0, q1), i64x2.extmul_low_i32x4_u(p1, q0)),
      i64x2.add(i64x2.extmul_high_i32x4_u(p0, q1), i64x2.extmul_high_i32x4_u(p1, q0)),
    ));
    v128.store(toQ, mul(q0, q1));
    at += 8;
    by += 32;
    toP += 16;
    toQ += 16;
  }
}

/** p0·q1 + p1·q0 + lambda·q0·q1 = p0·q1 + (p1 + lambda·q1)·q0, from the rows of lambda. */
// @ts-ignore: decorator
@inline function numerator(
  p0: v128, p1: v128, q0: v128, q1: v128, l: v128, il: v128, ul: v128, iul: v128,
): v128 {
  const iq0 = timesI(q0);
  const uq0 = timesU(q0, iq0);
  const iq1 = timesI(q1);
  const uq1 = timesU(q1, iq1);
  const s = add4(p1, mulRows(q1, l, il, ul, iul));
  return mulRows2(p0, q1, iq1, uq1, timesI(uq1), s, q0, iq0, uq0, timesI(uq0));
}

/** The same for splats p0 and p1 of base elements. */
// @ts-ignore: decorator
@inline function numeratorBase(
  p0: v128, p1: v128, q0: v128, q1: v128, l: v128, il: v128, ul: v128, iul: v128,
): v128 {
  const iq0 = timesI(q0);
  const uq0 = timesU(q0, iq0);
  const iuq0 = timesI(uq0);
  const s = add4(v128.and(p1, i32x4(-1, 0, 0, 0)), mulRows(q1, l, il, ul, iul));
  const s0 = splat0(s);
  const s1 = splat1(s);
  const s2 = splat2(s);
  const s3 = splat3(s);
  return reduce(
    i64x2.add(i64x2.extmul_low_i32x4_u(p0, q1), slim(low4(s0, s1, s2, s3, q0, iq0, uq0, iuq0))),
    i64x2.add(i64x2.extmul_high_i32x4_u(p0, q1), slim(high4(s0, s1, s2, s3, q0, iq0, uq0, iuq0))),
  );
}

// @ts-ignore: decorator
@inline function round(
  from: u32, to: u32, slot: u32, p: usize, q: usize, eqLow: usize, logLow: u32, eqHigh: usize, lambda: usize,
  base: bool,
): void {
  const l = v128.load(lambda);
  const il = timesI(l);
  const ul = timesU(l, il);
  const iul = timesI(ul);
  let lo = i64x2.splat(0);
  let hi = lo;
  let sum = lo;
  let at = p + (<usize>from << (base ? 4 : 6));
  let by = q + (<usize>from << 6);
  // One stretch for each entry of eqHigh, which is multiplied in at its end.
  while (from < to) {
    const end = min<u32>(to, ((from >> logLow) + 1) << logLow);
    const factor = v128.load(eqHigh + (<usize>(from >> logLow) << 4));
    let weight = eqLow + (<usize>(from & ((1 << logLow) - 1)) << 4);
    let loLow = i64x2.splat(0);
    let loHigh = loLow;
    let hiLow = loLow;
    let hiHigh = loLow;
    let part = loLow;
    for (; from < end; from++) {
      const e = v128.load(weight);
      const ie = timesI(e);
      const ue = timesU(e, ie);
      const iue = timesI(ue);
      const p0 = base ? v128.load32_splat(at) : v128.load(at);
      const p1 = base ? v128.load32_splat(at, 4) : v128.load(at, 16);
      const q0 = v128.load(by);
      const q1 = v128.load(by, 16);
      let g = base ? numeratorBase(p0, p1, q0, q1, l, il, ul, iul) : numerator(p0, p1, q0, q1, l, il, ul, iul);
      let g0 = splat0(g);
      let g1 = splat1(g);
      let g2 = splat2(g);
      let g3 = splat3(g);
      loLow = i64x2.add(loLow, slim(low4(g0, g1, g2, g3, e, ie, ue, iue)));
      loHigh = i64x2.add(loHigh, slim(high4(g0, g1, g2, g3, e, ie, ue, iue)));
      const dp0 = sub4(base ? v128.load32_splat(at, 8) : v128.load(at, 32), p0);
      const dp1 = sub4(base ? v128.load32_splat(at, 12) : v128.load(at, 48), p1);
      const dq0 = sub4(v128.load(by, 32), q0);
      const dq1 = sub4(v128.load(by, 48), q1);
      g = base ? numeratorBase(dp0, dp1, dq0, dq1, l, il, ul, iul) : numerator(dp0, dp1, dq0, dq1, l, il, ul, iul);
      g0 = splat0(g);
      g1 = splat1(g);
      g2 = splat2(g);
      g3 = splat3(g);
      hiLow = i64x2.add(hiLow, slim(low4(g0, g1, g2, g3, e, ie, ue, iue)));
      hiHigh = i64x2.add(hiHigh, slim(high4(g0, g1, g2, g3, e, ie, ue, iue)));
      part = add4(part, e);
      at += base ? 16 : 64;
      by += 64;
      weight += 16;
    }
    lo = add4(lo, mul(reduce(loLow, loHigh), factor));
    hi = add4(hi, mul(reduce(hiLow, hiHigh), factor));
    sum = add4(sum, mul(part, factor));
  }
  const out = PARTIALS + slot * PARTIAL_BYTES;
  addTo(out, lo);
  addTo(out + 16, hi);
  addTo(out + 32, sum);
}

export function fractionRound(
  from: u32, to: u32, slot: u32, p: usize, q: usize, eqLow: usize, logLow: u32, eqHigh: usize, lambda: usize,
): void {
  round(from, to, slot, p, q, eqLow, logLow, eqHigh, lambda, false);
}

/** The same with base p. */
export function fractionRoundBase(
  from: u32, to: u32, slot: u32, p: usize, q: usize, eqLow: usize, logLow: u32, eqHigh: usize, lambda: usize,
): void {
  round(from, to, slot, p, q, eqLow, logLow, eqHigh, lambda, true);
}

/** fractionFold of base src, apart from dst. */
export function fractionFoldBase(from: u32, to: u32, slot: u32, dst: usize, src: usize, rho: usize): void {
  const r = v128.load(rho);
  let p = src + (<usize>from << 4);
  const end = dst + (<usize>to << 5);
  for (let at = dst + (<usize>from << 5); at < end; at += 32) {
    const x = v128.load(p);
    // The differences of the upper two from the lower two.
    const d = sub4(v128.shuffle<i64>(x, x, 1, 1), x);
    const d0 = splat0(d);
    const d1 = splat1(d);
    const one = i32x4(-1, 0, 0, 0);
    v128.store(at, add4(v128.and(splat0(x), one), reduce(i64x2.extmul_low_i32x4_u(d0, r), i64x2.extmul_high_i32x4_u(d0, r))));
    v128.store(at, add4(v128.and(splat1(x), one), reduce(i64x2.extmul_low_i32x4_u(d1, r), i64x2.extmul_high_i32x4_u(d1, r))), 16);
    p += 16;
  }
}

/** dst may equal src when entries are handled in order, or in phases that double `from` (see kernels/wasm). */
export function fractionFold(from: u32, to: u32, slot: u32, dst: usize, src: usize, rho: usize): void {
  const b = v128.load(rho);
  const ib = timesI(b);
  const ub = timesU(b, ib);
  const iub = timesI(ub);
  let p = src + (<usize>from << 6);
  const end = dst + (<usize>to << 5);
  for (let at = dst + (<usize>from << 5); at < end; at += 32) {
    const x = v128.load(p);
    const y = v128.load(p, 16);
    const dx = sub4(v128.load(p, 32), x);
    const dy = sub4(v128.load(p, 48), y);
    v128.store(at, add4(x, mulRows(dx, b, ib, ub, iub)));
    v128.store(at, add4(y, mulRows(dy, b, ib, ub, iub)), 16);
    p += 64;
  }
}
