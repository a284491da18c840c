/** Products of two computed tensors: the accumulator's scale is the product of theirs; rounding by a power of two. */
import { sizeOf } from '../base/dims.js';
import { type Interval, identityMap, type RelationBuilder } from '../relation/builder.js';
import type { AxisIndex, LinearTerm, ValueId } from '../relation/relation.js';
import { ceilLog2, type LowerContext, type Lowered } from './lowering.js';
import { coarsen, finish, gridFor, lowerFunction, outputGrid, overflow, rescale, shiftFits } from './rescale.js';

export interface ComputedProduct {
  readonly a: Lowered;
  readonly b: Lowered;
  readonly dims: readonly number[];
  readonly sums: readonly number[];
  readonly axesA: readonly AxisIndex[];
  readonly axesB: readonly AxisIndex[];
  /** Real factor of the result. */
  readonly factor?: number;
  /** The same cells under other dims. */
  readonly outDims?: readonly number[];
  readonly range?: Interval;
}

export function lowerProduct(c: LowerContext, p: ComputedProduct): Lowered {
  const b = c.builder;
  const [x, y] = p.range ? [p.a, p.b] : fitting(c, p);
  let z = b.contract(`${c.name}/product`, p.dims, x.value, y.value, p.sums, p.axesA, p.axesB, p.range);
  if (p.outDims) {
    const { lo, hi } = b.get(z);
    z = b.linear(`${c.name}/shaped`, p.outDims, [{ src: z, coef: 1, map: { kind: 'reshape' } }], 0, { lo, hi });
  }
  const { hi } = b.get(z);
  // What operands are off may be more than all that calibration saw, both saturated or cancelling out: half a unit each
  // by their last rounding, and some units, here and there, by those before.
  const terms = sizeOf(p.sums);
  const units = terms / 2 + 1.5 * Math.sqrt(terms);
  const doubt = p.range ? 0 : units * (magnitude(b, x.value) + magnitude(b, y.value));
  return roundSum(c, z, x.scale * y.scale * (p.factor ?? 1), Math.min(doubt, hi));
}

const magnitude = (b: RelationBuilder, x: ValueId): number => Math.max(-b.get(x).lo, b.get(x).hi);

/** Sums stay below this magnitude, so that a rounded one cannot alias modulo p. */
const MOST = 2 ** 29;

/** The operands, the larger ones rounded by as many bits as it takes for their sums of products to fit. */
export function fitting(c: LowerContext, p: Pick<ComputedProduct, 'a' | 'b' | 'sums'>): [Lowered, Lowered] {
  const size = (x: Lowered) => Math.max(-c.builder.get(x.value).lo, c.builder.get(x.value).hi);
  const [a, b] = [size(p.a), size(p.b)];
  const count = sizeOf(p.sums);
  let [s, t] = [0, 0];
  while (Math.ceil(a / 2 ** s) * Math.ceil(b / 2 ** t) * count > MOST) {
    if (a / 2 ** s >= b / 2 ** t) s++;
    else t++;
  }
  const same = p.a.value === p.b.value;
  const coarse = (x: Lowered, name: string, shift: number) =>
    shift === 0 ? x : coarsen(c, `${c.name}/${name}`, x, shift);
  const x = coarse(p.a, 'left', same ? Math.max(s, t) : s);
  return [x, same ? x : coarse(p.b, 'right', t)];
}

/**
 * Rounds a sum of any scale to the layer's output: by a power of two, and by a table where the scale is given.
 * @param doubt how far the operands' rounding may have moved it, in its own units
 */
export function roundSum(c: LowerContext, sum: ValueId, scale: number, doubt = 0): Lowered {
  const b = c.builder;
  let z = sum;
  if (scale < 0) {
    const terms: LinearTerm[] = [{ src: sum, coef: -1, map: identityMap(b.dims(sum).length) }];
    z = b.linear(`${c.name}/negated`, b.dims(sum), terms);
  }
  const unit = Math.abs(scale);
  const { bits } = c.widths;
  const [out] = c.outputs;
  const own = b.get(z);
  const most = Math.max(-own.lo, own.hi) * unit;
  const planned = c.activation ? c.activation.reach : Math.min(out.reach, outputGrid(c).hi * out.scale);
  const reach = Math.min(most, Math.max(planned, doubt * unit));
  const shift = Math.max(0, ceilLog2(reach / (unit * 2 ** bits)));
  if (shift === 0) {
    if (c.activation)
      return lowerFunction({ ...c, activation: undefined }, { value: z, scale: unit }, c.activation, reach);
    // Coarser than the output needs: a table brings it to the given scale; a free one is taken as it is.
    const k = Math.max(bits, ceilLog2(Math.max(-own.lo, own.hi + 1)));
    if (out.free && k <= bits + 1) return { value: z, scale: unit };
    // The operands' rounding may be all that there is, and more than calibration saw.
    const q = gridFor(unit, reach, bits);
    const copy = b.witness(`${c.name}/q`, b.dims(z), q, { kind: 'copy', src: z });
    const map = identityMap(b.dims(z).length);
    b.zero(
      b.linear(`${c.name}/same`, b.dims(z), [
        { src: z, coef: 1, map },
        { src: copy, coef: -1, map },
      ]),
    );
    return finish(c, copy, q);
  }
  const q = gridFor(unit * 2 ** shift, reach, bits);
  if (!shiftFits(own, q, shift) || shift > 16) throw overflow(c);
  return rescale(c, z, shift, q);
}
