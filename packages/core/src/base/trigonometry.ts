/** Circular and hyperbolic functions in doubles, with the same bits on every machine: see real.ts. */
import { exp, log } from './real.js';

/** π/2 in parts whose products with whole numbers below 2^20 are exact. */
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_MIDDLE = 6.077100506303966e-11;
const HALF_PI_LOW = 2.0222662487959506e-21;

/** Taylor series of sine (start 1) and cosine (start 0) for |r| <= π/4. */
function series(r: number, start: 0 | 1): number {
  const square = r * r;
  let sum = 1;
  for (let n = 18 + start; n > start; n -= 2) sum = 1 - (square / (n * (n - 1))) * sum;
  return start === 1 ? r * sum : sum;
}

/** sin(x + quarter·π/2); good while |x| is below some hundred thousand. */
function circular(x: number, quarter: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const k = Math.round(x / (HALF_PI_HIGH + HALF_PI_MIDDLE));
  const r = x - k * HALF_PI_HIGH - k * HALF_PI_MIDDLE - k * HALF_PI_LOW;
  const turn = (((k + quarter) % 4) + 4) % 4;
  const value = series(r, turn % 2 === 0 ? 1 : 0);
  return turn < 2 ? value : -value;
}

export const sin = (x: number): number => circular(x, 0);
export const cos = (x: number): number => circular(x, 1);
export const tan = (x: number): number => sin(x) / cos(x);

const HALF_PI = 1.5707963267948966;

export function atan(x: number): number {
  if (x < 0) return -atan(-x);
  if (x > 1) return HALF_PI - atan(1 / x);
  // atan x = 2·atan(x / (1 + sqrt(1 + x²))), twice: then |x| <= tan(π/16).
  let r = x;
  for (let i = 0; i < 2; i++) r /= 1 + Math.sqrt(1 + r * r);
  const square = r * r;
  let sum = 0;
  for (let n = 23; n >= 1; n -= 2) sum = 1 / n - square * sum;
  return 4 * r * sum;
}

export const asin = (x: number): number =>
  Math.abs(x) > 1 ? Number.NaN : Math.abs(x) === 1 ? x * HALF_PI : atan(x / Math.sqrt((1 - x) * (1 + x)));
export const acos = (x: number): number => HALF_PI - asin(x);

export function sinh(x: number): number {
  // Near zero the exponentials cancel.
  if (Math.abs(x) < 1) {
    const square = x * x;
    let sum = 1;
    for (let n = 19; n > 1; n -= 2) sum = 1 + (square / (n * (n - 1))) * sum;
    return x * sum;
  }
  return (exp(x) - exp(-x)) / 2;
}
export const cosh = (x: number): number => (exp(x) + exp(-x)) / 2;

export function asinh(x: number): number {
  return x < 0 ? -asinh(-x) : log(x + Math.sqrt(x * x + 1));
}
export const acosh = (x: number): number => (x < 1 ? Number.NaN : log(x + Math.sqrt((x - 1) * (x + 1))));
export const atanh = (x: number): number => (Math.abs(x) > 1 ? Number.NaN : log((1 + x) / (1 - x)) / 2);
