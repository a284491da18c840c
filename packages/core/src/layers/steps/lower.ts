/**
 * Steps by an exact division: with x = X·s and D = round(2^t·|c| / s), the result is floor(2^t·X / D) or follows from one.
 * It is that of the reals unless x is nearer to a jump than half of s (as any rounded input) or than |x|/(2·D).
 */
import { stringAttribute } from '../../graph/attributes.js';
import type { Tensor } from '../../graph/graph.js';
import { broadcastMap, identityMap, type RelationBuilder } from '../../relation/builder.js';
import type { ValueId } from '../../relation/relation.js';
import { floorQuotient } from '../division.js';
import {
  asWhole,
  ceilLog2,
  type LowerContext,
  type Lowered,
  type Lowering,
  roundToInt,
  unsupported,
} from '../lowering.js';
import { lowerFunction, overflow } from '../rescale.js';
import { floorShift, isZero, times } from '../sign.js';
import { rangeCheck } from '../tables.js';
import { isProduct, stepFunction } from './op.js';

/** What a divisor is given by; beyond it nothing that is divided reaches half of it. */
const MOST_DIVISOR = 2 ** 27;

export interface ScaledDivision {
  /** 2^t·X with the divisor's sign, over the output's dims. */
  readonly num: ValueId;
  /** 2^t·|c| / s, rounded: positive, broadcast to the output's dims. */
  readonly den: ValueId;
  /** 2^t. */
  readonly factor: number;
  /** Largest magnitude of the quotient. */
  readonly most: number;
}

/** x and a constant divisor as integers of a fine unit. */
export function scaledDivision(c: LowerContext, x: Lowered, divisor: Tensor): ScaledDivision {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  if (divisor.data.some((v) => v === 0)) throw unsupported(c.node, 'it divides by a constant zero', 'repair the model');
  const { lo, hi } = b.get(x.value);
  const size = Math.max(-lo, hi, 1);
  const sizes = divisor.data.map((v) => Math.min(MOST_DIVISOR, Math.abs(v) / x.scale));
  const [least, largest] = sizes.reduce(([a, z], v) => [Math.min(a, v), Math.max(z, v)], [Infinity, 0]);
  let factor = 1;
  const isExact = (): boolean => sizes.every((v) => Number.isInteger(v * factor));
  // Twice the numerator and as much for the quotient times the divisor, with room to spare.
  const fits = (k: number): boolean => size * k * (1 + largest / least) < 2 ** 28 && largest * k <= 2 ** 28;
  while (!isExact() && fits(2 * factor)) factor *= 2;
  if (least * factor < 0.5) throw overflow(c);
  const den = b.constant(
    `${c.name}/divisor`,
    divisor.dims,
    Int32Array.from(sizes, (v) => Math.max(1, roundToInt(v * factor))),
  );
  const map = broadcastMap(b.dims(x.value), dims);
  const isNegative = divisor.data.every((v) => v < 0);
  let num = b.linear(`${c.name}/numerator`, dims, [{ src: x.value, coef: isNegative ? -factor : factor, map }]);
  if (!isNegative && divisor.data.some((v) => v < 0)) {
    const signs = b.constant(`${c.name}/signs`, divisor.dims, Int32Array.from(divisor.data, Math.sign));
    const spread = b.linear(`${c.name}/spread-signs`, dims, [
      { src: signs, coef: 1, map: broadcastMap(divisor.dims, dims) },
    ]);
    num = times(b, `${c.name}/signed`, num, spread);
  }
  return { num, den, factor, most: Math.ceil((size * factor) / Math.max(1, roundToInt(least * factor))) };
}

/** floor(num / den), pinned. */
export function pinnedQuotient(c: LowerContext, name: string, num: ValueId, den: ValueId, most: number): ValueId {
  const k = ceilLog2(most + 2);
  const range = { lo: -(2 ** k), hi: 2 ** k - 1 };
  const y = floorQuotient(c.builder, name, num, den, c.outputs[0].dims, range);
  if (y === undefined) throw overflow(c);
  rangeCheck(c.builder, y, range);
  return y;
}

function multiple(b: RelationBuilder, name: string, x: ValueId, coef: number): ValueId {
  return b.linear(name, b.dims(x), [{ src: x, coef, map: identityMap(b.dims(x).length) }]);
}

/** num - y·den. */
export function remainderOf(c: LowerContext, num: ValueId, den: ValueId, y: ValueId, most: number): ValueId {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const map = identityMap(dims.length);
  const spread = b.linear(`${c.name}/spread-divisor`, dims, [
    { src: den, coef: 1, map: broadcastMap(b.dims(den), dims) },
  ]);
  const terms = [
    { src: num, coef: 1, map },
    { src: times(b, `${c.name}/multiple`, y, spread), coef: -1, map },
  ];
  return b.linear(`${c.name}/left`, dims, terms, 0, { lo: 0, hi: most });
}

/** floor((2·num + den) / (2·den)), less one where that was a tie and gave an odd number. */
function rounded(c: LowerContext, { num, den, most }: ScaledDivision): ValueId {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const map = identityMap(dims.length);
  const lifted = b.linear(`${c.name}/lifted`, dims, [
    { src: num, coef: 2, map },
    { src: den, coef: 1, map: broadcastMap(b.dims(den), dims) },
  ]);
  const double = multiple(b, `${c.name}/double`, den, 2);
  const y = pinnedQuotient(c, `${c.name}/quotient`, lifted, double, most + 1);
  const tie = isZero(b, `${c.name}/tie`, remainderOf(c, lifted, double, y, b.get(double).hi - 1));
  const odd = floorShift(b, `${c.name}/half`, y, 1).rest;
  const { lo, hi } = b.get(y);
  const terms = [
    { src: y, coef: 1, map },
    { src: times(b, `${c.name}/odd-tie`, odd, tie), coef: -1, map },
  ];
  return b.linear(`${c.name}/even`, dims, terms, 0, { lo: lo - 1, hi });
}

function lower(c: LowerContext): Lowered[] {
  const b = c.builder;
  const given = c.constant(1) as Tensor;
  const divisor = isProduct(c.node) ? { ...given, data: given.data.map((v) => 1 / v) } : given;
  const x = c.operand(0);
  const { lo, hi } = b.get(x.value);
  const kind = stringAttribute(c.node, 'function', 'Floor');
  if (
    divisor.data.length === 1 &&
    hi - lo < 2 ** (c.widths.bits + 3) &&
    b.dims(x.value).length === c.outputs[0].dims.length
  ) {
    const [k] = divisor.data;
    const f = stepFunction(c.node);
    return [
      lowerFunction(asWhole(c), x, { key: `Steps ${kind} ${k}`, f: (v) => f(v / k), homogeneous: false }, c.reach(0)),
    ];
  }
  const d = scaledDivision(c, x, divisor);
  if (kind === 'Round') return [{ value: rounded(c, d), scale: 1 }];
  if (kind === 'Floor') return [{ value: pinnedQuotient(c, c.name, d.num, d.den, d.most + 1), scale: 1 }];
  const below = pinnedQuotient(c, `${c.name}/below`, multiple(b, `${c.name}/negated`, d.num, -1), d.den, d.most + 1);
  return [{ value: multiple(b, c.name, below, -1), scale: 1 }];
}

export const stepsLowering: Lowering = {
  ops: ['Steps'],
  jumps: () => [0],
  takesFine: () => true,
  lower,
};
