/** Sequences and optionals: told apart where the graph is resolved; see check-operator.ts for what is shown of each. */
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

const a = wave([2, 3]);
const b = wave([2, 3], 2);

function check(
  spec: Pick<ModelSpec, 'nodes' | 'initializers'>,
  want: readonly number[],
  dims: readonly number[],
): void {
  const whole: ModelSpec = { ...spec, inputs: { a: [2, 3], b: [2, 3] }, outputs: ['y'] };
  const [y] = runModel(whole, { a, b });
  expect(y.dims).toEqual(dims);
  expect([...y.data]).toEqual([...want]);
  checkOperator(kernels, whole, { a, b });
}

const doubled = (t: Tensor): number[] => [...t.data].map((x) => Math.fround(2 * x));
const twice = node('Add', ['s', 's'], ['y']);

describe('sequences', () => {
  it('are built, changed and read at constant positions', () => {
    check(
      {
        nodes: [
          node('SequenceEmpty', [], ['empty']),
          node('SequenceInsert', ['empty', 'b'], ['one']),
          node('SequenceInsert', ['one', 'a', 'first'], ['two']),
          node('SequenceErase', ['two', 'last'], ['left']),
          node('SequenceAt', ['left', 'first'], ['s']),
          twice,
        ],
        initializers: { first: ints([0], []), last: ints([-1], []) },
      },
      doubled(a),
      [2, 3],
    );
  });

  it('become one tensor, along an axis that is there or a new one', () => {
    const nodes = (attributes: Record<string, number>) => [
      node('SequenceConstruct', ['a', 'b'], ['list']),
      node('ConcatFromSequence', ['list'], ['s'], attributes),
      twice,
    ];
    const [x, y] = [doubled(a), doubled(b)];
    check({ nodes: nodes({ axis: 0 }) }, [...x, ...y], [4, 3]);
    const rows = [x.slice(0, 3), y.slice(0, 3), x.slice(3), y.slice(3)].flat();
    check({ nodes: nodes({ axis: 1, new_axis: 1 }) }, rows, [2, 2, 3]);
  });

  it.each([
    ['in single cells', [], { axis: 1, keepdims: 0 }, 2, [2]],
    ['in equal parts, the last one shorter', [ints([2], [])], { axis: 1 }, 1, [2, 1]],
    ['in given parts', [ints([1, 2])], { axis: 1 }, 1, [2, 2]],
  ] as const)('are split from a tensor %s', (_, sizes, attributes, at, dims) => {
    const width = dims[1] ?? 1;
    const want = [0, 1].flatMap((row) => doubled(a).slice(row * 3 + 3 - width, row * 3 + 3));
    check(
      {
        nodes: [
          node('SplitToSequence', sizes.length > 0 ? ['a', 'sizes'] : ['a'], ['list'], attributes),
          node('SequenceAt', ['list', 'at'], ['s']),
          node('Identity', ['list'], ['again']),
          node('SequenceLength', ['again'], ['n']),
          twice,
        ],
        initializers: { at: ints([at], []), ...(sizes.length > 0 ? { sizes: sizes[0] } : {}) },
      },
      want,
      dims,
    );
  });

  it('have a length', () => {
    check(
      {
        nodes: [
          node('SplitToSequence', ['a'], ['list'], { axis: 1 }),
          node('SequenceLength', ['list'], ['n']),
          node('Cast', ['n'], ['f'], { to: 1 }),
          node('Mul', ['a', 'f'], ['y']),
        ],
      },
      [...a.data].map((x) => 3 * x),
      [2, 3],
    );
  });

  it('grow in loops and are mapped', () => {
    const body: GraphSpec = {
      inputs: ['i', 'go', 'seen'],
      outputs: ['go2', 'more'],
      nodes: [
        node('Identity', ['go'], ['go2']),
        node('Gather', ['a', 'i'], ['row'], { axis: 1 }),
        node('SequenceInsert', ['seen', 'row'], ['more']),
      ],
    };
    const half: GraphSpec = {
      inputs: ['item', 'by'],
      outputs: ['scaled'],
      nodes: [node('Mul', ['item', 'by'], ['scaled'])],
    };
    check(
      {
        nodes: [
          node('SequenceEmpty', [], ['none']),
          node('Loop', ['n', '', 'none'], ['columns'], { body: { graph: body } }),
          node('SequenceMap', ['columns', 'two'], ['mapped'], { body: { graph: half } }),
          node('ConcatFromSequence', ['mapped'], ['y'], { axis: 0, new_axis: 1 }),
        ],
        initializers: { n: ints([3], []), two: floats([], [2]) },
      },
      [0, 1, 2].flatMap((k) => [doubled(a)[k], doubled(a)[k + 3]]),
      [3, 2],
    );
  });
});

describe('optionals', () => {
  it('are there or not', () => {
    const branch = (x: string): GraphSpec => ({ nodes: [node('Add', [x, x], ['r'])], outputs: ['r'] });
    check(
      {
        nodes: [
          node('Optional', ['b'], ['maybe']),
          node('Optional', [], ['nothing']),
          node('OptionalHasElement', ['nothing'], ['has']),
          node('OptionalGetElement', ['maybe'], ['given']),
          node('If', ['has'], ['y'], { then_branch: { graph: branch('a') }, else_branch: { graph: branch('given') } }),
        ],
      },
      doubled(b),
      [2, 3],
    );
  });
});

describe('refusals', () => {
  const refusal = (nodes: ModelSpec['nodes'], outputs = ['y']): InputError => {
    try {
      runModel({ nodes, inputs: { a: [2, 3], at: [] }, types: { at: 'int64' }, outputs }, {});
    } catch (e) {
      return e as InputError;
    }
    throw new Error('it was not refused');
  };

  it('say that a position depends on data, and that an output is a sequence', () => {
    const list = node('SplitToSequence', ['a'], ['list'], { axis: 1 });
    expect(refusal([list, node('SequenceAt', ['list', 'at'], ['y'])])).toMatchObject({ code: 'dynamic-parameter' });
    expect(refusal([list], ['list'])).toMatchObject({ code: 'unsupported-output' });
    expect(refusal([node('SequenceLength', ['a'], ['y'])])).toMatchObject({ code: 'bad-shape' });
  });

  it('are listed with all others', () => {
    const model = buildModel({
      nodes: [
        node('SplitToSequence', ['a'], ['list'], { axis: 1 }),
        node('SequenceAt', ['list', 'at'], ['x'], {}, 'read'),
        node('StringNormalizer', ['a'], ['z'], {}, 'texts'),
      ],
      inputs: { a: [2, 3], at: [] },
      types: { at: 'int64' },
      outputs: ['x', 'z', 'list'],
    });
    const report = inspectModel(model, { semantics: semanticsOf });
    expect(report.unsupported.map((u) => u.node).sort()).toEqual(['read', 'texts']);
    expect(report.issues).toEqual(['output list is a sequence']);
  });
});
