import type { Integers } from '../../base/integers.js';
import { twiddles } from '../../field/domain.js';
import { add, mul, P, sub } from '../../field/m31.js';

/** {@link Kernels.canonical} on arrays. */
export function canonical(dst: Uint32Array, src: Integers): void {
  for (let i = 0; i < src.length; i++) {
    const x = src[i];
    dst[i] = x < 0 ? x + P : x === P ? 0 : x;
  }
}

export function transpose(dst: Uint32Array, src: Uint32Array, rows: number, cols: number, stride: number): void {
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) dst[c * stride + r] = src[r * cols + c];
}

/** {@link Kernels.encode}: a codeword of length 4 repeats its coefficient, then level after level of butterflies. */
export function encode(dst: Uint32Array, message: Uint32Array, logLength: number, stride: number): void {
  const n = 2 ** logLength;
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 4; c++) dst.set(message.subarray(i * stride, (i + 1) * stride), (4 * i + c) * stride);
  }
  for (let mu = 3; mu <= logLength + 2; mu++) {
    const t = twiddles(mu);
    const half = 2 ** (mu - 1);
    for (let base = 0; base < 4 * n; base += 2 * half) {
      for (let i = 0; i < half; i++) {
        for (let c = 0; c < stride; c++) {
          const at = (base + i) * stride + c;
          const lo = dst[at];
          const hi = mul(t[i], dst[at + half * stride]);
          dst[at] = add(lo, hi);
          dst[at + half * stride] = sub(lo, hi);
        }
      }
    }
  }
}
