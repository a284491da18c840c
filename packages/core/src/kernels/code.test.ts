import { blake3 } from '@noble/hashes/blake3.js';
import { describe, expect, it } from 'vitest';
import { encodeColumns } from '../field/domain.js';
import { P } from '../field/m31.js';
import { everyBackend, lengths, put, random, words } from '../testing/every-backend.js';

describe('encoding and hashing on every backend', () => {
  const { same } = everyBackend();

  it('canonical', () => {
    const signed = [0, 1, -1, P, -P, P - 1, 1 - P, 5, -(2 ** 30)];
    for (const n of [...lengths, 140_001]) {
      const data = Int32Array.from({ length: n }, (_, i) => signed[i % signed.length]);
      same(`n = ${n}`, (k) => {
        const src = put(k, data, n % 4);
        const dst = k.alloc(4 * n);
        k.canonical(dst, src, n);
        return k.u32(dst, n);
      });
      same(`in place, n = ${n}`, (k) => {
        const src = put(k, data);
        k.canonical(src, src, n);
        return k.u32(src, n);
      });
    }
  });

  it('canonical of narrow integers', () => {
    const arrays = { 1: Int8Array, 2: Int16Array };
    for (const width of [1, 2] as const) {
      const least = -(2 ** (8 * width - 1));
      for (const n of [...lengths, 140_001]) {
        const next = random(n);
        const data = new arrays[width](n).map((_: number, i: number) => [0, 1, -1, least, -least - 1, next()][i % 6]);
        same(`${width} bytes, n = ${n}`, (k) => {
          const src = k.alloc(width * n);
          k.u8(src, width * n).set(new Uint8Array(data.buffer));
          const dst = k.alloc(4 * n);
          k.canonical(dst, src, n, width);
          expect(k.u32(dst, n)).toEqual(Uint32Array.from(data, (x) => (x < 0 ? x + P : x)));
          return k.u32(dst, n);
        });
      }
    }
  });

  it('transpose', () => {
    for (const [rows, cols, stride] of [
      [0, 0, 0],
      [0, 8, 4],
      [1, 1, 1],
      [1, 16, 4],
      [3, 5, 4],
      [4, 4, 4],
      [5, 37, 8],
      [16, 18, 20],
      [7, 40_003, 8],
    ]) {
      same(`${rows} × ${cols} to ${stride}`, (k) => {
        const src = put(k, words(rows * cols, rows), 1);
        const dst = k.alloc(4 * cols * stride);
        k.transpose(dst, src, rows, cols, stride);
        return k.u32(dst, cols * stride);
      });
    }
  });

  it('encode, which the plain encoder agrees with', () => {
    const shapes = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10].flatMap((log) => [4, 12].map((stride) => [log, stride]));
    for (const [log, stride] of [...shapes, [3, 64], [5, 260], [12, 4], [13, 8], [2, 16_384], [15, 4]]) {
      const message = words(2 ** log * stride, log);
      let word: Uint32Array | undefined;
      same(`2^${log} × ${stride}`, (k) => {
        const src = put(k, message);
        const dst = k.alloc(16 * message.length);
        k.encode(dst, src, log, stride);
        word ??= k.u32(dst, 4 * message.length).slice();
        return k.u32(dst, 4 * message.length);
      });
      if (log < 10) expect(word).toEqual(encodeColumns(message, stride));
    }
  });

  it('hashLeaves, which an independent BLAKE3 agrees with', () => {
    for (const bytes of [0, 1, 3, 4, 16, 60, 63, 64, 65, 100, 128, 129, 512, 1000, 1023, 1024]) {
      for (const count of [0, 1, 2, 3, 4, 5, 9]) {
        const stride = bytes + (bytes % 3) * 4;
        const data = words(Math.ceil((count * stride) / 4) + 1, bytes);
        same(`${count} leaves of ${bytes} bytes`, (k) => {
          const src = put(k, data);
          const dst = k.alloc(32 * count);
          k.hashLeaves(dst, src, count, bytes, stride);
          for (let j = 0; j < count; j++) {
            expect(k.u8(dst + 32 * j, 32).slice()).toEqual(blake3(k.u8(src + j * stride, bytes).slice()));
          }
          return k.u8(dst, 32 * count);
        });
      }
    }
    for (const parts of [[64], [64, 1], [128, 64, 64], [64, 0], [960, 64], [128, 100]]) {
      for (const count of [1, 2, 3, 4, 7]) {
        const stride = parts.reduce((a, b) => a + b);
        const data = words(Math.ceil((count * stride) / 4), stride);
        same(`${count} leaves in parts of ${parts}`, (k) => {
          const src = put(k, data);
          const dst = k.alloc(32 * count);
          let from = 0;
          parts.forEach((bytes, i) => {
            k.hashLeaves(dst, src + from, count, bytes, stride, { first: i === 0, last: i === parts.length - 1 });
            from += bytes;
          });
          for (let j = 0; j < count; j++) {
            if (parts[parts.length - 1] === 0) continue;
            expect(k.u8(dst + 32 * j, 32).slice()).toEqual(blake3(k.u8(src + j * stride, stride).slice()));
          }
          return k.u8(dst, 32 * count);
        });
      }
    }
    const data = words(4096 * 17, 9);
    same('many leaves', (k) => {
      const src = put(k, data);
      const dst = k.alloc(32 * 4095);
      k.hashLeaves(dst, src, 4095, 68, 68);
      return k.u8(dst, 32 * 4095);
    });
  });

  it('merkle', () => {
    for (const count of [1, 2, 4, 8, 16, 128, 8192]) {
      same(`${count} leaves`, (k) => {
        const tree = k.alloc(64 * count);
        k.u32(tree, 8).fill(7);
        k.u32(tree + 32 * count, 8 * count).set(words(8 * count, count));
        k.merkle(tree, count);
        return k.u8(tree, 64 * count);
      });
    }
  });

  it('grind', () => {
    for (let bits = 0; bits <= 14; bits++) {
      const seed = new Uint8Array(words(8, 100 + bits).buffer);
      same(`${bits} bits`, (k) => [...k.grind(seed, bits)]);
    }
  });
});
