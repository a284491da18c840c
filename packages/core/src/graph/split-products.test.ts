import { describe, expect, it } from 'vitest';
import { buildModel, floats, node, wave } from '../../../../tests/models/build-model.js';
import { semanticsOf } from '../layers/registry.js';
import { decodeOnnx, evaluateGraph, resolveGraph } from './index.js';
import { splitProducts } from './split-products.js';

/** Of 12 weights at most: columns of a product of 3 terms in parts of 4. */
const LIMIT = 12;

describe('products of too many weights', () => {
  it.each([
    ['MatMul', {}, [3, 10], undefined],
    ['Gemm', {}, [3, 10], floats([10], [...wave([10], 4).data])],
    ['Gemm', { transB: 1 }, [10, 3], wave([2, 10], 4)],
    ['Gemm', { transB: 1 }, [10, 3], floats([1], [0.5])],
    ['Gemm', {}, [3, 10], undefined],
  ] as const)('are made of several: %s %o', (op, attributes, dims, addend) => {
    const model = buildModel({
      nodes: [node(op, addend ? ['x', 'w', 'c'] : ['x', 'w'], ['y'], attributes)],
      inputs: { x: [2, 3] },
      outputs: ['y'],
      initializers: { w: wave(dims, 3), ...(addend ? { c: addend } : {}) },
    });
    const graph = resolveGraph(decodeOnnx(model), { semantics: semanticsOf });
    const parts = splitProducts(graph, LIMIT);
    expect(parts.nodes.map((n) => n.op)).toEqual([op, op, op, 'Concat']);
    expect(parts.nodes.map((n) => parts.tensors.get(n.outputs[0])?.dims)).toEqual([
      [2, 4],
      [2, 4],
      [2, 2],
      [2, 10],
    ]);
    const x = new Map([['x', wave([2, 3])]]);
    const [want, got] = [graph, parts].map((g) => [...(evaluateGraph(g, x, semanticsOf).get('y')?.data ?? [])]);
    expect(got).toEqual(want);
    expect(splitProducts(graph)).toBe(graph);
  });
});
