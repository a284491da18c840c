/** Loop, Scan and If: written out where the graph is resolved, against their definition; see check-operator.ts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InputError, inspectModel, type Tensor } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { semanticsOf } from '../../packages/core/src/layers/registry.js';
import {
  buildModel,
  floats,
  type GraphSpec,
  ints,
  type ModelSpec,
  node,
  runModel,
  wave,
} from '../models/build-model.js';
import { checkOperator } from './check-operator.js';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

const truth = (x: number): Tensor => ({ dtype: 'bool', dims: [], data: Float64Array.of(x) });
const x = wave([2, 3]);
const inputs = { x: [2, 3] };

function check(spec: ModelSpec, given: Readonly<Record<string, Tensor>>, want: readonly (readonly number[])[]): void {
  const got = runModel(spec, given);
  want.forEach((numbers, i) => {
    expect([...got[i].data]).toHaveLength(numbers.length);
    numbers.forEach((v, k) => {
      expect(got[i].data[k]).toBeCloseTo(v, 6);
    });
  });
  checkOperator(kernels, spec, given);
}

function refusal(spec: ModelSpec): InputError {
  try {
    runModel(spec, {});
  } catch (e) {
    return e as InputError;
  }
  throw new Error('it was not refused');
}

const loop = (graph: GraphSpec, given: readonly string[], outputs: readonly string[]) => [
  node('Loop', given, outputs, { body: { graph } }, 'loop'),
];

describe('Loop', () => {
  // v' = tanh(v·w + i), w being of the graph around the body; every v is collected.
  const body: GraphSpec = {
    inputs: ['i', 'go', 'v'],
    outputs: ['go2', 'v2', 'v2'],
    nodes: [
      node('Identity', ['go'], ['go2']),
      node('Cast', ['i'], ['f'], { to: 1 }),
      node('Mul', ['v', 'w'], ['p']),
      node('Mul', ['f', 'step'], ['s']),
      node('Add', ['p', 's'], ['t']),
      node('Tanh', ['t'], ['v2']),
    ],
    initializers: { step: floats([], [0.1]) },
  };
  const spec: ModelSpec = {
    nodes: loop(body, ['n', 'yes', 'x'], ['last', 'all']),
    inputs,
    outputs: ['last', 'all'],
    initializers: { n: ints([3], []), yes: truth(1), w: floats([3], [1, -0.5, 0.75]) },
  };

  it('carries a value along and collects it', () => {
    const all: number[] = [];
    let v = [...x.data];
    for (let i = 0; i < 3; i++) {
      v = v.map((a, k) => Math.tanh(a * [1, -0.5, 0.75][k % 3] + 0.1 * i));
      all.push(...v);
    }
    check(spec, { x }, [v, all]);
  });

  it('ends where a constant condition does', () => {
    const graph = {
      ...body,
      nodes: [node('Less', ['i', 'two'], ['go2']), ...body.nodes.slice(1)],
      initializers: { ...body.initializers, two: ints([2], []) },
    };
    const result = runModel({ ...spec, nodes: loop(graph, ['', 'yes', 'x'], ['last', 'all']) }, { x });
    expect(result[1].dims).toEqual([3, 2, 3]);
    const never = { ...spec, initializers: { ...spec.initializers, yes: truth(0) }, outputs: ['last'] };
    expect(runModel({ ...never, nodes: [...never.nodes] }, { x })[0].data).toEqual(x.data);
  });

  it('runs within another one, whose values it reads', () => {
    const inner: GraphSpec = {
      inputs: ['j', 'c', 'a'],
      outputs: ['c', 'b'],
      nodes: [node('Cast', ['i'], ['fi'], { to: 1 }), node('Mul', ['fi', 'v'], ['q']), node('Add', ['a', 'q'], ['b'])],
    };
    const outer: GraphSpec = {
      inputs: ['i', 'go', 'v'],
      outputs: ['go', 'sum'],
      nodes: [node('Loop', ['n', 'go', 'v'], ['sum'], { body: { graph: inner } })],
    };
    const nodes = loop(outer, ['n', 'yes', 'x'], ['y']);
    const initializers = { n: ints([2], []), yes: truth(1) };
    // v, then v + 2·(1·v).
    check({ nodes, inputs, outputs: ['y'], initializers }, { x }, [[...x.data].map((v) => 3 * v)]);
  });

  it('is refused where passes, conditions or shapes depend on data', () => {
    const moving = { ...spec, inputs: { ...inputs, m: [] }, types: { m: 'int64' as const } };
    const passes = refusal({ ...moving, nodes: loop(body, ['m', 'yes', 'x'], ['last']), outputs: ['last'] });
    expect(passes).toMatchObject({ code: 'dynamic-parameter', node: 'loop' });
    expect(passes.message).toContain('the number of passes of loop');
    const graph = {
      ...body,
      nodes: [
        node('ReduceSum', ['v'], ['s1'], { keepdims: 0 }),
        node('Greater', ['s1', 'step'], ['go2']),
        ...body.nodes.slice(1),
      ],
    };
    const condition = refusal({ ...spec, nodes: loop(graph, ['n', 'yes', 'x'], ['last']), outputs: ['last'] });
    expect(condition).toMatchObject({ code: 'dynamic-parameter', node: 'loop' });
    expect(condition.message).toContain('the condition');
    const endless = refusal({ ...spec, nodes: loop(body, ['', 'yes', 'x'], ['last']), outputs: ['last'] });
    expect(endless.code).toBe('unsupported-operators');
    const empty = { ...spec, initializers: { ...spec.initializers, n: ints([0], []) } };
    expect(refusal(empty).code).toBe('bad-shape');
  });

  it('names the node of its body that cannot be understood', () => {
    const odd = (name: string, op: string): GraphSpec => ({
      ...body,
      nodes: [...body.nodes.slice(0, 5), node(op, ['t'], ['v2'], {}, name)],
    });
    expect(refusal({ ...spec, nodes: loop(odd('inner', 'Odd'), ['n', 'yes', 'x'], ['last', 'all']) })).toMatchObject({
      code: 'unsupported-operators',
      node: 'inner',
    });
    const shape = {
      ...body,
      nodes: [...body.nodes.slice(0, 5), node('Reshape', ['t', 'n'], ['v2'], {}, 'inner')],
    };
    const bad = refusal({ ...spec, nodes: loop(shape, ['n', 'yes', 'x'], ['last', 'all']) });
    expect(bad).toMatchObject({ code: 'bad-shape', node: 'inner' });
  });
});

describe('Scan', () => {
  it('reads slices and joins results, either way round', () => {
    // Running sums of the columns, from the last on; the states stand in reverse order.
    const graph: GraphSpec = {
      inputs: ['s', 'c'],
      outputs: ['t', 't'],
      nodes: [node('Add', ['s', 'c'], ['t'])],
    };
    const attributes = {
      body: { graph },
      num_scan_inputs: 1,
      scan_input_axes: [1],
      scan_input_directions: [1],
      scan_output_axes: [-1],
      scan_output_directions: [1],
    };
    const spec: ModelSpec = {
      opset: 13,
      nodes: [node('Scan', ['zero', 'x'], ['last', 'all'], attributes)],
      inputs,
      outputs: ['last', 'all'],
      initializers: { zero: floats([2], [0, 0]) },
    };
    const [a, b, c, d, e, f] = x.data;
    check(spec, { x }, [
      [a + b + c, d + e + f],
      [a + b + c, b + c, c, d + e + f, e + f, f],
    ]);
    const older = { ...spec, opset: 9 };
    expect(runModel(older, { x })[1].dims).toEqual([2, 3]);
  });
});

describe('If', () => {
  const branches = {
    then_branch: { graph: { outputs: ['a'], nodes: [node('Relu', ['x'], ['a'])] } },
    else_branch: { graph: { outputs: ['b'], nodes: [node('Neg', ['x'], ['b'])] } },
  };
  const spec: ModelSpec = { nodes: [node('If', ['c'], ['y'], branches, 'choice')], inputs, outputs: ['y'] };

  it('takes the branch of a constant, whatever the other holds', () => {
    check({ ...spec, initializers: { c: truth(1) } }, { x }, [[...x.data].map((v) => Math.max(0, v))]);
    const odd = { graph: { outputs: ['b'], nodes: [node('StringConcat', ['x'], ['b'])] } };
    const nodes = [node('If', ['c'], ['y'], { ...branches, else_branch: odd }, 'choice')];
    expect(runModel({ ...spec, nodes, initializers: { c: truth(1) } }, { x })[0].data[0]).toBe(Math.max(0, x.data[0]));
    expect(refusal({ ...spec, nodes, initializers: { c: truth(0) } })).toMatchObject({ code: 'unsupported-operators' });
  });

  it('chooses between both where the condition is computed', () => {
    const computed: ModelSpec = {
      ...spec,
      nodes: [node('ReduceSum', ['x'], ['s'], { keepdims: 0 }), node('Greater', ['s', 'zero'], ['c']), ...spec.nodes],
      initializers: { zero: floats([], [0]) },
    };
    for (const factor of [1, -1]) {
      const given = { ...x, data: x.data.map((v) => factor * (v + 0.5)) };
      const isPositive = given.data.reduce((a, b) => a + b) > 0;
      check(computed, { x: given }, [[...given.data].map((v) => (isPositive ? Math.max(0, v) : -v))]);
    }
    const flat = { graph: { outputs: ['b'], nodes: [node('Flatten', ['x'], ['b'], { axis: 0 })] } };
    const nodes = [
      ...computed.nodes.slice(0, 2),
      node('If', ['c'], ['y'], { ...branches, else_branch: flat }, 'choice'),
    ];
    expect(refusal({ ...computed, nodes })).toMatchObject({ code: 'dynamic-parameter', node: 'choice' });
  });
});

describe('inspect', () => {
  it('lists what is not supported in bodies and in the branches that may be taken', () => {
    const odd = (op: string, name: string, out: string): GraphSpec => ({
      outputs: [out],
      nodes: [node(op, ['x'], [out], {}, name)],
    });
    const body: GraphSpec = {
      inputs: ['i', 'go', 'v'],
      outputs: ['go', 'v3'],
      nodes: [node('Unique', ['v'], ['v2'], {}, 'within'), node('NonMaxSuppression', ['v2'], ['v3'], {}, 'depending')],
    };
    const spec: ModelSpec = {
      nodes: [
        node('If', ['yes'], ['p'], {
          then_branch: { graph: odd('Multinomial', 'taken', 'a') },
          else_branch: { graph: odd('StringConcat', 'untaken', 'b') },
        }),
        ...loop(body, ['m', 'yes', 'x'], ['q']),
        node('Bernoulli', ['q'], ['r'], {}, 'after'),
      ],
      inputs: { ...inputs, m: [] },
      types: { m: 'int64' },
      outputs: ['p', 'r'],
      initializers: { yes: truth(1) },
    };
    const report = inspectModel(buildModel(spec), { semantics: semanticsOf });
    const names = report.unsupported.map((u) => u.node).sort();
    expect(names).toEqual(['after', 'depending', 'loop', 'taken', 'within']);
    expect(report.operators).toMatchObject({ Loop: 1, Unique: 1, Multinomial: 1, StringConcat: 1 });
  });
});
