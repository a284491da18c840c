/** BatchNormalization that was not folded into a Conv: channel weights and a bias. */

import { batchNormalizationAffine } from '../../graph/fold-batch-normalization.js';
import type { Tensor } from '../../graph/graph.js';
import { axis, broadcastAxes } from '../../relation/builder.js';
import { lowerSum, weightedPart } from '../accumulate.js';
import type { LowerContext, Lowered, Lowering } from '../lowering.js';

function lower(c: LowerContext): Lowered[] {
  const dims = c.dims(0);
  const { scale, shift } = batchNormalizationAffine(c.node, (i) => c.constant(i) as Tensor);
  const part = {
    x: c.operand(0),
    weights: { dtype: 'float32' as const, dims: [scale.length], data: scale },
    rowOf: (i: number) => i,
    rows: scale.length,
    dims,
    sums: [],
    axesX: broadcastAxes(dims, dims),
    axesW: [axis(1)],
    bias: { data: shift, axes: [axis(1)] },
  };
  return [lowerSum(c, dims, [weightedPart(c, part, dims)])];
}

export const batchNormalizationLowering: Lowering = {
  ops: ['BatchNormalization'],
  fusesFunction: () => true,
  fusesAddend: () => true,
  lower,
};
