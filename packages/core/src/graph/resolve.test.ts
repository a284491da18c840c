import { describe, expect, it } from 'vitest';
import {
  floats,
  ints,
  type ModelSpec,
  node,
  resolveModel,
  runModel,
  wave,
} from '../../../../tests/models/build-model.js';
import { InputError } from '../base/errors.js';
import { semanticsOf } from '../layers/registry.js';
import { evaluateGraph } from './evaluate.js';

const error = (spec: ModelSpec, inputShapes?: Record<string, number[]>): InputError => {
  try {
    resolveModel(spec, { inputShapes });
  } catch (e) {
    expect(e).toBeInstanceOf(InputError);
    expect((e as InputError).hint).not.toBe('');
    return e as InputError;
  }
  throw new Error('nothing was thrown');
};

/** Nodes over one input x of shape [2]. */
const over = (nodes: ModelSpec['nodes'], outputs: string[], more: Partial<ModelSpec> = {}): ModelSpec => ({
  nodes,
  inputs: { x: [2] },
  outputs,
  ...more,
});

describe('structure', () => {
  it('names a node on a cycle', () => {
    const cyclic = over([node('Add', ['x', 'b'], ['a'], {}, 'first'), node('Relu', ['a'], ['b'], {}, 'second')], ['b']);
    expect(error(cyclic)).toMatchObject({ code: 'cyclic-graph', node: 'first' });
    expect(error(over([node('Relu', ['a'], ['a'], {}, 'self')], ['a']))).toMatchObject({ node: 'self' });
  });

  it('refuses names with two origins or none', () => {
    const broken = (spec: ModelSpec, nodeName?: string) =>
      expect(error(spec)).toMatchObject({ code: 'broken-onnx', node: nodeName });
    broken(over([node('Relu', ['x'], ['y'], {}, 'a'), node('Neg', ['x'], ['y'], {}, 'b')], ['y']), 'b');
    broken(over([node('Relu', ['x'], ['x'], {}, 'a')], ['x', 'x']));
    broken(over([node('Relu', ['y'], ['x'], {}, 'a'), node('Relu', ['x'], ['y'])], ['y']), 'a');
    broken(over([node('Relu', ['x'], ['w'], {}, 'a')], ['w'], { initializers: { w: floats([1], [1]) } }), 'a');
    broken(over([node('Add', ['x', 'nowhere'], ['y'], {}, 'a')], ['y']), 'a');
    broken(over([node('Relu', ['x'], ['y'])], ['z']));
    broken(over([node('Relu', ['x'], ['y'])], []));
    broken(over([node('Split', ['x'], ['y', 'y'], { axis: 0 }, 'a')], ['y']), 'a');
  });

  it('refuses outputs that are inputs; constant ones are made by a node', () => {
    expect(error(over([node('Relu', ['x'], ['y'])], ['y', 'x'])).code).toBe('unsupported-output');
    const constant = over([node('Relu', ['w'], ['y'])], ['y'], { initializers: { w: floats([1], [1]) } });
    expect(resolveModel(constant).nodes.map((n) => n.op)).toEqual(['Fixed']);
  });

  it('refuses nodes without the inputs they need', () => {
    for (const op of [
      'Relu',
      'Conv',
      'Gemm',
      'MatMul',
      'Add',
      'Concat',
      'ReduceSum',
      'Softmax',
      'MaxPool',
      'Where',
      'Range',
      'Reshape',
      'Gather',
      'Resize',
      'Transpose',
      'Split',
    ])
      expect(error(over([node(op, [], ['y'], {}, 'poor')], ['y']))).toMatchObject({ node: 'poor' });
    for (const op of ['Conv', 'Gemm', 'MatMul', 'Add', 'PRelu', 'BatchNormalization', 'Where', 'Pow'])
      expect(error(over([node(op, ['x'], ['y'], {}, 'poor')], ['y']))).toMatchObject({ node: 'poor' });
  });

  it('sorts nodes that stand in any order', () => {
    const nodes = [node('Neg', ['b'], ['y']), node('Exp', ['a'], ['b']), node('Relu', ['x'], ['a'])];
    const graph = resolveModel(over(nodes, ['y']));
    expect(graph.nodes.map((n) => n.op)).toEqual(['Relu', 'Exp', 'Neg']);
  });

  it('drops nodes and weights that no output needs, supported or not', () => {
    const nodes = [
      node('Relu', ['x'], ['y']),
      node('Exp', ['x'], ['unread']),
      node('NonMaxSuppression', ['unread', 'w'], ['z']),
    ];
    const graph = resolveModel(over(nodes, ['y'], { initializers: { w: floats([1], [Number.NaN]) } }));
    expect(graph.nodes.map((n) => n.op)).toEqual(['Relu']);
    expect(graph.initializers.size).toBe(0);
    expect([...graph.tensors.keys()].sort()).toEqual(['x', 'y']);
  });
});

