// Tables over the Boolean cube. A kernel handles entries [from, to) of its loop; see kernels.ts for the contracts.
import { add4, mulDoubled4, sub4 } from './m31';
import {
  addTo, extrapolate, high4, low4, mul, mulRows, reduce, slim, splat0, splat1, splat2, splat3, timesI, timesU,
} from './qm31';
import { PARTIALS, PARTIAL_BYTES, ZEROS } from './memory';

/** One doubling of an eq table: [0, n) becomes t·(1 - r), [n, 2n) becomes t·r. */
export function eqDouble(from: u32, to: u32, slot: u32, dst: usize, n: u32, r: usize): void {
  const b = v128.load(r);
  const ib = timesI(b);
  const ub = timesU(b, ib);
  const iub = timesI(ub);
  const far = <usize>n << 4;
  const end = dst + (<usize>to << 4);
  for (let at = dst + (<usize>from << 4); at < end; at += 16) {
    const x = v128.load(at);
    const y = mulRows(x, b, ib, ub, iub);
    v128.store(at, sub4(x, y));
    v128.store(at + far, y);
  }
}

/** Runs [from, to): pairs of words (start, length). */
export function eqRuns(
  from: u32, to: u32, slot: u32, dst: usize, runs: usize, eqLow: usize, logLow: u32, eqHigh: usize,
): void {
  const mask = (1 << logLow) - 1;
  const last = runs + (<usize>to << 3);
  for (let run = runs + (<usize>from << 3); run < last; run += 8) {
    let i = load<u32>(run);
    const end = i + load<u32>(run, 4);
    while (i < end) {
      const stop = min<u32>(end, ((i >> logLow) + 1) << logLow);
      const b = v128.load(eqHigh + (<usize>(i >> logLow) << 4));
      const ib = timesI(b);
      const ub = timesU(b, ib);
      const iub = timesI(ub);
      let low = eqLow + (<usize>(i & mask) << 4);
      let at = dst + (<usize>i << 4);
      for (; i < stop; i++) {
        v128.store(at, mulRows(v128.load(low), b, ib, ub, iub));
        low += 16;
        at += 16;
      }
    }
  }
}

export function fold(from: u32, to: u32, slot: u32, dst: usize, lo: usize, hi: usize, rho: usize): void {
  const b = v128.load(rho);
  const ib = timesI(b);
  const ub = timesU(b, ib);
  const iub = timesI(ub);
  const loStep: usize = lo ? 16 : 0;
  const hiStep: usize = hi ? 16 : 0;
  let p = lo ? lo + (<usize>from << 4) : ZEROS;
  let q = hi ? hi + (<usize>from << 4) : ZEROS;
  const end = dst + (<usize>to << 4);
  for (let at = dst + (<usize>from << 4); at < end; at += 16) {
    const x = v128.load(p);
    v128.store(at, add4(x, mulRows(sub4(v128.load(q), x), b, ib, ub, iub)));
    p += loStep;
    q += hiStep;
  }
}

/** x + d·rho for base x, in lane 0 of `x`, and a splat d. */
// @ts-ignore: decorator
@inline function lift(x: v128, d: v128, rho2: v128): v128 {
  return add4(v128.and(x, i32x4(-1, 0, 0, 0)), mulDoubled4(d, rho2));
}

export function foldBase(from: u32, to: u32, slot: u32, dst: usize, lo: usize, hi: usize, rho: usize): void {
  const rho2 = i32x4.shl(v128.load(rho), 1);
  const loStep: usize = lo ? 4 : 0;
  const hiStep: usize = hi ? 4 : 0;
  let p = lo ? lo + (<usize>from << 2) : ZEROS;
  let q = hi ? hi + (<usize>from << 2) : ZEROS;
  let at = dst + (<usize>from << 4);
  const end = dst + (<usize>to << 4);
  for (; at + 64 <= end; at += 64) {
    const x = v128.load(p);
    const d = sub4(v128.load(q), x);
    v128.store(at, lift(x, splat0(d), rho2));
    v128.store(at, lift(splat1(x), splat1(d), rho2), 16);
    v128.store(at, lift(splat2(x), splat2(d), rho2), 32);
    v128.store(at, lift(splat3(x), splat3(d), rho2), 48);
    p += loStep << 2;
    q += hiStep << 2;
  }
  for (; at < end; at += 16) {
    const x = v128.load32_splat(p);
    v128.store(at, lift(x, sub4(v128.load32_splat(q), x), rho2));
    p += loStep;
    q += hiStep;
  }
}

// Sums of products keep apart, for each coefficient k of the left factor, T_k = Σ a_k·b as a wide value: eight sums.
// Four products are added before a sum is slimmed, so that any number of groups below 2^29 fits 64 bits.

/** T_0 + i·T_1 + u·T_2 + iu·T_3. */
// @ts-ignore: decorator
@inline function join(
  l0: v128, h0: v128, l1: v128, h1: v128, l2: v128, h2: v128, l3: v128, h3: v128,
): v128 {
  const t1 = reduce(l1, h1);
  const t2 = reduce(l2, h2);
  const t3 = reduce(l3, h3);
  const it3 = timesI(t3);
  // u·(T_2 + i·T_3); timesI leaves entries up to p, and so does not disturb add4
  const w = add4(t2, it3);
  return add4(add4(reduce(l0, h0), timesI(t1)), timesU(w, timesI(w)));
}

