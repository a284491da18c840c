/**
 * Sums at a resolution of the layer's choice: z = Σ parts, one unit of z being s_q / 2^shift. Each part knows its
 * integers and its interval for any unit; the largest shift whose sum cannot wrap is taken. Where weights become so coarse
 * by it that they move the result, their rests are summed in an accumulator of their own, in finer units, and rounded to
 * units of z:
 *
 *     z = Σ w·x + round(Σ (2^t·w - round)·x / 2^t)
 */
import { leadAxis, stridesOf } from '../base/dims.js';
import type { Tensor } from '../graph/graph.js';
import { broadcastAxes, type Interval, identityMap } from '../relation/builder.js';
import type { AxisIndex, LinearMap, LinearTerm } from '../relation/relation.js';
import { type Addend, ceilLog2, type LowerContext, type Lowered, roundToInt } from './lowering.js';
import { gridFor, overflow, quotientGrid, quotientOf, rescale, shiftFits } from './rescale.js';
import { type Grid, rangeCheck } from './tables.js';

/** Largest shift of a sum whose constants ask for it; remainders beyond one table are looked up in limbs. */
const MOST_SHIFT = 22;

/** A part of a sum. */
export interface SumPart {
  /** Interval of the part at this unit; undefined where its constants do not fit. */
  bound(unit: number): Interval | undefined;
  /** Relative error that rounding its constants to this unit can add up to, all inputs being alike. */
  distortion(unit: number): number;
  /** How far the rounding of its operands may have moved it, in reals; 0 where it is not said. */
  readonly doubt?: number;
  /** Its terms over the output's dims. */
  terms(unit: number): LinearTerm[];
  /** How far the rounding of its weights to this unit moves the sum, in units: a deviation, for inputs of no pattern. */
  noise?(unit: number): number;
  /** What that rounding leaves of the weights. */
  rest?(unit: number): SumPart;
}

/** Adds the parts and the layer's addends, rounds, and applies the activation. `dims`: the output's. */
export function lowerSum(c: LowerContext, dims: readonly number[], parts: readonly SumPart[]): Lowered {
  const all = [...parts, ...c.addends.map((a) => addendPart(c, a, dims))];
  const planned = quotientGrid(c);
  // A result far smaller than what it is summed from is given at the finest resolution that there is.
  const doubt = all.reduce((sum, p) => sum + (p.doubt ?? 0), 0);
  const first = ceilLog2((2 * doubt) / (planned.scale * 2 ** c.widths.bits));
  for (let coarser = first; coarser <= MOST_COARSER; coarser++) {
    const scale = planned.scale * 2 ** coarser;
    const q = coarser === 0 ? planned : gridFor(scale, scale * 2 ** c.widths.bits, c.widths.bits);
    const sum = sumOnGrid(c, dims, all, q);
    if (sum) return sum;
  }
  throw overflow(c);
}

/** How many times an output's unit is doubled where its sum does not fit. */
const MOST_COARSER = 24;

/** The sum rounded to a grid, at the finest unit that fits; undefined where none does. */
function sumOnGrid(c: LowerContext, dims: readonly number[], all: readonly SumPart[], q: Grid): Lowered | undefined {
  const fits = (shift: number): Interval | undefined => {
    const z = sumOf(all.map((p) => p.bound(q.scale / 2 ** shift)));
    return z && shiftFits(z, q, shift) ? z : undefined;
  };
  let finest = c.widths.maxShift;
  // Many small weights that all round the same way need a finer unit than scattered ones.
  const distorted = (shift: number) => all.some((p) => p.distortion(q.scale / 2 ** shift) > 2 ** (2 - c.widths.bits));
  while (finest < MOST_SHIFT && distorted(finest) && fits(finest + 1)) finest++;
  for (let shift = finest; shift >= 1; shift--) {
    const unit = q.scale / 2 ** shift;
    const z = fits(shift);
    if (!z) continue;
    const rests = c.widths.splits ? restsOf(all, unit, 2 ** shift) : [];
    const whole = rests.reduce((sum, r) => ({ lo: sum.lo + r.grid.lo, hi: sum.hi + r.grid.hi }), z);
    if (rests.length > 0 && !shiftFits(whole, q, shift)) continue;
    const terms = [...all.flatMap((p) => p.terms(unit)), ...rests.map((r, k) => restTerm(c, dims, r, k))];
    return rescale(c, c.builder.linear(`${c.name}/z`, dims, terms, 0, whole), shift, q);
  }
  return undefined;
}

/** An accumulator of its own: its unit is 2^-shift of the sum's, its quotient stands on `grid`. */
interface Rest {
  readonly part: SumPart;
  readonly unit: number;
  readonly shift: number;
  readonly z: Interval;
  readonly grid: Grid;
}

/** Most bits that a rest is finer than its sum. */
const MOST_REST_SHIFT = 10;

