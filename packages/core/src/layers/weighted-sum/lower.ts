/** WeightedSum as one sum with one rounding. */
import type { Tensor } from '../../graph/graph.js';
import { broadcastAxes } from '../../relation/builder.js';
import { lowerSum, weightedPart } from '../accumulate.js';
import type { LowerContext, Lowered, Lowering } from '../lowering.js';

function lower(c: LowerContext): Lowered[] {
  const [{ dims }] = c.outputs;
  const parts = [0, 2].map((i) => {
    const weights = c.constant(i + 1) as Tensor;
    const part = {
      x: c.operand(i),
      weights,
      rowOf: (k: number) => k,
      rows: weights.data.length,
      dims,
      sums: [],
      axesX: broadcastAxes(c.dims(i), dims),
      axesW: broadcastAxes(weights.dims, dims),
    };
    return weightedPart(c, part, dims);
  });
  return [lowerSum(c, dims, parts)];
}

export const weightedSumLowering: Lowering = {
  ops: ['WeightedSum'],
  fusesFunction: () => true,
  fusesAddend: () => true,
  lower,
};
