/** Parts of transformers as they are exported: masked attention, and its precision. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { checkOperator } from '../operators/check-operator.js';
import { floats, ints, type ModelSpec, node, wave } from './build-model.js';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

const n = 4;
const causal = Array.from({ length: n * n }, (_, i) => Number(i % n > Math.floor(i / n)));
const attention = (mask: ModelSpec['nodes'], initializers: ModelSpec['initializers']): ModelSpec => ({
  opset: 16,
  nodes: [
    node('Transpose', ['k'], ['kt'], { perm: [0, 2, 1] }),
    node('MatMul', ['q', 'kt'], ['scores']),
    ...mask,
    node('Softmax', ['masked'], ['p'], { axis: -1 }),
    node('MatMul', ['p', 'v'], ['y']),
  ],
  inputs: { q: [2, n, 8], k: [2, n, 8], v: [2, n, 8] },
  outputs: ['y'],
  initializers,
});
const inputs = { q: wave([2, n, 8], 1), k: wave([2, n, 8], 2), v: wave([2, n, 8], 3) };
const tolerance = { tolerance: { fast: 0.1, standard: 0.01, high: 0.003 } };

describe('masked attention', () => {
  for (const low of [-1e4, -1e9, -3.4e38, Number.NEGATIVE_INFINITY]) {
    it(`chooses ${low}`, () => {
      const mask = floats([n, n], causal);
      const spec = attention(
        [node('Cast', ['mask'], ['truth'], { to: 9 }), node('Where', ['truth', 'low', 'scores'], ['masked'])],
        { mask, low: floats([], [low]) },
      );
      checkOperator(kernels, spec, inputs, tolerance);
    });
    it(`adds ${low}`, () => {
      const bias = floats(
        [n, n],
        causal.map((m) => (m ? low : 0)),
      );
      checkOperator(kernels, attention([node('Add', ['scores', 'bias'], ['masked'])], { bias }), inputs, tolerance);
    });
  }

  it('takes the mask as an input', () => {
    const spec = attention(
      [
        node('Sub', ['one', 'mask'], ['off']),
        node('Mul', ['off', 'low'], ['bias']),
        node('Add', ['scores', 'bias'], ['masked']),
      ],
      { one: floats([], [1]), low: floats([], [-3.4028234663852886e38]) },
    );
    const mask = floats([1, 1, n], [1, 1, 1, 0]);
    checkOperator(kernels, { ...spec, inputs: { ...spec.inputs, mask: [1, 1, n] } }, { ...inputs, mask }, tolerance);
  });

  it('makes the mask from positions', () => {
    const spec = attention(
      [node('Greater', ['column', 'row'], ['truth']), node('Where', ['truth', 'low', 'scores'], ['masked'])],
      { column: ints([0, 1, 2, 3], [1, n]), row: ints([0, 1, 2, 3], [n, 1]), low: floats([], [-1e9]) },
    );
    checkOperator(kernels, spec, inputs, tolerance);
  });
});
