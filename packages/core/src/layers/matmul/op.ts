/** MatMul with numpy's rules: batched over leading axes, vectors treated as rows or columns. */
import { sizeOf } from '../../base/dims.js';
import { badShape } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastDims, broadcastOffsets } from '../broadcast.js';
import { addMatrixProduct } from '../matrix-product.js';

export interface MatMulShape {
  /** Operands' shapes with vectors made matrices. */
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly batch: readonly number[];
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** The result's shape with the vectors' axes dropped again. */
  readonly out: readonly number[];
}

export function matMulShape(node: GraphNode, dimsA: readonly number[], dimsB: readonly number[]): MatMulShape {
  if (dimsA.length === 0 || dimsB.length === 0) throw badShape(node, 'operands must not be scalars');
  const a = dimsA.length === 1 ? [1, dimsA[0]] : dimsA;
  const b = dimsB.length === 1 ? [dimsB[0], 1] : dimsB;
  const [m, k] = a.slice(-2);
  const [k2, n] = b.slice(-2);
  if (k !== k2) throw badShape(node, `operands [${dimsA}] and [${dimsB}] do not match`);
  const batch = broadcastDims(node, [a.slice(0, -2), b.slice(0, -2)]);
  const out = [...batch, ...(dimsA.length === 1 ? [] : [m]), ...(dimsB.length === 1 ? [] : [n])];
  return { a, b, batch, m, k, n, out };
}

export const matMul: OpSemantics = {
  ops: ['MatMul'],
  required: () => 2,
  infer: (node, [a, b]) => [
    { dtype: a?.dtype ?? 'float32', dims: matMulShape(node, a?.dims ?? [], b?.dims ?? []).out },
  ],
  evaluate: (node, inputs) => {
    const [a, b] = inputs as Tensor[];
    const s = matMulShape(node, a.dims, b.dims);
    const batches = sizeOf(s.batch);
    const atA = broadcastOffsets(s.a.slice(0, -2), s.batch);
    const atB = broadcastOffsets(s.b.slice(0, -2), s.batch);
    const data = new Float64Array(batches * s.m * s.n);
    for (let t = 0; t < batches; t++) {
      addMatrixProduct(
        { data, at: t * s.m * s.n, row: s.n, column: 1 },
        { data: a.data, at: atA[t] * s.m * s.k, row: s.k, column: 1 },
        { data: b.data, at: atB[t] * s.k * s.n, row: s.n, column: 1 },
        s.m,
        s.k,
        s.n,
      );
    }
    return [{ dtype: a.dtype, dims: s.out, data }];
  },
};
