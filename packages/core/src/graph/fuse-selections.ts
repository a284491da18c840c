/**
 * Products with matrices that only select: where every column holds a single 1, the product reads a cell of the other
 * operand for each. As a reading it costs nothing and is exact, which matters to comparisons (decision trees).
 */
import { numberAttribute } from './attributes.js';
import type { Graph, GraphNode, Tensor } from './graph.js';

/** Largest matrix that is looked at. */
const MAX_CELLS = 2 ** 20;

/** For each column (or row) the position of its only 1; undefined where one is anything else. */
function selection(t: Tensor, byColumn: boolean): number[] | undefined {
  if (t.dims.length !== 2 || t.data.length > MAX_CELLS || !t.dtype.includes('float')) return undefined;
  const [rows, columns] = t.dims;
  const [n, length] = byColumn ? [columns, rows] : [rows, columns];
  const index: number[] = [];
  for (let i = 0; i < n; i++) {
    let found = -1;
    for (let k = 0; k < length; k++) {
      const x = t.data[byColumn ? k * columns + i : i * columns + k];
      if (x === 0) continue;
      if (x !== 1 || found >= 0) return undefined;
      found = k;
    }
    if (found < 0) return undefined;
    index.push(found);
  }
  return index;
}

/** Which operand is read, on which axis, at which positions. */
function reading(graph: Graph, n: GraphNode): { x: string; axis: number; index: number[] } | undefined {
  if (n.domain !== '' || (n.op !== 'MatMul' && n.op !== 'Gemm') || (n.op === 'Gemm' && n.inputs[2])) return undefined;
  const [a, b] = n.inputs;
  const attribute = (name: string, fallback = 0): number => numberAttribute(n, name, fallback);
  const plain = n.op === 'MatMul' || attribute('alpha', 1) === 1;
  const [left, right] = [graph.initializers.get(a), graph.initializers.get(b)];
  const rank = (name: string): number => graph.tensors.get(name)?.dims.length ?? 0;
  if (!plain || (left && right)) return undefined;
  if (right && rank(a) >= 1 && attribute('transA') === 0) {
    const index = selection(right, attribute('transB') === 0);
    return index && { x: a, axis: rank(a) - 1, index };
  }
  if (left && rank(b) >= 2 && attribute('transB') === 0) {
    const index = selection(left, attribute('transA') === 1);
    return index && { x: b, axis: rank(b) - 2, index };
  }
  return undefined;
}

export function fuseSelections(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.map((n): GraphNode => {
    const found = reading(graph, n);
    if (!found) return n;
    const name = `${n.name}/positions`;
    const value: Tensor = { dtype: 'int64', dims: [found.index.length], data: Float64Array.from(found.index) };
    initializers.set(name, value);
    tensors.set(name, { dtype: 'int64', dims: value.dims, value });
    return { ...n, op: 'Gather', inputs: [found.x, name], attributes: { axis: found.axis } };
  });
  return { ...graph, nodes, initializers, tensors };
}
