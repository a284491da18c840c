/** Rounding an accumulator to the output's scale, and what follows it in the same layer. */
import { InputError } from '../base/errors.js';
import { type Interval, identityMap, type RelationBuilder } from '../relation/builder.js';
import type { ValueId } from '../relation/relation.js';
import { ceilLog2, type LowerContext, type Lowered, MOST_NARROWING, type NamedFunction } from './lowering.js';
import { applyFunction, type Grid, IDENTITY, rangeCheck } from './tables.js';

/** Remainders up to this width are looked up in one table. */
const TABLE_BITS = 16;

/** p = 2^31 - 1, the modulus that no sum may wrap around. */
const P = 2 ** 31 - 1;

/** Signed integers that hold `reach` at a scale: at least `bits` wide, so that layers share tables. */
export function gridFor(scale: number, reach: number, bits: number): Grid {
  const k = Math.max(bits, ceilLog2(reach / scale));
  return { scale, lo: -(2 ** k), hi: 2 ** k - 1 };
}

/** Integers of the layer's result, after its activation. */
export function outputGrid(c: LowerContext): Grid {
  const [{ scale, reach, fine, whole }] = c.outputs;
  const widest = 2 ** (c.widths.bits + MOST_NARROWING);
  return gridFor(scale, fine || whole ? reach : Math.min(reach, scale * widest), c.widths.bits);
}

/**
 * The grid on which the rounded accumulator stands: the output's, or that of what the activation is applied to. A
 * homogeneous activation keeps the output's scale where its table does not grow by more than a factor of two.
 */
export function quotientGrid(c: LowerContext): Grid {
  const { activation, widths } = c;
  const out = outputGrid(c);
  if (!activation) return out;
  const { reach } = activation;
  const keeps =
    activation.homogeneous && reach <= out.scale * 2 ** (widths.bits + 1) && reach * 16 >= out.scale * 2 ** widths.bits;
  const scale = keeps ? out.scale : (reach > 0 ? reach : 1) / (2 ** widths.bits - 1);
  return gridFor(scale, reach, widths.bits);
}

/** Whether z - 2^shift·q, for z and q in these intervals, stays where it cannot alias a remainder modulo p. */
export function shiftFits(z: Interval, q: Interval, shift: number): boolean {
  const size = 2 ** shift;
  const half = size / 2;
  return z.hi + half - size * q.lo < P && z.lo + half - size * q.hi > size - P && z.lo > -P / 2 && z.hi < P / 2;
}

export function overflow(c: Pick<LowerContext, 'node'>): InputError {
  return new InputError(
    'accumulator-overflow',
    `${c.node.name} (${c.node.op}): a sum may exceed 31 bits at any resolution`,
    'use --precision fast, or calibrate with typical inputs',
    c.node.name,
  );
}

/** Rounds the accumulator z by 2^shift to the grid q, and finishes the layer. */
export function rescale(c: LowerContext, z: ValueId, shift: number, q: Grid): Lowered {
  return finish(c, quotientOf(c.builder, c.name, z, shift, q), q);
}

/** z divided by 2^shift and rounded, its remainder looked up; the quotient is not yet pinned to its grid. */
export function quotientOf(b: RelationBuilder, name: string, z: ValueId, shift: number, q: Interval): ValueId {
  const dims = b.dims(z);
  const map = identityMap(dims.length);
  const quotient = b.witness(`${name}/q`, dims, q, { kind: 'quotient', src: z, shift });
  const terms = [
    { src: z, coef: 1, map },
    { src: quotient, coef: -(2 ** shift), map },
  ];
  const r = b.linear(`${name}/r`, dims, terms, 2 ** (shift - 1), { lo: 0, hi: 2 ** shift - 1 });
  if (shift <= TABLE_BITS) b.lookup(b.rangeTable(shift), r);
  else rangeCheck(b, r, { lo: 0, hi: 2 ** shift - 1 });
  return quotient;
}

/** x at a scale 2^shift times coarser, where its full resolution would overflow a product. */
export function coarsen(c: Pick<LowerContext, 'builder' | 'node'>, name: string, x: Lowered, shift: number): Lowered {
  const b = c.builder;
  const { lo, hi } = b.get(x.value);
  // The remainder leaves one quotient within any grid that cannot alias: its interval follows from x's.
  const rounded = (v: number): number => Math.floor(v / 2 ** shift + 0.5);
  const exact = { lo: rounded(lo), hi: rounded(hi) };
  const k = ceilLog2(Math.max(-exact.lo, exact.hi + 1));
  const grid = { lo: -(2 ** k), hi: 2 ** k - 1 };
  // Another quotient within the grid must not come back to a remainder by wrapping around p.
  if (!shiftFits({ lo, hi }, grid, shift)) throw overflow(c);
  const quotient = quotientOf(b, name, x.value, shift, exact);
  rangeCheck(b, quotient, grid);
  return { value: quotient, scale: x.scale * 2 ** shift };
}

/** Pins q to its grid and applies the layer's activation, or changes the scale, by a table. */
export function finish(c: LowerContext, quotient: ValueId, q: Grid): Lowered {
  const out = outputGrid(c);
  if (c.activation) return applied(c, quotient, c.activation, q);
  if (q.scale !== out.scale && !c.outputs[0].free) return applied(c, quotient, IDENTITY, q);
  rangeCheck(c.builder, quotient, q);
  return { value: quotient, scale: q.scale };
}

function applied(c: LowerContext, x: ValueId, f: NamedFunction, grid: Grid): Lowered {
  const out = outputGrid(c);
  return { value: applyFunction(c.builder, c.name, x, f, grid, out), scale: out.scale };
}

/**
 * f of a tensor by a table, at the layer's output. A tensor whose integers are much finer than the table is rounded
 * first.
 * @param reach largest magnitude, with headroom, that x is expected to have
 */
export function lowerFunction(c: LowerContext, x: Lowered, f: NamedFunction, reach: number): Lowered {
  const b = c.builder;
  const own = b.get(x.value);
  const wanted = gridFor(x.scale, reach, c.widths.bits);
  const lo = Math.max(own.lo, wanted.lo);
  const hi = Math.min(own.hi, wanted.hi);
  if (lo <= hi && hi - lo < 2 ** (c.widths.bits + 3)) return applied(c, x.value, f, { scale: x.scale, lo, hi });
  const shift = ceilLog2((wanted.hi + 1) / 2 ** (c.widths.bits + 1));
  const q = gridFor(x.scale * 2 ** shift, reach, c.widths.bits);
  if (shift < 1 || shift > c.widths.maxShift + 2 || !shiftFits(own, q, shift)) throw overflow(c);
  return rescale({ ...c, activation: { ...f, reach } }, x.value, shift, q);
}