describe('operators that are not known', () => {
  it('are reported all at once, by node and operator', () => {
    const nodes = [
      node('NonMaxSuppression', ['x'], ['a'], {}, 'memory'),
      node('Relu', ['a'], ['b'], {}, 'fine'),
      { ...node('Fused', ['b'], ['y'], {}, 'odd'), domain: 'com.example' },
    ];
    const e = error(over(nodes, ['y']));
    expect(e).toMatchObject({ code: 'unsupported-operators', node: 'memory' });
    expect(e.message).toContain('memory (NonMaxSuppression)');
    expect(e.message).toContain('odd (com.example.Fused)');
    expect(e.message).not.toContain('fine');
  });

  it('are reported all at once where only their inputs make them so', () => {
    const nodes = [
      node('Cast', ['x'], ['i'], { to: 7 }),
      node('Reshape', ['x', 'i'], ['a'], {}, 'first'),
      node('Expand', ['x', 'i'], ['b'], {}, 'second'),
      node('Add', ['a', 'b'], ['y']),
    ];
    const e = error(over(nodes, ['y']));
    expect(e).toMatchObject({ code: 'dynamic-parameter', node: 'first' });
    expect(e.message).toContain('second');
  });
});

describe('weights', () => {
  it('must be finite, unless they leave a side of a Clip open', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const spec = over([node('Mul', ['x', 'w'], ['y'], {}, 'mul')], ['y'], {
        initializers: { w: floats([2], [1, bad]) },
      });
      expect(error(spec)).toMatchObject({ code: 'non-finite-weight', node: 'mul' });
    }
    const made = [node('Log', ['w'], ['l']), node('Mul', ['x', 'l'], ['y'], {}, 'mul')];
    expect(error(over(made, ['y'], { initializers: { w: floats([], [0]) } })).code).toBe('non-finite-weight');
    const initializers = { lo: floats([], [0]), hi: floats([], [Number.POSITIVE_INFINITY]) };
    const clip = over([node('Clip', ['x', 'lo', 'hi'], ['y'])], ['y'], { initializers });
    expect([...runModel(clip, { x: floats([2], [-1, 9]) })[0].data]).toEqual([0, 9]);
  });
});

