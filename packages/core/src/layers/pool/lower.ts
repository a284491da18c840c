/** Pools. Averages are sums with one rounding; maxima go axis by axis, pair by pair. */
import { sizeOf } from '../../base/dims.js';
import type { Windows } from '../../graph/spatial.js';
import { axis, identityMap } from '../../relation/builder.js';
import type { AxisIndex, LinearTerm, ValueId } from '../../relation/relation.js';
import { lowerSum, scaledPart, weightedPart } from '../accumulate.js';
import type { LowerContext, Lowered, Lowering } from '../lowering.js';
import { axisMax, copyOf, pairwiseMax, windowMap } from '../maximum.js';
import { averageCounts, poolWindows } from './op.js';

function lowerAverage(c: LowerContext, s: Windows): Lowered {
  const b = c.builder;
  const x = c.operand(0);
  const dims = [...c.dims(0).slice(0, 2), ...s.output];
  const counts = averageCounts(c.node, s);
  const axes = [
    axis(0),
    axis(1),
    ...s.input.map(
      (_, d): AxisIndex => ({
        start: -s.begin[d],
        terms: [
          { index: 2 + d, step: s.strides[d] },
          { index: dims.length + d, step: s.dilations[d] },
        ],
      }),
    ),
  ];
  const window = { kind: 'affine' as const, sums: s.kernel, axes };
  const taps = sizeOf(s.kernel);
  if (counts.every((n) => n === counts[0])) return lowerSum(c, dims, [scaledPart(c, x, 1 / counts[0], window, taps)]);
  // Windows at the border average fewer cells: a weight for each position.
  const { lo, hi } = b.get(x.value);
  const range = { lo: Math.min(0, lo) * taps, hi: Math.max(0, hi) * taps };
  const sum = b.linear(`${c.name}/window`, dims, [{ src: x.value, coef: 1, map: window }], 0, range);
  const part = {
    x: { value: sum, scale: x.scale },
    weights: { dtype: 'float32' as const, dims: s.output, data: counts.map((n) => 1 / n) },
    rowOf: (i: number) => i,
    rows: counts.length,
    dims,
    sums: [],
    axesX: dims.map((_, i) => axis(i)),
    axesW: s.output.map((_, i) => axis(i + 2)),
  };
  return lowerSum(c, dims, [weightedPart(c, part, dims)]);
}

/** Windows up to this size are compared tap by tap. */
const MOST_TAPS = 6;

/**
 * Maximum of long windows along one axis, by doubling: the cells that the windows can reach are read once, then maxima
 * over 1, 2, 4 … taps from each of them follow from two of the step before.
 */
