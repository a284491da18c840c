import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boxesOf, paddedSize, sizeOf } from './dims.js';

describe('boxes of a tensor', () => {
  it('take each of its cells once, and save as much padding as was asked for', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 14 }), { maxLength: 4 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 100 }), (dims, least) => {
        const boxes = boxesOf(dims, least);
        const seen = new Set<string>();
        for (const { starts, dims: sizes } of boxes) {
          for (let i = 0; i < sizeOf(sizes); i++) {
            let rest = i;
            const cell = sizes.map((d, axis) => {
              const own = rest % d;
              rest = Math.floor(rest / d);
              return starts[axis] + own;
            });
            expect(cell.every((x, axis) => x >= 0 && x < dims[axis])).toBe(true);
            seen.add(cell.join());
          }
        }
        expect(seen.size).toBe(sizeOf(dims));
        const padded = boxes.reduce((n, b) => n + paddedSize(b.dims), 0);
        if (boxes.length > 1) expect(paddedSize(dims) - padded).toBeGreaterThanOrEqual(least);
      }),
    );
  });

  it('are few: a transformer’s weights in thirds, a kernel in its columns', () => {
    expect(boxesOf([768, 3072], 1).map((b) => b.dims)).toEqual(Array.from({ length: 3 }, () => [768, 1024]));
    expect(boxesOf([512, 512, 3, 3], 1).map((b) => b.starts)).toEqual([0, 1, 2].map((k) => [0, 0, 0, k]));
    expect(boxesOf([64, 64], 1)).toEqual([{ starts: [0, 0], dims: [64, 64] }]);
    expect(boxesOf([4096, 4096, 11, 13], 1)).toHaveLength(1);
  });
});
