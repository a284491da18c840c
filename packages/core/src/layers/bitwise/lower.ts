/**
 * Bits of whole numbers, four at a time: limbs of both operands, and a table of what they have in
 * common. a or b = a + b - (a and b);  a xor b = a + b - 2·(a and b). Shifts are products and quotients by powers of 2.
 */
import { stringAttribute } from '../../graph/attributes.js';
import { broadcastMap, identityMap, type RelationBuilder } from '../../relation/builder.js';
import type { LinearTerm, ValueId } from '../../relation/relation.js';
import { floorQuotient } from '../division.js';
import {
  ceilLog2,
  type LowerContext,
  type Lowered,
  type Lowering,
  type NamedFunction,
  unsupported,
} from '../lowering.js';
import { overflow } from '../rescale.js';
import { floorShift, times } from '../sign.js';
import { applyFunction, rangeCheck } from '../tables.js';
import { wholeOperand } from '../whole.js';
import { unsignedBits } from './op.js';

const LIMB = 4;
const AND: NamedFunction = { key: 'And of limbs', f: (x) => (x >> LIMB) & (x & (2 ** LIMB - 1)), homogeneous: false };
const TOP = 2 ** (LIMB - 1);
/** The same of limbs whose highest bit is turned over. */
const SIGNED_AND: NamedFunction = {
  key: 'And of signed limbs',
  f: (x) => (((x >> LIMB) ^ TOP) & ((x & (2 ** LIMB - 1)) ^ TOP)) ^ TOP,
  homogeneous: false,
};
const POWER: NamedFunction = { key: '2^x', f: (x) => 2 ** x, homogeneous: false };

/** An operand over the output's dims. */
function spread(c: LowerContext, index: number): ValueId {
  const x = wholeOperand(c, index);
  const [{ dims }] = c.outputs;
  const { lo, hi } = c.builder.get(x);
  const map = broadcastMap(c.builder.dims(x), dims);
  return c.builder.linear(`${c.name}/operand-${index}`, dims, [{ src: x, coef: 1, map }], 0, { lo, hi });
}

const widest = (b: RelationBuilder, ...xs: ValueId[]): number =>
  Math.max(1, ceilLog2(Math.max(...xs.map((x) => b.get(x).hi + 1))));

/** Limbs of a number, the least first, pinned by their sum: they also show that it is not negative. */
function limbs(b: RelationBuilder, name: string, x: ValueId, count: number): ValueId[] {
  const dims = b.dims(x);
  const map = identityMap(dims.length);
  const range = { lo: 0, hi: 2 ** LIMB - 1 };
  const parts = Array.from({ length: count }, (_, i): ValueId => {
    const limb = b.witness(`${name}/limb-${i}`, dims, range, { kind: 'limb', src: x, shift: LIMB * i, bits: LIMB });
    b.lookup(b.rangeTable(LIMB), limb);
    return limb;
  });
  const terms = parts.map((src, i): LinearTerm => ({ src, coef: -(2 ** (LIMB * i)), map }));
  b.zero(b.linear(`${name}/limbs`, dims, [{ src: x, coef: 1, map }, ...terms], 0, { lo: 0, hi: 0 }));
  return parts;
}

/**
 * Numbers with a sign are lifted by half of 2^k: that is their two's complement of k bits with the highest bit turned
 * over, which the table of the highest limbs takes into account.
 */
function lowerBits(c: LowerContext): ValueId {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const map = identityMap(dims.length);
  const [x, y] = [spread(c, 0), spread(c, 1)];
  const isSigned = c.inputs.some((t) => t?.dtype.startsWith('int')) && [x, y].some((v) => b.get(v).lo < 0);
  const bits = isSigned
    ? 1 + ceilLog2(Math.max(...[x, y].map((v) => Math.max(-b.get(v).lo, b.get(v).hi + 1))))
    : widest(b, x, y);
  const count = Math.ceil(bits / LIMB);
  const lift = isSigned ? 2 ** (LIMB * count - 1) : 0;
  const lifted = (v: ValueId, name: string): ValueId =>
    isSigned ? b.linear(`${c.name}/${name}/lifted`, dims, [{ src: v, coef: 1, map }], lift) : v;
  const [p, q] = (['left', 'right'] as const).map((name, i) =>
    limbs(b, `${c.name}/${name}`, lifted([x, y][i], name), count),
  );
  const common = p.map((limb, i): LinearTerm => {
    const pair = b.linear(`${c.name}/pair-${i}`, dims, [
      { src: limb, coef: 2 ** LIMB, map },
      { src: q[i], coef: 1, map },
    ]);
    const from = { scale: 1, lo: 0, hi: 2 ** (2 * LIMB) - 1 };
    const and = isSigned && i === count - 1 ? SIGNED_AND : AND;
    const src = applyFunction(b, `${c.name}/common-${i}`, pair, and, from, { scale: 1, lo: 0, hi: 2 ** LIMB - 1 });
    return { src, coef: 2 ** (LIMB * i), map };
  });
  const range = { lo: -lift, hi: 2 ** (LIMB * count) - 1 - lift };
  if (c.node.op === 'BitwiseAnd') return b.linear(c.name, dims, common, -lift, range);
  const factor = c.node.op === 'BitwiseOr' ? 1 : 2;
  const both = [x, y].map((src): LinearTerm => ({ src, coef: 1, map }));
  const terms = [...both, ...common.map((t) => ({ ...t, coef: -factor * t.coef }))];
  return b.linear(c.name, dims, terms, factor * lift, range);
}