function longWindowMax(c: LowerContext, x: ValueId, s: Windows, d: number): ValueId {
  const b = c.builder;
  const at = d + 2;
  const range = { lo: b.get(x).lo, hi: b.get(x).hi };
  const kernel = s.kernel[d];
  // Only every step-th cell is a tap of some window.
  const step = greatestCommonDivisor(s.strides[d], s.dilations[d]);
  const [stride, dilation] = [s.strides[d] / step, s.dilations[d] / step];
  const rank = b.dims(x).length;
  const sized = (n: number): number[] => b.dims(x).map((m, i) => (i === at ? n : m));
  let cells = (s.output[d] - 1) * stride + (kernel - 1) * dilation + 1;
  const read = [{ src: x, coef: 1, map: windowMap(rank, at, -s.begin[d], step) }];
  let value = b.linear(`${c.name}/axis-${d}/cells`, sized(cells), read, 0, range);
  let taps = 1;
  for (; 2 * taps <= kernel; taps *= 2) {
    cells -= taps * dilation;
    const part = (start: number): LinearTerm[] => [{ src: value, coef: 1, map: windowMap(rank, at, start) }];
    const name = `${c.name}/axis-${d}/of-${2 * taps}`;
    // Committed, so that claims on it meet there instead of doubling with every step.
    value = copyOf(b, name, pairwiseMax(b, `${name}/max`, sized(cells), part(0), part(taps * dilation), range));
  }
  // Two overlapping runs of `taps` make up the window.
  const run = (start: number): LinearTerm[] => [{ src: value, coef: 1, map: windowMap(rank, at, start, stride) }];
  const name = `${c.name}/axis-${d}`;
  if (taps === kernel) return b.linear(name, sized(s.output[d]), run(0), 0, range);
  return pairwiseMax(b, name, sized(s.output[d]), run(0), run((kernel - taps) * dilation), range);
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** Maximum of windows along one axis. */
function windowMax(c: LowerContext, x: ValueId, s: Windows, d: number): ValueId {
  const b = c.builder;
  const at = d + 2;
  const [kernel, stride, dilation, begin] = [s.kernel[d], s.strides[d], s.dilations[d], s.begin[d]];
  const range = { lo: b.get(x).lo, hi: b.get(x).hi };
  const dims = b.dims(x).map((n, i) => (i === at ? s.output[d] : n));
  if (kernel > MOST_TAPS) return longWindowMax(c, x, s, d);
  const read = (tap: number): LinearTerm[] => [
    { src: x, coef: 1, map: windowMap(dims.length, at, tap * dilation - begin, stride) },
  ];
  if (kernel === 1) return b.linear(`${c.name}/axis-${d}`, dims, read(0), 0, range);
  let best = read(0);
  let value = x;
  for (let tap = 1; tap < kernel; tap++) {
    value = pairwiseMax(b, `${c.name}/axis-${d}/tap-${tap}`, dims, best, read(tap), range);
    best = [{ src: value, coef: 1, map: identityMap(dims.length) }];
  }
  return value;
}

function lowerMax(c: LowerContext, s: Windows): Lowered {
  const b = c.builder;
  const x = c.operand(0);
  let value = x.value;
  const own = { lo: b.get(value).lo, hi: b.get(value).hi };
  if (c.node.op === 'GlobalMaxPool') {
    s.input.forEach((_, d) => {
      value = axisMax(b, `${c.name}/axis-${d}`, value, d + 2);
    });
    return { value, scale: x.scale };
  }
  const rank = c.dims(0).length;
  const overlaps = s.input.some((n, d) => {
    const last = (s.output[d] - 1) * s.strides[d] + (s.kernel[d] - 1) * s.dilations[d] - s.begin[d];
    return s.begin[d] > 0 || last >= n;
  });
  // Cells outside read zero: where numbers may be negative, all are lifted above it first.
  const lift = overlaps && own.lo < 0 ? -own.lo : 0;
  const lifted = (src: ValueId, by: number, name: string): ValueId => {
    const { lo, hi } = b.get(src);
    const range = { lo: lo + by, hi: hi + by };
    return b.linear(`${c.name}/${name}`, b.dims(src), [{ src, coef: 1, map: identityMap(rank) }], by, range);
  };
  if (lift > 0) value = lifted(value, lift, 'lifted');
  // Larger strides first: they leave fewer cells to the other axes.
  const order = s.input.map((_, d) => d).sort((p, q) => s.strides[q] - s.strides[p] || q - p);
  for (const d of order) {
    if (s.kernel[d] > 1 || s.strides[d] > 1 || s.begin[d] > 0 || s.output[d] !== s.input[d])
      value = windowMax(c, value, s, d);
  }
  if (lift > 0) value = lifted(value, -lift, 'lowered');
  return { value, scale: x.scale };
}

export const poolLowering: Lowering = {
  ops: ['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  sameScale: (node) => node.op.endsWith('MaxPool'),
  takesFine: (node) => node.op.endsWith('MaxPool'),
  fusesFunction: (node) => node.op.endsWith('AveragePool'),
  lower(c) {
    const s = poolWindows(c.node, c.dims(0));
    return [c.node.op.endsWith('MaxPool') ? lowerMax(c, s) : lowerAverage(c, s)];
  },
};
