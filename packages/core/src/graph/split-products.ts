/** Matrix products whose weights are too many for one proof, as several of some columns each. */
import { sizeOf } from '../base/dims.js';
import { numberAttribute } from './attributes.js';
import type { Graph, GraphNode, Tensor, TensorInfo } from './graph.js';

/** Most weights of one product: a proof with the standard preset commits 2^26 cells at once. */
const MOST_WEIGHTS = 2 ** 26 - 2 ** 22;

/** Columns [from, to) of the last axis, or rows of the first. */
function part(t: Tensor, axis: 0 | 1, from: number, to: number): Tensor {
  const [rows, columns] = t.dims;
  if (axis === 0) return { ...t, dims: [to - from, columns], data: t.data.subarray(from * columns, to * columns) };
  const data = new Float64Array(rows * (to - from));
  for (let r = 0; r < rows; r++) data.set(t.data.subarray(r * columns + from, r * columns + to), r * (to - from));
  return { ...t, dims: [rows, to - from], data };
}

/** Of an addend whose last axis are the columns of the product; one number stands for all of them. */
function addendPart(t: Tensor, from: number, to: number): Tensor {
  const columns = t.dims[t.dims.length - 1] ?? 1;
  if (columns === 1) return t;
  const rows = sizeOf(t.dims) / columns;
  const cut = part({ ...t, dims: [rows, columns] }, 1, from, to);
  return { ...cut, dims: [...t.dims.slice(0, -1), to - from] };
}

/** @param mostWeights smaller in tests only */
export function splitProducts(graph: Graph, mostWeights = MOST_WEIGHTS): Graph {
  const initializers = new Map(graph.initializers);
  const tensors = new Map(graph.tensors);
  const define = (name: string, value: Tensor): string => {
    initializers.set(name, value);
    tensors.set(name, { dtype: value.dtype, dims: value.dims, value });
    return name;
  };
  const nodes = graph.nodes.flatMap((n): GraphNode[] => {
    const weights = initializers.get(n.inputs[1] ?? '');
    if (n.domain !== '' || (n.op !== 'Gemm' && n.op !== 'MatMul') || weights?.dims.length !== 2) return [n];
    const axis = n.op === 'Gemm' && numberAttribute(n, 'transB', 0) !== 0 ? 0 : 1;
    const columns = weights.dims[axis];
    const terms = weights.dims[1 - axis];
    // The argument pads columns to a power of two.
    if (terms * 2 ** Math.ceil(Math.log2(columns)) <= mostWeights) return [n];
    const width = 2 ** Math.floor(Math.log2(mostWeights / terms));
    const addend = n.inputs[2] ? initializers.get(n.inputs[2]) : undefined;
    if (width < 1 || (n.inputs[2] && !addend)) return [n];
    const out = tensors.get(n.outputs[0]) as TensorInfo;
    const parts: GraphNode[] = [];
    for (let from = 0; from < columns; from += width) {
      const to = Math.min(columns, from + width);
      const name = `${n.name}/columns-${from}`;
      const inputs = [n.inputs[0], define(`${name}/weights`, part(weights, axis, from, to))];
      if (addend) inputs.push(define(`${name}/addend`, addendPart(addend, from, to)));
      tensors.set(name, { dtype: out.dtype, dims: [...out.dims.slice(0, -1), to - from] });
      parts.push({ ...n, name, inputs, outputs: [name] });
    }
    const inputs = parts.map((p) => p.outputs[0]);
    const attributes = { axis: out.dims.length - 1 };
    return [...parts, { name: n.name, op: 'Concat', domain: '', inputs, outputs: n.outputs, attributes }];
  });
  if (nodes.length === graph.nodes.length) return graph;
  const read = new Set([...nodes.flatMap((n) => n.inputs), ...graph.outputs]);
  for (const name of initializers.keys()) if (!read.has(name)) initializers.delete(name);
  return { ...graph, nodes, initializers, tensors };
}
