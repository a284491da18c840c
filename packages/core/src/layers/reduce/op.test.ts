import fc from 'fast-check';
import { describe, it } from 'vitest';
import { ints, runNode, wave } from '../../../../../tests/models/build-model.js';
import { cell, expectCells, indices } from '../../../../../tests/models/cells.js';

const REDUCERS: Record<string, (v: number[]) => number> = {
  ReduceSum: (v) => v.reduce((a, b) => a + b, 0),
  ReduceMean: (v) => v.reduce((a, b) => a + b, 0) / v.length,
  ReduceMax: (v) => Math.max(...v),
  ReduceMin: (v) => Math.min(...v),
  ReduceProd: (v) => v.reduce((a, b) => a * b, 1),
  ReduceL1: (v) => v.reduce((a, b) => a + Math.abs(b), 0),
  ReduceL2: (v) => Math.hypot(...v),
  ReduceSumSquare: (v) => v.reduce((a, b) => a + b * b, 0),
};

const shaped = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }).chain((dims) =>
  fc.tuple(
    fc.constant(dims),
    fc.subarray(
      dims.map((_, i) => i),
      { minLength: 1 },
    ),
  ),
);

describe('reductions on floats', () => {
  it('agree with their definition over any axes', () => {
    const op = fc.constantFrom(...Object.keys(REDUCERS));
    fc.assert(
      fc.property(shaped, op, fc.boolean(), fc.boolean(), ([dims, axes], name, keep, negative) => {
        const x = wave(dims);
        const given = axes.map((a) => (negative ? a - dims.length : a));
        const [y] = runNode(name, [x], { keepdims: Number(keep) }, { opset: 18, constants: [ints(given)] });
        const out = dims.flatMap((d, i) => (axes.includes(i) ? (keep ? [1] : []) : [d]));
        const kept = dims.map((_, i) => i).filter((i) => !axes.includes(i));
        expectCells(y, out, (index) => {
          const at = keep ? kept.map((i) => index[i]) : index;
          const cells = indices(dims).filter((j) => kept.every((i, k) => j[i] === at[k]));
          return REDUCERS[name](cells.map((j) => cell(x, j) as number));
        });
      }),
      { numRuns: 300 },
    );
  });
});
