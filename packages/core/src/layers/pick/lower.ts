/** Pick as one contraction, exact and without anything committed. */
import { at, axis, broadcastAxes } from '../../relation/builder.js';
import type { AxisIndex } from '../../relation/relation.js';
import { quantize } from '../accumulate.js';
import { type LowerContext, type Lowered, type Lowering, unsupported } from '../lowering.js';
import { matMulShape } from '../matmul/op.js';

function lower(c: LowerContext): Lowered[] {
  const b = c.builder;
  const s = matMulShape(c.node, c.dims(0), c.dims(1));
  const rank = s.batch.length + 2;
  const leading = (own: readonly number[]): AxisIndex[] =>
    broadcastAxes(own.slice(0, -2), s.batch).map((a, i) => (own[i] === 1 ? at(0) : a));
  const axesA = [...leading(s.a), axis(rank - 2), axis(rank)];
  const axesB = [...leading(s.b), axis(rank), axis(rank - 1)];
  const table = c.constant(1);
  const scale = table ? c.outputs[0].scale : c.operand(1).scale;
  const data = table && quantize(table, scale);
  if (table && !data) throw unsupported(c.node, 'a number of the table is too large', 'rescale the table');
  const x = table ? b.constant(`${c.node.name}/table`, table.dims, data as Int32Array) : c.operand(1).value;
  const { lo, hi } = b.get(x);
  const range = { lo: Math.min(0, lo), hi: Math.max(0, hi) };
  const value = b.contract(c.name, [...s.batch, s.m, s.n], c.operand(0).value, x, [s.k], axesA, axesB, range);
  return [{ value, scale }];
}

export const pickLowering: Lowering = {
  ops: ['Pick'],
  sharing: () => ({ inputs: [1], outputs: true }),
  takesFine: () => true,
  lower,
};
