/**
 * Truth values are the integers 0 and 1, which whatever makes them pins: connectives and choices are polynomials of
 * them, exact and without anything committed.
 *
 *     a and b = ab    a or b = a + b - ab    a xor b = a + b - 2ab    not a = 1 - a    where(c, x, y) = y + c·(x - y)
 */
import { broadcastAxes, broadcastMap, type Interval, identityMap } from '../../relation/builder.js';
import type { LinearTerm, ValueId } from '../../relation/relation.js';
import { type LowerContext, type Lowered, type Lowering, roundToInt } from '../lowering.js';

const BIT: Interval = { lo: 0, hi: 1 };

/** Input `index` as integers at a scale; constants that are too large for it are saturated at `most`. */
function source(c: LowerContext, index: number, scale: number, most = 2 ** 28): ValueId {
  const t = c.constant(index);
  if (!t) return c.operand(index).value;
  const data = Int32Array.from(t.data, (v) => Math.min(most, Math.max(-most, roundToInt(v / scale))));
  return c.builder.constant(`${c.node.name}/constant-${index}`, t.dims, data);
}

/** The input's own dims, broadcast to the output's. */
const read = (c: LowerContext, index: number, src: ValueId, coef: number): LinearTerm => ({
  src,
  coef,
  map: broadcastMap(c.dims(index), c.outputs[0].dims),
});

function lowerConnective(c: LowerContext): Lowered {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const [p, q] = [source(c, 0, 1), source(c, 1, 1)];
  const [axesP, axesQ] = [broadcastAxes(c.dims(0), dims), broadcastAxes(c.dims(1), dims)];
  const both = b.contract(c.node.op === 'And' ? c.name : `${c.name}/both`, dims, p, q, [], axesP, axesQ, BIT);
  if (c.node.op === 'And') return { value: both, scale: 1 };
  const terms = [
    read(c, 0, p, 1),
    read(c, 1, q, 1),
    { src: both, coef: c.node.op === 'Or' ? -1 : -2, map: identityMap(dims.length) },
  ];
  return { value: b.linear(c.name, dims, terms, 0, BIT), scale: 1 };
}

function lowerWhere(c: LowerContext): Lowered {
  const b = c.builder;
  const [{ dims, scale: planned }] = c.outputs;
  const computed = [1, 2].find((i) => !c.constant(i));
  const scale = computed === undefined ? planned : c.operand(computed).scale;
  const [p, x, y] = [source(c, 0, 1), source(c, 1, scale), source(c, 2, scale)];
  const [rx, ry] = [b.get(x), b.get(y)];
  const difference = b.linear(`${c.name}/difference`, dims, [read(c, 1, x, 1), read(c, 2, y, -1)]);
  const span = b.get(difference);
  const chosen = b.contract(
    `${c.name}/chosen`,
    dims,
    p,
    difference,
    [],
    broadcastAxes(c.dims(0), dims),
    broadcastAxes(dims, dims),
    { lo: Math.min(0, span.lo), hi: Math.max(0, span.hi) },
  );
  const terms = [read(c, 2, y, 1), { src: chosen, coef: 1, map: identityMap(dims.length) }];
  const range = { lo: Math.min(rx.lo, ry.lo), hi: Math.max(rx.hi, ry.hi) };
  return { value: b.linear(c.name, dims, terms, 0, range), scale };
}

function lower(c: LowerContext): Lowered[] {
  if (c.node.op === 'Where') return [lowerWhere(c)];
  if (c.node.op !== 'Not') return [lowerConnective(c)];
  const terms = [{ src: c.operand(0).value, coef: -1, map: identityMap(c.outputs[0].dims.length) }];
  return [{ value: c.builder.linear(c.name, c.outputs[0].dims, terms, 1, BIT), scale: 1 }];
}

export const logicLowering: Lowering = {
  ops: ['And', 'Or', 'Xor', 'Not', 'Where'],
  sharing: (node) => (node.op === 'Where' ? { inputs: [1, 2], outputs: true } : undefined),
  takesFine: () => true,
  lower,
};
