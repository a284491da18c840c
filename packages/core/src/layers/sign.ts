/** Signs of integers of any width: the top bit of a number that is lifted above zero, the rest of it in a range. */
import { identityMap, type RelationBuilder } from '../relation/builder.js';
import type { ValueId } from '../relation/relation.js';
import { ceilLog2, type NamedFunction } from './lowering.js';
import { applyFunction, RELU, rangeCheck } from './tables.js';

const STEP: NamedFunction = { key: 'NonNegative', f: (x) => (x >= 0 ? 1 : 0), homogeneous: false };
const ZERO: NamedFunction = { key: 'Zero', f: (x) => (x === 0 ? 1 : 0), homogeneous: false };
const BIT = { scale: 1, lo: 0, hi: 1 };

/** Widest domain of a table; the sign of a wider number is split off. */
const TABLE_BITS = 12;

/** Widest numbers whose positive part is a table. */
const MOST_RELU_BITS = 16;

/** Smallest k with -2^k <= x < 2^k. */
function widthOf(b: RelationBuilder, x: ValueId): number {
  const { lo, hi } = b.get(x);
  return ceilLog2(Math.max(-lo, hi + 1, 2));
}

/** 1 where x >= 0, else 0. |x| < 2^28 */
export function nonNegative(b: RelationBuilder, name: string, x: ValueId): ValueId {
  const k = widthOf(b, x);
  if (k < TABLE_BITS) return applyFunction(b, name, x, STEP, { scale: 1, lo: -(2 ** k), hi: 2 ** k - 1 }, BIT);
  const dims = b.dims(x);
  const map = identityMap(dims.length);
  const lifted = b.linear(`${name}/lifted`, dims, [{ src: x, coef: 1, map }], 2 ** k);
  const sign = b.witness(name, dims, BIT, { kind: 'limb', src: lifted, shift: k, bits: 1 });
  b.lookup(b.rangeTable(1), sign);
  const rest = { lo: 0, hi: 2 ** k - 1 };
  const terms = [
    { src: lifted, coef: 1, map },
    { src: sign, coef: -(2 ** k), map },
  ];
  rangeCheck(b, b.linear(`${name}/rest`, dims, terms, 0, rest), rest);
  return sign;
}

/** 1 where x = 0, else 0. */
export function isZero(b: RelationBuilder, name: string, x: ValueId): ValueId {
  const k = widthOf(b, x);
  if (k < TABLE_BITS) return applyFunction(b, name, x, ZERO, { scale: 1, lo: -(2 ** k), hi: 2 ** k - 1 }, BIT);
  const dims = b.dims(x);
  const map = identityMap(dims.length);
  const negated = b.linear(`${name}/negated`, dims, [{ src: x, coef: -1, map }]);
  const up = nonNegative(b, `${name}/up`, x);
  const down = nonNegative(b, `${name}/down`, negated);
  const terms = [up, down].map((src) => ({ src, coef: 1, map }));
  return b.linear(name, dims, terms, -1, { lo: 0, hi: 1 });
}

/** floor(x / 2^shift), and what is left: x = 2^shift·y + rest. */
export function floorShift(
  b: RelationBuilder,
  name: string,
  x: ValueId,
  shift: number,
): { readonly y: ValueId; readonly rest: ValueId } {
  const dims = b.dims(x);
  const map = identityMap(dims.length);
  const { lo, hi } = b.get(x);
  const half = 2 ** (shift - 1);
  const lowered = b.linear(`${name}/lowered`, dims, [{ src: x, coef: 1, map }], -half);
  const exact = { lo: Math.floor(lo / 2 ** shift), hi: Math.floor(hi / 2 ** shift) };
  const y = b.witness(name, dims, exact, { kind: 'quotient', src: lowered, shift });
  const k = ceilLog2(Math.max(-exact.lo, exact.hi + 1, 1));
  rangeCheck(b, y, { lo: -(2 ** k), hi: 2 ** k - 1 });
  const range = { lo: 0, hi: 2 ** shift - 1 };
  const terms = [
    { src: x, coef: 1, map },
    { src: y, coef: -(2 ** shift), map },
  ];
  const rest = b.linear(`${name}/rest`, dims, terms, 0, range);
  rangeCheck(b, rest, range);
  return { y, rest };
}

/** Product of two values of the same dims. */
export function times(b: RelationBuilder, name: string, x: ValueId, y: ValueId): ValueId {
  const dims = b.dims(x);
  const axes = dims.map((_, i) => ({ start: 0, terms: [{ index: i, step: 1 }] }));
  const [a, c] = [b.get(x), b.get(y)];
  const corners = [a.lo * c.lo, a.lo * c.hi, a.hi * c.lo, a.hi * c.hi];
  const range = { lo: Math.min(...corners), hi: Math.max(...corners) };
  return b.contract(name, dims, x, y, [], axes, axes, range);
}

/** max(0, x) at x's own scale, by a table whose domain is a power of two, so that layers share it. */
export function relu(b: RelationBuilder, name: string, x: ValueId): ValueId {
  const { lo, hi } = b.get(x);
  const k = ceilLog2(Math.max(-lo, hi + 1, 2));
  if (k > MOST_RELU_BITS) {
    const axes = b.dims(x).map((_, i) => ({ start: 0, terms: [{ index: i, step: 1 }] }));
    const sign = nonNegative(b, `${name}/sign`, x);
    return b.contract(name, b.dims(x), sign, x, [], axes, axes, { lo: 0, hi: Math.max(0, hi) });
  }
  return applyFunction(
    b,
    name,
    x,
    RELU,
    { scale: 1, lo: -(2 ** k), hi: 2 ** k - 1 },
    { scale: 1, lo: 0, hi: 2 ** k - 1 },
  );
}
