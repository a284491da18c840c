/** Lookups of values in tables: functions, and ranges (in two limbs where one table would be too large). */
import { InvariantError, invariant } from '../base/errors.js';
import { type Interval, identityMap, type RelationBuilder } from '../relation/builder.js';
import type { ValueId } from '../relation/relation.js';
import { ceilLog2, type NamedFunction, roundToInt } from './lowering.js';

/** Integers and the scale that they stand at. */
export interface Grid extends Interval {
  readonly scale: number;
}

export const RELU: NamedFunction = { key: 'Relu', f: (x) => (x > 0 ? x : 0), homogeneous: true };
export const IDENTITY: NamedFunction = { key: 'Identity', f: (x) => x, homogeneous: true };
export const ABS: NamedFunction = { key: 'Abs', f: Math.abs, homogeneous: true };

/** Largest table of a function. */
const MAX_TABLE = 2 ** 18;

/** Largest range table; wider ranges are looked up in limbs. */
const RANGE_BITS = 14;

/** The table of f from one grid to another, saturating at the latter's ends. Numbers where f is undefined become 0. */
export function functionTable(
  b: RelationBuilder,
  { key, f, homogeneous }: NamedFunction,
  from: Grid,
  to: Grid,
): number {
  const size = from.hi - from.lo + 1;
  invariant(size <= MAX_TABLE, `a table of ${size} rows for ${key}`);
  const unit = homogeneous && from.scale === to.scale;
  const scales = unit ? 'same' : `${from.scale},${to.scale}`;
  return b.functionTable(`${key}|${scales}|${from.lo},${from.hi}|${to.lo},${to.hi}`, from.lo, () =>
    Int32Array.from({ length: size }, (_, i) => {
      const x = unit ? f(from.lo + i) : f((from.lo + i) * from.scale) / to.scale;
      return Number.isNaN(x)
        ? 0
        : Math.min(to.hi, Math.max(to.lo, roundToInt(Math.min(2 ** 40, Math.max(-(2 ** 40), x)))));
    }),
  );
}

/**
 * y = f(x), pinned by a lookup of (x, y).
 * @param from x's grid: every integer in it is a row, so x is pinned to it too
 */
export function applyFunction(
  b: RelationBuilder,
  name: string,
  x: ValueId,
  f: NamedFunction,
  from: Grid,
  to: Grid,
): ValueId {
  const table = functionTable(b, f, from, to);
  const { output } = b.tableAt(table) as { output: ValueId };
  const { lo, hi } = b.get(output);
  const y = b.witness(name, b.dims(x), { lo, hi }, { kind: 'table', src: x, table });
  b.lookup(table, x, y);
  return y;
}

/** Pins lo <= x <= hi, where hi - lo + 1 is a power of two. */
export function rangeCheck(b: RelationBuilder, x: ValueId, { lo, hi }: Interval): void {
  const bits = ceilLog2(hi - lo + 1);
  if (2 ** bits !== hi - lo + 1) throw new InvariantError(`a range of ${hi - lo + 1} is no power of two`);
  const dims = b.dims(x);
  const map = identityMap(dims.length);
  const { name } = b.get(x);
  // The checked value's own interval must not be taken for granted: it is what the lookup shows.
  const shifted = lo === 0 ? x : b.linear(`${name}/from-${lo}`, dims, [{ src: x, coef: 1, map }], -lo);
  if (bits <= RANGE_BITS) {
    b.lookup(b.rangeTable(Math.max(1, bits)), shifted);
    return;
  }
  const low = Math.ceil(bits / 2);
  const limbs = [
    { shift: 0, bits: low },
    { shift: low, bits: bits - low },
  ].map((part) => {
    const range = { lo: 0, hi: 2 ** part.bits - 1 };
    const limb = b.witness(`${name}/limb-${part.shift}`, dims, range, { kind: 'limb', src: shifted, ...part });
    b.lookup(b.rangeTable(part.bits), limb);
    return { src: limb, coef: -(2 ** part.shift), map };
  });
  b.zero(b.linear(`${name}/limbs`, dims, [{ src: shifted, coef: 1, map }, ...limbs], 0, { lo: 0, hi: 0 }));
}
