/** Conv, any number of spatial axes: y[n,o,p] = Σ_{c,k} w[o,c,k]·x[n, g·C + c, stride·p + dilation·k - pad] + b[o]. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, listAttribute, numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { type Windows, windows } from '../spatial.js';

export interface ConvShape extends Windows {
  readonly batch: number;
  readonly groups: number;
  /** Channels of input and output in each group. */
  readonly inputs: number;
  readonly outputs: number;
}

export function convShape(node: GraphNode, x: readonly number[], w: readonly number[]): ConvShape {
  const groups = numberAttribute(node, 'group', 1);
  if (x.length < 3 || w.length !== x.length) throw badShape(node, `input [${x}] and weights [${w}] do not match`);
  if (x[1] !== w[1] * groups || w[0] % groups !== 0)
    throw badShape(node, `${groups} groups do not fit input [${x}] and weights [${w}]`);
  const kernel = listAttribute(node, 'kernel_shape') ?? w.slice(2);
  if (kernel.some((k, i) => k !== w[i + 2])) throw badShape(node, 'kernel_shape differs from the weights');
  return { ...windows(node, x.slice(2), kernel), batch: x[0], groups, inputs: w[1], outputs: w[0] / groups };
}

export const convDims = (s: ConvShape): number[] => [s.batch, s.groups * s.outputs, ...s.output];

function evaluate(s: ConvShape, x: Tensor, w: Tensor, b: Tensor | undefined): Tensor {
  const rank = s.input.length;
  const inSize = sizeOf(s.input);
  const outSize = sizeOf(s.output);
  const kSize = sizeOf(s.kernel);
  const inStride = stridesOf(s.input);
  const channels = s.groups * s.outputs;
  const y = new Float64Array(s.batch * channels * outSize);
  const last = rank - 1;
  const width = s.output[last];
  const rows = outSize / width;
  for (let n = 0; n < s.batch; n++) {
    for (let o = 0; o < channels; o++) {
      const at = (n * channels + o) * outSize;
      if (b) y.fill(b.data[o], at, at + outSize);
      const group = Math.floor(o / s.outputs);
      for (let c = 0; c < s.inputs; c++) {
        const from = (n * s.groups * s.inputs + group * s.inputs + c) * inSize;
        const weights = (o * s.inputs + c) * kSize;
        for (let k = 0; k < kSize; k++) {
          const weight = w.data[weights + k];
          if (weight === 0) continue;
          const tap = unravel(k, s.kernel);
          const shift = tap[last] * s.dilations[last] - s.begin[last];
          const step = s.strides[last];
          const first = Math.max(0, Math.ceil(-shift / step));
          const end = Math.min(width, Math.floor((s.input[last] - 1 - shift) / step) + 1);
          for (let r = 0; r < rows; r++) {
            let offset = from;
            let rest = r;
            let inside = true;
            for (let d = last - 1; d >= 0; d--) {
              const p = (rest % s.output[d]) * s.strides[d] + tap[d] * s.dilations[d] - s.begin[d];
              rest = Math.floor(rest / s.output[d]);
              if (p < 0 || p >= s.input[d]) {
                inside = false;
                break;
              }
              offset += p * inStride[d];
            }
            if (!inside) continue;
            const to = at + r * width;
            for (let i = first; i < end; i++) y[to + i] += weight * x.data[offset + i * step + shift];
          }
        }
      }
    }
  }
  return { dtype: x.dtype, dims: convDims(s), data: y };
}

export function unravel(flat: number, dims: readonly number[]): number[] {
  const out = new Array<number>(dims.length);
  for (let i = dims.length - 1; i >= 0; i--) {
    out[i] = flat % dims[i];
    flat = Math.floor(flat / dims[i]);
  }
  return out;
}

export const conv: OpSemantics = {
  ops: ['Conv'],
  infer: (node, [x, w]) => [
    { dtype: x?.dtype ?? 'float32', dims: convDims(convShape(node, x?.dims ?? [], w?.dims ?? [])) },
  ],
  evaluate: (node, [x, w, b]) => [
    evaluate(convShape(node, (x as Tensor).dims, (w as Tensor).dims), x as Tensor, w as Tensor, b),
  ],
};
