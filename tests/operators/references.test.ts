/**
 * Operators whose meaning is easily got wrong, against outputs of onnxruntime 1.32 (or of the reference implementation
 * of onnx 1.23, where onnxruntime has none): the float meaning equals them, and check-operator.ts says what else is shown.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DType, Tensor } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { type AttributeSpec, floats, type ModelSpec, node, runModel, wave } from '../models/build-model.js';
import { checkOperator } from './check-operator.js';

interface Numbers {
  readonly dtype: string;
  readonly dims: readonly number[];
  /** null stands for what is not a number. */
  readonly data: readonly (number | null)[];
}

interface Reference {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly opset: number;
  readonly attributes: Readonly<Record<string, AttributeSpec | Numbers>>;
  readonly inputs: readonly ((Numbers & { readonly constant: boolean }) | null)[];
  readonly outputs: readonly Numbers[];
}

const references = JSON.parse(
  readFileSync(new URL('../fixtures/reference-operators.json', import.meta.url), 'utf8'),
) as Reference[];

/** The operators of the file, named for coverage.test.ts. */
const OPERATORS =
  'AffineGrid CausalConvWithState Col2Im DFT Det GRU GridSample LSTM NegativeLogLikelihoodLoss PRelu Pow RNN RoiAlign STFT SoftmaxCrossEntropyLoss SwiGLU TensorScatter TreeEnsemble';

const tensor = ({ dtype, dims, data }: Numbers): Tensor => ({
  dtype: dtype as DType,
  dims,
  data: Float64Array.from(data, (x) => x ?? Number.NaN),
});

const identity = (n: number): number[] => Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));

const attribute = (x: AttributeSpec | Numbers): AttributeSpec =>
  typeof x === 'object' && 'dims' in x ? tensor(x as Numbers) : (x as AttributeSpec);

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

/** Positions read at a computed grid are as fine as the grid's integers. */
const tolerance = { fast: 0.08, standard: 0.006, high: 0.002 };

describe('as other runtimes compute them', () => {
  it('is said of all in the file', () => {
    expect([...new Set(references.map((r) => r.op))].sort()).toEqual(OPERATORS.split(' '));
  });

  it('MelWeightMatrix, of constants alone', () => {
    const parameter = (x: number, dtype: DType): Tensor => ({ dtype, dims: [], data: Float64Array.of(x) });
    const spec: ModelSpec = {
      opset: 17,
      nodes: [
        node('MelWeightMatrix', ['bins', 'size', 'rate', 'lower', 'upper'], ['weights']),
        node('MatMul', ['x', 'weights'], ['y']),
      ],
      inputs: { x: [9, 9] },
      outputs: ['y'],
      initializers: {
        bins: parameter(8, 'int64'),
        size: parameter(16, 'int64'),
        rate: parameter(8192, 'int64'),
        lower: parameter(0, 'float32'),
        upper: parameter(4096, 'float32'),
      },
    };
    const [y] = runModel(spec, { x: floats([9, 9], identity(9)) });
    // Of the example of the operator's specification: the frequencies of each band.
    const ones = [0, 0, 1, 1, 2, 3, 4, 5];
    const want = Array.from({ length: 72 }, (_, i) => Number(ones[i % 8] === Math.floor(i / 8)));
    expect([...y.data]).toEqual(want);
    checkOperator(kernels, spec, { x: wave([9, 9]) });
  });

  it.each(references.map((r) => [`${r.op} ${r.name}`.trim(), r] as const))('%s', (_, r) => {
    const names = r.inputs.map((x, i) => (x ? `x${i}` : ''));
    const outputs = r.outputs.map((_, i) => (i === 0 ? 'y' : `y${i}`));
    const given = r.inputs.flatMap((x, i) => (x ? [[`x${i}`, tensor(x), x.constant] as const] : []));
    const open = given.filter(([, , constant]) => !constant);
    const attributes = Object.fromEntries(Object.entries(r.attributes).map(([k, v]) => [k, attribute(v)]));
    const spec: ModelSpec = {
      opset: r.opset,
      nodes: [{ ...node(r.op, names, outputs, attributes), domain: r.domain }],
      inputs: Object.fromEntries(open.map(([name, t]) => [name, t.dims])),
      types: Object.fromEntries(open.map(([name, t]) => [name, t.dtype])),
      outputs,
      initializers: Object.fromEntries(given.flatMap(([name, t, constant]) => (constant ? [[name, t]] : []))),
    };
    const inputs = Object.fromEntries(open.map(([name, t]) => [name, t]));
    const results = runModel(spec, inputs);
    r.outputs.forEach((want, i) => {
      expect(results[i].dims).toEqual(want.dims);
      const largest = want.data.reduce<number>((m, x) => Math.max(m, Math.abs(x ?? 0)), 1e-3);
      want.data.forEach((x, k) => {
        expect(Math.abs(results[i].data[k] - (x as number)) / largest).toBeLessThan(1e-4);
      });
    });
    checkOperator(kernels, spec, inputs, { tolerance, mutations: 24 });
  });
});
