/**
 * The Mersenne field M31, p = 2^31 - 1. Elements are canonical: integers in [0, p).
 *
 * All values stay within 32-bit signed integers, which JavaScript engines keep unboxed.
 */

/** 2^31 - 1. */
export const P = 0x7fffffff;

export function add(a: number, b: number): number {
  const r = (a - (P - b)) | 0;
  return r < 0 ? (r + P) | 0 : r;
}

export function sub(a: number, b: number): number {
  const r = (a - b) | 0;
  return r < 0 ? (r + P) | 0 : r;
}

export function neg(a: number): number {
  return a === 0 ? 0 : P - a;
}

/**
 * a·b mod p. With a = ah·2^16 + al and b likewise, ab = ah·bh·2^32 + mid·2^16 + (al·bl mod 2^16), where
 * mid = al·bh + ah·bl + ⌊al·bl / 2^16⌋. As al, bl < 2^16 and ah, bh < 2^15, mid is at most
 * 2·(2^16-1)(2^15-1) + 2^16 - 1 < 2^32, so the 32-bit sum, read unsigned, is exact. Hence ab = hi·2^31 + lo with
 * hi = 2·ah·bh + ⌊mid / 2^15⌋ and lo = (mid mod 2^15)·2^16 + (al·bl mod 2^16) < 2^31, and ab = hi + lo mod p because
 * 2^31 = 1. From ab <= (p-1)^2 follows hi < p, so lo - (p - hi) lies in [-p, p).
 */
export function mul(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const low = Math.imul(al, bl);
  const mid = (Math.imul(al, bh) + Math.imul(ah, bl) + (low >>> 16)) | 0;
  const lo = ((mid & 0x7fff) << 16) | (low & 0xffff);
  const hi = ((Math.imul(ah, bh) << 1) + (mid >>> 15)) | 0;
  const r = (lo - (P - hi)) | 0;
  return r < 0 ? (r + P) | 0 : r;
}

/** a^e for an integer e >= 0; 0^0 = 1. */
export function pow(a: number, e: number): number {
  let r = 1;
  for (let base = a, k = e; k > 0; k = Math.floor(k / 2)) {
    if (k % 2 === 1) r = mul(r, base);
    base = mul(base, base);
  }
  return r;
}

/** a^(2^n). */
function squared(a: number, n: number): number {
  for (let i = 0; i < n; i++) a = mul(a, a);
  return a;
}

/** a^(p-2): the inverse of a non-zero element (and 0 for 0). */
export function inv(a: number): number {
  // p - 2 = 2^31 - 3: 29 ones, a zero, a one. xk = a^(2^k - 1).
  const x2 = mul(squared(a, 1), a);
  const x4 = mul(squared(x2, 2), x2);
  const x8 = mul(squared(x4, 4), x4);
  const x16 = mul(squared(x8, 8), x8);
  const x24 = mul(squared(x16, 8), x8);
  const x28 = mul(squared(x24, 4), x4);
  const x29 = mul(squared(x28, 1), a);
  return mul(squared(x29, 2), a);
}

/** The element that a signed integer |x| <= p stands for. */
export function fromSigned(x: number): number {
  const r = x < 0 ? x + P : x;
  return r === P ? 0 : r;
}
