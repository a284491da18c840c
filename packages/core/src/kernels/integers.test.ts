import { describe, expect, it } from 'vitest';
import { everyBackend, put, random, words } from '../testing/every-backend.js';

describe('integer kernels on every backend', () => {
  const { same } = everyBackend();

  it('gather', () => {
    const arrays = { 1: Int8Array, 2: Int16Array, 4: Int32Array };
    for (const width of [1, 2, 4] as const) {
      for (const [rows, cols, row, col] of [
        [0, 3, 1, 1],
        [3, 0, 1, 1],
        [1, 1, 1, 1],
        [5, 7, 7, 1],
        [16, 9, 1, 16],
        [37, 50, 1, 40],
        [300, 701, 701, 1],
      ]) {
        const next = random(rows + width);
        const size = rows * row + cols * col;
        const data = new arrays[width](size).map(next);
        same(`${width} bytes, ${rows} × ${cols}`, (k) => {
          const src = k.alloc(width * size);
          k.u8(src, width * size).set(new Uint8Array(data.buffer));
          const outer = Array.from({ length: rows }, (_, i) => row * (rows - 1 - i));
          const inner = Array.from({ length: cols }, (_, j) => col * j);
          const dst = k.alloc(4 * rows * cols);
          k.gather(dst, src, width, put(k, outer), rows, put(k, inner), cols);
          expect(k.i32(dst, rows * cols)).toEqual(Int32Array.from(outer.flatMap((o) => inner.map((i) => data[o + i]))));
          return k.i32(dst, rows * cols);
        });
      }
    }
  });

  it('matmulInt, narrow and wide, modulo 2^32', () => {
    const ranges = {
      narrow: (x: number) => (x << 16) >> 16,
      edge: (x: number) => (x % 2 === 0 ? -32768 : 32767),
      smallest: () => -32768,
      wide: (x: number) => x | 0,
    };
    for (const [name, range] of Object.entries(ranges)) {
      for (const [m, k, n] of [
        [0, 3, 3],
        [3, 0, 3],
        [3, 3, 0],
        [1, 1, 1],
        [1, 5, 16],
        [2, 7, 33],
        [3, 40, 4],
        [4, 4, 8],
        [5, 3, 9],
        [7, 8, 15],
        [4, 2, 11],
        [9, 31, 4],
        [64, 65, 66],
        [1, 300, 500],
        [130, 70, 100],
      ]) {
        same(`${name} ${m} × ${k} × ${n}`, (kernels) => {
          const a = put(kernels, Int32Array.from(words(m * k, 1), range), 1);
          const b = put(kernels, Int32Array.from(words(k * n, 2), range), 2);
          const dst = kernels.alloc(4 * m * n);
          kernels.matmulInt(dst, a, b, m, k, n);
          return kernels.i32(dst, m * n);
        });
      }
    }
  });

  it('matmulRead, at any offsets', () => {
    const arrays = { 1: Int8Array, 2: Int16Array, 4: Int32Array };
    const follow = (i: number) => i;
    const fours = (i: number) => i + 3 * (i >> 2);
    const apart = (i: number) => 2 * i;
    const back = (i: number) => 2000 - 7 * i;
    for (const [widthA, widthB, wide] of [
      [1, 4, false],
      [2, 4, false],
      [4, 2, false],
      [4, 1, false],
      [4, 4, false],
      [1, 4, true],
      [4, 4, true],
    ] as const) {
      for (const [m, k, n] of [
        [0, 3, 3],
        [3, 0, 3],
        [3, 3, 0],
        [1, 1, 1],
        [2, 7, 33],
        [4, 4, 8],
        [9, 31, 4],
        [33, 34, 66],
        [70, 129, 100],
      ]) {
        for (const places of [follow, fours, apart, back]) {
          const next = random(m + n);
          const number = (): number => (wide ? next() | 0 : (next() << 16) >> 16);
          const a = new arrays[widthA](5000).map(number);
          const b = new arrays[widthB](5000).map(number);
          same(`${widthA} and ${widthB} bytes, ${wide}, ${m} × ${k} × ${n}, ${places}`, (kernels) => {
            const matrix = (data: Int8Array | Int16Array | Int32Array, rows: number, width: 1 | 2 | 4) => {
              const src = kernels.alloc(data.byteLength);
              kernels.u8(src, data.byteLength).set(new Uint8Array(data.buffer));
              const outer = put(
                kernels,
                Array.from({ length: rows }, (_, i) => places(i)),
              );
              const inner = put(
                kernels,
                Array.from({ length: k }, (_, l) => 11 * l),
              );
              return { src, width, fits16: width < 4 || kernels.fits16(src, data.length), outer, inner };
            };
            const dst = kernels.alloc(4 * m * n);
            kernels.matmulRead(dst, matrix(a, m, widthA), matrix(b, n, widthB), m, k, n);
            const out = kernels.i32(dst, m * n);
            for (const [i, j] of m * n > 0
              ? [
                  [0, 0],
                  [m - 1, n - 1],
                ]
              : []) {
              let sum = 0;
              for (let l = 0; l < k; l++) sum += Math.imul(a[places(i) + 11 * l], b[places(j) + 11 * l]);
              expect(out[i * n + j]).toBe(sum | 0);
            }
            return out;
          });
        }
      }
    }
  });
});
