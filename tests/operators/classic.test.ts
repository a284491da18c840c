/** Trees and linear models of ai.onnx.ml, against their definition: see check-operator.ts for what is shown of each. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { type AttributeSpec, floats, ints, type ModelSpec, node, runModel, wave } from '../models/build-model.js';
import { checkOperator, type OperatorCheck } from './check-operator.js';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

const ml = (op: string, attributes: Readonly<Record<string, AttributeSpec>>, outputs = ['y']): ModelSpec['nodes'] => [
  { ...node(op, ['x'], outputs, attributes), domain: 'ai.onnx.ml' },
];
const x = floats([4, 3], [0.1, 0.9, -0.3, 0.6, 0.2, 0.4, 0.5, 0.5, 0.5, -1, 0, 1]);

function check(
  spec: Omit<ModelSpec, 'inputs'>,
  want: Readonly<Record<string, readonly number[]>>,
  options?: OperatorCheck,
) {
  const whole = { ...spec, inputs: { x: x.dims } };
  const got = runModel(whole, { x });
  spec.outputs.forEach((name, i) => {
    want[name]?.forEach((v, k) => {
      expect(got[i].data[k]).toBeCloseTo(v, 5);
    });
  });
  checkOperator(kernels, whole, { x }, options);
}

/** x0 <= 0.5 ? (x1 <= 0.3 ? a : b) : c, and x2 < 0 ? d : e */
const trees = {
  nodes_treeids: [0, 0, 0, 0, 0, 1, 1, 1],
  nodes_nodeids: [0, 1, 2, 3, 4, 0, 1, 2],
  nodes_featureids: [0, 1, 0, 0, 0, 2, 0, 0],
  nodes_truenodeids: [1, 2, 0, 0, 0, 1, 0, 0],
  nodes_falsenodeids: [4, 3, 0, 0, 0, 2, 0, 0],
  nodes_values: { floats: [0.5, 0.3, 0, 0, 0, 0, 0, 0] },
};
const modes = ['BRANCH_LEQ', 'BRANCH_LEQ', 'LEAF', 'LEAF', 'LEAF', 'BRANCH_LT', 'LEAF', 'LEAF'];

describe('trees', () => {
  it('regressor', () => {
    const attributes = {
      ...trees,
      nodes_modes: { strings: modes },
      n_targets: 1,
      target_treeids: [0, 0, 0, 1, 1],
      target_nodeids: [2, 3, 4, 1, 2],
      target_ids: [0, 0, 0, 0, 0],
      target_weights: { floats: [1, 2, 3, 10, 20] },
      base_values: { floats: [0.5] },
    };
    // The third row stands on the threshold itself.
    check({ nodes: ml('TreeEnsembleRegressor', attributes), outputs: ['y'] }, { y: [12.5, 23.5, 22.5, 21.5] });
  });

  it('classifier', () => {
    const attributes = {
      ...trees,
      nodes_modes: { strings: modes },
      class_treeids: [0, 0, 0, 1, 1],
      class_nodeids: [2, 3, 4, 1, 2],
      class_ids: [0, 1, 2, 0, 1],
      class_weights: { floats: [1, 2, 3, 1, 0.5] },
      classlabels_int64s: [5, 7, 9],
    };
    check(
      { nodes: ml('TreeEnsembleClassifier', attributes, ['label', 'y']), outputs: ['label', 'y'] },
      { label: [7, 9, 7, 5], y: [1, 2, 0, 0, 0.5, 3, 0, 2.5, 0, 1, 0.5, 0] },
    );
  });
});

