import { describe, expect, it } from 'vitest';
import { floats, type ModelSpec, node, resolveModel, runModel, wave } from '../../../../tests/models/build-model.js';
import type { Tensor } from './graph.js';

const positive = (dims: number[], seed: number): Tensor => {
  const w = wave(dims, seed);
  return { ...w, data: w.data.map((v) => v * v + 0.1) };
};

const statistics = (c: number): Record<string, Tensor> => ({
  gamma: wave([c], 2),
  beta: wave([c], 3),
  mean: wave([c], 4),
  variance: positive([c], 5),
});

const bn = (x: string, y: string) =>
  node('BatchNormalization', [x, 'gamma', 'beta', 'mean', 'variance'], [y], { epsilon: { float: 0.01 } });

/** Conv → BatchNormalization → Relu; `tap` makes the convolution's result an output, which keeps it as it is. */
const model = (group: number, bias: boolean, tap: boolean): ModelSpec => ({
  nodes: [
    node('Conv', bias ? ['x', 'w', 'b'] : ['x', 'w'], ['c'], { group }),
    bn('c', 'n'),
    node('Relu', ['n'], ['y']),
  ],
  inputs: { x: [2, 4, 5, 5] },
  outputs: tap ? ['y', 'c'] : ['y'],
  initializers: { w: wave([6, 4 / group, 3, 3]), b: wave([6], 6), ...statistics(6) },
});

const close = (a: Tensor, b: Tensor) => {
  expect(a.dims).toEqual(b.dims);
  a.data.forEach((v, i) => {
    expect(Math.abs(v - b.data[i])).toBeLessThan(1e-12);
  });
};

describe('folding a BatchNormalization', () => {
  const x = wave([2, 4, 5, 5], 9);

  for (const group of [1, 2]) {
    for (const bias of [true, false]) {
      it(`into a Conv of ${group} groups ${bias ? 'with' : 'without'} bias leaves the values as they are`, () => {
        expect(resolveModel(model(group, bias, false)).nodes.map((n) => n.op)).toEqual(['Conv', 'Relu']);
        expect(resolveModel(model(group, bias, true)).nodes.map((n) => n.op)).toEqual([
          'Conv',
          'BatchNormalization',
          'Relu',
        ]);
        close(runModel(model(group, bias, false), { x })[0], runModel(model(group, bias, true), { x })[0]);
      });
    }
  }

  it('leaves weights that another Conv shares alone', () => {
    const spec: ModelSpec = {
      nodes: [
        node('Conv', ['x', 'w'], ['a']),
        bn('a', 'b'),
        node('Conv', ['x', 'w'], ['c']),
        node('Add', ['b', 'c'], ['y']),
      ],
      inputs: { x: [1, 1, 2, 2] },
      outputs: ['y'],
      initializers: { w: floats([1, 1, 1, 1], [2]), ...statistics(1) },
    };
    const folded = resolveModel(spec);
    expect(folded.nodes.map((n) => n.op)).toEqual(['Conv', 'Conv', 'Add']);
    expect(folded.initializers.get('w')?.data[0]).toBe(2);
    close(
      runModel(spec, { x: wave([1, 1, 2, 2]) })[0],
      runModel({ ...spec, outputs: ['y', 'a'] }, { x: wave([1, 1, 2, 2]) })[0],
    );
  });

  it('into a Gemm, of either orientation, leaves the values as they are', () => {
    for (const transB of [0, 1]) {
      const gemm = (tap: boolean): ModelSpec => ({
        nodes: [
          node('Gemm', ['x', 'w', 'b'], ['g'], { transB, alpha: { float: 0.5 }, beta: { float: 2 } }),
          bn('g', 'y'),
        ],
        inputs: { x: [3, 4] },
        outputs: tap ? ['y', 'g'] : ['y'],
        initializers: { w: wave(transB ? [5, 4] : [4, 5]), b: wave([5], 8), ...statistics(5) },
      });
      expect(resolveModel(gemm(false)).nodes.map((n) => n.op)).toEqual(['Gemm']);
      close(runModel(gemm(false), { x: wave([3, 4], 7) })[0], runModel(gemm(true), { x: wave([3, 4], 7) })[0]);
    }
  });
});
