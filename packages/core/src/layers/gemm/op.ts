/** Gemm: y = alpha·A'·B' + beta·C, with A' = A or Aᵀ, B' = B or Bᵀ. */
import { badShape, numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastDims, broadcastOffsets } from '../broadcast.js';
import { addMatrixProduct } from '../matrix-product.js';

export interface GemmShape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
  readonly beta: number;
}

export function gemmShape(node: GraphNode, a: readonly number[], b: readonly number[]): GemmShape {
  const transA = numberAttribute(node, 'transA', 0) !== 0;
  const transB = numberAttribute(node, 'transB', 0) !== 0;
  if (a.length !== 2 || b.length !== 2) throw badShape(node, `operands [${a}] and [${b}] are no matrices`);
  const [m, k] = transA ? [a[1], a[0]] : a;
  const [k2, n] = transB ? [b[1], b[0]] : b;
  if (k !== k2) throw badShape(node, `operands [${a}] and [${b}] do not match`);
  return { m, k, n, transA, transB, alpha: numberAttribute(node, 'alpha', 1), beta: numberAttribute(node, 'beta', 1) };
}

export const gemm: OpSemantics = {
  ops: ['Gemm'],
  required: () => 2,
  infer: (node, [a, b, c]) => {
    const { m, n } = gemmShape(node, a?.dims ?? [], b?.dims ?? []);
    if (c && String(broadcastDims(node, [c.dims, [m, n]])) !== String([m, n]))
      throw badShape(node, `the addend [${c.dims}] does not fit [${m},${n}]`);
    return [{ dtype: a?.dtype ?? 'float32', dims: [m, n] }];
  },
  evaluate: (node, inputs) => {
    const [a, b, c] = inputs as Tensor[];
    const s = gemmShape(node, a.dims, b.dims);
    const data = new Float64Array(s.m * s.n);
    const left = new Float64Array(s.m * s.k);
    for (let i = 0; i < s.m; i++)
      for (let l = 0; l < s.k; l++) left[i * s.k + l] = s.alpha * a.data[s.transA ? l * s.m + i : i * s.k + l];
    const right = s.transB ? { row: 1, column: s.k } : { row: s.n, column: 1 };
    addMatrixProduct(
      { data, at: 0, row: s.n, column: 1 },
      { data: left, at: 0, row: s.k, column: 1 },
      { data: b.data, at: 0, ...right },
      s.m,
      s.k,
      s.n,
    );
    if (c) {
      const at = broadcastOffsets(c.dims, [s.m, s.n]);
      for (let i = 0; i < data.length; i++) data[i] += s.beta * c.data[at[i]];
    }
    return [{ dtype: a.dtype, dims: [s.m, s.n], data }];
  },
};
