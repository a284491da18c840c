/**
 * Softmax along an axis, with one correct answer and no tolerance: m = max x, d = m - x >= 0, e = exp(-d) by a table,
 * S = Σ e, and y = round(K·e / S) by an exact division. LogSoftmax = -d - log S, log by a table of the rounded S.
 */
import { exp, log } from '../../base/real.js';
import { axis, type Interval, identityMap } from '../../relation/builder.js';
import type { ValueId } from '../../relation/relation.js';
import { floorQuotient } from '../division.js';
import { ceilLog2, type LowerContext, type Lowered, type Lowering, roundToInt } from '../lowering.js';
import { axisMax } from '../maximum.js';
import { coarsen, gridFor, overflow } from '../rescale.js';
import { applyFunction, rangeCheck } from '../tables.js';
import { softmaxView } from './op.js';

/** e stands at 2^-precision; y's grid and this share the 31 bits of K·e against y·S. */
interface Exponentials {
  readonly view: readonly [number, number, number];
  /** m - x, over the view. */
  readonly d: ValueId;
  readonly e: ValueId;
  readonly sum: ValueId;
  readonly scale: number;
}

/** Widest numbers that exp has a table of. */
const TABLE_BITS = 17;

/** The operand, rounded where masks make its interval too wide for its own resolution. */
function bounded(c: LowerContext): Lowered {
  const x = c.operand(0);
  const { lo, hi } = c.builder.get(x.value);
  const shift = ceilLog2(hi - lo + 1) - TABLE_BITS;
  return shift < 1 ? x : coarsen(c, `${c.name}/rounded`, x, shift);
}

function exponentials(c: LowerContext, precision: number): Exponentials {
  const b = c.builder;
  const view = softmaxView(c.node, c.dims(0), c.opset);
  const x = bounded(c);
  const [before, length, after] = view;
  const own: Interval = { lo: b.get(x.value).lo, hi: b.get(x.value).hi };
  const seen = b.linear(`${c.name}/view`, view, [{ src: x.value, coef: 1, map: { kind: 'reshape' } }], 0, own);
  const max = axisMax(b, c.name, seen, 1);
  const spread = { kind: 'affine' as const, sums: [], axes: [axis(0), { start: 0, terms: [] }, axis(2)] };
  const d = b.linear(
    `${c.name}/below-max`,
    view,
    [
      { src: max, coef: 1, map: spread },
      { src: seen, coef: -1, map: identityMap(3) },
    ],
    0,
    { lo: 0, hi: own.hi - own.lo },
  );
  // exp(-d) rounds to 0 far below the whole domain, which the table covers nevertheless.
  const domain = { scale: x.scale, lo: 0, hi: 2 ** ceilLog2(own.hi - own.lo + 1) - 1 };
  const negExp = { key: 'exp(-x)', f: (v: number) => exp(-v), homogeneous: false };
  const e = applyFunction(b, `${c.name}/exp`, d, negExp, domain, { scale: 2 ** -precision, lo: 0, hi: 2 ** precision });
  const sum = b.linear(
    `${c.name}/sum`,
    [before, 1, after],
    [{ src: e, coef: 1, map: { kind: 'affine', sums: [length], axes: [axis(0), axis(3), axis(2)] } }],
    0,
    { lo: 0, hi: length * 2 ** precision },
  );
  return { view, d, e, sum, scale: x.scale };
}

function lowerSoftmax(c: LowerContext): Lowered {
  const b = c.builder;
  const [out] = c.outputs;
  const length = softmaxView(c.node, c.dims(0), c.opset)[1];
  // y < 2^k and 2·S <= 2^(precision + 1)·length must multiply to less than 2^30.
  const room = 29 - ceilLog2(length);
  let scale = out.scale;
  let k = ceilLog2(Math.min(1, out.reach) / scale + 1);
  const precision = Math.min(c.widths.bits, Math.floor(room / 2));
  if (k + precision > room && out.free) {
    scale *= 2 ** (k + precision - room);
    k = room - precision;
  }
  // y = 1 must be within its range.
  const factor = Math.min(roundToInt(1 / scale), out.reach >= 1 ? 2 ** k - 1 : Number.POSITIVE_INFINITY);
  if (out.free) scale = 1 / factor;
  const { view, e, sum } = exponentials(c, precision);
  const spread = { kind: 'affine' as const, sums: [], axes: [axis(0), { start: 0, terms: [] }, axis(2)] };
  const num = b.linear(`${c.name}/numerator`, view, [
    { src: e, coef: 2 * factor, map: identityMap(3) },
    { src: sum, coef: 1, map: spread },
  ]);
  const den = b.linear(`${c.name}/double-sum`, b.dims(sum), [{ src: sum, coef: 2, map: identityMap(3) }]);
  const range = { lo: 0, hi: 2 ** k - 1 };
  const y = floorQuotient(b, `${c.name}/y`, num, den, view, range);
  if (y === undefined) throw overflow(c);
  rangeCheck(b, y, range);
  return { value: b.linear(c.name, c.dims(0), [{ src: y, coef: 1, map: { kind: 'reshape' } }]), scale };
}

function lowerLogSoftmax(c: LowerContext): Lowered {
  const b = c.builder;
  const precision = Math.min(c.widths.bits, 12);
  const { view, d, sum, scale } = exponentials(c, precision);
  const most = b.get(sum).hi;
  // S >= 2^precision: rounding it to as many bits keeps its logarithm.
  const shift = Math.max(1, ceilLog2(most) - precision - 2);
  // Equal cells make the largest sum, which must be within the grid after rounding.
  const q = gridFor(2 ** (shift - precision), (most + 2 ** shift) * 2 ** -precision, 1);
  const dims = b.dims(sum);
  const map = identityMap(3);
  const quotient = b.witness(`${c.name}/sum/q`, dims, { lo: 0, hi: q.hi }, { kind: 'quotient', src: sum, shift });
  const r = b.linear(
    `${c.name}/sum/r`,
    dims,
    [
      { src: sum, coef: 1, map },
      { src: quotient, coef: -(2 ** shift), map },
    ],
    2 ** (shift - 1),
    { lo: 0, hi: 2 ** shift - 1 },
  );
  b.lookup(b.rangeTable(shift), r);
  const logs = { key: 'log', f: (v: number) => (v > 0 ? log(v) : 0), homogeneous: false };
  const grid = { scale: q.scale, lo: 0, hi: q.hi };
  const reach = ceilLog2(log(view[1]) / scale + 2);
  const logSum = applyFunction(b, `${c.name}/log-sum`, quotient, logs, grid, { scale, lo: -1, hi: 2 ** reach });
  const spread = { kind: 'affine' as const, sums: [], axes: [axis(0), { start: 0, terms: [] }, axis(2)] };
  const y = b.linear(`${c.name}/y`, view, [
    { src: d, coef: -1, map },
    { src: logSum, coef: -1, map: spread },
  ]);
  return { value: b.linear(c.name, c.dims(0), [{ src: y, coef: 1, map: { kind: 'reshape' } }]), scale };
}

export const softmaxLowering: Lowering = {
  ops: ['Softmax', 'LogSoftmax'],
  sameScale: (node) => node.op === 'LogSoftmax',
  bound: (node) => (node.op === 'Softmax' ? 1 : undefined),
  headroom: 4,
  lower: (c) => [c.node.op === 'Softmax' ? lowerSoftmax(c) : lowerLogSoftmax(c)],
};
