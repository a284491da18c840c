/** ConvTranspose: a convolution with mirrored weights over the input with zeros between its cells. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, listAttribute, numberAttribute, stringAttribute } from '../attributes.js';
import type { Tensor } from '../graph.js';
import type { Compose, Composer } from './composer.js';

interface Axis {
  readonly size: number;
  readonly stride: number;
  /** Size of the kernel with its gaps. */
  readonly reach: number;
  /** Cells cut off the full result. */
  readonly begin: number;
  readonly end: number;
  readonly outputPadding: number;
}

function axesOf(c: Composer, dims: readonly number[], kernel: readonly number[]): Axis[] {
  const rank = dims.length;
  const list = (name: string, fallback: number): readonly number[] => {
    const given = listAttribute(c.node, name) ?? new Array<number>(rank).fill(fallback);
    if (given.length !== rank || given.some((v) => !Number.isSafeInteger(v) || v < 0))
      throw badShape(c.node, `${name} [${given}] does not fit ${rank} spatial axes`);
    return given;
  };
  const strides = list('strides', 1);
  const dilations = list('dilations', 1);
  const extra = list('output_padding', 0);
  const shape = listAttribute(c.node, 'output_shape')?.slice(-rank);
  const pads = listAttribute(c.node, 'pads') ?? new Array<number>(2 * rank).fill(0);
  const auto = stringAttribute(c.node, 'auto_pad', 'NOTSET');
  return dims.map((size, i) => {
    const reach = (kernel[i] - 1) * dilations[i] + 1;
    const stride = strides[i];
    const full = stride * (size - 1) + extra[i] + reach;
    const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
    const wanted = shape?.[i] ?? (same ? size * stride : undefined);
    let begin = auto === 'VALID' ? 0 : pads[i];
    let end = auto === 'VALID' ? 0 : pads[i + rank];
    if (wanted !== undefined) {
      const total = full - wanted;
      // The odd cell is cut at the end for SAME_UPPER and at the beginning otherwise.
      begin = auto === 'SAME_UPPER' ? Math.floor(total / 2) : total - Math.floor(total / 2);
      end = total - begin;
    }
    return { size, stride, reach, begin, end, outputPadding: extra[i] };
  });
}

/** [inputs, outputs/groups, …] → [outputs, inputs/groups, …], mirrored on every spatial axis. */
function mirrored(w: Tensor, groups: number): Tensor {
  const [inputs, outputs, ...kernel] = w.dims;
  const perGroup = inputs / groups;
  const taps = sizeOf(kernel);
  const dims = [groups * outputs, perGroup, ...kernel];
  const [outStride] = stridesOf(dims);
  const data = new Float64Array(w.data.length);
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) {
      const to = (Math.floor(i / perGroup) * outputs + o) * outStride + (i % perGroup) * taps;
      const from = (i * outputs + o) * taps;
      for (let k = 0; k < taps; k++) data[to + k] = w.data[from + taps - 1 - k];
    }
  }
  return { dtype: w.dtype, dims, data };
}

/** The same of a weight that is computed. */
function mirroredAt(c: Composer, dims: readonly number[], groups: number): string {
  const [inputs, outputs, ...kernel] = dims;
  const axes = kernel.map((_, i) => i + 2);
  const all = (f: (i: number) => number) => c.ints(axes.map(f));
  const turned = c.add('Slice', [c.node.inputs[1], all(() => -1), all(() => -(2 ** 31)), c.ints(axes), all(() => -1)]);
  const split = c.reshape(turned, [groups, inputs / groups, outputs, ...kernel]);
  const perm = [0, 2, 1, ...axes.map((i) => i + 1)];
  return c.reshape(c.add('Transpose', [split], { perm }), [groups * outputs, inputs / groups, ...kernel]);
}

/** x with stride - 1 zeros after every cell of every spatial axis: [N, C, s·H, s·W, …]. */
function spread(c: Composer, x: string, dims: readonly number[], axes: readonly Axis[]): string {
  if (axes.every((a) => a.stride === 1)) return x;
  const apart = c.reshape(x, [...dims.slice(0, 2), ...axes.flatMap((a) => [a.size, 1])]);
  const zeros = new Array<number>(2 + 2 * axes.length).fill(0);
  const pads = c.ints([...zeros, 0, 0, ...axes.flatMap((a) => [0, a.stride - 1])]);
  return c.reshape(c.add('Pad', [apart, pads]), [...dims.slice(0, 2), ...axes.map((a) => a.size * a.stride)]);
}

export const convTranspose: Compose = (c) => {
  const dims = c.dims(0);
  const wDims = c.dims(1);
  const groups = numberAttribute(c.node, 'group', 1);
  const isFit = dims.length >= 3 && wDims.length === dims.length && wDims[0] === dims[1];
  if (!isFit || !Number.isInteger(groups) || groups < 1 || dims[1] % groups !== 0)
    throw badShape(c.node, `${groups} groups, input [${dims}] and weights [${wDims}] do not match`);
  const axes = axesOf(c, dims.slice(2), wDims.slice(2));
  if (axes.some((a) => a.stride < 1)) throw badShape(c.node, 'strides must be positive');
  const apart = spread(c, c.node.inputs[0], dims, axes);
  const begin = axes.map((a) => a.reach - 1 - a.begin);
  // The zeros after the last cell are there already.
  const end = axes.map((a) => a.reach - 1 - a.end + a.outputPadding - (a.stride - 1));
  const padded = c.add('Pad', [apart, c.ints([0, 0, ...begin, 0, 0, ...end])]);
  const { value } = c.info(1);
  const known = value && mirrored(value, groups);
  const turned = known ? c.floats(known.data, known.dims) : mirroredAt(c, wDims, groups);
  const inputs = [padded, turned, ...(c.has(2) ? [c.node.inputs[2]] : [])];
  const dilations = listAttribute(c.node, 'dilations') ?? axes.map(() => 1);
  return [c.add('Conv', inputs, { group: groups, dilations })];
};
