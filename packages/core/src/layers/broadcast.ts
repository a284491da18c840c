/** Broadcasting of ONNX and numpy: align right, size 1 repeats. */
import { sizeOf, stridesOf } from '../base/dims.js';
import { badShape } from '../graph/attributes.js';
import type { GraphNode, Tensor } from '../graph/graph.js';

export function broadcastDims(node: GraphNode, shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let d = 1;
    for (const s of shapes) {
      const x = s[i - rank + s.length] ?? 1;
      if (x !== 1 && d !== 1 && x !== d)
        throw badShape(node, `cannot broadcast ${shapes.map((y) => `[${y}]`).join(' and ')}`);
      if (x !== 1) d = x;
    }
    return d;
  });
}

/** Flat source offset of every output cell. */
export function broadcastOffsets(dims: readonly number[], out: readonly number[]): Int32Array {
  const strides = stridesOf(dims);
  const step = out.map((_, i) => {
    const k = i - out.length + dims.length;
    return k >= 0 && dims[k] > 1 ? strides[k] : 0;
  });
  const n = sizeOf(out);
  const result = new Int32Array(n);
  const counter = out.map(() => 0);
  let from = 0;
  for (let i = 0; i < n; i++) {
    result[i] = from;
    for (let k = out.length - 1; k >= 0; k--) {
      counter[k]++;
      from += step[k];
      if (counter[k] < out[k]) break;
      from -= step[k] * counter[k];
      counter[k] = 0;
    }
  }
  return result;
}

/** Applies f cell by cell, folding from the left over any number of operands. */
export function broadcastApply(
  node: GraphNode,
  inputs: readonly Tensor[],
  f: (a: number, b: number) => number,
): Tensor {
  let acc = inputs[0];
  for (const next of inputs.slice(1)) {
    const dims = broadcastDims(node, [acc.dims, next.dims]);
    if (String(acc.dims) === String(next.dims)) {
      const data = new Float64Array(acc.data.length);
      for (let i = 0; i < data.length; i++) data[i] = f(acc.data[i], next.data[i]);
      acc = { dtype: acc.dtype, dims, data };
      continue;
    }
    const a = broadcastOffsets(acc.dims, dims);
    const b = broadcastOffsets(next.dims, dims);
    const data = new Float64Array(a.length);
    for (let i = 0; i < data.length; i++) data[i] = f(acc.data[a[i]], next.data[b[i]]);
    acc = { dtype: acc.dtype, dims, data };
  }
  return acc;
}
