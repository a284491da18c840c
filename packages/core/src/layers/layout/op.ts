/** Layout operators on floats, and the operators that only make constants. */
import { sizeOf } from '../../base/dims.js';
import { InputError } from '../../base/errors.js';
import { numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor, TensorInfo } from '../../graph/graph.js';
import type { LinearMap } from '../../relation/relation.js';
import { READINGS, type Step } from './readings.js';

/** Position on every source axis: start + Σ step·index over the output's indices; a gather looks it up in `list`. */
function positions(map: LinearMap, srcRank: number): { start: number[]; steps: number[][]; list: number[][] } {
  const start = new Array<number>(srcRank).fill(0);
  const list: number[][] = Array.from({ length: srcRank });
  const steps: number[][] = Array.from({ length: srcRank }, () => []);
  const step = (k: number, index: number, by: number) => {
    steps[k][index] = (steps[k][index] ?? 0) + by;
  };
  if (map.kind === 'gather') {
    for (let k = 0; k < srcRank; k++) step(k, k, 1);
    list[map.axis] = map.index as number[];
  } else if (map.kind === 'affine') {
    map.axes.forEach((axis, k) => {
      start[k] = axis.start;
      for (const t of axis.terms) step(k, t.index, t.step);
    });
  }
  return { start, steps, list };
}

/** Flat source offset of every output cell of a map without sums; -1 reads nothing. */
export function mapOffsets(map: LinearMap, outDims: readonly number[], srcDims: readonly number[]): Int32Array {
  const out = new Int32Array(sizeOf(outDims));
  if (map.kind === 'reshape') {
    for (let i = 0; i < out.length; i++) out[i] = i;
    return out;
  }
  const { start, steps, list } = positions(map, srcDims.length);
  // Each source axis is read at a sum over the output's axes: those that an output axis moves, and by how much.
  const moved = outDims.map((_, j) => steps.flatMap((s, k) => (s[j] ? [[k, s[j]] as const] : [])));
  const at = [...start];
  const counter = outDims.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    let offset = 0;
    for (let k = 0; k < srcDims.length && offset >= 0; k++) {
      const p = list[k] ? list[k][at[k]] : at[k];
      offset = p < 0 || p >= srcDims[k] ? -1 : offset * srcDims[k] + p;
    }
    out[i] = offset;
    for (let j = outDims.length - 1; j >= 0; j--) {
      counter[j]++;
      for (const [k, by] of moved[j]) at[k] += by;
      if (counter[j] < outDims[j]) break;
      for (const [k, by] of moved[j]) at[k] -= by * counter[j];
      counter[j] = 0;
    }
  }
  return out;
}

function evaluate(node: GraphNode, inputs: readonly (Tensor | undefined)[], opset: number): Tensor[] {
  return READINGS[node.op](node, inputs, opset).map((r): Tensor => {
    const dtype = inputs[0]?.dtype ?? 'float32';
    const data = new Float64Array(sizeOf(r.dims)).fill(r.fill ?? 0);
    for (const { input, steps } of r.terms) {
      let src = inputs[input] as Tensor;
      steps.slice(0, -1).forEach((s) => {
        const next = new Float64Array(sizeOf(s.dims));
        read(next, src, s);
        src = { dtype, dims: s.dims, data: next };
      });
      read(data, src, steps[steps.length - 1]);
    }
    return { dtype, dims: r.dims, data };
  });
}

/** Adds what the step reads of src; where one term of a reading reads a cell, the others add zero. */
function read(to: Float64Array, src: Tensor, { map, dims }: Step): void {
  if (map.kind === 'reshape') {
    for (let i = 0; i < to.length; i++) to[i] += src.data[i];
    return;
  }
  const from = mapOffsets(map, dims, src.dims);
  for (let i = 0; i < from.length; i++) if (from[i] >= 0) to[i] = src.data[from[i]];
}

const REQUIRED: Readonly<Record<string, number>> = {
  Reshape: 2,
  Gather: 2,
  Tile: 2,
  Expand: 2,
  GatherElements: 2,
  GatherND: 2,
  ScatterElements: 3,
  ScatterND: 3,
};

export const layout: OpSemantics = {
  ops: Object.keys(READINGS),
  required: (op) => REQUIRED[op] ?? 1,
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
  for (const value of [a.value, a.sparse_value])
    if (value && typeof value === 'object' && 'data' in value) return value;
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
  ops: ['Constant', 'Shape', 'Size', 'ConstantOfShape', 'Range'],
  required: (op) => (op === 'Constant' ? 0 : op === 'Range' ? 3 : 1),
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
      const given = node.attributes.value;
      const v = typeof given === 'object' && 'data' in given ? given : undefined;
      const dims = [...x.data];
      if (dims.some((d) => !Number.isSafeInteger(d) || d < 0) || !(sizeOf(dims) <= 2 ** 27))
        throw new InputError(
          'bad-shape',
          `${node.name} makes a tensor of shape [${dims}]`,
          'use a smaller model',
          node.name,
        );
      return [{ dtype: v?.dtype ?? 'float32', dims, data: new Float64Array(sizeOf(dims)).fill(v?.data[0] ?? 0) }];
    }
    const n = Math.max(0, Math.ceil((y.data[0] - x.data[0]) / z.data[0]));
    if (!(n <= 2 ** 24))
      throw new InputError('bad-shape', `${node.name} makes ${n} numbers`, 'use a smaller model', node.name);
    return [{ dtype: x.dtype, dims: [n], data: Float64Array.from({ length: n }, (_, i) => x.data[0] + i * z.data[0]) }];
  },
};
