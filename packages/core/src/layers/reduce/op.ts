/** Reductions over axes. */
import { sizeOf } from '../../base/dims.js';
import { constantNumbers, normalAxis, numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor, TensorInfo } from '../../graph/graph.js';
import { broadcastOffsets } from '../broadcast.js';

const REDUCERS: Readonly<
  Record<string, { start: number; step: (acc: number, x: number) => number; end?: (acc: number, n: number) => number }>
> = {
  ReduceSum: { start: 0, step: (a, x) => a + x },
  ReduceMean: { start: 0, step: (a, x) => a + x, end: (a, n) => a / n },
  ReduceMax: { start: Number.NEGATIVE_INFINITY, step: Math.max },
  ReduceMin: { start: Number.POSITIVE_INFINITY, step: Math.min },
  ReduceL1: { start: 0, step: (a, x) => a + Math.abs(x) },
  ReduceSumSquare: { start: 0, step: (a, x) => a + x * x },
  ReduceL2: { start: 0, step: (a, x) => a + x * x, end: Math.sqrt },
};

export function reducedAxes(
  node: GraphNode,
  inputs: readonly (Tensor | TensorInfo | undefined)[],
): { axes: number[]; keep: boolean } {
  const rank = inputs[0]?.dims.length ?? 0;
  const given = constantNumbers(node, inputs, 1, 'axes');
  const axes = given && given.length > 0 ? given.map((a) => normalAxis(node, a, rank)) : [];
  const none = numberAttribute(node, 'noop_with_empty_axes', 0) === 1;
  return {
    axes: axes.length > 0 || none ? axes : Array.from({ length: rank }, (_, i) => i),
    keep: numberAttribute(node, 'keepdims', 1) === 1,
  };
}

export function reducedDims(dims: readonly number[], axes: readonly number[], keep: boolean): number[] {
  return dims.flatMap((d, i) => (axes.includes(i) ? (keep ? [1] : []) : [d]));
}

export const reduce: OpSemantics = {
  ops: Object.keys(REDUCERS),
  infer: (node, inputs) => {
    const { axes, keep } = reducedAxes(node, inputs);
    return [{ dtype: inputs[0]?.dtype ?? 'float32', dims: reducedDims(inputs[0]?.dims ?? [], axes, keep) }];
  },
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    const { axes, keep } = reducedAxes(node, inputs);
    const { start, step, end } = REDUCERS[node.op];
    const kept = reducedDims(x.dims, axes, true);
    const data = new Float64Array(sizeOf(kept)).fill(start);
    const to = broadcastOffsets(kept, x.dims);
    for (let i = 0; i < to.length; i++) data[to[i]] = step(data[to[i]], x.data[i]);
    const n = x.data.length / data.length;
    return [{ dtype: x.dtype, dims: reducedDims(x.dims, axes, keep), data: end ? data.map((a) => end(a, n)) : data }];
  },
};
