/**
 * Quotients of two computed tensors, exactly: y = floor(num / den) is the one integer for which
 *
 *     rem = num - y·den,   rem >= 0,   den - 1 - rem >= 0.
 *
 * Both are range checks, which also show that den >= 1.
 */
import { broadcastAxes, broadcastMap, type Interval, identityMap, type RelationBuilder } from '../relation/builder.js';
import type { ValueId } from '../relation/relation.js';
import { ceilLog2, type LowerContext, type Lowered, roundToInt } from './lowering.js';
import { finish, gridFor, overflow, quotientGrid } from './rescale.js';
import { applyFunction, type Grid, rangeCheck } from './tables.js';

const LIMIT = 2 ** 30;

/**
 * floor(num / den), not yet pinned to `range` itself.
 * @param num over `dims`
 * @param den broadcast to `dims`
 * @returns undefined where num - y·den could wrap around p
 */
export function floorQuotient(
  b: RelationBuilder,
  name: string,
  num: ValueId,
  den: ValueId,
  dims: readonly number[],
  range: Interval,
): ValueId | undefined {
  const most = b.get(den).hi;
  const bits = ceilLog2(most + 1);
  const top = Math.max(-range.lo, range.hi) * most;
  if (Math.max(-b.get(num).lo, b.get(num).hi) + top + 2 ** bits >= LIMIT * 2) return undefined;
  const identity = identityMap(dims.length);
  const spread = broadcastMap(b.dims(den), dims);
  const same = b.dims(den).length === dims.length && dims.every((d, i) => d === b.dims(den)[i]);
  const divisor = same ? den : b.linear(`${name}/divisor`, dims, [{ src: den, coef: 1, map: spread }], 0, b.get(den));
  const y = b.witness(name, dims, range, { kind: 'divide', num, den: divisor });
  const axes = broadcastAxes(b.dims(den), dims);
  const product = b.contract(`${name}/product`, dims, y, den, [], broadcastAxes(dims, dims), axes, {
    lo: -top,
    hi: top,
  });
  const pinned = { lo: 0, hi: 2 ** bits - 1 };
  const rem = b.linear(
    `${name}/remainder`,
    dims,
    [
      { src: num, coef: 1, map: identity },
      { src: product, coef: -1, map: identity },
    ],
    0,
    pinned,
  );
  rangeCheck(b, rem, pinned);
  const above = b.linear(
    `${name}/above`,
    dims,
    [
      { src: divisor, coef: 1, map: identity },
      { src: rem, coef: -1, map: identity },
    ],
    -1,
    pinned,
  );
  rangeCheck(b, above, pinned);
  return y;
}

const SIGN = { key: 'SignOf', f: (x: number) => (x < 0 ? -1 : 1), homogeneous: false };

/** c·x by a constant integer, or x itself. */
function multiple(b: RelationBuilder, name: string, x: ValueId, coef: number): ValueId {
  if (coef === 1) return x;
  return b.linear(name, b.dims(x), [{ src: x, coef, map: identityMap(b.dims(x).length) }]);
}