describe('shapes', () => {
  const conv = (dims: (number | string)[] | undefined): ModelSpec => ({
    nodes: [node('Conv', ['x', 'w'], ['y'])],
    inputs: { x: dims },
    outputs: ['y'],
    initializers: { w: wave([2, 3, 3, 3]) },
  });

  it('takes an open first dimension as one', () => {
    expect(resolveModel(conv(['n', 3, 8, 8])).tensors.get('y')?.dims).toEqual([1, 2, 6, 6]);
    expect(resolveModel(conv([0, 3, 8, 8])).tensors.get('x')?.dims).toEqual([1, 3, 8, 8]);
    expect(resolveModel(conv([-1, 3, 8, 8])).tensors.get('x')?.dims).toEqual([1, 3, 8, 8]);
  });

  it('asks for other open dimensions, with the option that gives them', () => {
    const e = error(conv(['n', 3, 'height', '']));
    expect(e.code).toBe('open-shape');
    expect(e.message).toContain('[n, 3, height, ?]');
    expect(e.hint).toContain('--input-shape x=1,3,N,N');
    expect(error(conv(undefined)).hint).toContain('--input-shape x=');
  });

  it('binds open dimensions by the shapes given', () => {
    const dims = [2, 3, 5, 7];
    for (const spec of [conv(['n', 3, 'h', 'w']), conv(undefined), conv(dims)])
      expect(resolveModel(spec, { inputShapes: { x: dims } }).tensors.get('y')?.dims).toEqual([2, 2, 3, 5]);
    expect(error(conv(['n', 3, 'h', 'w']), { x: [1, 4, 5, 5] }).code).toBe('bad-shape');
    expect(error(conv(['n', 3, 'h', 'w']), { x: [1, 3, 5] }).code).toBe('bad-shape');
    expect(error(conv(['n', 3, 'h', 'w']), { z: [1] }).code).toBe('unknown-input');
    expect(error(conv(undefined), { x: [1, 3, 2, 2] })).toMatchObject({ code: 'bad-shape' });
  });

  it('binds a symbol alike in every input', () => {
    const two: ModelSpec = {
      nodes: [node('Add', ['a', 'b'], ['y'])],
      inputs: { a: ['n', 'm'], b: ['n', 'm'] },
      outputs: ['y'],
    };
    expect(resolveModel(two, { inputShapes: { a: [4, 5] } }).tensors.get('b')?.dims).toEqual([4, 5]);
    expect(error(two, { a: [4, 5], b: [4, 6] }).code).toBe('bad-shape');
  });

  it('refuses empty, negative, fractional and enormous dimensions', () => {
    const relu = (dims: (number | string)[] | undefined) =>
      over([node('Relu', ['x'], ['y'])], ['y'], { inputs: { x: dims } });
    expect(error(relu([2, 0])).code).toBe('open-shape');
    expect(error(relu([2, -3])).code).toBe('open-shape');
    expect(error(relu([2 ** 20, 2 ** 20])).code).toBe('bad-shape');
    expect(error(relu([2 ** 60, 2 ** 60, 2 ** 60])).code).toBe('bad-shape');
    expect(error(relu(new Array(40).fill(1))).code).toBe('bad-shape');
    for (const given of [[0], [-1], [1.5], [Number.NaN], [2 ** 40]])
      expect(error(relu(['n']), { x: given }).code).toBe('bad-shape');
    const initializers = { shape: ints([2 ** 20, 2 ** 20]) };
    expect(
      error(over([node('Expand', ['x', 'shape'], ['y'], {}, 'grow')], ['y'], { initializers, inputs: { x: [1] } })),
    ).toMatchObject({ code: 'bad-shape', node: 'grow' });
    const filled = [node('ConstantOfShape', ['shape'], ['c'], {}, 'fill'), node('Mul', ['x', 'c'], ['y'])];
    for (const shape of [[2 ** 20, 2 ** 20], [-1], [2 ** 62, 2 ** 62]])
      expect(error(over(filled, ['y'], { initializers: { shape: ints(shape) } }))).toMatchObject({
        code: 'bad-shape',
        node: 'fill',
      });
  });

  it('refuses parameters of operators that ask for enormous results', () => {
    const cases: [string, Record<string, number[]>, number[]][] = [
      ['Tile', { c: [2 ** 40] }, [2]],
      ['Pad', { c: [2 ** 40, 2 ** 40] }, [2]],
      ['Slice', { c: [0], d: [2], e: [0], f: [0] }, [2]],
      ['Slice', { c: [0, 0], d: [2] }, [2]],
      ['Reshape', { c: [3, -1] }, [2]],
      ['Reshape', { c: [-1, -1] }, [2]],
      ['Gather', { c: [2] }, [2]],
      ['Squeeze', { c: [0] }, [2]],
      ['Unsqueeze', { c: [0, 0] }, [2]],
      ['Split', { c: [1, 2] }, [2]],
      ['Expand', { c: [-2] }, [1]],
    ];
    for (const [op, constants, dims] of cases) {
      const names = Object.keys(constants);
      const initializers = Object.fromEntries(names.map((k) => [k, ints(constants[k])]));
      const outputs = op === 'Split' ? ['y', 'z'] : ['y'];
      const spec = over([node(op, ['x', ...names], outputs, {}, 'odd')], outputs, {
        initializers,
        inputs: { x: dims },
      });
      expect([op, error(spec).code, error(spec).node]).toEqual([op, 'bad-shape', 'odd']);
    }
    const attributes: [string, Parameters<typeof node>[3]][] = [
      ['MaxPool', { kernel_shape: [9, 9] }],
      ['MaxPool', { kernel_shape: [2] }],
      ['MaxPool', {}],
      ['AveragePool', { kernel_shape: [2, 2], pads: [1, 1] }],
      ['AveragePool', { kernel_shape: [2, 2], pads: [-1, 0, 0, 0] }],
      ['AveragePool', { kernel_shape: [2, 2], strides: [0, 1] }],
      ['MaxPool', { kernel_shape: [2 ** 30, 2 ** 30], pads: [2 ** 30, 2 ** 30, 2 ** 30, 2 ** 30] }],
      ['MaxPool', { kernel_shape: [2, 2], auto_pad: 'SOMEHOW' }],
      ['DepthToSpace', { blocksize: 3 }],
      ['DepthToSpace', { blocksize: 0 }],
      ['Transpose', { perm: [0, 1, 1, 2] }],
      ['Softmax', { axis: 4 }],
      ['Flatten', { axis: 5 }],
      ['Concat', { axis: -5 }],
    ];
    for (const [op, given] of attributes) {
      const spec = over([node(op, ['x'], ['y'], given, 'odd')], ['y'], { inputs: { x: [1, 4, 4, 4] } });
      expect([op, error(spec).code, error(spec).node]).toEqual([op, 'bad-shape', 'odd']);
    }
  });
});

