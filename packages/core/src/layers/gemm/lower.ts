/** Gemm: by constant weights, read in place as [K, N] or [N, K]; or a product of two computed matrices. */
import type { Tensor } from '../../graph/graph.js';
import { axis, broadcastAxes } from '../../relation/builder.js';
import { constantPart, lowerSum, type SumPart, scaledPart, weightedPart } from '../accumulate.js';
import { type LowerContext, type Lowered, type Lowering, unsupported } from '../lowering.js';
import { lowerProduct } from '../product.js';
import { gemmShape } from './op.js';

const times = (t: Tensor, f: number): Tensor => (f === 1 ? t : { ...t, data: t.data.map((x) => x * f) });

function lower(c: LowerContext): Lowered[] {
  const s = gemmShape(c.node, c.dims(0), c.dims(1));
  const [a, w, bias] = [c.constant(0), c.constant(1), c.constant(2)];
  const axesA = s.transA ? [axis(2), axis(0)] : [axis(0), axis(2)];
  const axesB = s.transB ? [axis(1), axis(2)] : [axis(2), axis(1)];
  const dims = [s.m, s.n];
  const third = c.inputs[2];
  if (!a && !w) {
    if (third) throw unsupported(c.node, 'a bias on a product of computed matrices', 'use MatMul and Add');
    return [lowerProduct(c, { a: c.operand(0), b: c.operand(1), dims, sums: [s.k], axesA, axesB, factor: s.alpha })];
  }
  // A bias of one number for each column is counted in that column's bound.
  const perColumn = !a && bias && bias.data.length === s.n && bias.dims[bias.dims.length - 1] === s.n;
  const parts: SumPart[] = [
    weightedPart(
      c,
      {
        x: c.operand(a ? 1 : 0),
        weights: times((a ?? w) as Tensor, s.alpha),
        rowOf: a
          ? (i) => (s.transA ? i % s.m : Math.floor(i / s.k))
          : (i) => (s.transB ? Math.floor(i / s.k) : i % s.n),
        rows: a ? s.m : s.n,
        dims,
        sums: [s.k],
        axesX: a ? axesB : axesA,
        axesW: a ? axesA : axesB,
        bias: perColumn ? { data: times(bias, s.beta).data, axes: [axis(1)] } : undefined,
      },
      dims,
    ),
  ];
  if (bias && !perColumn) parts.push(constantPart(c, `${c.node.name}/bias`, times(bias, s.beta), dims));
  else if (third && !bias) {
    parts.push(
      scaledPart(c, c.operand(2), s.beta, { kind: 'affine', sums: [], axes: broadcastAxes(third.dims, dims) }),
    );
  }
  return [lowerSum(c, dims, parts)];
}

export const gemmLowering: Lowering = {
  ops: ['Gemm'],
  fusesFunction: () => true,
  fusesAddend: (_, inputs) => Boolean(inputs[0]?.value || inputs[1]?.value),
  lower,
};
