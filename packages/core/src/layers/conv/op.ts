/** Conv, any number of spatial axes: y[n,o,p] = Σ_{c,k} w[o,c,k]·x[n, g·C + c, stride·p + dilation·k - pad] + b[o]. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, listAttribute, numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { gridOffsets, type Windows, windows } from '../../graph/spatial.js';
import { addRow } from '../matrix-product.js';

export interface ConvShape extends Windows {
  readonly batch: number;
  readonly groups: number;
  /** Channels of input and output in each group. */
  readonly inputs: number;
  readonly outputs: number;
}

export function convShape(node: GraphNode, x: readonly number[], w: readonly number[]): ConvShape {
  const groups = numberAttribute(node, 'group', 1);
  if (!Number.isInteger(groups) || groups < 1) throw badShape(node, `${groups} groups`);
  if (x.length < 3 || w.length !== x.length) throw badShape(node, `input [${x}] and weights [${w}] do not match`);
  if (x[1] !== w[1] * groups || w[0] % groups !== 0)
    throw badShape(node, `${groups} groups do not fit input [${x}] and weights [${w}]`);
  const kernel = listAttribute(node, 'kernel_shape') ?? w.slice(2);
  if (kernel.length !== w.length - 2 || kernel.some((k, i) => k !== w[i + 2]))
    throw badShape(node, 'kernel_shape differs from the weights');
  return { ...windows(node, x.slice(2), kernel), batch: x[0], groups, inputs: w[1], outputs: w[0] / groups };
}

export const convDims = (s: ConvShape): number[] => [s.batch, s.groups * s.outputs, ...s.output];

/** Output positions of a tile, and terms of a sum that are gathered at once. */
const TILE = 256;
const TERMS = 256;

/**
 * Gathers the window cells of a tile of output positions as rows of a matrix, one row for each term (c, k) of the sum,
 * and multiplies the weights with it.
 */
function evaluate(s: ConvShape, x: Tensor, w: Tensor, b: Tensor | undefined): Tensor {
  const outSize = sizeOf(s.output);
  const channels = s.groups * s.outputs;
  const y = new Float64Array(s.batch * channels * outSize);
  if (b) for (let i = 0; i < s.batch * channels; i++) y.fill(b.data[i % channels], i * outSize, (i + 1) * outSize);
  const padded = s.input.map((d, i) => d + s.begin[i] + s.end[i]);
  const plane = sizeOf(padded);
  const cells = zeroPadded(x.data, s.batch * s.groups * s.inputs, s, padded);
  const strides = stridesOf(padded);
  const windowAt = gridOffsets(
    s.output,
    strides.map((t, d) => t * s.strides[d]),
  );
  const tapAt = gridOffsets(
    s.kernel,
    strides.map((t, d) => t * s.dilations[d]),
  );
  const taps = tapAt.length;
  const terms = s.inputs * taps;
  const block = new Float64Array(Math.min(TERMS, terms) * Math.min(TILE, outSize));
  for (let group = 0; group < s.batch * s.groups; group++) {
    const firstPlane = group * s.inputs;
    const firstOutput = group * s.outputs;
    for (let p = 0; p < outSize; p += TILE) {
      const columns = Math.min(TILE, outSize - p);
      for (let l = 0; l < terms; l += TERMS) {
        const rows = Math.min(TERMS, terms - l);
        for (let r = 0; r < rows; r++) {
          const c = Math.floor((l + r) / taps);
          const from = (firstPlane + c) * plane + tapAt[l + r - c * taps];
          const to = r * columns;
          for (let i = 0; i < columns; i++) block[to + i] = cells[from + windowAt[p + i]];
        }
        for (let o = 0; o < s.outputs; o++) {
          const weights = ((firstOutput + o) % channels) * terms + l;
          addRow(y, (firstOutput + o) * outSize + p, columns, w.data, weights, rows, block, 0, columns);
        }
      }
    }
  }
  return { dtype: x.dtype, dims: convDims(s), data: y };
}

/** Every plane with zeros around it; the planes themselves where there are no pads. */
function zeroPadded(data: Float64Array, planes: number, s: Windows, padded: readonly number[]): Float64Array {
  if (padded.every((d, i) => d === s.input[i])) return data;
  const strides = stridesOf(padded);
  const last = s.input.length - 1;
  const width = s.input[last];
  const rowAt = gridOffsets(s.input.slice(0, last), strides.slice(0, last));
  const first = s.begin.reduce((at, p, d) => at + p * strides[d], 0);
  const plane = sizeOf(padded);
  const out = new Float64Array(planes * plane);
  for (let c = 0; c < planes; c++) {
    for (let r = 0; r < rowAt.length; r++) {
      const from = (c * rowAt.length + r) * width;
      out.set(data.subarray(from, from + width), c * plane + first + rowAt[r]);
    }
  }
  return out;
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
  required: () => 2,
  infer: (node, [x, w, b]) => {
    const s = convShape(node, x?.dims ?? [], w?.dims ?? []);
    if (b && sizeOf(b.dims) !== s.groups * s.outputs) throw badShape(node, `bias [${b.dims}] and weights [${w?.dims}]`);
    return [{ dtype: x?.dtype ?? 'float32', dims: convDims(s) }];
  },
  evaluate: (node, [x, w, b]) => [
    evaluate(convShape(node, (x as Tensor).dims, (w as Tensor).dims), x as Tensor, w as Tensor, b),
  ],
};
