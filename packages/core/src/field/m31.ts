/**
 * The Mersenne field M31, p = 2^31 - 1. Elements are canonical: integers in [0, p).
 */

/** 2^31 - 1. */
export const P = 0x7fffffff;

export function add(a: number, b: number): number {
  const s = a + b;
  return s >= P ? s - P : s;
}

export function sub(a: number, b: number): number {
  const d = a - b;
  return d < 0 ? d + P : d;
}

export function neg(a: number): number {
  return a === 0 ? 0 : P - a;
}

/**
 * a·b mod p. With ab = hi·2^31 + lo and 2^31 = 1 mod p the product is hi + lo. `lo` comes exactly from the 32-bit
 * product. The double a·b is off by less than 2^9, so (a·b - lo)/2^31 is within 2^-22 of the integer hi.
 */
export function mul(a: number, b: number): number {
  const lo = Math.imul(a, b) & P;
  const r = lo + Math.round((a * b - lo) * 4.656612873077393e-10);
  return r >= P ? r - P : r;
}

export function pow(a: number, e: number): number {
  let r = 1;
  for (let base = a, k = e; k > 0; k = Math.floor(k / 2)) {
    if (k % 2 === 1) r = mul(r, base);
    base = mul(base, base);
  }
  return r;
}

/** a^(p-2): the inverse of a non-zero element (and 0 for 0). */
export function inv(a: number): number {
  // p - 2 = 2^31 - 3 = 0b1…101
  const squared = (x: number, n: number): number => {
    for (let i = 0; i < n; i++) x = mul(x, x);
    return x;
  };
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
