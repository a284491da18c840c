/** Layout operators on floats, and the operators that only make constants. */
import { sizeOf } from '../../base/dims.js';
import { InputError } from '../../base/errors.js';
import { numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor, TensorInfo } from '../../graph/graph.js';
import type { LinearMap } from '../../relation/relation.js';
import { broadcastDims, broadcastOffsets } from '../broadcast.js';
import { unravel } from '../conv/op.js';
import { READINGS } from './readings.js';

/** Flat source offset of every output cell of a map without sums; -1 reads nothing. */
export function mapOffsets(map: LinearMap, outDims: readonly number[], srcDims: readonly number[]): Int32Array {
  const n = sizeOf(outDims);
  const out = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    if (map.kind === 'reshape') {
      out[i] = i;
      continue;
    }
    const at = unravel(i, outDims);
    let offset = 0;
    for (let k = 0; k < srcDims.length; k++) {
      const p =
        map.kind === 'gather'
          ? k === map.axis
            ? map.index[at[k]]
            : at[k]
          : map.axes[k].terms.reduce((s, t) => s + t.step * at[t.index], map.axes[k].start);
      if (p < 0 || p >= srcDims[k]) {
        offset = -1;
        break;
      }
      offset = offset * srcDims[k] + p;
    }
    out[i] = offset;
  }
  return out;
}

function evaluate(node: GraphNode, inputs: readonly (Tensor | undefined)[], opset: number): Tensor[] {
  return READINGS[node.op](node, inputs, opset).map((r): Tensor => {
    const data = new Float64Array(sizeOf(r.dims));
    const read = r.fill ? new Uint8Array(data.length) : undefined;
    for (const t of r.terms) {
      let src = inputs[t.input] as Tensor;
      let offsets: Int32Array | undefined;
      for (const s of t.steps) {
        const next = mapOffsets(s.map, s.dims, src.dims);
        const before = src;
        src = { ...src, dims: s.dims, data: Float64Array.from(next, (o) => (o < 0 ? 0 : before.data[o])) };
        offsets = next;
      }
      for (let i = 0; i < data.length; i++) data[i] += src.data[i];
      offsets?.forEach((o, i) => {
        if (read && o >= 0) read[i] = 1;
      });
    }
    read?.forEach((seen, i) => {
      if (!seen) data[i] = r.fill as number;
    });
    return { dtype: inputs[0]?.dtype ?? 'float32', dims: r.dims, data };
  });
}

export const layout: OpSemantics = {
  ops: Object.keys(READINGS),
  infer: (node, inputs, opset) =>
    READINGS[node.op](node, inputs, opset).map((r) => ({ dtype: inputs[0]?.dtype ?? 'float32', dims: r.dims })),
  evaluate,
};

const known = (value: Tensor): TensorInfo => ({ dtype: value.dtype, dims: value.dims, value });

const int64 = (numbers: readonly number[], dims: readonly number[] = [numbers.length]): Tensor => ({
  dtype: 'int64',
  dims,
  data: Float64Array.from(numbers),
});

function constantValue(node: GraphNode): Tensor {
  const a = node.attributes;
  if (a.value && typeof a.value === 'object' && 'data' in a.value) return a.value;
  if (typeof a.value_float === 'number') return { dtype: 'float32', dims: [], data: Float64Array.of(a.value_float) };
  if (typeof a.value_int === 'number') return int64([a.value_int], []);
  if (Array.isArray(a.value_ints)) return int64(a.value_ints as number[]);
  if (Array.isArray(a.value_floats))
    return { dtype: 'float32', dims: [a.value_floats.length], data: Float64Array.from(a.value_floats as number[]) };
  throw new InputError(
    'unsupported-attribute',
    `${node.name} (Constant) has no numeric value`,
    'export dense numeric constants',
    node.name,
  );
}

/** Shapes and constants: known when the program is made. */
export const constants: OpSemantics = {
  ops: ['Constant', 'Shape', 'Size', 'ConstantOfShape', 'Range', 'Where', 'Not'],
  infer: (node, inputs) => {
    const dims = inputs[0]?.dims ?? [];
    if (node.op === 'Constant') return [known(constantValue(node))];
    if (node.op === 'Shape') {
      const start = numberAttribute(node, 'start', 0);
      const end = numberAttribute(node, 'end', dims.length);
      return [known(int64(dims.slice(start, end)))];
    }
    if (node.op === 'Size') return [known(int64([sizeOf(dims)], []))];
    if (inputs.some((i) => i && !i.value)) {
      throw new InputError(
        'unsupported-operators',
        `${node.name} (${node.op}) depends on the input's numbers`,
        'only constant ones are supported',
        node.name,
      );
    }
    return constants
      .evaluate(
        node,
        inputs.map((i) => i?.value),
        0,
      )
      .map(known);
  },
  evaluate: (node, inputs) => {
    const [x, y, z] = inputs as Tensor[];
    if (node.op === 'ConstantOfShape') {
      const v = node.attributes.value as Tensor | undefined;
      const dims = [...x.data];
      if (sizeOf(dims) > 2 ** 28)
        throw new InputError(
          'bad-shape',
          `${node.name} makes a tensor of shape [${dims}]`,
          'use a smaller model',
          node.name,
        );
      return [{ dtype: v?.dtype ?? 'float32', dims, data: new Float64Array(sizeOf(dims)).fill(v?.data[0] ?? 0) }];
    }
    if (node.op === 'Range') {
      const n = Math.max(0, Math.ceil((y.data[0] - x.data[0]) / z.data[0]));
      if (n > 2 ** 24)
        throw new InputError('bad-shape', `${node.name} makes ${n} numbers`, 'use a smaller model', node.name);
      return [
        { dtype: x.dtype, dims: [n], data: Float64Array.from({ length: n }, (_, i) => x.data[0] + i * z.data[0]) },
      ];
    }
    if (node.op === 'Not') return [{ ...x, data: x.data.map((v) => Number(v === 0)) }];
    const dims = broadcastDims(node, [x.dims, y.dims, z.dims]);
    const [a, b, c] = [x, y, z].map((t) => broadcastOffsets(t.dims, dims));
    return [{ dtype: y.dtype, dims, data: Float64Array.from(a, (o, i) => (x.data[o] ? y.data[b[i]] : z.data[c[i]])) }];
  },
};
