import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runNode, wave } from '../../../../tests/models/build-model.js';
import { broadcastCell, cell, expectCells } from '../../../../tests/models/cells.js';
import type { Tensor } from '../graph/graph.js';

const size = fc.integer({ min: 1, max: 6 });

const sum = (n: number, f: (l: number) => number): number =>
  Array.from({ length: n }, (_, l) => f(l)).reduce((a, b) => a + b, 0);

describe('Gemm on floats', () => {
  it('agrees with its definition for either orientation, any factors and any addend', () => {
    const shape = fc.record({
      m: size,
      k: size,
      n: size,
      transA: fc.boolean(),
      transB: fc.boolean(),
      alpha: fc.constantFrom(1, 0.5, -2, 0),
      beta: fc.constantFrom(1, 0.25, 0),
      constant: fc.boolean(),
      addend: fc.constantFrom('none', 'scalar', 'row', 'column', 'whole'),
    });
    fc.assert(
      fc.property(shape, ({ m, k, n, transA, transB, alpha, beta, constant, addend }) => {
        const a = wave(transA ? [k, m] : [m, k]);
        const b = wave(transB ? [n, k] : [k, n], 2);
        const dims = { none: [], scalar: [], row: [n], column: [m, 1], whole: [m, n] }[addend];
        const c = wave(dims, 3);
        const attributes = {
          transA: Number(transA),
          transB: Number(transB),
          alpha: { float: alpha },
          beta: { float: beta },
        };
        const [first, ...others] = addend === 'none' ? [a, b] : [a, b, c];
        // Products of two computed matrices with an addend go another way.
        const [y] = constant
          ? runNode('Gemm', [first], attributes, { constants: others })
          : runNode('Gemm', [first, ...others], attributes);
        expectCells(y, [m, n], ([i, j]) => {
          const product = sum(
            k,
            (l) => (cell(a, transA ? [l, i] : [i, l]) as number) * (cell(b, transB ? [j, l] : [l, j]) as number),
          );
          return alpha * product + (addend === 'none' ? 0 : beta * broadcastCell(c, [i, j]));
        });
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with its definition beyond the sizes of its blocks', () => {
    const [a, b] = [wave([3, 300]), wave([270, 300], 2)];
    const [y] = runNode('Gemm', [a, b], { transB: 1 });
    expectCells(y, [3, 270], ([i, j]) => sum(300, (l) => (cell(a, [i, l]) as number) * (cell(b, [j, l]) as number)));
  });
});

describe('MatMul on floats', () => {
  /** A tensor's cell with its leading indices broadcast. */
  const batched = (t: Tensor, batch: readonly number[], row: number, column: number): number => {
    const lead = t.dims.length - 2;
    const own = batch.slice(batch.length - lead).map((i, d) => (t.dims[d] === 1 ? 0 : i));
    return cell(t, [...own, row, column]) as number;
  };

  it('agrees with its definition for every rank and broadcast batch', () => {
    const shape = fc.record({
      batch: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
      rankA: fc.integer({ min: 1, max: 4 }),
      rankB: fc.integer({ min: 1, max: 4 }),
      ones: fc.tuple(fc.boolean(), fc.boolean()),
      m: size,
      k: size,
      n: size,
    });
    fc.assert(
      fc.property(shape, ({ batch, rankA, rankB, ones, m, k, n }) => {
        const lead = (rank: number, one: boolean) => {
          const own = batch.slice(Math.max(0, batch.length - (rank - 2)));
          return own.map((d, i) => (one && i === 0 ? 1 : d));
        };
        const a = wave(rankA === 1 ? [k] : [...lead(rankA, ones[0]), m, k]);
        const b = wave(rankB === 1 ? [k] : [...lead(rankB, ones[1]), k, n], 2);
        const [y] = runNode('MatMul', [a, b]);
        const a2: Tensor = rankA === 1 ? { ...a, dims: [1, k] } : a;
        const b2: Tensor = rankB === 1 ? { ...b, dims: [k, 1] } : b;
        const [la, lb] = [a2.dims.slice(0, -2), b2.dims.slice(0, -2)];
        const rank = Math.max(la.length, lb.length);
        const whole = Array.from({ length: rank }, (_, i) =>
          Math.max(la[i - rank + la.length] ?? 1, lb[i - rank + lb.length] ?? 1),
        );
        const rows = rankA === 1 ? 1 : m;
        const columns = rankB === 1 ? 1 : n;
        const full: Tensor = { ...y, dims: [...whole, rows, columns] };
        expectCells(full, full.dims, (index) => {
          const [i, j] = index.slice(-2);
          return sum(k, (l) => batched(a2, index.slice(0, -2), i, l) * batched(b2, index.slice(0, -2), l, j));
        });
        expect(y.dims).toEqual([...whole, ...(rankA === 1 ? [] : [m]), ...(rankB === 1 ? [] : [n])]);
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with its definition beyond the sizes of its blocks', () => {
    const [a, b] = [wave([9, 300]), wave([300, 270], 2)];
    const [y] = runNode('MatMul', [a, b]);
    expectCells(y, [9, 270], ([i, j]) => sum(300, (l) => (cell(a, [i, l]) as number) * (cell(b, [l, j]) as number)));
  });
});
