// Four M31 elements at a time, p = 2^31 - 1, canonical unless it says otherwise.

// @ts-ignore: decorator
@inline export function p4(): v128 { return i32x4.splat(0x7fffffff); }

/** x mod p of x <= 2p, read unsigned: x - p wraps to a large number where x < p. */
// @ts-ignore: decorator
@inline export function canonical4(x: v128): v128 { return i32x4.min_u(x, i32x4.sub(x, p4())); }

// @ts-ignore: decorator
@inline export function add4(a: v128, b: v128): v128 { return canonical4(i32x4.add(a, b)); }

// @ts-ignore: decorator
@inline export function sub4(a: v128, b: v128): v128 {
  const d = i32x4.sub(a, b);
  return i32x4.min_u(d, i32x4.add(d, p4()));
}

/** p - a = a xor p, in [1, p]: not canonical for a = 0. */
// @ts-ignore: decorator
@inline export function complement4(a: v128): v128 { return v128.xor(a, p4()); }

/**
 * a·b for a <= p and b2 = 2b: the high word of 2ab is ⌊ab / 2^31⌋, half the low word is ab mod 2^31, and their sum is
 * congruent to ab and at most 2p.
 */
// @ts-ignore: decorator
@inline export function mulDoubled4(a: v128, b2: v128): v128 {
  const x = i64x2.extmul_low_i32x4_u(a, b2);
  const y = i64x2.extmul_high_i32x4_u(a, b2);
  const high = v128.shuffle<i32>(x, y, 1, 3, 5, 7);
  const low = v128.shuffle<i32>(x, y, 0, 2, 4, 6);
  return canonical4(i32x4.add(high, i32x4.shr_u(low, 1)));
}

// @ts-ignore: decorator
@inline export function mul4(a: v128, b: v128): v128 { return mulDoubled4(a, i32x4.shl(b, 1)); }

/** a·b mod p of single elements. */
// @ts-ignore: decorator
@inline export function mul(a: u32, b: u32): u32 {
  const x = <u64>a * <u64>b;
  const r = <u32>(x & 0x7fffffff) + <u32>(x >> 31);
  return min<u32>(r, r - 0x7fffffff);
}