/** @param size units of the sum in one of the result */
function restsOf(all: readonly SumPart[], unit: number, size: number): Rest[] {
  return all.flatMap((p): Rest[] => {
    if (!p.rest || (p.noise?.(unit) ?? 0) <= size) return [];
    const part = p.rest(unit);
    for (let shift = MOST_REST_SHIFT; shift >= 1; shift--) {
      const z = part.bound(unit / 2 ** shift);
      if (!z) continue;
      const grid = gridFor(unit, unit * (Math.max(-z.lo, z.hi) / 2 ** shift + 2), 1);
      if (shiftFits(z, grid, shift)) return [{ part, unit: unit / 2 ** shift, shift, z, grid }];
    }
    return [];
  });
}

function restTerm(c: LowerContext, dims: readonly number[], r: Rest, index: number): LinearTerm {
  const name = `${c.name}/rest-${index}`;
  const z = c.builder.linear(`${name}/z`, dims, r.part.terms(r.unit), 0, r.z);
  const quotient = quotientOf(c.builder, name, z, r.shift, r.grid);
  rangeCheck(c.builder, quotient, r.grid);
  return { src: quotient, coef: 1, map: identityMap(dims.length) };
}

function sumOf(bounds: readonly (Interval | undefined)[]): Interval | undefined {
  let lo = 0;
  let hi = 0;
  for (const b of bounds) {
    if (!b) return undefined;
    lo += b.lo;
    hi += b.hi;
  }
  return { lo, hi };
}

/** Constants as integers of a unit, or undefined where they exceed 30 bits. */
export function quantize(t: Tensor, unit: number): Int32Array | undefined {
  const out = new Int32Array(t.data.length);
  for (let i = 0; i < out.length; i++) {
    const v = roundToInt(t.data[i] / unit);
    if (!(Math.abs(v) < 2 ** 30)) return undefined;
    out[i] = v;
  }
  return out;
}

export function intervalOf(data: ArrayLike<number>): Interval {
  let lo = data[0];
  let hi = data[0];
  for (let i = 1; i < data.length; i++) {
    if (data[i] < lo) lo = data[i];
    if (data[i] > hi) hi = data[i];
  }
  return { lo, hi };
}

/** factor · map(x), factor in reals; `count` cells are summed for each output. */
export function scaledPart(c: LowerContext, x: Lowered, factor: number, map: LinearMap, count = 1): SumPart {
  const { lo, hi } = c.builder.get(x.value);
  const coef = (unit: number) => roundToInt((factor * x.scale) / unit);
  return {
    doubt: (Math.abs(factor) * x.scale * count) / 2,
    bound(unit) {
      const m = coef(unit);
      if (!(Math.abs(m) < 2 ** 30)) return undefined;
      const ends = [m * Math.min(0, lo) * count, m * Math.max(0, hi) * count];
      return { lo: Math.min(...ends), hi: Math.max(...ends) };
    },
    distortion: (unit) => (factor === 0 ? 0 : Math.abs((coef(unit) * unit) / (factor * x.scale) - 1)),
    terms: (unit) => (coef(unit) === 0 ? [] : [{ src: x.value, coef: coef(unit), map }]),
  };
}

/** A constant tensor, broadcast to dims. */
export function constantPart(
  c: LowerContext,
  name: string,
  t: Tensor,
  dims: readonly number[],
  axes?: readonly AxisIndex[],
): SumPart {
  return {
    bound(unit) {
      const data = quantize(t, unit);
      return data && intervalOf(data);
    },
    distortion: () => 0,
    terms(unit) {
      const src = c.builder.constant(name, t.dims, quantize(t, unit) as Int32Array);
      return [{ src, coef: 1, map: { kind: 'affine', sums: [], axes: axes ?? broadcastAxes(t.dims, dims) } }];
    },
  };
}

function addendPart(c: LowerContext, { operand, sign, dims: own }: Addend, dims: readonly number[]): SumPart {
  if ('data' in operand) {
    const signed = sign === 1 ? operand : { ...operand, data: operand.data.map((x) => -x) };
    return constantPart(c, `${c.name}/addend`, signed, dims);
  }
  return scaledPart(c, operand, sign, { kind: 'affine', sums: [], axes: broadcastAxes(own, dims) });
}

/** The end of an input's interval over what its cells typically are: the headroom, times three deviations. */
const TYPICAL = 6;

/** A product with real weights, contracted over `sums`. */
export interface WeightedPart {
  readonly x: Lowered;
  readonly weights: Tensor;
  /** Row (output channel) of each weight: bounds are taken row by row. */
  readonly rowOf: (i: number) => number;
  readonly rows: number;
  /** Cells that each weight multiplies for one output; 1 unless sums are not read by the weights. */
  readonly repeats?: number;
  /** Dims of the contraction; the output's, or the same cells under other dims. */
  readonly dims: readonly number[];
  readonly sums: readonly number[];
  readonly axesX: readonly AxisIndex[];
  readonly axesW: readonly AxisIndex[];
  /** Bias of each row, and where the output reads it. */
  readonly bias?: { readonly data: Float64Array; readonly axes: readonly AxisIndex[] };
}

