/** Functions that jump, of integers wider than a table: by arithmetic, at scales that are powers of two. */
import { identityMap, type RelationBuilder } from '../../relation/builder.js';
import type { ValueId } from '../../relation/relation.js';
import type { LowerContext, Lowered } from '../lowering.js';
import { floorShift, isZero, nonNegative, times } from '../sign.js';

type Exact = (b: RelationBuilder, name: string, x: ValueId, shift: number) => ValueId;

function scaled(b: RelationBuilder, name: string, x: ValueId, coef: number, offset: number): ValueId {
  const dims = b.dims(x);
  return b.linear(name, dims, [{ src: x, coef, map: identityMap(dims.length) }], offset);
}

/** -1, 0 or 1. */
const sign: Exact = (b, name, x) => {
  const dims = b.dims(x);
  const map = identityMap(dims.length);
  const up = nonNegative(b, `${name}/from-0`, x);
  const down = nonNegative(b, `${name}/to-0`, scaled(b, `${name}/negated`, x, -1, 0));
  const terms = [
    { src: up, coef: 1, map },
    { src: down, coef: -1, map },
  ];
  return b.linear(name, dims, terms, 0, { lo: -1, hi: 1 });
};

const floor: Exact = (b, name, x, shift) => floorShift(b, name, x, shift).y;

const ceil: Exact = (b, name, x, shift) =>
  scaled(b, `${name}/ceil`, floor(b, name, scaled(b, `${name}/negated`, x, -1, 0), shift), -1, 0);

/** floor(x + 1/2), less one where that was a tie and gave an odd number. */
const round: Exact = (b, name, x, shift) => {
  const { y, rest } = floorShift(b, name, scaled(b, `${name}/lifted`, x, 1, 2 ** (shift - 1)), shift);
  const odd = floorShift(b, `${name}/half`, y, 1).rest;
  const tie = isZero(b, `${name}/tie`, rest);
  const dims = b.dims(x);
  const map = identityMap(dims.length);
  const { lo, hi } = b.get(y);
  const terms = [
    { src: y, coef: 1, map },
    { src: times(b, `${name}/odd-tie`, odd, tie), coef: -1, map },
  ];
  return b.linear(`${name}/even`, dims, terms, 0, { lo: lo - 1, hi });
};

/** The whole part, towards zero. */
const truncate: Exact = (b, name, x, shift) => {
  const isPositive = nonNegative(b, `${name}/is-positive`, x);
  const s = scaled(b, `${name}/sign`, isPositive, 2, -1);
  const { lo, hi } = b.get(x);
  const dims = b.dims(x);
  const axes = dims.map((_, i) => ({ start: 0, terms: [{ index: i, step: 1 }] }));
  const range = { lo: 0, hi: Math.max(-lo, hi) };
  const magnitude = b.contract(`${name}/magnitude`, dims, s, x, [], axes, axes, range);
  return times(b, `${name}/signed`, floor(b, name, magnitude, shift), s);
};

const isTrue: Exact = (b, name, x) => scaled(b, `${name}/not-zero`, isZero(b, `${name}/zero`, x), -1, 1);

const EXACT: Readonly<Record<string, Exact>> = { Sign: sign, Floor: floor, Ceil: ceil, Round: round };

/** onnx.TensorProto.DataType. */
const BOOL = 9;

export const hasJumps = (op: string): boolean => op in EXACT;

/** The function by arithmetic, where the operand is fine; undefined where a table is to be used. */
export function lowerExact(c: LowerContext): Lowered | undefined {
  const x = c.operand(0);
  const { lo, hi } = c.builder.get(x.value);
  let shift = 0;
  while (x.scale * 2 ** shift < 1) shift++;
  if (x.scale * 2 ** shift !== 1 || hi - lo < 2 ** (c.widths.bits + 3)) return undefined;
  const f = c.node.op === 'Cast' ? (Number(c.node.attributes.to) === BOOL ? isTrue : truncate) : EXACT[c.node.op];
  if (!f || shift < 1) return undefined;
  return { value: f(c.builder, c.name, x.value, shift), scale: 1 };
}
