/** Reductions: sums with one rounding, maxima by halves, norms by a table before or after the sum. */
import { sizeOf } from '../../base/dims.js';
import { axis, type Interval, identityMap } from '../../relation/builder.js';
import type { AxisIndex, ValueId } from '../../relation/relation.js';
import { lowerSum, scaledPart } from '../accumulate.js';
import { type LowerContext, type Lowered, type Lowering, unsupported } from '../lowering.js';
import { axisMax } from '../maximum.js';
import { fitting, roundSum } from '../product.js';
import { ABS, applyFunction } from '../tables.js';
import { isWhole, wholeReduction } from '../whole.js';
import { reducedAxes, reducedDims } from './op.js';

interface Reduction {
  readonly dims: readonly number[];
  readonly axes: readonly AxisIndex[];
  readonly sums: readonly number[];
}

/** Readings of the input for each output cell; the summed indices follow the output's. */
function reduction(c: LowerContext): Reduction & { readonly over: readonly number[] } {
  const from = c.dims(0);
  const { axes: over, keep } = reducedAxes(c.node, c.inputs);
  const dims = reducedDims(from, over, keep);
  let out = 0;
  let sum = dims.length;
  const axes = from.map((_, i): AxisIndex => {
    if (!over.includes(i)) return axis(out++);
    if (keep) out++;
    return axis(sum++);
  });
  return { dims, axes, sums: from.filter((_, i) => over.includes(i)), over };
}

function lowerExtremum(c: LowerContext): Lowered {
  const b = c.builder;
  const { dims, over } = reduction(c);
  const x = c.operand(0);
  const sign = c.node.op === 'ReduceMin' ? -1 : 1;
  const times = (src: ValueId, name: string): ValueId => {
    const { lo, hi } = b.get(src);
    const range: Interval = sign < 0 ? { lo: -hi, hi: -lo } : { lo, hi };
    const map = identityMap(b.dims(src).length);
    return sign < 0 ? b.linear(`${c.name}/${name}`, b.dims(src), [{ src, coef: -1, map }], 0, range) : src;
  };
  let value = times(x.value, 'mirrored');
  for (const a of over) value = axisMax(b, `${c.name}/axis-${a}`, value, a);
  value = times(value, 'mirrored-back');
  const { lo, hi } = b.get(value);
  return {
    value: b.linear(c.name, dims, [{ src: value, coef: 1, map: { kind: 'reshape' } }], 0, { lo, hi }),
    scale: x.scale,
  };
}

function lowerSquares(c: LowerContext): Lowered {
  const { dims, axes, sums } = reduction(c);
  const [x] = fitting(c, { a: c.operand(0), b: c.operand(0), sums });
  const { lo, hi } = c.builder.get(x.value);
  const range = { lo: 0, hi: Math.max(lo * lo, hi * hi) * sizeOf(sums) };
  const z = c.builder.contract(`${c.name}/squares`, dims, x.value, x.value, sums, axes, axes, range);
  if (c.node.op === 'ReduceSumSquare') return roundSum(c, z, x.scale * x.scale);
  const [{ reach }] = c.outputs;
  const root = { key: 'Sqrt', f: (v: number) => Math.sqrt(Math.max(0, v)), homogeneous: false, reach: reach * reach };
  return roundSum({ ...c, activation: root }, z, x.scale * x.scale);
}

function lower(c: LowerContext): Lowered[] {
  const x = c.operand(0);
  const { dims, axes, sums } = reduction(c);
  const cells = sizeOf(sums);
  const map = { kind: 'affine' as const, sums, axes };
  if (c.node.op === 'ReduceSum' && c.outputs[0].whole && isWhole(c)) return [wholeReduction(c, dims, sums, axes)];
  switch (c.node.op) {
    case 'ReduceSum':
    case 'ReduceMean':
      return [lowerSum(c, dims, [scaledPart(c, x, c.node.op === 'ReduceMean' ? 1 / cells : 1, map, cells)])];
    case 'ReduceL1': {
      const own = c.builder.get(x.value);
      const grid = { scale: x.scale, lo: own.lo, hi: own.hi };
      const most = Math.max(-own.lo, own.hi);
      const magnitude = applyFunction(c.builder, `${c.name}/magnitude`, x.value, ABS, grid, {
        scale: x.scale,
        lo: 0,
        hi: most,
      });
      return [lowerSum(c, dims, [scaledPart(c, { value: magnitude, scale: x.scale }, 1, map, cells)])];
    }
    case 'ReduceMax':
    case 'ReduceMin':
      return [lowerExtremum(c)];
    case 'ReduceSumSquare':
    case 'ReduceL2':
      return [lowerSquares(c)];
    default:
      throw unsupported(c.node, 'it has no integer meaning here', 'use ReduceSum or ReduceMean');
  }
}

export const reduceLowering: Lowering = {
  ops: ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare'],
  sameScale: (node) => node.op === 'ReduceMax' || node.op === 'ReduceMin',
  takesFine: (node) => node.op === 'ReduceMax' || node.op === 'ReduceMin',
  fusesFunction: (node) => node.op === 'ReduceSum' || node.op === 'ReduceMean',
  fusesAddend: (node) => node.op === 'ReduceSum' || node.op === 'ReduceMean',
  lower,
};