export function weightedPart(c: LowerContext, w: WeightedPart, outDims: readonly number[]): SumPart {
  const b = c.builder;
  const { lo, hi } = b.get(w.x.value);
  const low = Math.min(0, lo) * (w.repeats ?? 1);
  const high = Math.max(0, hi) * (w.repeats ?? 1);
  const bias = w.bias && { dtype: 'float32' as const, dims: [w.bias.data.length], data: w.bias.data };
  const bounds = (unit: number): { product: Interval; sum: Interval } | undefined => {
    const weights = quantize(w.weights, unit / w.x.scale);
    const biases = bias ? quantize(bias, unit) : new Int32Array(w.rows);
    if (!weights || !biases) return undefined;
    const min = new Float64Array(w.rows);
    const max = new Float64Array(w.rows);
    for (let i = 0; i < weights.length; i++) {
      const v = weights[i];
      const r = w.rowOf(i);
      max[r] += v >= 0 ? v * high : v * low;
      min[r] += v >= 0 ? v * low : v * high;
    }
    const product = { lo: intervalOf(min).lo, hi: intervalOf(max).hi };
    return {
      product,
      sum: { lo: intervalOf(min.map((x, r) => x + biases[r])).lo, hi: intervalOf(max.map((x, r) => x + biases[r])).hi },
    };
  };
  return {
    bound: (unit) => bounds(unit)?.sum,
    distortion(unit) {
      const error = new Float64Array(w.rows);
      const size = new Float64Array(w.rows);
      w.weights.data.forEach((v, i) => {
        const exact = (v * w.x.scale) / unit;
        error[w.rowOf(i)] += roundToInt(exact) - exact;
        size[w.rowOf(i)] += Math.abs(exact);
      });
      return error.reduce((most, e, r) => (size[r] > 0 ? Math.max(most, Math.abs(e) / size[r]) : most), 0);
    },
    noise(unit) {
      const square = new Float64Array(w.rows);
      w.weights.data.forEach((v, i) => {
        const exact = (v * w.x.scale) / unit;
        square[w.rowOf(i)] += (roundToInt(exact) - exact) ** 2;
      });
      return (Math.sqrt(square.reduce((m, x) => Math.max(m, x), 0)) * Math.max(-low, high)) / TYPICAL;
    },
    rest(unit) {
      const own = unit / w.x.scale;
      const data = w.weights.data.map((v) => v - roundToInt(v / own) * own);
      return weightedPart(c, { ...w, weights: { ...w.weights, data }, bias: undefined }, outDims);
    },
    terms(unit) {
      const data = quantize(w.weights, unit / w.x.scale) as Int32Array;
      const order = byPadding(w.weights.dims);
      const dims = order.map((k) => w.weights.dims[k]);
      const weights = b.constant(`${c.node.name}/weights`, dims, permuted(data, w.weights.dims, order));
      const axesW = order.map((k) => w.axesW[k]);
      const range = bounds(unit)?.product;
      const product = b.contract(`${c.name}/product`, w.dims, w.x.value, weights, w.sums, w.axesX, axesW, range);
      const same = outDims.length === w.dims.length && outDims.every((d, i) => d === w.dims[i]);
      const terms: LinearTerm[] = [
        { src: product, coef: 1, map: same ? identityMap(w.dims.length) : { kind: 'reshape' } },
      ];
      if (bias && w.bias) {
        const src = b.constant(`${c.node.name}/bias`, bias.dims, quantize(bias, unit) as Int32Array);
        terms.push({ src, coef: 1, map: { kind: 'affine', sums: [], axes: w.bias.axes } });
      }
      return terms;
    },
  };
}

/** The axes, first the one that leads in a commitment: the cells are laid down in that order. */
function byPadding(dims: readonly number[]): number[] {
  const lead = leadAxis(dims);
  const axes = dims.map((_, k) => k);
  return [...axes.filter((k) => k === lead), ...axes.filter((k) => k !== lead)];
}

/** The numbers with axis order[k] in place of axis k. */
function permuted(data: Int32Array, dims: readonly number[], order: readonly number[]): Int32Array {
  if (order.every((k, i) => k === i)) return data;
  const strides = stridesOf(dims);
  const steps = order.map((k) => strides[k]);
  const sizes = order.map((k) => dims[k]);
  const out = new Int32Array(data.length);
  const counter = sizes.map(() => 0);
  for (let i = 0, from = 0; i < out.length; i++) {
    out[i] = data[from];
    for (let k = sizes.length - 1; k >= 0; k--) {
      counter[k]++;
      from += steps[k];
      if (counter[k] < sizes[k]) break;
      from -= steps[k] * sizes[k];
      counter[k] = 0;
    }
  }
  return out;
}
