/** PRelu: x for x >= 0, slope·x below, the slope broadcast to x. */
import { badShape } from '../../graph/attributes.js';
import type { OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply, broadcastDims } from '../broadcast.js';

export const prelu: OpSemantics = {
  ops: ['PRelu'],
  required: () => 2,
  infer: (node, [x, slope]) => {
    const dims = x?.dims ?? [];
    if (String(broadcastDims(node, [dims, slope?.dims ?? []])) !== String(dims))
      throw badShape(node, `slopes of shape [${slope?.dims}] do not fit [${dims}]`);
    return [{ dtype: x?.dtype ?? 'float32', dims }];
  },
  evaluate: (node, inputs) => [broadcastApply(node, inputs as Tensor[], (x, slope) => (x < 0 ? slope * x : x))],
};
