// QM31, one element to a vector: coefficients of 1, i, u, iu with i² = -1, u² = 2 + i.
//
// A product is linear in its left factor: a·b = a0·b + a1·(i·b) + a2·(u·b) + a3·(iu·b). The four multiples of b are
// called its rows. A wide value is a pair (low: coefficients 0 and 1, high: 2 and 3) of 64-bit sums.
import { add4, canonical4, p4, sub4 } from './m31';

/** i·b; entries up to p. */
// @ts-ignore: decorator
@inline export function timesI(b: v128): v128 {
  return v128.xor(v128.shuffle<i32>(b, b, 1, 0, 3, 2), i32x4(0x7fffffff, 0, 0x7fffffff, 0));
}

/** u·b = (2 + i)·(b2 + b3·i) + (b0 + b1·i)·u, from b and i·b. */
// @ts-ignore: decorator
@inline export function timesU(b: v128, ib: v128): v128 {
  const top = add4(ib, add4(b, b));
  return v128.shuffle<i64>(top, b, 1, 2);
}

// @ts-ignore: decorator
@inline export function splat0(a: v128): v128 { return v128.shuffle<i32>(a, a, 0, 0, 0, 0); }
// @ts-ignore: decorator
@inline export function splat1(a: v128): v128 { return v128.shuffle<i32>(a, a, 1, 1, 1, 1); }
// @ts-ignore: decorator
@inline export function splat2(a: v128): v128 { return v128.shuffle<i32>(a, a, 2, 2, 2, 2); }
// @ts-ignore: decorator
@inline export function splat3(a: v128): v128 { return v128.shuffle<i32>(a, a, 3, 3, 3, 3); }

/** Σ_k (two lower lanes of x_k)·(of y_k): exact for entries up to p, as 4p² < 2^64. */
// @ts-ignore: decorator
@inline export function low4(x0: v128, x1: v128, x2: v128, x3: v128, y0: v128, y1: v128, y2: v128, y3: v128): v128 {
  return i64x2.add(
    i64x2.add(i64x2.extmul_low_i32x4_u(x0, y0), i64x2.extmul_low_i32x4_u(x1, y1)),
    i64x2.add(i64x2.extmul_low_i32x4_u(x2, y2), i64x2.extmul_low_i32x4_u(x3, y3)),
  );
}

/** The same of the two upper lanes. */
// @ts-ignore: decorator
@inline export function high4(x0: v128, x1: v128, x2: v128, x3: v128, y0: v128, y1: v128, y2: v128, y3: v128): v128 {
  return i64x2.add(
    i64x2.add(i64x2.extmul_high_i32x4_u(x0, y0), i64x2.extmul_high_i32x4_u(x1, y1)),
    i64x2.add(i64x2.extmul_high_i32x4_u(x2, y2), i64x2.extmul_high_i32x4_u(x3, y3)),
  );
}

/** A congruent number below 2^33 + 2^31, of any 64-bit one. */
// @ts-ignore: decorator
@inline export function slim(x: v128): v128 {
  return i64x2.add(v128.and(x, i64x2.splat(0x7fffffff)), i64x2.shr_u(x, 31));
}

/** The canonical element of a wide value. */
// @ts-ignore: decorator
@inline export function reduce(low: v128, high: v128): v128 {
  const x = slim(low);
  const y = slim(high);
  // words[k] + 2^32·carry[k], carry <= 2; 2^32 = 2 and 2^31 = 1
  const words = v128.shuffle<i32>(x, y, 0, 2, 4, 6);
  const carry = v128.shuffle<i32>(x, y, 1, 3, 5, 7);
  const s = i32x4.add(i32x4.add(v128.and(words, p4()), i32x4.shr_u(words, 31)), i32x4.add(carry, carry));
  return canonical4(s);
}

/** a·b from the rows of b. */
// @ts-ignore: decorator
@inline export function mulRows(a: v128, b: v128, ib: v128, ub: v128, iub: v128): v128 {
  const a0 = splat0(a);
  const a1 = splat1(a);
  const a2 = splat2(a);
  const a3 = splat3(a);
  return reduce(low4(a0, a1, a2, a3, b, ib, ub, iub), high4(a0, a1, a2, a3, b, ib, ub, iub));
}

/** a·b + c·d from the rows of b and d. */
// @ts-ignore: decorator
@inline export function mulRows2(
  a: v128, b: v128, ib: v128, ub: v128, iub: v128,
  c: v128, d: v128, id: v128, ud: v128, iud: v128,
): v128 {
  const a0 = splat0(a);
  const a1 = splat1(a);
  const a2 = splat2(a);
  const a3 = splat3(a);
  const c0 = splat0(c);
  const c1 = splat1(c);
  const c2 = splat2(c);
  const c3 = splat3(c);
  return reduce(
    i64x2.add(slim(low4(a0, a1, a2, a3, b, ib, ub, iub)), slim(low4(c0, c1, c2, c3, d, id, ud, iud))),
    i64x2.add(slim(high4(a0, a1, a2, a3, b, ib, ub, iub)), slim(high4(c0, c1, c2, c3, d, id, ud, iud))),
  );
}

// @ts-ignore: decorator
@inline export function mul(a: v128, b: v128): v128 {
  const ib = timesI(b);
  const ub = timesU(b, ib);
  return mulRows(a, b, ib, ub, timesI(ub));
}

/** 2a - b. */
// @ts-ignore: decorator
@inline export function extrapolate(a: v128, b: v128): v128 { return sub4(add4(a, a), b); }

/** The element at a partial result's place becomes itself plus x. */
// @ts-ignore: decorator
@inline export function addTo(ptr: usize, x: v128): void { v128.store(ptr, add4(v128.load(ptr), x)); }
