/** PRelu: x for x >= 0, slope·x below, the slope broadcast to x. */
import type { OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply } from '../broadcast.js';

export const prelu: OpSemantics = {
  ops: ['PRelu'],
  infer: (_, [x]) => [{ dtype: x?.dtype ?? 'float32', dims: x?.dims ?? [] }],
  evaluate: (node, inputs) => [broadcastApply(node, inputs as Tensor[], (x, slope) => (x < 0 ? slope * x : x))],
};
