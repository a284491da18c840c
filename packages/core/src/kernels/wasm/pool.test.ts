import { describe, expect, it } from 'vitest';
import { createKernels } from '../index.js';
import { MAX_THREADS, PARTIAL_BYTES, PARTIALS } from './layout.js';

describe('the pool', () => {
  it('has its workers take part', async () => {
    const k = await createKernels({ threads: 2 });
    const n = 2 ** 18;
    const a = k.alloc(16 * n);
    k.u32(a, 4 * n).fill(1);
    const expected = k.dot(a, a, n);
    let helped = false;
    for (let attempt = 0; attempt < 2000 && !helped; attempt++) {
      expect(k.dot(a, a, n)).toEqual(expected);
      helped = k.u32(PARTIALS + PARTIAL_BYTES, 1)[0] !== 0;
      if (!helped) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await k.close();
    expect(helped).toBe(true);
  });

  it('sees memory that grew after the workers started', async () => {
    const k = await createKernels({ threads: 3 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (let i = 0; i < 20; i++) {
      const n = 40_000;
      const src = k.alloc(64 * n * (i + 1));
      const from = src + 64 * n * i;
      k.u8(from, 64 * n).fill(i);
      const dst = k.alloc(32 * n);
      k.hashLeaves(dst, from, n, 60, 64);
      const first = k.u8(dst, 32).slice();
      for (const j of [1, n >> 1, n - 1]) expect(k.u8(dst + 32 * j, 32).slice()).toEqual(first);
    }
    await k.close();
  });

  it('takes no more threads than there is room for', async () => {
    const k = await createKernels({ threads: 100 });
    expect(k.threads).toBe(MAX_THREADS);
    await k.close();
    expect(k.threads).toBe(1);
    await k.close();
  });
});
