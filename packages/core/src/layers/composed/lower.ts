/** Composed: one table, shared with the rounding of the layer before where there is one. */
import { stringAttribute } from '../../graph/attributes.js';
import type { GraphNode } from '../../graph/graph.js';
import { composed, type Lowering, type NamedFunction } from '../lowering.js';
import { lowerFunction } from '../rescale.js';
import { composedFunction } from './op.js';

const asFunction = (node: GraphNode): NamedFunction => ({
  key: `Composed ${stringAttribute(node, 'steps', '')}`,
  f: composedFunction(node),
  homogeneous: false,
});

export const composedLowering: Lowering = {
  ops: ['Composed'],
  asFunction,
  fusesFunction: () => true,
  lower: (c) => {
    const own = asFunction(c.node);
    const f = c.activation ? composed(own, c.activation) : own;
    return [lowerFunction({ ...c, activation: undefined }, c.operand(0), f, c.reach(0))];
  },
};
