/** Arithmetic of whole numbers: scale 1, exact, and virtual wherever it is a sum or a product. */
import { sizeOf } from '../base/dims.js';
import { broadcastAxes, broadcastMap, identityMap, type RelationBuilder } from '../relation/builder.js';
import type { AxisIndex, LinearTerm, ValueId } from '../relation/relation.js';
import { floorQuotient } from './division.js';
import { ceilLog2, type LowerContext, type Lowered, roundToInt } from './lowering.js';
import { overflow } from './rescale.js';
import { nonNegative, times } from './sign.js';
import { rangeCheck } from './tables.js';

/** Whole numbers stay below this magnitude, so that none wraps around the field. */
const MOST = 2 ** 29;

/** Whether the layer's result is whole and so are all operands, which nothing else is fused with. */
export const isWhole = (c: LowerContext): boolean =>
  c.outputs[0].whole === true &&
  !c.activation &&
  c.addends.length === 0 &&
  c.inputs.every((t, i) => !t || (t.value ? t.value.data.every(Number.isInteger) : c.operand(i).scale === 1));

/** The integers of an input, constant or computed. */
export function wholeOperand(c: LowerContext, index: number): ValueId {
  const t = c.constant(index);
  if (!t) return c.operand(index).value;
  const data = Int32Array.from(t.data, (x) => Math.min(MOST, Math.max(-MOST, roundToInt(x))));
  return c.builder.constant(`${c.node.name}/constant-${index}`, t.dims, data);
}

/** The value, where its numbers fit. @throws InputError `accumulator-overflow` */
function checked(c: LowerContext, value: ValueId): Lowered {
  const { lo, hi } = c.builder.get(value);
  if (Math.max(-lo, hi) > MOST) throw overflow(c);
  return { value, scale: 1 };
}

/** Σ sign·x over all inputs. */
export function wholeSum(c: LowerContext, sign: (index: number) => number): Lowered {
  const [{ dims }] = c.outputs;
  const terms = c.inputs.map((_, i): LinearTerm => {
    return { src: wholeOperand(c, i), coef: sign(i), map: broadcastMap(c.dims(i), dims) };
  });
  return checked(c, c.builder.linear(c.name, dims, terms));
}

export function wholeProduct(c: LowerContext): Lowered {
  const [{ dims }] = c.outputs;
  const [x, y] = [wholeOperand(c, 0), wholeOperand(c, 1)];
  const axes = [0, 1].map((i) => broadcastAxes(c.dims(i), dims));
  const [a, b] = [c.builder.get(x), c.builder.get(y)];
  const corners = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi];
  const range = { lo: Math.min(...corners), hi: Math.max(...corners) };
  return checked(c, c.builder.contract(c.name, dims, x, y, [], axes[0], axes[1], range));
}

/** Σ_k a·b, by the readings of both operands. */
export function wholeContraction(
  c: LowerContext,
  dims: readonly number[],
  sums: readonly number[],
  axesA: readonly AxisIndex[],
  axesB: readonly AxisIndex[],
): Lowered {
  return checked(c, c.builder.contract(c.name, dims, wholeOperand(c, 0), wholeOperand(c, 1), sums, axesA, axesB));
}

/** Sums of cells of the first input. */
export function wholeReduction(
  c: LowerContext,
  dims: readonly number[],
  sums: readonly number[],
  axes: readonly AxisIndex[],
): Lowered {
  const src = c.operand(0).value;
  const { lo, hi } = c.builder.get(src);
  const n = sizeOf(sums);
  const range = { lo: Math.min(0, lo) * n, hi: Math.max(0, hi) * n };
  const map = { kind: 'affine' as const, sums, axes };
  return checked(c, c.builder.linear(c.name, dims, [{ src, coef: 1, map }], 0, range));
}

/** x broadcast to dims. */
function spread(b: RelationBuilder, name: string, x: ValueId, dims: readonly number[]): ValueId {
  const own = b.dims(x);
  if (own.length === dims.length && own.every((d, i) => d === dims[i])) return x;
  const { lo, hi } = b.get(x);
  return b.linear(name, dims, [{ src: x, coef: 1, map: broadcastMap(own, dims) }], 0, { lo, hi });
}