describe('linear models and features', () => {
  const coefficients = { floats: [1, -2, 0.5, 0.3, 0.1, -1] };
  it('regressor', () => {
    const attributes = { coefficients, intercepts: { floats: [0.25, -1] }, targets: 2 };
    check({ nodes: ml('LinearRegressor', attributes), outputs: ['y'] }, { y: [-1.6, -0.58] });
  });
  it('classifier', () => {
    const attributes = {
      coefficients: { floats: [1, -2, 0.5] },
      intercepts: { floats: [0.25] },
      classlabels_ints: [0, 1],
      post_transform: 'LOGISTIC',
    };
    const p = 1 / (1 + Math.exp(1.6));
    check(
      { nodes: ml('LinearClassifier', attributes, ['label', 'y']), outputs: ['label', 'y'] },
      { label: [0, 1, 0, 0], y: [1 - p, p] },
    );
  });
  it('support vectors', () => {
    const attributes = {
      kernel_type: 'RBF',
      kernel_params: { floats: [0.5, 0, 3] },
      support_vectors: { floats: [0, 0, 0, 1, 1, 1] },
      coefficients: { floats: [1, -0.5] },
      rho: { floats: [0.1] },
      n_supports: 2,
    };
    const y = Math.exp(-0.5 * 0.91) - 0.5 * Math.exp(-0.5 * (0.81 + 0.01 + 1.69)) + 0.1;
    check({ nodes: ml('SVMRegressor', attributes), outputs: ['y'] }, { y: [y] });
  });
  it('scaler, normaliser, extractor, binariser', () => {
    const attributes = { offset: { floats: [0.1, 0.2, 0.3] }, scale: { floats: [1, 2, 3] } };
    check({ nodes: ml('Scaler', attributes), outputs: ['y'] }, { y: [0, 1.4, -1.8] });
    check({ nodes: ml('Normalizer', { norm: 'L2' }), outputs: ['y'] }, { y: [0.1 / Math.sqrt(0.91)] });
    check({ nodes: ml('Normalizer', { norm: 'L1' }), outputs: ['y'] }, { y: [0.1 / 1.3] });
    const extractor = [{ ...node('ArrayFeatureExtractor', ['x', 'at'], ['y']), domain: 'ai.onnx.ml' }];
    check({ nodes: extractor, outputs: ['y'], initializers: { at: ints([2, 0]) } }, { y: [-0.3, 0.1] });
    check({ nodes: ml('Binarizer', { threshold: { float: 0.4 } }), outputs: ['y'] }, { y: [0, 1, 0, 1, 0, 0] });
  });
  it('labels by number', () => {
    const nodes = [
      node('Cast', ['x'], ['whole'], { to: 7 }),
      {
        ...node('LabelEncoder', ['whole'], ['y'], { keys_int64s: [0, 1], values_floats: { floats: [2.5, -1] } }),
        domain: 'ai.onnx.ml',
      },
    ];
    check({ nodes, outputs: ['y'] }, { y: [2.5, 2.5, 2.5, 2.5] });
  });
});

describe('quantisation', () => {
  it('by the extrema of the input', () => {
    const t = wave([2, 3]);
    const spec: ModelSpec = {
      nodes: [node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
      inputs: { x: [2, 3] },
      outputs: ['y'],
    };
    checkOperator(kernels, spec, { x: t }, { tolerance: { fast: 0.1, standard: 0.03, high: 0.02 } });
  });

  it('of a convolution', () => {
    const byte = (data: number[], dims: number[]) => ({ ...ints(data, dims), dtype: 'uint8' as const });
    const spec: ModelSpec = {
      nodes: [node('QLinearConv', ['x', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz', 'b'], ['y'])],
      inputs: { x: [1, 1, 3, 3] },
      types: { x: 'uint8' },
      outputs: ['y'],
      initializers: {
        xs: floats([], [0.1]),
        xz: byte([3], []),
        w: byte([1, 2, 3, 4, 5, 6, 7, 8], [2, 1, 2, 2]),
        ws: floats([2], [0.2, 0.1]),
        wz: byte([1, 2], [2]),
        ys: floats([], [0.05]),
        yz: byte([10], []),
        b: { ...ints([5, -3]), dtype: 'int32' as const },
      },
    };
    const input = byte([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3]);
    checkOperator(
      kernels,
      spec,
      { x: input }, // Ties fall either way: one unit of the output.
      { tolerance: { fast: 0.05, standard: 0.05, high: 0.05 } },
    );
  });
});
