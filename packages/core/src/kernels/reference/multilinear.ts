import { add, type Ext, mul, mulBase, sub, ZERO } from '../../field/qm31.js';
import type { AxisContraction } from '../kernels.js';
import { get, put } from './arithmetic.js';

type Read = (v: Uint32Array | undefined, i: number) => Ext;

export function eqTable(dst: Uint32Array, point: readonly Ext[], scale: Ext): void {
  put(dst, 0, scale);
  let n = 1;
  for (const r of point) {
    for (let i = n - 1; i >= 0; i--) {
      const x = get(dst, i);
      const hi = mul(x, r);
      put(dst, 2 * i + 1, hi);
      put(dst, 2 * i, sub(x, hi));
    }
    n *= 2;
  }
}

export function eqRuns(
  dst: Uint32Array,
  runs: Uint32Array,
  eqLow: Uint32Array,
  logLow: number,
  eqHigh: Uint32Array,
): void {
  for (let r = 0; r < runs.length; r += 2) {
    for (let i = runs[r]; i < runs[r] + runs[r + 1]; i++) {
      put(dst, i, mul(get(eqHigh, i >>> logLow), get(eqLow, i % 2 ** logLow)));
    }
  }
}

export function fold(
  dst: Uint32Array,
  lo: Uint32Array | undefined,
  hi: Uint32Array | undefined,
  n: number,
  rho: Ext,
  read: Read,
): void {
  for (let i = 0; i < n; i++) {
    const a = read(lo, i);
    put(dst, i, add(a, mul(rho, sub(read(hi, i), a))));
  }
}

export function productRound(
  fLo: Uint32Array | undefined,
  fHi: Uint32Array | undefined,
  wLo: Uint32Array | undefined,
  wHi: Uint32Array | undefined,
  n: number,
): [Ext, Ext] {
  let s0: Ext = ZERO;
  let s2: Ext = ZERO;
  for (let i = 0; i < n; i++) {
    const f = get(fLo, i);
    const w = get(wLo, i);
    const g = get(fHi, i);
    const v = get(wHi, i);
    s0 = add(s0, mul(f, w));
    s2 = add(s2, mul(sub(add(g, g), f), sub(add(v, v), w)));
  }
  return [s0, s2];
}

/** The 27 points of the cube over eight corners, one entry: digit 2 is the difference of digits 1 and 0. */
function cubeOf(corners: readonly Ext[]): Ext[] {
  const grid: Ext[] = [];
  corners.forEach((x, k) => {
    grid[(k & 1) + 3 * ((k >> 1) & 1) + 9 * (k >> 2)] = x;
  });
  for (const step of [1, 3, 9]) {
    for (let g = 0; g < 27; g++) {
      if (Math.floor(g / step) % 3 === 2 && grid[g - step] && grid[g - 2 * step]) {
        grid[g] = sub(grid[g - step], grid[g - 2 * step]);
      }
    }
  }
  return grid;
}

export function productCube(
  f: readonly (Uint32Array | undefined)[],
  w: readonly (Uint32Array | undefined)[],
  n: number,
): Ext[] {
  const sums = Array.from({ length: 27 }, (): Ext => ZERO);
  for (let i = 0; i < n; i++) {
    const x = cubeOf(f.map((row): Ext => [row?.[i] ?? 0, 0, 0, 0]));
    const y = cubeOf(w.map((row) => get(row, i)));
    sums.forEach((s, g) => {
      sums[g] = add(s, mul(x[g], y[g]));
    });
  }
  return sums;
}

export function dot(a: Uint32Array, b: Uint32Array, n: number): Ext {
  let s: Ext = ZERO;
  for (let i = 0; i < n; i++) s = add(s, mul(get(a, i), get(b, i)));
  return s;
}

export function dotBase(base: Uint32Array, ext: Uint32Array, n: number): Ext {
  let s: Ext = ZERO;
  for (let i = 0; i < n; i++) s = add(s, mulBase(get(ext, i), base[i]));
  return s;
}

export function combineRows(
  dst: Uint32Array,
  rows: readonly (Uint32Array | undefined)[],
  coefs: readonly Ext[],
  n: number,
): void {
  for (let i = 0; i < n; i++) {
    put(
      dst,
      i,
      rows.reduce((sum, row, x) => add(sum, mulBase(coefs[x], row?.[i] ?? 0)), ZERO),
    );
  }
}

export function outerAdd(
  dst: Uint32Array,
  stride: number,
  lead: Uint32Array,
  m: number,
  inner: Uint32Array,
  n: number,
  coef: Ext,
): void {
  for (let i = 0; i < m; i++) {
    const x = mul(coef, get(lead, i));
    for (let j = 0; j < n; j++) {
      const at = i * stride + j;
      put(dst, at, add(get(dst, at), mul(x, get(inner, j))));
    }
  }
}

export function contractAxis(dst: Uint32Array, src: Uint32Array, f: Uint32Array, s: AxisContraction, read: Read): void {
  for (let o = 0; o < s.outer; o++) {
    for (let k = 0; k < s.outAxis; k++) {
      for (let i = 0; i < s.inner; i++) {
        let sum: Ext = ZERO;
        for (let j = 0; j < s.sums; j++) {
          const at = s.start + s.stepSum * j + s.stepOut * k;
          if (at < 0 || at >= s.axis) continue;
          sum = add(sum, mul(get(f, j), read(src, (o * s.axis + at) * s.inner + i)));
        }
        put(dst, (o * s.outAxis + k) * s.inner + i, sum);
      }
    }
  }
}