/** |x|, and 1 or -1 for its sign. */
function signed(b: RelationBuilder, name: string, x: ValueId): { magnitude: ValueId; sign: ValueId | undefined } {
  const { lo, hi } = b.get(x);
  if (lo >= 0) return { magnitude: x, sign: undefined };
  const dims = b.dims(x);
  const isPositive = nonNegative(b, `${name}/is-positive`, x);
  const sign = b.linear(`${name}/sign`, dims, [{ src: isPositive, coef: 2, map: identityMap(dims.length) }], -1, {
    lo: -1,
    hi: 1,
  });
  const axes = dims.map((_, i) => ({ start: 0, terms: [{ index: i, step: 1 }] }));
  const range = { lo: 0, hi: Math.max(-lo, hi) };
  return { magnitude: b.contract(`${name}/magnitude`, dims, sign, x, [], axes, axes, range), sign };
}

/**
 * x / y rounded towards zero, or towards minus infinity; y = 0 has no proof.
 * @returns the quotient over the output's dims
 */
function quotient(c: LowerContext, towards: 'zero' | 'below'): { y: ValueId; num: ValueId; den: ValueId } {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const num = spread(b, `${c.name}/numerator`, wholeOperand(c, 0), dims);
  const den = spread(b, `${c.name}/divisor`, wholeOperand(c, 1), dims);
  const bottom = signed(b, `${c.name}/divisor`, den);
  let top: { magnitude: ValueId; sign: ValueId | undefined };
  if (towards === 'zero') top = signed(b, `${c.name}/numerator`, num);
  else
    top = {
      magnitude: bottom.sign === undefined ? num : times(b, `${c.name}/turned`, num, bottom.sign),
      sign: undefined,
    };
  const { lo, hi } = b.get(top.magnitude);
  const k = Math.max(1, ceilLog2(Math.max(-lo, hi + 1)));
  const range = { lo: lo < 0 ? -(2 ** k) : 0, hi: 2 ** k - 1 };
  // The interval of a range check is a power of two wide.
  const known = c.constant(1);
  const least = known ? known.data.reduce((m, x) => Math.min(m, Math.abs(x)), Number.POSITIVE_INFINITY) : 1;
  const bits = Math.max(1, ceilLog2(Math.floor(Math.max(-lo, hi) / Math.max(1, least)) + 1));
  const tight = { lo: range.lo < 0 ? -(2 ** bits) : 0, hi: 2 ** bits - 1 };
  const raw = floorQuotient(b, `${c.name}/quotient`, top.magnitude, bottom.magnitude, dims, tight);
  if (raw === undefined) throw overflow(c);
  rangeCheck(b, raw, tight);
  let y = raw;
  if (towards === 'zero') {
    if (top.sign !== undefined) y = times(b, `${c.name}/signed`, y, top.sign);
    if (bottom.sign !== undefined) y = times(b, `${c.name}/turned`, y, bottom.sign);
  }
  return { y, num, den };
}

export const wholeQuotient = (c: LowerContext): Lowered => checked(c, quotient(c, 'zero').y);

/** x - y·quotient: with the sign of y, or (fmod) with that of x. */
export function wholeRemainder(c: LowerContext, fmod: boolean): Lowered {
  const b = c.builder;
  const { y, num, den } = quotient(c, fmod ? 'zero' : 'below');
  const product = times(b, `${c.name}/multiple`, y, den);
  const map = identityMap(c.outputs[0].dims.length);
  const divisor = b.get(den);
  const most = Math.max(-divisor.lo, divisor.hi) - 1;
  const range = { lo: fmod || divisor.lo < 0 ? -most : 0, hi: most };
  const terms = [
    { src: num, coef: 1, map },
    { src: product, coef: -1, map },
  ];
  return checked(c, b.linear(c.name, c.outputs[0].dims, terms, 0, range));
}
