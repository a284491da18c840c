/** Comparisons of two tensors, with broadcasting: truth values. */
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply, broadcastDims } from '../broadcast.js';

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Equal: (a, b) => Number(a === b),
  Greater: (a, b) => Number(a > b),
  GreaterOrEqual: (a, b) => Number(a >= b),
  Less: (a, b) => Number(a < b),
  LessOrEqual: (a, b) => Number(a <= b),
};

const dims = (node: GraphNode, inputs: readonly ({ dims: readonly number[] } | undefined)[]): number[] =>
  broadcastDims(
    node,
    inputs.map((i) => i?.dims ?? []),
  );

export const comparison: OpSemantics = {
  ops: Object.keys(COMPARISONS),
  required: () => 2,
  infer: (node, inputs) => [{ dtype: 'bool', dims: dims(node, inputs) }],
  evaluate: (node, inputs) => [{ ...broadcastApply(node, inputs as Tensor[], COMPARISONS[node.op]), dtype: 'bool' }],
};
