/**
 * Elementary functions in doubles, from + - * / and exact Math functions only, so that they give the same bits on every
 * machine (Math.exp and its like may differ between engines). Good to a few units in the last place.
 */

const LN2_HI = 0.6931471803691238;
const LN2_LO = 1.9082149292705877e-10;

/** 2^k by its bits, for -1074 <= k <= 1023. */
function powerOfTwo(k: number): number {
  let r = 1;
  const base = k < 0 ? 0.5 : 2;
  for (let i = Math.abs(k); i > 0; i--) r *= base;
  return r;
}

export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.78) return Number.POSITIVE_INFINITY;
  if (x < -745.2) return 0;
  const k = Math.round(x / (LN2_HI + LN2_LO));
  const r = x - k * LN2_HI - k * LN2_LO;
  let sum = 1;
  for (let n = 14; n >= 1; n--) sum = 1 + (r / n) * sum;
  return sum * powerOfTwo(k);
}

/** Natural logarithm of a positive number. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let m = x;
  let k = 0;
  while (m >= Math.SQRT2) {
    m /= 2;
    k++;
  }
  while (m < Math.SQRT1_2) {
    m *= 2;
    k--;
  }
  // log m = 2·atanh((m-1)/(m+1))
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum = 0;
  for (let n = 25; n >= 1; n -= 2) sum = sum * s2 + 1 / n;
  return 2 * s * sum + k * LN2_LO + k * LN2_HI;
}

export function tanh(x: number): number {
  const a = Math.abs(x);
  if (a > 20) return x < 0 ? -1 : 1;
  if (a < 1e-4) return x - (x * x * x) / 3;
  const e = exp(-2 * a);
  const t = (1 - e) / (1 + e);
  return x < 0 ? -t : t;
}

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + exp(-x)) : 1 - 1 / (1 + exp(x));
}

/** The error function (Abramowitz and Stegun 7.1.6, and 7.1.14 for large arguments). */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return x < 0 ? -1 : 1;
  let r: number;
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 80; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    r = 1.1283791670955126 * exp(-a * a) * sum;
  } else {
    let f = a;
    for (let n = 60; n >= 1; n--) f = a + n / 2 / f;
    r = 1 - exp(-a * a) / (1.772453850905516 * f);
  }
  return x < 0 ? -r : r;
}

export function softplus(x: number): number {
  return x > 30 ? x : log(1 + exp(x));
}

/** x^y: by multiplication for small whole y, else by logarithms (x > 0). */
export function power(x: number, y: number): number {
  if (Number.isInteger(y) && Math.abs(y) <= 64) {
    let r = 1;
    for (let i = 0; i < Math.abs(y); i++) r *= x;
    return y < 0 ? 1 / r : r;
  }
  if (y === 0.5) return Math.sqrt(x);
  if (x === 0) return y > 0 ? 0 : Number.POSITIVE_INFINITY;
  return exp(y * log(x));
}
