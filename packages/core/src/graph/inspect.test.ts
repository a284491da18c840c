import { describe, expect, it } from 'vitest';
import { buildModel, floats, type ModelSpec, node, wave } from '../../../../tests/models/build-model.js';
import { InputError } from '../base/errors.js';
import { semanticsOf } from '../layers/registry.js';
import { unsupportedIn } from '../program/lower-graph.js';
import { type InspectOptions, inspectModel } from './inspect.js';
import { Writer } from './protobuf.js';

const inspect = (spec: ModelSpec, options: Omit<InspectOptions, 'semantics'> = {}) =>
  inspectModel(buildModel(spec), { semantics: semanticsOf, ...options });

const network: ModelSpec = {
  nodes: [
    node('Conv', ['x', 'w', 'b'], ['c'], { group: 2 }, 'conv'),
    node('Relu', ['c'], ['r'], {}, 'relu'),
    node('Flatten', ['r'], ['f'], {}, 'flat'),
    node('Gemm', ['f', 'g'], ['z'], { transB: 1 }, 'dense'),
    node('MatMul', ['z', 'm'], ['y'], {}, 'last'),
  ],
  inputs: { x: ['n', 4, 5, 5] },
  outputs: ['y'],
  initializers: { w: wave([6, 2, 3, 3]), b: wave([6]), g: wave([7, 54]), m: wave([7, 2]) },
};