describe('passes', () => {
  it('folds constants, through shapes too', () => {
    const nodes = [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'first'], ['d']),
      node('Concat', ['d', 'rest'], ['shape'], { axis: 0 }),
      node('Reshape', ['x', 'shape'], ['r']),
      node('Exp', ['w'], ['e']),
      node('Mul', ['r', 'e'], ['y']),
    ];
    const graph = resolveModel({
      nodes,
      inputs: { x: [2, 3, 4] },
      outputs: ['y'],
      initializers: { first: ints([0]), rest: ints([-1]), w: floats([], [0.5]) },
    });
    expect(graph.nodes.map((n) => n.op)).toEqual(['Reshape', 'Mul']);
    expect(graph.tensors.get('y')?.dims).toEqual([2, 12]);
    expect(graph.initializers.get('e')?.data[0]).toBeCloseTo(Math.exp(0.5), 12);
  });

  it('removes Identity, Dropout and casts between floats, but not where they name an output', () => {
    const nodes = [
      node('Identity', ['x'], ['a']),
      node('Dropout', ['a'], ['b', '']),
      node('Cast', ['b'], ['c'], { to: 11 }),
      node('Relu', ['c'], ['d']),
      node('Identity', ['d'], ['y']),
    ];
    const graph = resolveModel(over(nodes, ['y']));
    expect(graph.nodes.map((n) => [n.op, n.inputs])).toEqual([
      ['Relu', ['x']],
      ['Identity', ['d']],
    ]);
  });

  it('refuses outputs that exist only in training, where they are read', () => {
    const norm = (outputs: string[]): ModelSpec =>
      over([node('BatchNormalization', ['x', 'k', 'k', 'k', 'k'], outputs, {}, 'norm')], outputs.slice(-1), {
        inputs: { x: [1, 2, 3] },
        initializers: { k: floats([2], [1, 2]) },
      });
    expect(error(norm(['a', 'mean']))).toMatchObject({ code: 'unsupported-output', node: 'norm' });
    expect(resolveModel(norm(['y'])).nodes).toHaveLength(1);
    const mask = over([node('Dropout', ['x'], ['a', 'mask']), node('Cast', ['mask'], ['y'], { to: 1 })], ['y']);
    expect(resolveModel(mask).nodes.map((n) => n.op)).toEqual(['Fixed']);
  });

  it('computes several inputs, outputs and residual branches', () => {
    const spec: ModelSpec = {
      nodes: [
        node('Relu', ['a'], ['r']),
        node('Add', ['r', 'a'], ['sum']),
        node('Mul', ['sum', 'b'], ['product']),
        node('Sub', ['product', 'r'], ['rest']),
      ],
      inputs: { a: [3], b: [1] },
      outputs: ['rest', 'sum'],
    };
    const [rest, sum] = runModel(spec, { a: floats([3], [-1, 2, 3]), b: floats([1], [10]) });
    expect([...sum.data]).toEqual([-1, 4, 6]);
    expect([...rest.data]).toEqual([-10, 38, 57]);
  });

  it('gives every tensor to the visitor, and refuses inputs of another size', () => {
    const graph = resolveModel(over([node('Relu', ['x'], ['a']), node('Neg', ['a'], ['y'])], ['y']));
    const seen: string[] = [];
    evaluateGraph(graph, new Map([['x', floats([2], [1, 2])]]), semanticsOf, (name) => seen.push(name));
    expect(seen).toEqual(['x', 'a', 'y']);
    for (const inputs of [new Map(), new Map([['x', floats([3], [1, 2, 3])]])])
      expect(() => evaluateGraph(graph, inputs, semanticsOf)).toThrow(InputError);
  });
});