// @ts-ignore: decorator
export function dot(from: u32, to: u32, slot: u32, a: usize, b: usize): void {
  let l0 = i64x2.splat(0);
  let l1 = l0;
  let l2 = l0;
  let l3 = l0;
  let h0 = l0;
  let h1 = l0;
  let h2 = l0;
  let h3 = l0;
  let p = a + (<usize>from << 4);
  let q = b + (<usize>from << 4);
  let n = to - from;
  for (; n >= 4; n -= 4) {
    const y0 = v128.load(q);
    const y1 = v128.load(q, 16);
    const y2 = v128.load(q, 32);
    const y3 = v128.load(q, 48);
    let x0 = v128.load32_splat(p);
    let x1 = v128.load32_splat(p, 16);
    let x2 = v128.load32_splat(p, 32);
    let x3 = v128.load32_splat(p, 48);
    l0 = i64x2.add(l0, slim(low4(x0, x1, x2, x3, y0, y1, y2, y3)));
    h0 = i64x2.add(h0, slim(high4(x0, x1, x2, x3, y0, y1, y2, y3)));
    x0 = v128.load32_splat(p, 4);
    x1 = v128.load32_splat(p, 20);
    x2 = v128.load32_splat(p, 36);
    x3 = v128.load32_splat(p, 52);
    l1 = i64x2.add(l1, slim(low4(x0, x1, x2, x3, y0, y1, y2, y3)));
    h1 = i64x2.add(h1, slim(high4(x0, x1, x2, x3, y0, y1, y2, y3)));
    x0 = v128.load32_splat(p, 8);
    x1 = v128.load32_splat(p, 24);
    x2 = v128.load32_splat(p, 40);
    x3 = v128.load32_splat(p, 56);
    l2 = i64x2.add(l2, slim(low4(x0, x1, x2, x3, y0, y1, y2, y3)));
    h2 = i64x2.add(h2, slim(high4(x0, x1, x2, x3, y0, y1, y2, y3)));
    x0 = v128.load32_splat(p, 12);
    x1 = v128.load32_splat(p, 28);
    x2 = v128.load32_splat(p, 44);
    x3 = v128.load32_splat(p, 60);
    l3 = i64x2.add(l3, slim(low4(x0, x1, x2, x3, y0, y1, y2, y3)));
    h3 = i64x2.add(h3, slim(high4(x0, x1, x2, x3, y0, y1, y2, y3)));
    p += 64;
    q += 64;
  }
  let rest = join(l0, h0, l1, h1, l2, h2, l3, h3);
  for (; n > 0; n--) {
    rest = add4(rest, mul(v128.load(p), v128.load(q)));
    p += 16;
    q += 16;
  }
  addTo(PARTIALS + slot * PARTIAL_BYTES, rest);
}

/** Σ (2·aHi - aLo)·(2·bHi - bLo) of n entries; a step is 16, or 0 for a pointer to zeros. */
// @ts-ignore: decorator
@inline function dotExtrapolated(
  aLo: usize, aLoStep: usize, aHi: usize, aHiStep: usize, bLo: usize, bLoStep: usize, bHi: usize, bHiStep: usize, n: u32,
): v128 {
  let l0 = i64x2.splat(0);
  let l1 = l0;
  let l2 = l0;
  let l3 = l0;
  let h0 = l0;
  let h1 = l0;
  let h2 = l0;
  let h3 = l0;
  for (; n >= 4; n -= 4) {
    const x0 = extrapolate(v128.load(aHi), v128.load(aLo));
    const x1 = extrapolate(v128.load(aHi, 16), v128.load(aLo, 16));
    const x2 = extrapolate(v128.load(aHi, 32), v128.load(aLo, 32));
    const x3 = extrapolate(v128.load(aHi, 48), v128.load(aLo, 48));
    const y0 = extrapolate(v128.load(bHi), v128.load(bLo));
    const y1 = extrapolate(v128.load(bHi, 16), v128.load(bLo, 16));
    const y2 = extrapolate(v128.load(bHi, 32), v128.load(bLo, 32));
    const y3 = extrapolate(v128.load(bHi, 48), v128.load(bLo, 48));
    l0 = i64x2.add(l0, slim(low4(splat0(x0), splat0(x1), splat0(x2), splat0(x3), y0, y1, y2, y3)));
    h0 = i64x2.add(h0, slim(high4(splat0(x0), splat0(x1), splat0(x2), splat0(x3), y0, y1, y2, y3)));
    l1 = i64x2.add(l1, slim(low4(splat1(x0), splat1(x1), splat1(x2), splat1(x3), y0, y1, y2, y3)));
    h1 = i64x2.add(h1, slim(high4(splat1(x0), splat1(x1), splat1(x2), splat1(x3), y0, y1, y2, y3)));
    l2 = i64x2.add(l2, slim(low4(splat2(x0), splat2(x1), splat2(x2), splat2(x3), y0, y1, y2, y3)));
    h2 = i64x2.add(h2, slim(high4(splat2(x0), splat2(x1), splat2(x2), splat2(x3), y0, y1, y2, y3)));
    l3 = i64x2.add(l3, slim(low4(splat3(x0), splat3(x1), splat3(x2), splat3(x3), y0, y1, y2, y3)));
    h3 = i64x2.add(h3, slim(high4(splat3(x0), splat3(x1), splat3(x2), splat3(x3), y0, y1, y2, y3)));
    aLo += aLoStep << 2;
    aHi += aHiStep << 2;
    bLo += bLoStep << 2;
    bHi += bHiStep << 2;
  }
  let rest = join(l0, h0, l1, h1, l2, h2, l3, h3);
  for (; n > 0; n--) {
    rest = add4(rest, mul(extrapolate(v128.load(aHi), v128.load(aLo)), extrapolate(v128.load(bHi), v128.load(bLo))));
    aLo += aLoStep;
    aHi += aHiStep;
    bLo += bLoStep;
    bHi += bHiStep;
  }
  return rest;
}

