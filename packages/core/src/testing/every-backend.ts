/** What tests of kernels share: numbers to compute with, and all backends beside each other. */
import { afterAll, beforeAll, expect } from 'vitest';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';
import { createKernels, type Kernels, type Ptr } from '../kernels/index.js';

/** The mulberry32 generator: the same numbers for the same seed. */
export function random(seed: number): () => number {
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
export function words(n: number, seed: number): Uint32Array {
  const next = random(seed);
  return Uint32Array.from({ length: n }, () => (next() % 3 === 0 ? borders[next() % borders.length] : next() % P));
}

export function element(seed: number): Ext {
  const [a, b, c, d] = words(4, seed);
  return [a, b, c, d];
}

export const largest: Ext = [P - 1, P - 1, P - 1, P - 1];

/** Puts words in memory, `shift` words beyond an aligned place. */
export function put(k: Kernels, data: ArrayLike<number>, shift = 0): Ptr {
  const ptr = k.alloc(4 * (data.length + shift)) + 4 * shift;
  k.u32(ptr, data.length).set(data);
  return ptr;
}

export const lengths = [0, 1, 2, 3, 4, 5, 7, 64, 127, 1030];
/** Long enough to be shared by threads. */
export const long = 20_003;

export interface Backends {
  readonly reference: Kernels;
  readonly others: readonly { readonly label: string; readonly kernels: Kernels }[];
  /** Runs `body` on every backend and compares what it returns: numbers, bytes or words. */
  same(what: string, body: (k: Kernels) => unknown): void;
}

/** The reference and WebAssembly on one to three threads, while the tests of the file run. */
export function everyBackend(): Backends {
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

  return {
    get reference() {
      return reference;
    },
    get others() {
      return others;
    },
    same(what, body) {
      const run = (k: Kernels): unknown => {
        const mark = k.mark();
        try {
          const out = body(k);
          // Outputs are copied to memory of their own before the arena is reused.
          return ArrayBuffer.isView(out)
            ? Buffer.from(out.buffer, out.byteOffset, out.byteLength).toString('hex')
            : out;
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
    },
  };
}
