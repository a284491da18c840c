/** Parts of transformers as they are exported: masked attention, and its precision. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { compileModel, quantizeInputs } from '../../packages/core/src/program/index.js';
import { checkOperator } from '../operators/check-operator.js';
import { buildModel, floats, ints, type ModelSpec, node, wave } from './build-model.js';

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

  for (const low of [-1e4, -1e9, -3.4028234663852886e38, Number.NEGATIVE_INFINITY]) {
    it(`adds an input that holds ${low}`, () => {
      const spec = attention(
        [node('Unsqueeze', ['bias', 'axis'], ['wide']), node('Add', ['scores', 'wide'], ['masked'])],
        { axis: ints([0]) },
      );
      const bias = floats(
        [n, n],
        causal.map((m, i) => (m ? low : i % 3 === 0 ? -0.5 : 0)),
      );
      checkOperator(kernels, { ...spec, inputs: { ...spec.inputs, bias: [n, n] } }, { ...inputs, bias }, tolerance);
    });
    it(`chooses ${low} by an input`, () => {
      const spec = attention([node('Where', ['truth', 'scores', 'low'], ['masked'])], { low: floats([], [low]) });
      const truth: Tensor = {
        ...ints(
          causal.map((m) => 1 - m),
          [n, n],
        ),
        dtype: 'bool',
      };
      checkOperator(
        kernels,
        { ...spec, inputs: { ...spec.inputs, truth: [n, n] }, types: { truth: 'bool' } },
        { ...inputs, truth },
        tolerance,
      );
    });
  }

  it('gives zeros where it is asked whether a mask hides every key', () => {
    const spec = attention(
      [
        node('Where', ['truth', 'zero', 'low'], ['bias']),
        node('ReduceMax', ['bias', 'last'], ['highest'], { keepdims: 1 }),
        node('Equal', ['highest', 'low'], ['empty']),
        node('Add', ['scores', 'bias'], ['masked']),
      ],
      { zero: floats([], [0]), low: floats([], [Number.NEGATIVE_INFINITY]), last: ints([-1]) },
    );
    const nodes = spec.nodes.flatMap((x) =>
      x.op === 'Softmax' ? [{ ...x, outputs: ['q·'] }, node('Where', ['empty', 'zero', 'q·'], ['p'])] : [x],
    );
    const truth: Tensor = {
      ...ints(
        causal.map((m, i) => (i < n ? 0 : 1 - m)),
        [n, n],
      ),
      dtype: 'bool',
    };
    checkOperator(
      kernels,
      { ...spec, opset: 18, nodes, inputs: { ...spec.inputs, truth: [n, n] }, types: { truth: 'bool' } },
      { ...inputs, truth },
      tolerance,
    );
  });

  it('takes a mask that is added without samples, and any number that hides', () => {
    const spec = attention([node('Add', ['scores', 'bias'], ['masked'])], {});
    const program = compileModel(buildModel({ ...spec, inputs: { ...spec.inputs, bias: [n, n] } }));
    const of = (low: number) =>
      quantizeInputs(
        program,
        new Map(
          Object.entries({
            ...inputs,
            bias: floats(
              [n, n],
              causal.map((m) => m && low),
            ),
          }),
        ),
      );
    const some = of(-1e9);
    expect(some.clamped).toEqual([]);
    expect(of(Number.NEGATIVE_INFINITY).integers.get('bias')).toEqual(some.integers.get('bias'));
    expect(() => of(Number.POSITIVE_INFINITY)).toThrow(expect.objectContaining({ code: 'bad-input' }));
    expect(() => of(Number.NaN)).toThrow(expect.objectContaining({ code: 'bad-input' }));
  });

  it('saturates no input that is more than a mask', () => {
    const spec = attention([node('Add', ['scores', 'bias'], ['masked']), node('Neg', ['bias'], ['z'])], {});
    const model = buildModel({ ...spec, inputs: { ...spec.inputs, bias: [n, n] }, outputs: ['y', 'z'] });
    const bias = floats(
      [n, n],
      causal.map((m) => m && -1e9),
    );
    const program = compileModel(model, { calibration: [new Map(Object.entries({ ...inputs, bias }))] });
    expect(program.tensors.get('bias')?.saturates).toBeUndefined();
  });

  it('makes the mask from positions', () => {
    const spec = attention(
      [node('Greater', ['column', 'row'], ['truth']), node('Where', ['truth', 'low', 'scores'], ['masked'])],
      { column: ints([0, 1, 2, 3], [1, n]), row: ints([0, 1, 2, 3], [n, 1]), low: floats([], [-1e9]) },
    );
    checkOperator(kernels, spec, inputs, tolerance);
  });
});

describe('log Σ exp written out', () => {
  for (const opset of [11, 13])
    it(`keeps its precision for numbers of any size, opset ${opset}`, () => {
      const axes = { axes: ints([1]) };
      const spec: ModelSpec = {
        opset,
        nodes: [
          node('Exp', ['x'], ['e']),
          opset < 13 ? node('ReduceSum', ['e'], ['s'], { axes: [1] }) : node('ReduceSum', ['e', 'axes'], ['s']),
          node('Log', ['s'], ['y']),
        ],
        inputs: { x: [2, 4] },
        outputs: ['y'],
        initializers: opset < 13 ? {} : axes,
      };
      const x = floats([2, 4], [30, -20, 31, 0, -8, -9, -10, -20]);
      checkOperator(kernels, spec, { x });
    });
});
