/** WeightedSum: x·v + y·w for constant v and w, with broadcasting; rotary positions written out are of this form. */
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply, broadcastDims } from '../broadcast.js';

const product = (node: GraphNode, a: Tensor, b: Tensor): Tensor => broadcastApply(node, [a, b], (x, y) => x * y);

export const weightedSum: OpSemantics = {
  ops: ['WeightedSum'],
  required: () => 4,
  infer: (node, inputs) => [
    {
      dtype: inputs[0]?.dtype ?? 'float32',
      dims: broadcastDims(
        node,
        inputs.map((t) => t?.dims ?? []),
      ),
    },
  ],
  evaluate: (node, inputs) => {
    const [x, v, y, w] = inputs as Tensor[];
    return [broadcastApply(node, [product(node, x, v), product(node, y, w)], (a, b) => a + b)];
  },
};
