import { describe, expect, it } from 'vitest';
import type { Ext } from '../field/qm31.js';
import { everyBackend, largest, long, put, words } from '../testing/every-backend.js';
import { createKernels, type Kernels } from './index.js';

describe('kernels on every backend', () => {
  const backends = everyBackend();

  it('are the backends asked for', () => {
    expect(backends.reference.name).toBe('reference');
    expect(backends.others.map(({ kernels }) => [kernels.name, kernels.threads])).toEqual([
      ['wasm', 1],
      ['wasm', 2],
      ['wasm', 3],
    ]);
  });

  it('allocate zeroed, aligned memory in stack order', () => {
    for (const k of [backends.reference, ...backends.others.map((o) => o.kernels)]) {
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

  it('take memory that may hold what was there', () => {
    for (const k of [backends.reference, ...backends.others.map((o) => o.kernels)]) {
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
    expect(sum(k)).toEqual(sum(backends.reference));
  });
});
