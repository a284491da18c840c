/** Truth values, and choices by them. */
import type { GraphNode, OpSemantics, Tensor, TensorInfo } from '../../graph/graph.js';
import { broadcastApply, broadcastDims, broadcastOffsets } from '../broadcast.js';

const CONNECTIVES: Readonly<Record<string, (a: number, b: number) => number>> = {
  And: (a, b) => Number(a !== 0 && b !== 0),
  Or: (a, b) => Number(a !== 0 || b !== 0),
  Xor: (a, b) => Number((a !== 0) !== (b !== 0)),
};

const dims = (node: GraphNode, inputs: readonly (TensorInfo | Tensor | undefined)[]): number[] =>
  broadcastDims(
    node,
    inputs.map((i) => i?.dims ?? []),
  );

export const logic: OpSemantics = {
  ops: [...Object.keys(CONNECTIVES), 'Not', 'Where'],
  required: (op) => ({ Not: 1, Where: 3 })[op] ?? 2,
  infer: (node, inputs) => [
    { dtype: node.op === 'Where' ? (inputs[1]?.dtype ?? 'float32') : 'bool', dims: dims(node, inputs) },
  ],
  evaluate: (node, inputs) => {
    const [x, y, z] = inputs as Tensor[];
    if (node.op === 'Not') return [{ ...x, data: x.data.map((v) => Number(v === 0)) }];
    if (node.op !== 'Where')
      return [{ ...broadcastApply(node, inputs as Tensor[], CONNECTIVES[node.op]), dtype: 'bool' }];
    const out = dims(node, inputs);
    const [a, b, c] = [x, y, z].map((t) => broadcastOffsets(t.dims, out));
    const data = Float64Array.from(a, (o, i) => (x.data[o] ? y.data[b[i]] : z.data[c[i]]));
    return [{ dtype: y.dtype, dims: out, data }];
  },
};
