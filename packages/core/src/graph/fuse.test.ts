/** Functions and normalisations that are written out in primitives: recognised, and the same numbers. */
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

const over = (nodes: ModelSpec['nodes'], extra: Partial<ModelSpec> = {}): ModelSpec => ({
  nodes,
  inputs: { x: [2, 3, 8] },
  outputs: ['y'],
  opset: 13,
  ...extra,
});

const numbers = {
  half: floats([], [0.5]),
  one: floats([], [1]),
  two: floats([], [2]),
  root: floats([], [Math.SQRT2]),
  epsilon: floats([], [1e-5]),
  last: ints([-1]),
};

const layerNorm = (axes: readonly number[]): ModelSpec['nodes'] => [
  node('ReduceMean', ['x'], ['m'], { axes }),
  node('Sub', ['x', 'm'], ['d']),
  node('Pow', ['d', 'two'], ['d2']),
  node('ReduceMean', ['d2'], ['v'], { axes }),
  node('Add', ['v', 'epsilon'], ['ve']),
  node('Sqrt', ['ve'], ['s']),
  node('Div', ['d', 's'], ['y']),
];

const ops = (spec: ModelSpec): string[] => resolveModel(spec).nodes.map((n) => n.op);

describe('patterns', () => {
  it('finds functions of one variable', () => {
    const silu = over([node('Sigmoid', ['x'], ['s']), node('Mul', ['x', 's'], ['y'])]);
    const gelu = over(
      [
        node('Div', ['x', 'root'], ['a']),
        node('Erf', ['a'], ['b']),
        node('Add', ['b', 'one'], ['c']),
        node('Mul', ['x', 'c'], ['d']),
        node('Mul', ['d', 'half'], ['y']),
      ],
      { initializers: numbers },
    );
    const sigmoid = over(
      [
        node('Neg', ['x'], ['a']),
        node('Exp', ['a'], ['b']),
        node('Add', ['b', 'one'], ['c']),
        node('Div', ['one', 'c'], ['y']),
      ],
      { initializers: numbers },
    );
    const x = wave([2, 3, 8]);
    for (const [spec, f] of [
      [silu, (v: number) => v / (1 + Math.exp(-v))],
      [sigmoid, (v: number) => 1 / (1 + Math.exp(-v))],
      [gelu, undefined],
    ] as const) {
      expect(ops(spec)).toEqual(['Composed']);
      const [y] = runModel(spec, { x });
      if (f)
        y.data.forEach((v, i) => {
          expect(v).toBeCloseTo(f(x.data[i]), 9);
        });
      else
        expect(y.data[0]).toBeCloseTo(runModel(over([node('Gelu', ['x'], ['y'])], { opset: 20 }), { x })[0].data[0], 7);
    }
  });

  it('leaves primitives where something else reads a part', () => {
    const spec = over([node('Sigmoid', ['x'], ['s']), node('Mul', ['x', 's'], ['y']), node('Neg', ['s'], ['z'])], {
      outputs: ['y', 'z'],
    });
    expect(ops(spec)).toEqual(['Sigmoid', 'Mul', 'Neg']);
  });

  it('finds standardisations over any axes', () => {
    const x = wave([2, 3, 8]);
    for (const axes of [[2], [1, 2], [1]]) {
      const spec = over(layerNorm(axes), { initializers: numbers });
      expect(ops(spec)).toContain('Standardize');
      expect(ops(spec)).not.toContain('Div');
      const broken = over([...layerNorm(axes).slice(0, -1), node('Div', ['x', 's'], ['y'])], { initializers: numbers });
      expect(ops(broken)).toContain('Div');
      const [y] = runModel(spec, { x });
      expect(y.dims).toEqual([2, 3, 8]);
      const kept = over([...layerNorm(axes), node('Neg', ['s'], ['z'])], {
        initializers: numbers,
        outputs: ['y', 'd', 's'],
      });
      const [own, d, s] = runModel(kept, { x });
      const width = d.data.length / s.data.length;
      expect(own.data).toEqual(y.data);
      if (axes[0] !== 1 || axes.length > 1)
        y.data.forEach((v, i) => {
          expect(v).toBeCloseTo(d.data[i] / s.data[Math.floor(i / width)], 9);
        });
    }
  });

  it('finds division by the root of the mean square', () => {
    const spec = over(
      [
        node('Mul', ['x', 'x'], ['d2']),
        node('ReduceMean', ['d2'], ['v'], { axes: [-1] }),
        node('Add', ['v', 'epsilon'], ['ve']),
        node('Sqrt', ['ve'], ['s']),
        node('Reciprocal', ['s'], ['r']),
        node('Mul', ['x', 'r'], ['y']),
      ],
      { initializers: numbers },
    );
    expect(ops(spec)).toEqual(['Reshape', 'Standardize', 'Reshape']);
  });

  it('finds products that only select', () => {
    const pick = floats(
      [8, 3],
      Array.from({ length: 24 }, (_, i) => Number([15, 1, 23].includes(i))),
    );
    const spec = over([node('MatMul', ['x', 'pick'], ['y'])], { initializers: { pick } });
    expect(ops(spec)).toEqual(['Gather']);
    const x = wave([2, 3, 8]);
    const [y] = runModel(spec, { x });
    expect([...y.data.slice(0, 3)]).toEqual([x.data[5], x.data[0], x.data[7]]);
    const twice = { ...pick, data: pick.data.map((v) => 2 * v) };
    expect(ops(over([node('MatMul', ['x', 'pick'], ['y'])], { initializers: { pick: twice } }))).toEqual(['MatMul']);
  });
});
