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
import { type LowerContext, type Lowered, type Lowering, unsupported } from '../lowering.js';
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

/** The sum of a convolution of `x`. Groups are an axis of their own in the contraction. */
export function convPart(c: LowerContext, s: ConvShape, x: Lowered, w: Tensor, bias: Tensor | undefined): SumPart {
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
  const kStrides = stridesOf(s.kernel);
  const part = {
    x,
    weights: weightsByTap(s, w),
    rowOf: (i: number) => Math.floor(i / s.inputs) % outputs,
    rows: outputs,
    dims,
    sums: [s.inputs, ...s.kernel],
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
    axesW: [
      { start: 0, terms: s.kernel.map((_, d) => ({ index: kAt + d, step: kStrides[d] })) },
      outChannel,
      axis(cAt),
    ],
    // The bias is added to the output, whose channels are one axis.
    bias: bias && { data: bias.data, axes: [axis(1)] },
  };
  return weightedPart(c, part, convDims(s));
}

function lower(c: LowerContext): Lowered[] {
  const w = c.constant(1);
  if (!w) throw unsupported(c.node, 'its weights are computed at run time', 'export the weights as initializers');
  const s = convShape(c.node, c.dims(0), w.dims);
  return [lowerSum(c, convDims(s), [convPart(c, s, c.operand(0), w, c.constant(2))])];
}

export const convLowering: Lowering = {
  ops: ['Conv'],
  fusesFunction: () => true,
  fusesAddend: () => true,
  lower,
};