/** All numbers by the same known shift: what passes the highest bit of the type is dropped before. */
function shiftBy(c: LowerContext, x: ValueId, by: number, left: boolean): ValueId {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const map = identityMap(dims.length);
  const type = c.inputs[0]?.dtype ?? 'uint32';
  const bits = unsignedBits(type);
  const { lo, hi } = b.get(x);
  if (!(by >= 0)) throw unsupported(c.node, `it shifts by ${by}`, 'shift in the other direction');
  if (by === 0) return x;
  if (by >= (bits ?? 32) || (!left && lo >= 0 && hi < 2 ** by))
    return b.linear(c.name, dims, [{ src: x, coef: 0, map }], 0, { lo: 0, hi: 0 });
  if (!left) return floorShift(b, c.name, x, by).y;
  const keeps = (bits ?? 32) - by;
  const kept = bits !== undefined && hi >= 2 ** keeps ? floorShift(b, `${c.name}/dropped`, x, keeps).rest : x;
  const range = { lo: b.get(kept).lo * 2 ** by, hi: b.get(kept).hi * 2 ** by };
  if (Math.max(-range.lo, range.hi) > 2 ** 29) throw overflow(c);
  return b.linear(c.name, dims, [{ src: kept, coef: 2 ** by, map }], 0, range);
}

function lowerShift(c: LowerContext): ValueId {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const left = stringAttribute(c.node, 'direction', 'LEFT') === 'LEFT';
  const x = spread(c, 0);
  const by = c.constant(1);
  const [first] = by?.data ?? [];
  if (by?.data.every((s) => s === first)) return shiftBy(c, x, first, left);
  let power: ValueId;
  if (by) {
    const constant = b.constant(
      `${c.node.name}/powers`,
      by.dims,
      Int32Array.from(by.data, (s) => 2 ** s),
    );
    power = b.linear(`${c.name}/power`, dims, [{ src: constant, coef: 1, map: broadcastMap(by.dims, dims) }]);
  } else {
    const y = spread(c, 1);
    const most = Math.min(24, b.get(y).hi);
    power = applyFunction(
      b,
      `${c.name}/power`,
      y,
      POWER,
      { scale: 1, lo: 0, hi: most },
      { scale: 1, lo: 0, hi: 2 ** most },
    );
  }
  if (!left) {
    const k = widest(b, x);
    const range = { lo: 0, hi: 2 ** k - 1 };
    const y = floorQuotient(b, c.name, x, power, dims, range);
    if (y === undefined) throw overflow(c);
    rangeCheck(b, y, range);
    return y;
  }
  const product = times(b, `${c.name}/product`, x, power);
  const bits = unsignedBits(c.inputs[0]?.dtype ?? 'uint32') ?? 32;
  const { hi } = b.get(product);
  if (hi > 2 ** 29) throw overflow(c);
  return hi < 2 ** bits ? product : floorShift(b, `${c.name}/carry`, product, bits).rest;
}

function lower(c: LowerContext): Lowered[] {
  if (c.node.op === 'BitShift') return [{ value: lowerShift(c), scale: 1 }];
  if (c.node.op !== 'BitwiseNot') return [{ value: lowerBits(c), scale: 1 }];
  const dtype = c.inputs[0]?.dtype ?? 'int32';
  const bits = unsignedBits(dtype);
  if (bits !== undefined && bits > 24)
    throw unsupported(c.node, `${dtype} has more bits than integers here`, 'use int32');
  const map = identityMap(c.outputs[0].dims.length);
  const terms = [{ src: wholeOperand(c, 0), coef: -1, map }];
  const value = c.builder.linear(c.name, c.outputs[0].dims, terms, bits === undefined ? -1 : 2 ** bits - 1);
  return [{ value, scale: 1 }];
}

export const bitwiseLowering: Lowering = {
  ops: ['BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'BitwiseNot', 'BitShift'],
  lower,
};
