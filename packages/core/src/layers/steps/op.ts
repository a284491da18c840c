/** Steps: floor, ceil or round of x / c (or x·c) for a constant c: whole numbers that jump where x passes multiples of c. */
import { stringAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply, broadcastDims } from '../broadcast.js';
import { FUNCTIONS } from '../unary/functions.js';

export const isProduct = (node: GraphNode): boolean => node.attributes.by === 'Mul';

export const stepFunction = (node: GraphNode): ((x: number) => number) =>
  FUNCTIONS[stringAttribute(node, 'function', 'Floor')](node, []);

export const steps: OpSemantics = {
  ops: ['Steps'],
  required: () => 2,
  infer: (node, [x, c]) => [
    { dtype: x?.dtype ?? 'float32', dims: broadcastDims(node, [x?.dims ?? [], c?.dims ?? []]) },
  ],
  evaluate: (node, inputs) => {
    const f = stepFunction(node);
    const by = isProduct(node) ? (x: number, c: number) => f(x * c) : (x: number, c: number) => f(x / c);
    return [broadcastApply(node, inputs as Tensor[], by)];
  },
};