describe('inspectModel', () => {
  it('counts parameters and multiplications of a model that resolves', () => {
    const r = inspect(network);
    expect(r).toMatchObject({
      name: 'test',
      opset: 13,
      inputs: [{ name: 'x', dtype: 'float32', dims: [1, 4, 5, 5] }],
      outputs: [{ name: 'y', dtype: 'float32', dims: [1, 2] }],
      operators: { Conv: 1, Flatten: 1, Gemm: 1, MatMul: 1, Relu: 1 },
      unsupported: [],
      issues: [],
    });
    const counts = [6 * 9 * 2 * 9, 0, 0, 54 * 7, 14];
    expect(r.nodes.map((n) => n.multiplications)).toEqual(counts);
    expect(r.nodes.map((n) => n.parameters)).toEqual([108 + 6, 0, 0, 378, 14]);
    expect(r.nodes[0]).toMatchObject({ name: 'conv', op: 'Conv', outputs: [{ name: 'c', dims: [1, 6, 3, 3] }] });
    expect(r.multiplications).toBe(counts.reduce((a, b) => a + b));
    expect(r.parameters).toBe(114 + 378 + 14);
    expect(inspect(network, { inputShapes: { x: [3, 4, 5, 5] } }).multiplications).toBe(3 * r.multiplications);
  });

  it('lists every unsupported node, and says what it can of the others', () => {
    const nodes = [
      ...network.nodes.slice(0, 2),
      node('NonMaxSuppression', ['r'], ['l'], {}, 'memory'),
      node('Cast', ['r'], ['i'], { to: 7 }, 'cast'),
      node('Reshape', ['r', 'i'], ['s'], {}, 'shape'),
      { ...node('Odd', ['l', 's'], ['o'], {}, 'odd'), domain: 'com.example' },
      node('Relu', ['o'], ['y'], {}, 'end'),
    ];
    const r = inspect({ ...network, nodes });
    expect(r.unsupported.map((u) => [u.node, u.op, u.domain])).toEqual([
      ['memory', 'NonMaxSuppression', ''],
      ['odd', 'Odd', 'com.example'],
      ['shape', 'Reshape', ''],
    ]);
    for (const u of r.unsupported) expect(u.hint).not.toBe('');
    expect(r.operators).toMatchObject({ NonMaxSuppression: 1, 'com.example.Odd': 1, Relu: 2 });
    expect(r.nodes.map((n) => [n.name, n.outputs[0].dims])).toEqual([
      ['conv', [1, 6, 3, 3]],
      ['relu', [1, 6, 3, 3]],
      ['memory', undefined],
      ['cast', [1, 6, 3, 3]],
      ['shape', undefined],
      ['odd', undefined],
      ['end', undefined],
    ]);
    expect(r.multiplications).toBe(6 * 9 * 2 * 9);
    expect(r.issues).toEqual([]);
  });

  it('says why operators cannot be supported, and goes on beyond types that are not read', () => {
    const label = new Writer().varint(1, 1).varint(2, 8).text(6, 'a').text(8, 'label');
    const r = inspect({
      ...network,
      nodes: [
        node('Unique', ['x'], ['u'], {}, 'unique'),
        node('Bernoulli', ['x'], ['b'], {}, 'random'),
        node('Cast', ['x'], ['f'], { to: 17 }, 'float8'),
        node('StringNormalizer', ['label'], ['s'], {}, 'text'),
        { ...node('Adam', ['x'], ['t'], {}, 'training'), domain: 'ai.onnx.preview.training' },
      ],
      outputs: ['u', 'b', 'f', 's', 't'],
      initializers: { label },
    });
    expect(r.unsupported.map((u) => [u.node, u.hint])).toEqual([
      ['unique', expect.stringContaining('depends on the numbers')],
      ['random', expect.stringContaining('random')],
      ['text', expect.stringContaining('strings')],
      ['training', expect.stringContaining('training')],
      ['float8', expect.stringContaining('17')],
    ]);
    expect(r.issues).toEqual([expect.stringContaining('label holds strings')]);
  });

  it('tells of nodes without an integer meaning beside those that are unknown', () => {
    const r = inspect(
      {
        nodes: [
          node('Mod', ['x', 'z'], ['m'], { fmod: 1 }, 'mod'),
          node('Softplus', ['m'], ['p'], {}, 'fine'),
          node('Unique', ['p'], ['y'], {}, 'unique'),
          node('BitwiseNot', ['i'], ['n'], {}, 'bits'),
        ],
        opset: 18,
        inputs: { x: [3], z: [3], i: [3] },
        types: { i: 'uint64' },
        outputs: ['y', 'n'],
      },
      { unsupportedIn },
    );
    expect(r.unsupported.map((u) => u.node)).toEqual(['unique', 'mod', 'bits']);
  });

  it('reports open and wrong shapes as issues', () => {
    const open = inspect({ ...network, inputs: { x: ['n', 4, 'h', ''] } });
    expect(open.inputs[0].dims).toEqual(['n', 4, 'h', '?']);
    expect(open.issues).toHaveLength(1);
    expect(open.issues[0]).toContain('--input-shape x=');
    expect(open.nodes.map((n) => n.name)).toEqual(['conv', 'relu', 'flat', 'dense', 'last']);
    expect(open.parameters).toBe(114 + 378 + 14);
    const wrong = inspect({ ...network, inputs: { x: [1, 4, 6, 6] } });
    expect(wrong.issues.join()).toContain('dense');
    expect(inspect(network, { inputShapes: { z: [1] } }).issues.join()).toContain('no input z');
    expect(inspect({ ...network, inputs: { x: undefined } }).issues).toHaveLength(1);
  });

  it('reports broken graphs as issues', () => {
    const issues = (spec: Partial<ModelSpec>) => inspect({ ...network, ...spec }).issues;
    expect(issues({ nodes: [node('Add', ['x', 'y'], ['y'], {}, 'loop')] }).join()).toContain('cycle');
    expect(issues({ nodes: [node('Relu', ['nowhere'], ['y'])] }).join()).toContain('nowhere');
    expect(issues({ outputs: [] }).join()).toContain('no outputs');
    const initializers = { ...network.initializers, b: floats([6], [0, 0, Number.NaN, 0, 0, 0]) };
    expect(issues({ initializers }).join()).toContain('NaN');
  });

  it('counts operators of any name', () => {
    const r = inspect({ ...network, nodes: [node('__proto__', ['x'], ['y'])] });
    expect(Object.keys(r.operators)).toEqual(['__proto__']);
    expect(r.unsupported).toHaveLength(1);
  });

  it('throws an InputError on what is no model', () => {
    expect(() => inspectModel(Uint8Array.of(1, 2, 3), { semantics: semanticsOf })).toThrow(InputError);
  });
});
