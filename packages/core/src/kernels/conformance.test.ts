import { blake3 } from '@noble/hashes/blake3.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeColumns } from '../field/domain.js';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';
import { createKernels, type Kernels, type Ptr } from './index.js';

/** The mulberry32 generator: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const borders = [0, 1, 2, P - 1, P - 2, 2 ** 30, 0xffff, 0x10000];

/** Random canonical words; a third of them border cases. */
function words(n: number, seed: number): Uint32Array {
  const next = random(seed);
  return Uint32Array.from({ length: n }, () => (next() % 3 === 0 ? borders[next() % borders.length] : next() % P));
}

function element(seed: number): Ext {
  const [a, b, c, d] = words(4, seed);
  return [a, b, c, d];
}

const largest: Ext = [P - 1, P - 1, P - 1, P - 1];

/** Puts words in memory, `shift` words beyond an aligned place. */
function put(k: Kernels, data: ArrayLike<number>, shift = 0): Ptr {
  const ptr = k.alloc(4 * (data.length + shift)) + 4 * shift;
  k.u32(ptr, data.length).set(data);
  return ptr;
}

const lengths = [0, 1, 2, 3, 4, 5, 7, 64, 127, 1030];
/** Long enough to be shared by threads. */
const long = 20_003;

describe('kernels on every backend', () => {
  let reference: Kernels;
  let others: { label: string; kernels: Kernels }[];

  beforeAll(async () => {
    reference = await createKernels({ backend: 'reference' });
    others = [
      { label: 'wasm × 1', kernels: await createKernels({ threads: 1 }) },
      { label: 'wasm × 2', kernels: await createKernels({ threads: 2 }) },
      { label: 'wasm × 3', kernels: await createKernels({ threads: 3 }) },
    ];
  });

  afterAll(async () => {
    for (const { kernels } of others) await kernels.close();
  });

  /** Runs `body` on every backend and compares what it returns: numbers, bytes or words. */
  function same(what: string, body: (k: Kernels) => unknown): void {
    const run = (k: Kernels): unknown => {
      const mark = k.mark();
      try {
        const out = body(k);
        // Outputs are copied to memory of their own before the arena is reused.
        return ArrayBuffer.isView(out) ? Buffer.from(out.buffer, out.byteOffset, out.byteLength).toString('hex') : out;
      } finally {
        k.release(mark);
      }
    };
    const expected = run(reference);
    for (const { label, kernels } of others) {
      const got = run(kernels);
      if (typeof expected === 'string') expect(got === expected, `${what}, ${label}`).toBe(true);
      else expect(got, `${what}, ${label}`).toEqual(expected);
    }
  }

  it('are the backends asked for', () => {
    expect(reference.name).toBe('reference');
    expect(others.map(({ kernels }) => [kernels.name, kernels.threads])).toEqual([
      ['wasm', 1],
      ['wasm', 2],
      ['wasm', 3],
    ]);
  });

  it('allocate zeroed, aligned memory in stack order', () => {
    for (const k of [reference, ...others.map((o) => o.kernels)]) {
      const mark = k.mark();
      const a = k.alloc(40);
      expect(a % 16).toBe(0);
      expect(a).toBeGreaterThan(0);
      k.u8(a, 40).fill(255);
      k.release(mark);
      expect(k.alloc(100)).toBe(a);
      expect([...k.u8(a, 100)]).toEqual(new Array(100).fill(0));
      k.writeExt(a, largest);
      expect(k.readExt(a)).toEqual(largest);
      expect(k.peakBytes).toBeGreaterThanOrEqual(112);
      const big = k.alloc(80_000_000);
      k.u8(big, 80_000_000)[79_999_999] = 1;
      expect(k.readExt(a)).toEqual(largest);
      k.release(mark);
    }
  });

  it('say when the memory does not suffice', async () => {
    for (const backend of ['reference', 'wasm'] as const) {
      const k = await createKernels({ backend, threads: 1, maxMemoryBytes: 1_000_000 });
      k.alloc(900_000);
      expect(() => k.alloc(200_000)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
      k.alloc(100_000);
    }
  });

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

  it('gatherGroups', () => {
    for (const [groups, arity] of [
      [0, 8],
      [1, 1],
      [5, 8],
      [64, 8],
      [3, 2],
      [9001, 8],
    ]) {
      same(`${groups} × ${arity}`, (k) => {
        const src = put(k, words(4 * groups * arity, 3));
        const dst = k.alloc(16 * groups * arity);
        k.gatherGroups(dst, src, groups, arity);
        return k.u32(dst, 4 * groups * arity);
      });
    }
  });

  it('eqTable', () => {
    for (const log of [0, 1, 2, 3, 7, 15]) {
      const point = Array.from({ length: log }, (_, i) => (i === 1 ? largest : element(i + log)));
      same(`2^${log}`, (k) => {
        const dst = k.alloc(16 * 2 ** log);
        k.eqTable(dst, point, element(50));
        return k.u32(dst, 4 * 2 ** log);
      });
    }
  });

  it('eqRuns', () => {
    for (const [logLow, runs] of [
      [0, [0, 1, 3, 2]],
      [2, [1, 10, 12, 0, 13, 1]],
      [5, [0, 1024]],
      [3, Array.from({ length: 1200 }, (_, i) => (i % 2 === 0 ? 5 * i : 7))],
    ] as const) {
      const cells = Math.max(...runs.map((x, i) => (i % 2 === 0 ? x + runs[i + 1] : 0)));
      same(`${runs.length / 2} runs, 2^${logLow}`, (k) => {
        const dst = k.alloc(16 * cells);
        const low = put(k, words(4 * 2 ** logLow, 1));
        const high = put(k, words(4 * Math.ceil(cells / 2 ** logLow), 2));
        k.eqRuns(dst, put(k, Uint32Array.from(runs)), runs.length / 2, low, logLow, high);
        return k.u32(dst, 4 * cells);
      });
    }
  });

  it('fold and foldBase, with null pointers and in place', () => {
    for (const n of [...lengths, long, 70_001]) {
      for (const rho of [element(n), largest]) {
        for (const [lo, hi] of [
          [1, 1],
          [0, 1],
          [1, 0],
        ]) {
          if (n > long && lo + hi < 2) continue;
          same(`fold ${n} ${lo} ${hi}`, (k) => {
            const a = put(k, words(4 * n, 1));
            const b = put(k, words(4 * n, 2), n % 4);
            const dst = k.alloc(16 * n);
            k.fold(dst, lo && a, hi && b, n, rho);
            return k.u32(dst, 4 * n);
          });
          same(`foldBase ${n} ${lo} ${hi}`, (k) => {
            const a = put(k, words(n, 3));
            const b = put(k, words(n, 4), n % 4);
            const dst = k.alloc(16 * n);
            k.foldBase(dst, lo && a, hi && b, n, rho);
            return k.u32(dst, 4 * n);
          });
        }
      }
      same(`fold from base ${n}`, (k) => {
        const src = put(k, words(4 * n, 1));
        const dst = k.alloc(32 * n);
        k.fractionFoldBase(dst, src, n, element(2));
        return k.u32(dst, 8 * n);
      });
      same(`fold in place ${n}`, (k) => {
        const a = put(k, words(8 * n, 5));
        k.fold(a, a, a + 16 * n, n, element(6));
        return k.u32(a, 4 * n);
      });
    }
  });

  it('productRound, with null pointers', () => {
    for (const n of [...lengths, 513, long]) {
      for (const mask of n === long ? [15] : [15, 14, 13, 11, 7, 10, 5, 12, 3]) {
        const on = (bit: number, ptr: Ptr): Ptr => (mask & bit ? ptr : 0);
        same(`${n}, mask ${mask}`, (k) => {
          const [f, g, w, v] = [1, 2, 3, 4].map((seed) => put(k, words(4 * n, seed), seed % 2));
          return k.productRound(on(1, f), on(2, g), on(4, w), on(8, v), n);
        });
      }
    }
  });

  it('productCube, with null pointers', () => {
    for (const n of [...lengths, 1025, 4099]) {
      for (const mask of n > 127 ? [0xffff] : [0xffff, 0xff01, 0x01ff, 0x0303, 0xfffe, 0x7f80]) {
        same(`${n}, mask ${mask}`, (k) => {
          const rows = Array.from({ length: 16 }, (_, i) => {
            const ptr = put(k, words(i < 8 ? n : 4 * n, i + 1), i < 8 ? i % 3 : 0);
            return mask & (1 << i) ? ptr : 0;
          });
          return k.productCube(rows.slice(0, 8), rows.slice(8), n);
        });
      }
    }
  });

  it('dotRows and combineRows, with null pointers', () => {
    for (const n of [...lengths, 1025, 5003]) {
      for (const mask of n > 127 ? [0xff] : [0xff, 0xfe, 0x0f, 0x55, 0x80, 0]) {
        const rowsOf = (k: Kernels): Ptr[] =>
          Array.from({ length: 8 }, (_, i) => {
            const ptr = put(k, words(n, i + 1), i % 3);
            return mask & (1 << i) ? ptr : 0;
          });
        same(`dotRows ${n}, mask ${mask}`, (k) => k.dotRows(rowsOf(k), put(k, words(4 * n, 9)), n));
        same(`combineRows ${n}, mask ${mask}`, (k) => {
          const dst = k.alloc(16 * n);
          const coefs = Array.from({ length: 8 }, (_, i) => element(i + 20));
          k.combineRows(dst, rowsOf(k), coefs, n);
          return k.u32(dst, 4 * n);
        });
      }
      same(`largest ${n}`, (k) => {
        const row = put(k, new Uint32Array(n).fill(P - 1));
        const rows = new Array<Ptr>(8).fill(row);
        const dst = k.alloc(16 * n);
        k.combineRows(dst, rows, new Array<Ext>(8).fill([P - 1, P - 1, P - 1, P - 1]), n);
        return [k.dotRows(rows, put(k, new Uint32Array(4 * n).fill(P - 1)), n), ...k.u32(dst, 4 * n)];
      });
    }
  });

  it('dot and dotBase, up to the largest sums', () => {
    for (const n of [...lengths, long, 70_001]) {
      same(`dot ${n}`, (k) => k.dot(put(k, words(4 * n, 1)), put(k, words(4 * n, 2), 3), n));
      same(`dotBase ${n}`, (k) => k.dotBase(put(k, words(n, 3), 1), put(k, words(4 * n, 4)), n));
      const top = new Uint32Array(4 * n).fill(P - 1);
      same(`largest ${n}`, (k) => {
        const a = put(k, top);
        return [k.dot(a, a, n), k.dotBase(a, a, n), k.productRound(a, a, a, a, n)];
      });
    }
  });

  it('outerAdd', () => {
    for (const [m, n, stride] of [
      [0, 5, 5],
      [5, 0, 4],
      [1, 1, 1],
      [3, 4, 4],
      [2, 5, 9],
      [17, 3, 3],
      [1, 9001, 9001],
      [3, 9001, 9003],
      [300, 64, 70],
    ]) {
      same(`${m} × ${n} of ${stride}`, (k) => {
        const dst = put(k, words(4 * (m * stride + n), 1));
        const lead = put(k, words(4 * m, 2));
        const inner = put(k, words(4 * n, 3));
        k.outerAdd(dst, stride, lead, m, inner, n, element(4));
        return k.u32(dst, 4 * (m * stride + n));
      });
    }
  });

  it('contractAxis and contractAxisBase', () => {
    const shape = (outer: number, axis: number, outAxis: number, inner: number, sums: number, at: number[]) => {
      return { outer, axis, outAxis, inner, sums, start: at[0], stepSum: at[1], stepOut: at[2] };
    };
    for (const s of [
      shape(1, 1, 1, 1, 1, [0, 0, 0]),
      shape(2, 5, 3, 4, 2, [0, 1, 2]),
      shape(3, 7, 7, 5, 3, [-1, 1, 1]),
      shape(1, 7, 9, 1, 3, [-2, 2, 1]),
      shape(2, 6, 5, 3, 4, [9, -2, -1]),
      shape(1, 8, 4, 9, 5, [-3, 3, -1]),
      shape(1, 4, 4, 6, 9, [2, 0, 1]),
      shape(1, 10, 1, 7, 10, [0, 1, 0]),
      shape(2, 3, 4, 2, 3, [20, 1, 1]),
      shape(2, 3, 0, 2, 3, [0, 1, 1]),
      shape(2, 3, 2, 0, 3, [0, 1, 1]),
      shape(2, 3, 2, 2, 0, [0, 1, 1]),
      shape(5, 30, 30, 33, 7, [-3, 1, 1]),
      shape(1, 40, 1, 3001, 40, [0, 1, 0]),
      shape(400, 9, 9, 7, 3, [-1, 1, 1]),
    ]) {
      const size = s.outer * s.axis * s.inner;
      const out = s.outer * s.outAxis * s.inner;
      same(JSON.stringify(s), (k) => {
        const src = put(k, words(4 * size, 1));
        const f = put(k, words(4 * s.sums, 2));
        const dst = k.alloc(16 * out);
        k.contractAxis(dst, src, f, s);
        return k.u32(dst, 4 * out);
      });
      same(`base ${JSON.stringify(s)}`, (k) => {
        const src = put(k, words(size, 3), 1);
        const f = put(k, words(4 * s.sums, 4));
        const dst = k.alloc(16 * out);
        k.contractAxisBase(dst, src, f, s);
        return k.u32(dst, 4 * out);
      });
    }
  });

  it('lookupDenominators', () => {
    for (const n of [...lengths, long]) {
      for (const pair of [0, 1]) {
        same(`${n}, ${pair}`, (k) => {
          const a = put(k, words(n, 1), 1);
          const b = put(k, words(n, 2), 2);
          const dst = k.alloc(16 * n);
          k.lookupDenominators(dst, a, pair && b, n, element(3), element(4), largest);
          return k.u32(dst, 4 * n);
        });
      }
    }
  });

  it('fractionUp, fractionRound and fractionFold', () => {
    for (const n of [...lengths, 6001]) {
      same(`up ${n}`, (k) => {
        const p = put(k, words(8 * n, 1));
        const q = put(k, words(8 * n, 2));
        const dst = k.alloc(32 * n);
        k.fractionUp(dst, dst + 16 * n, p, q, n);
        return k.u32(dst, 8 * n);
      });
      same(`up from base ${n}`, (k) => {
        const p = put(k, words(2 * n, 1));
        const q = put(k, words(8 * n, 2));
        const dst = k.alloc(32 * n);
        k.fractionUpBase(dst, dst + 16 * n, p, q, n);
        return k.u32(dst, 8 * n);
      });
      same(`round ${n}`, (k) => {
        const p = put(k, words(16 * n, 1));
        const q = put(k, words(16 * n, 2));
        const logLow = n % 7;
        const low = put(k, words(4 * 2 ** logLow, 3));
        const high = put(k, words(4 * Math.max(1, Math.ceil(n / 2 ** logLow)), 4));
        return k.fractionRound(p, q, low, logLow, high, n, element(n));
      });
      same(`round from base ${n}`, (k) => {
        const p = put(k, words(4 * n, 1));
        const q = put(k, words(16 * n, 2));
        const logLow = n % 7;
        const low = put(k, words(4 * 2 ** logLow, 3));
        const high = put(k, words(4 * Math.max(1, Math.ceil(n / 2 ** logLow)), 4));
        return k.fractionRoundBase(p, q, low, logLow, high, n, element(n));
      });
    }
    for (const n of [...lengths, 4096, 9000, 40_001]) {
      same(`fold ${n}`, (k) => {
        const src = put(k, words(16 * n, 1));
        const dst = k.alloc(32 * n);
        k.fractionFold(dst, src, n, element(2));
        return k.u32(dst, 8 * n);
      });
      same(`fold in place ${n}`, (k) => {
        const src = put(k, words(16 * n, 3));
        k.fractionFold(src, src, n, largest);
        return k.u32(src, 8 * n);
      });
    }
    const top = new Uint32Array(16 * 3000).fill(P - 1);
    same('largest', (k) => {
      const p = put(k, top);
      return k.fractionRound(p, p, p, 12, p, 3000, largest);
    });
    same('largest from base', (k) => {
      const p = put(k, top);
      const dst = k.alloc(16 * 3000);
      k.fractionUpBase(dst, dst + 16 * 1500, p, p, 1500);
      return [k.fractionRoundBase(p, p, p, 12, p, 3000, largest), [...k.u32(dst, 12000)]];
    });
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

  it('take memory that may hold what was there', () => {
    for (const k of [reference, ...others.map((o) => o.kernels)]) {
      const mark = k.mark();
      const a = k.take(40);
      k.u8(a, 40).fill(255);
      k.release(mark);
      expect(k.take(40)).toBe(a);
      k.release(mark);
      expect([...k.u8(k.alloc(40), 40)]).toEqual(new Array(40).fill(0));
      k.release(mark);
    }
  });

  it('work on after close, on one thread', async () => {
    const k = await createKernels({ threads: 2 });
    await k.close();
    expect(k.threads).toBe(1);
    const sum = (kernels: Kernels): Ext => {
      const a = put(kernels, words(4 * long, 1));
      return kernels.dot(a, a, long);
    };
    expect(sum(k)).toEqual(sum(reference));
  });
});