/** Σ fLo·wLo to the first partial result, Σ (2·fHi - fLo)·(2·wHi - wLo) to the second. */
export function productRound(
  from: u32, to: u32, slot: u32, fLo: usize, fHi: usize, wLo: usize, wHi: usize,
): void {
  const skip = <usize>from << 4;
  // Both sums over one block while it is in the cache.
  const block: u32 = 512;
  if (to - from > block) {
    for (; to - from > block; from += block) productRound(from, from + block, slot, fLo, fHi, wLo, wHi);
    productRound(from, to, slot, fLo, fHi, wLo, wHi);
    return;
  }
  if (fLo && wLo) dot(from, to, slot, fLo, wLo);
  const second = dotExtrapolated(
    fLo ? fLo + skip : ZEROS, fLo ? 16 : 0, fHi ? fHi + skip : ZEROS, fHi ? 16 : 0,
    wLo ? wLo + skip : ZEROS, wLo ? 16 : 0, wHi ? wHi + skip : ZEROS, wHi ? 16 : 0, to - from,
  );
  addTo(PARTIALS + slot * PARTIAL_BYTES + 16, second);
}

/** Σ base[i]·ext[i] of n entries. */
// @ts-ignore: decorator
@inline export function sumBase(p: usize, q: usize, n: u32): v128 {
  let l = i64x2.splat(0);
  let h = l;
  for (; n >= 4; n -= 4) {
    const x0 = v128.load32_splat(p);
    const x1 = v128.load32_splat(p, 4);
    const x2 = v128.load32_splat(p, 8);
    const x3 = v128.load32_splat(p, 12);
    const y0 = v128.load(q);
    const y1 = v128.load(q, 16);
    const y2 = v128.load(q, 32);
    const y3 = v128.load(q, 48);
    l = i64x2.add(l, slim(low4(x0, x1, x2, x3, y0, y1, y2, y3)));
    h = i64x2.add(h, slim(high4(x0, x1, x2, x3, y0, y1, y2, y3)));
    p += 16;
    q += 64;
  }
  for (; n > 0; n--) {
    const x = v128.load32_splat(p);
    const y = v128.load(q);
    l = i64x2.add(l, slim(i64x2.extmul_low_i32x4_u(x, y)));
    h = i64x2.add(h, slim(i64x2.extmul_high_i32x4_u(x, y)));
    p += 4;
    q += 16;
  }
  return reduce(l, h);
}

export function dotBase(from: u32, to: u32, slot: u32, base: usize, ext: usize): void {
  addTo(PARTIALS + slot * PARTIAL_BYTES, sumBase(base + (<usize>from << 2), ext + (<usize>from << 4), to - from));
}

/** Rows [from, to) of the matrix, columns [0, n). */
export function outerAdd(
  from: u32, to: u32, slot: u32, dst: usize, stride: u32, lead: usize, inner: usize, n: u32, coef: usize,
): void {
  const c = v128.load(coef);
  for (let i = from; i < to; i++) {
    const b = mul(v128.load(lead + (<usize>i << 4)), c);
    const ib = timesI(b);
    const ub = timesU(b, ib);
    const iub = timesI(ub);
    let at = dst + ((<usize>i * <usize>stride) << 4);
    const end = inner + (<usize>n << 4);
    for (let p = inner; p < end; p += 16) {
      v128.store(at, add4(v128.load(at), mulRows(v128.load(p), b, ib, ub, iub)));
      at += 16;
    }
  }
}

/** Entries [from, to) of one row: dst[j] += coef·lead·inner[j]. */
export function outerAddRow(
  from: u32, to: u32, slot: u32, dst: usize, lead: usize, inner: usize, coef: usize,
): void {
  outerAdd(0, 1, slot, dst + (<usize>from << 4), 0, lead, inner + (<usize>from << 4), to - from, coef);
}
