/**
 * Pick: the product of rows that hold a single 1 (or none) and a matrix, batched as MatMul is. Whoever writes the node
 * vouches for the rows: the result then holds cells of the matrix, or zero.
 */
import type { OpSemantics } from '../../graph/graph.js';
import { matMul } from '../matmul/op.js';

export const pick: OpSemantics = {
  ops: ['Pick'],
  required: () => 2,
  infer: (node, inputs, opset) =>
    matMul.infer(node, inputs, opset).map((t) => ({ ...t, dtype: inputs[1]?.dtype ?? 'float32' })),
  evaluate: (node, inputs, opset) =>
    matMul.evaluate(node, inputs, opset).map((t) => ({ ...t, dtype: inputs[1]?.dtype ?? 'float32' })),
};
