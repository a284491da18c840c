/** Trees and linear models of ai.onnx.ml, against their definition: see check-operator.ts for what is shown of each. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectModel } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { semanticsOf } from '../../packages/core/src/layers/registry.js';
import {
  type AttributeSpec,
  buildModel,
  floats,
  ints,
  type ModelSpec,
  node,
  runModel,
  wave,
} from '../models/build-model.js';
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

/** Probabilities of three classes from those of their pairs, by the steps that ONNX's runtimes take, many of them. */
function coupled([r01, r02, r12]: readonly number[]): number[] {
  const r = [
    [0, r01, r02],
    [1 - r01, 0, r12],
    [1 - r02, 1 - r12, 0],
  ];
  const q = r.map((_, i) =>
    r.map((__, j) => (i === j ? r.reduce((sum, row) => sum + row[i] ** 2, 0) : -r[j][i] * r[i][j])),
  );
  let p = [1 / 3, 1 / 3, 1 / 3];
  for (let step = 0; step < 1000; step++) {
    for (let t = 0; t < 3; t++) {
      const qp = q.map((row) => row.reduce((sum, v, j) => sum + v * p[j], 0));
      const all = qp.reduce((sum, v, i) => sum + v * p[i], 0);
      p[t] += (all - qp[t]) / q[t][t];
      const size = p.reduce((a, b) => a + b);
      p = p.map((v) => v / size);
    }
  }
  return p;
}

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

  it('the least and the largest of them', () => {
    const attributes = {
      ...trees,
      nodes_modes: { strings: modes },
      n_targets: 1,
      target_treeids: [0, 0, 0, 1, 1],
      target_nodeids: [2, 3, 4, 1, 2],
      target_ids: [0, 0, 0, 0, 0],
      target_weights: { floats: [1, 2, 3, 1.5, 2.5] },
    };
    // Of the first tree 2, 3, 2, 1, of the second 1.5, 2.5, 2.5, 2.5.
    for (const [aggregate_function, y] of [
      ['MIN', [1.5, 2.5, 2, 1]],
      ['MAX', [2, 3, 2.5, 2.5]],
    ] as const)
      check({ nodes: ml('TreeEnsembleRegressor', { ...attributes, aggregate_function }), outputs: ['y'] }, { y });
    const silent = { ...attributes, aggregate_function: 'MIN', target_nodeids: [2, 3, 3, 1, 2] };
    expect(() =>
      runModel({ nodes: ml('TreeEnsembleRegressor', silent), outputs: ['y'], inputs: { x: x.dims } }, { x }),
    ).toThrow(/without a weight/);
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
  describe('support vectors', () => {
    const vectors = [0, 0, 0, 1, 1, 1, -0.5, 0.25, 1];
    const rows = [0, 1, 2, 3].map((i) => [...x.data.slice(3 * i, 3 * i + 3)]);
    const dot = (a: readonly number[], k: number) => a.reduce((sum, v, i) => sum + v * vectors[3 * k + i], 0);
    const far = (a: readonly number[], k: number) => a.reduce((sum, v, i) => sum + (v - vectors[3 * k + i]) ** 2, 0);
    const kernels: Record<string, (a: readonly number[], k: number) => number> = {
      LINEAR: dot,
      POLY: (a, k) => (0.5 * dot(a, k) + 0.25) ** 2,
      RBF: (a, k) => Math.exp(-0.5 * far(a, k)),
      SIGMOID: (a, k) => Math.tanh(0.5 * dot(a, k) + 0.25),
    };
    const shared = (kernel_type: string) => ({
      kernel_type,
      kernel_params: { floats: [0.5, 0.25, 2] },
      support_vectors: { floats: vectors },
    });
    for (const [kind, kernel] of Object.entries(kernels)) {
      const score = (a: readonly number[]) => kernel(a, 0) - 0.5 * kernel(a, 1) - 0.75 * kernel(a, 2) + 0.125;
      const own = { ...shared(kind), coefficients: { floats: [1, -0.5, -0.75] }, rho: { floats: [0.125] } };
      it(`${kind}, a regressor`, () => {
        check({ nodes: ml('SVMRegressor', { ...own, n_supports: 3 }), outputs: ['y'] }, { y: rows.map(score) });
      });
      it(`${kind}, a classifier of two classes`, () => {
        const attributes = { ...own, vectors_per_class: [1, 2], classlabels_ints: [3, 8] };
        const label = rows.map((a) => (score(a) > 0 ? 3 : 8));
        const y = rows.flatMap((a) => [-score(a), score(a)]);
        check({ nodes: ml('SVMClassifier', attributes, ['label', 'y']), outputs: ['label', 'y'] }, { label, y });
        const p = rows.map((a) => 1 / (1 + Math.exp(-1.5 * score(a) + 0.25)));
        const proven = { ...attributes, prob_a: { floats: [-1.5] }, prob_b: { floats: [0.25] } };
        check(
          { nodes: ml('SVMClassifier', proven, ['label', 'y']), outputs: ['label', 'y'] },
          { label, y: p.flatMap((v) => [v, 1 - v]) },
        );
      });
    }

    it('three classes, one against each other', () => {
      const attributes = {
        ...shared('LINEAR'),
        coefficients: { floats: [1, -0.5, 0.25, 0.5, 0.75, -1] },
        rho: { floats: [0.125, -0.25, 0.5] },
        vectors_per_class: [1, 1, 1],
        classlabels_ints: [5, 7, 9],
      };
      const scores = rows.map((a) => {
        const k = [0, 1, 2].map((i) => dot(a, i));
        return [k[0] - 0.5 * k[1] + 0.125, 0.5 * k[0] + 0.25 * k[2] - 0.25, 0.75 * k[1] - k[2] + 0.5];
      });
      const label = scores.map(([s01, s02, s12]) => {
        const votes = [
          Number(s01 > 0) + Number(s02 > 0),
          Number(s01 <= 0) + Number(s12 > 0),
          Number(s02 <= 0) + Number(s12 <= 0),
        ];
        return [5, 7, 9][votes.indexOf(Math.max(...votes))];
      });
      const nodes = ml('SVMClassifier', attributes, ['label', 'y']);
      check({ nodes, outputs: ['label', 'y'] }, { label, y: scores.flat() });
      const [pa, pb] = [
        [-1.5, -0.75, -2],
        [0.25, -0.5, 0.125],
      ];
      const y = scores.flatMap((row) => coupled(row.map((v, i) => 1 / (1 + Math.exp(pa[i] * v + pb[i])))));
      const proven = { ...attributes, prob_a: { floats: pa }, prob_b: { floats: pb } };
      check(
        { nodes: ml('SVMClassifier', proven, ['label', 'y']), outputs: ['label', 'y'] },
        { label, y },
        { tolerance: { fast: 0.1, standard: 0.012, high: 0.002 } },
      );
    });

    it('one class, and none at all', () => {
      const attributes = {
        ...shared('RBF'),
        coefficients: { floats: [0.5, 0.25, 0.5] },
        rho: { floats: [-0.75] },
        n_supports: 3,
      };
      const y = rows.map((a) =>
        0.5 * kernels.RBF(a, 0) + 0.25 * kernels.RBF(a, 1) + 0.5 * kernels.RBF(a, 2) > 0.75 ? 1 : -1,
      );
      check({ nodes: ml('SVMRegressor', { ...attributes, one_class: 1 }), outputs: ['y'] }, { y });
      const linear = {
        coefficients: { floats: [1, -2, 0.5, -0.5, 1, 1] },
        rho: { floats: [0.125] },
        classlabels_ints: [0, 1],
      };
      const scores = rows.map(([p, q, r]) => [p - 2 * q + 0.5 * r + 0.125, -0.5 * p + q + r + 0.125]);
      const nodes = ml('SVMClassifier', linear, ['label', 'y']);
      check({ nodes, outputs: ['label', 'y'] }, { label: scores.map(([a, b]) => Number(b > a)), y: scores.flat() });
      const three = { ...linear, classlabels_ints: [0, 1, 2], coefficients: { floats: [1, 2, 3, 4, 5, 6, 7, 8, 9] } };
      const spec = { nodes: ml('SVMClassifier', three, ['label', 'y']), outputs: ['y'], inputs: { x: x.dims } };
      expect(() => runModel(spec, { x })).toThrow(/one offset for 3 classes/);
    });
  });

  it('missing features, features joined, probabilities by name', () => {
    const given = { imputed_value_floats: { floats: [1, 2, 3] }, replaced_value_float: { float: 0.5 } };
    check({ nodes: ml('Imputer', given), outputs: ['y'] }, { y: [0.1, 0.9, -0.3, 0.6, 0.2, 0.4, 1, 2, 3] });
    const nodes = [
      { ...node('FeatureVectorizer', ['x', 'x'], ['both'], { inputdimensions: [3, 3] }), domain: 'ai.onnx.ml' },
      { ...node('ZipMap', ['both'], ['y'], { classlabels_int64s: [0, 1, 2, 3, 4, 5] }), domain: 'ai.onnx.ml' },
    ];
    check({ nodes, outputs: ['y'] }, { y: [0.1, 0.9, -0.3, 0.1, 0.9, -0.3] });
  });

  it('texts as labels are noted', () => {
    const attributes = {
      coefficients: { floats: [1, -2, 0.5] },
      intercepts: { floats: [0.25] },
      classlabels_strings: { strings: ['cat', 'dog'] },
    };
    const spec = {
      nodes: ml('LinearClassifier', attributes, ['label', 'y']),
      inputs: { x: x.dims },
      outputs: ['label'],
    };
    const { notes, issues, unsupported } = inspectModel(buildModel(spec), { semantics: semanticsOf });
    expect([issues, unsupported]).toEqual([[], []]);
    expect(notes).toEqual([expect.stringMatching(/^label gives positions of .*: 0 is cat, 1 is dog$/)]);
    check({ nodes: spec.nodes, outputs: ['label'] }, { label: [0, 1, 0, 0] });
  });

  it('scaler, normaliser, extractor, binariser', () => {
    const attributes = { offset: { floats: [0.1, 0.2, 0.3] }, scale: { floats: [1, 2, 3] } };
    check({ nodes: ml('Scaler', attributes), outputs: ['y'] }, { y: [0, 1.4, -1.8] });
    check({ nodes: ml('Normalizer', { norm: 'L2' }), outputs: ['y'] }, { y: [0.1 / Math.sqrt(0.91)] });
    check({ nodes: ml('Normalizer', { norm: 'L1' }), outputs: ['y'] }, { y: [0.1 / 1.3] });
    const extractor = [{ ...node('ArrayFeatureExtractor', ['x', 'at'], ['y']), domain: 'ai.onnx.ml' }];
    check({ nodes: extractor, outputs: ['y'], initializers: { at: ints([2, 0]) } }, { y: [-0.3, 0.1] });
    const label = [node('ArgMax', ['x'], ['at'], { axis: 1 }), { ...extractor[0], inputs: ['names', 'at'] }];
    check({ nodes: label, outputs: ['y'], initializers: { names: ints([10, 20, 30]) } }, { y: [20, 10, 10, 30] });
    check({ nodes: ml('Binarizer', { threshold: { float: 0.4 } }), outputs: ['y'] }, { y: [0, 1, 0, 1, 0, 0] });
  });
  it('categories as vectors', () => {
    const encoder = { ...node('OneHotEncoder', ['whole'], ['y'], { cats_int64s: [1, 0, 2] }), domain: 'ai.onnx.ml' };
    const nodes = [node('Round', ['x'], ['rounded']), node('Cast', ['rounded'], ['whole'], { to: 7 }), encoder];
    check({ nodes, outputs: ['y'] }, { y: [0, 1, 0, 1, 0, 0, 0, 1, 0] });
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
    const spec: ModelSpec = {
      nodes: [node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
      inputs: { x: [2, 3] },
      outputs: ['y'],
    };
    // All of one sign, they span as many steps of a smaller size: more bits than the quotient's own unit has room for.
    for (const t of [wave([2, 3]), floats([2, 3], [1, 2.1, 1.3, 2.5, 3.34, 4])])
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
