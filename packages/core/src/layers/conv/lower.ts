/**
 * Conv as one contraction. Weights stand as [kernel positions, O, C/g], so that the axis of arbitrary length leads.
 *
 *     z[n, g, o, p…] = Σ_{c, k…} x[n, g·C + c, stride·p + dilation·k - pad …]·w[k, g·O + o, c] + b[g·O + o]
 */
import { sizeOf, stridesOf } from '../../base/dims.js';
import type { Tensor } from '../../graph/graph.js';
import { axis } from '../../relation/builder.js';
import type { AxisIndex } from '../../relation/relation.js';
import { lowerSum, type SumPart, weightedPart } from '../accumulate.js';
import type { LowerContext, Lowered, Lowering } from '../lowering.js';
import { lowerProduct } from '../product.js';
import { type ConvShape, convDims, convShape } from './op.js';

/** [O, C/g, k…] → [k, O, C/g]. */
function weightsByTap(s: ConvShape, w: Tensor): Tensor {
  const taps = sizeOf(s.kernel);
  const outputs = s.groups * s.outputs;
  const data = new Float64Array(w.data.length);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < s.inputs; i++) {
      for (let k = 0; k < taps; k++) data[(k * outputs + o) * s.inputs + i] = w.data[(o * s.inputs + i) * taps + k];
    }
  }
  return { dtype: w.dtype, dims: [taps, outputs, s.inputs], data };
}

/** How the contraction reads input and weights; groups are an axis of their own in it. */
function readings(s: ConvShape) {
  const outputs = s.groups * s.outputs;
  const grouped = s.groups > 1;
  // Indices: n, (g,) o, spatial…, then the sums c, kernel…
  const dims = [s.batch, ...(grouped ? [s.groups, s.outputs] : [outputs]), ...s.output];
  const spatialAt = grouped ? 3 : 2;
  const cAt = dims.length;
  const kAt = cAt + 1;
  const split = (step: number, inner: number): AxisIndex => ({
    start: 0,
    terms: [
      { index: 1, step },
      { index: inner, step: 1 },
    ],
  });
  const outChannel = grouped ? split(s.outputs, 2) : axis(1);
  return {
    dims,
    sums: [s.inputs, ...s.kernel],
    outChannel,
    input: axis(cAt),
    taps: s.kernel.map((_, d) => kAt + d),
    axesX: [
      axis(0),
      grouped ? split(s.inputs, cAt) : axis(cAt),
      ...s.input.map(
        (_, d): AxisIndex => ({
          start: -s.begin[d],
          terms: [
            { index: spatialAt + d, step: s.strides[d] },
            { index: kAt + d, step: s.dilations[d] },
          ],
        }),
      ),
    ],
  };
}

/** The sum of a convolution of `x` with constant weights. */
export function convPart(c: LowerContext, s: ConvShape, x: Lowered, w: Tensor, bias: Tensor | undefined): SumPart {
  const outputs = s.groups * s.outputs;
  const { dims, sums, outChannel, input, taps, axesX } = readings(s);
  const kStrides = stridesOf(s.kernel);
  const part = {
    x,
    weights: weightsByTap(s, w),
    rowOf: (i: number) => Math.floor(i / s.inputs) % outputs,
    rows: outputs,
    dims,
    sums,
    axesX,
    axesW: [{ start: 0, terms: taps.map((index, d) => ({ index, step: kStrides[d] })) }, outChannel, input],
    // The bias is added to the output, whose channels are one axis.
    bias: bias && { data: bias.data, axes: [axis(1)] },
  };
  return weightedPart(c, part, convDims(s));
}

function lower(c: LowerContext): Lowered[] {
  const w = c.constant(1);
  const s = convShape(c.node, c.dims(0), c.dims(1));
  if (!w) {
    const { dims, sums, outChannel, input, taps, axesX } = readings(s);
    const axesB = [outChannel, input, ...taps.map((index) => axis(index))];
    return [
      lowerProduct(c, { a: c.operand(0), b: c.operand(1), dims, sums, axesA: axesX, axesB, outDims: convDims(s) }),
    ];
  }
  return [lowerSum(c, convDims(s), [convPart(c, s, c.operand(0), w, c.constant(2))])];
}

export const convLowering: Lowering = {
  ops: ['Conv'],
  fusesFunction: () => true,
  fusesAddend: (_, inputs) => Boolean(inputs[1]?.value),
  lower,
};
