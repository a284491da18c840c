/**
 * The evaluation domains of the code, and the plain encoder.
 *
 * S_μ is the set of x-coordinates of the circle points of odd angle: cos(o·π/2^(μ+1)), 0 < o < 2^(μ+1) odd, over the
 * group x² + y² = 1 of order 2^31 in M31 (Haböck, Levit and Papini 2024, ePrint 2024/278). In the order used here,
 * o^(0) = [1] and o^(μ) = [o^(μ-1), 2^(μ+1) - o^(μ-1)], position i + 2^(μ-1) holds minus the point at i, and
 * x ↦ 2x² - 1 takes position i of S_μ to position i mod 2^(μ-1) of S_(μ-1). Polynomials of degree below 2^b in x are
 * written f(x) = e0(2x²-1) + x·e1(2x²-1), so evaluation on S_μ is a Reed-Solomon code in another basis.
 */
import { add, mul, sub } from './m31.js';

type Point = readonly [number, number];

/** A generator of the circle group, of order 2^31. */
const GENERATOR: Point = [2, 1268011823];

const plus = (a: Point, b: Point): Point => [
  sub(mul(a[0], b[0]), mul(a[1], b[1])),
  add(mul(a[0], b[1]), mul(a[1], b[0])),
];

/** powers[k] = generator^(2^k). */
const powers: Point[] = [GENERATOR];
for (let k = 1; k < 31; k++) powers.push(plus(powers[k - 1], powers[k - 1]));

/** The twiddle tables' points: generator^(2^k), 0 <= k <= 30, whose angle is 2π/2^(31-k). */
export const circlePoint = (k: number): readonly [x: number, y: number] => powers[k];

/** The point of S_mu at `index` (mu <= 28). */
export function domainPoint(mu: number, index: number): number {
  // generator^(2^(31 - (mu+2)) · o) has angle o·2π/2^(mu+2); o^(0) = 1.
  let [x, y] = powers[29 - mu];
  for (let level = 1, rest = index; rest > 0; level++, rest >>>= 1) {
    if ((rest & 1) === 0) continue;
    // The angle 2^(level+1) - o belongs to the point of angle 2^(level+1) minus the point of angle o.
    const [c, s] = powers[30 - mu + level];
    const t = add(mul(c, x), mul(s, y));
    y = sub(mul(s, x), mul(c, y));
    x = t;
  }
  return x;
}

/** The points of S_mu at 0 … 2^(mu-1) - 1 (mu >= 1): the twiddle factors of the last stage of a code word of 2^mu. */
export function twiddles(mu: number): Uint32Array {
  const half = 2 ** (mu - 1);
  const x = new Uint32Array(half);
  const y = new Uint32Array(half);
  [x[0], y[0]] = powers[29 - mu];
  // The angle 2^(level+1) - o belongs to the point of angle 2^(level+1) minus the point of angle o.
  for (let level = 1, n = 1; n < half; level++, n *= 2) {
    const [c, s] = powers[29 - mu + level + 1];
    for (let i = 0; i < n; i++) {
      x[n + i] = add(mul(c, x[i]), mul(s, y[i]));
      y[n + i] = sub(mul(s, x[i]), mul(c, y[i]));
    }
  }
  return x;
}

/** Rate 1/4. */
const BLOWUP = 4;

/**
 * Encodes `columns` interleaved columns: message [n][columns] → code word [4n][columns], n a power of two.
 * The slow reference for the kernels, and what the verifier encodes the last message with.
 */
export function encodeColumns(message: Uint32Array, columns: number): Uint32Array {
  const n = message.length / columns;
  const word = new Uint32Array(BLOWUP * message.length);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < BLOWUP; c++)
      word.set(message.subarray(i * columns, (i + 1) * columns), (BLOWUP * i + c) * columns);
  }
  for (let length = 2 * BLOWUP, mu = 3; length <= BLOWUP * n; length *= 2, mu++) {
    const half = (length / 2) * columns;
    const t = twiddles(mu);
    for (let base = 0; base < word.length; base += 2 * half) {
      for (let i = base, k = 0; i < base + half; k++) {
        for (const end = i + columns; i < end; i++) {
          const lo = word[i];
          const hi = mul(t[k], word[half + i]);
          word[i] = add(lo, hi);
          word[half + i] = sub(lo, hi);
        }
      }
    }
  }
  return word;
}

/** Encodes a message over QM31 (four limbs to an entry). */
export const encodeExt = (message: Uint32Array): Uint32Array => encodeColumns(message, 4);