/** Input 0 / input 1, rounded to nearest. */
export function lowerDivision(c: LowerContext): Lowered {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const numerator = constantOr(c, 0);
  let den = c.operand(1);
  let sign: Lowered | undefined;
  const { lo, hi } = c.seen(1);
  if (hi < 0) {
    den = { value: multiple(b, `${c.name}/negated`, den.value, -1), scale: den.scale };
  } else if (lo < 0) {
    // Of either sign: both sides are multiplied by the divisor's.
    const own = b.get(den.value);
    const grid: Grid = { scale: 1, lo: own.lo, hi: own.hi };
    const value = applyFunction(b, `${c.name}/sign`, den.value, SIGN, grid, { scale: 1, lo: -1, hi: 1 });
    sign = { value, scale: 1 };
    const axes = broadcastAxes(c.dims(1), c.dims(1));
    const range = { lo: 0, hi: Math.max(-own.lo, own.hi) };
    den = {
      value: b.contract(`${c.name}/magnitude`, c.dims(1), value, den.value, [], axes, axes, range),
      scale: den.scale,
    };
  }
  const top = b.get(numerator.value);
  const magnitude = Math.max(-top.lo, top.hi, 1);
  const planned = quotientGrid(c);
  const { q, ratio, t } = quotientPlan(c, planned, numerator.scale / den.scale, magnitude, b.get(den.value).hi);
  let signed = b.linear(`${c.name}/numerator`, dims, [
    {
      src: numerator.value,
      coef: (hi < 0 ? -1 : 1) * roundToInt(ratio * 2 ** t) * 2,
      map: broadcastMap(b.dims(numerator.value), dims),
    },
  ]);
  if (sign) {
    const { lo: a, hi: z } = b.get(signed);
    const most = Math.max(-a, z);
    const axes = broadcastAxes(c.dims(1), dims);
    signed = b.contract(`${c.name}/signed`, dims, signed, sign.value, [], broadcastAxes(dims, dims), axes, {
      lo: -most,
      hi: most,
    });
  }
  const single = multiple(b, `${c.name}/scaled-divisor`, den.value, 2 ** t);
  const num = b.linear(`${c.name}/rounded`, dims, [
    { src: signed, coef: 1, map: identityMap(dims.length) },
    { src: single, coef: 1, map: broadcastMap(c.dims(1), dims) },
  ]);
  const divisor = multiple(b, `${c.name}/divisor`, den.value, 2 ** (t + 1));
  const y = floorQuotient(b, `${c.name}/quotient`, num, divisor, dims, q);
  if (y === undefined) throw overflow(c);
  return finish(c, y, q);
}

/** How many times a quotient's unit is doubled where its sums do not fit. */
const MOST_COARSER = 8;

interface QuotientPlan {
  readonly q: Grid;
  /** Units of the result in one of the numerator's over one of the divisor's. */
  readonly ratio: number;
  /** Both sides are multiplied by 2^t, so that the ratio is a precise integer. */
  readonly t: number;
}

/** The planned grid, or one that is so much coarser that the ratio is precise within 31 bits. */
function quotientPlan(c: LowerContext, planned: Grid, units: number, magnitude: number, divisor: number): QuotientPlan {
  const on = (q: Grid): QuotientPlan => {
    const ratio = units / q.scale;
    let t = 0;
    while (!Number.isInteger(ratio * 2 ** t) && ratio * 2 ** t < 2 ** 12 && ratio * 2 ** (t + 2) * magnitude < LIMIT)
      t++;
    return { q, ratio, t };
  };
  const fits = ({ q, ratio, t }: QuotientPlan): boolean => {
    const most = divisor * 2 ** (t + 1);
    const numerator = 2 * roundToInt(ratio * 2 ** t) * magnitude + most / 2;
    return numerator + Math.max(-q.lo, q.hi) * most + 2 ** ceilLog2(most + 1) < LIMIT * 2;
  };
  const isPrecise = ({ ratio, t }: QuotientPlan): boolean =>
    Math.abs(roundToInt(ratio * 2 ** t) / (ratio * 2 ** t) - 1) < 2 ** -c.widths.bits;
  const first = on(planned);
  if (fits(first)) return first;
  for (let coarser = 0; coarser <= MOST_COARSER; coarser++) {
    const scale = planned.scale * 2 ** coarser;
    const reach = planned.scale * (planned.hi + 1);
    let plan = on(coarser === 0 ? planned : gridFor(scale, reach, c.widths.bits - coarser));
    while (plan.t > 0 && !fits(plan)) plan = { ...plan, t: plan.t - 1 };
    if (fits(plan) && isPrecise(plan)) return plan;
  }
  return first;
}

/** Input `index`, a constant made a value at a fine scale. */
function constantOr(c: LowerContext, index: number): Lowered {
  const t = c.constant(index);
  if (!t) return c.operand(index);
  const most = t.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0) || 1;
  const scale = t.dtype.includes('int') ? 1 : most / (2 ** c.widths.bits - 1);
  const data = Int32Array.from(t.data, (x) => roundToInt(x / scale));
  return { value: c.builder.constant(`${c.node.name}/constant`, t.dims, data), scale };
}
