import fc from 'fast-check';
import { describe, it } from 'vitest';
import { runNode, wave } from '../../../../../tests/models/build-model.js';
import { cell, expectCells, indices } from '../../../../../tests/models/cells.js';

const shaped = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  .chain((dims) => fc.tuple(fc.constant(dims), fc.integer({ min: -dims.length, max: dims.length - 1 })));

describe('Softmax on floats', () => {
  it('agrees with its definition along every axis, before opset 13 and since', () => {
    fc.assert(
      fc.property(shaped, fc.constantFrom(7, 11, 13, 21), fc.boolean(), ([dims, axis], opset, log) => {
        const x = wave(dims);
        const a = axis < 0 ? axis + dims.length : axis;
        // The cells that share a sum: those that agree in every other index, or in the indices before the axis.
        const shared = (i: number[], j: number[]) => i.every((p, k) => (opset < 13 ? k >= a : k === a) || p === j[k]);
        const [y] = runNode(log ? 'LogSoftmax' : 'Softmax', [x], { axis }, { opset });
        expectCells(y, dims, (i) => {
          const row = indices(dims).filter((j) => shared(i, j));
          const sum = row.reduce((s, j) => s + Math.exp(cell(x, j) as number), 0);
          const p = Math.exp(cell(x, i) as number) / sum;
          return log ? Math.log(p) : p;
        });
      }),
      { numRuns: 200 },
    );
  });

  it('stays finite for large numbers', () => {
    const x = { ...wave([1, 5]), data: Float64Array.of(1000, 999, -1000, 0, 1000) };
    const rest = 2 + Math.exp(-1);
    expectCells(runNode('Softmax', [x])[0], [1, 5], ([, j]) => [1, Math.exp(-1), 0, 0, 1][j] / rest);
  });
});
