/** MatMul: by constant weights, or of two computed tensors (attention), batched over leading axes. */
import type { Tensor } from '../../graph/graph.js';
import { at, axis } from '../../relation/builder.js';
import type { AxisIndex } from '../../relation/relation.js';
import { lowerSum, weightedPart } from '../accumulate.js';
import type { LowerContext, Lowered, Lowering } from '../lowering.js';
import { lowerProduct } from '../product.js';
import { isWhole, wholeContraction } from '../whole.js';
import { matMulShape } from './op.js';

function lower(c: LowerContext): Lowered[] {
  const s = matMulShape(c.node, c.dims(0), c.dims(1));
  const rank = s.batch.length + 2;
  const dims = [...s.batch, s.m, s.n];
  // Indices: batch…, m, n, then the sum k. A vector operand has the k axis alone.
  const leading = (own: readonly number[]): AxisIndex[] =>
    own.slice(0, -2).map((d, i) => (d === 1 ? at(0) : axis(i + s.batch.length - (own.length - 2))));
  const axesA = c.dims(0).length === 1 ? [axis(rank)] : [...leading(s.a), axis(rank - 2), axis(rank)];
  const axesB = c.dims(1).length === 1 ? [axis(rank)] : [...leading(s.b), axis(rank), axis(rank - 1)];
  const sums = [s.k];
  if (isWhole(c) && s.out.length === dims.length) return [wholeContraction(c, dims, sums, axesA, axesB)];
  const [a, b] = [c.constant(0), c.constant(1)];
  if (!a && !b) {
    const outDims = s.out.length === dims.length ? undefined : s.out;
    return [lowerProduct(c, { a: c.operand(0), b: c.operand(1), dims, sums, axesA, axesB, outDims })];
  }
  // Bounds are taken column by column of B (over all batches), or row by row of A.
  const weights = (b ?? a) as Tensor;
  const rowOf = b ? (i: number) => Math.floor(i / (s.k * s.n)) * s.n + (i % s.n) : (i: number) => Math.floor(i / s.k);
  const [axesX, axesW] = b ? [axesA, axesB] : [axesB, axesA];
  const rows = weights.data.length / s.k;
  const part = weightedPart(c, { x: c.operand(b ? 0 : 1), weights, rowOf, rows, dims, sums, axesX, axesW }, s.out);
  return [lowerSum(c, s.out, [part])];
}

export const matMulLowering: Lowering = {
  ops: ['MatMul'],
  fusesFunction: () => true,
  fusesAddend: (_, inputs) => Boolean(inputs[0]?.value || inputs[1]?.value),
  lower,
};
