/** Cell-by-cell arithmetic of two or more tensors, with broadcasting. */
import { power } from '../../base/real.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply, broadcastDims } from '../broadcast.js';

const isInteger = (t: Tensor): boolean => t.dtype.startsWith('int') || t.dtype.startsWith('uint');

const FUNCTIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: power,
  Min: Math.min,
  Max: Math.max,
  Sum: (a, b) => a + b,
};

/** Operators of any number of operands. */
const VARIADIC = new Set(['Min', 'Max', 'Sum']);

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Equal: (a, b) => Number(a === b),
  Greater: (a, b) => Number(a > b),
  GreaterOrEqual: (a, b) => Number(a >= b),
  Less: (a, b) => Number(a < b),
  LessOrEqual: (a, b) => Number(a <= b),
  And: (a, b) => Number(a !== 0 && b !== 0),
  Or: (a, b) => Number(a !== 0 || b !== 0),
  Xor: (a, b) => Number((a !== 0) !== (b !== 0)),
};

export const arithmetic: OpSemantics = {
  ops: Object.keys(FUNCTIONS),
  required: (op) => (VARIADIC.has(op) ? 1 : 2),
  infer: (node, inputs) => [{ dtype: inputs[0]?.dtype ?? 'float32', dims: dims(node, inputs) }],
  evaluate: (node, inputs) => {
    const f = FUNCTIONS[node.op];
    const operands = inputs as Tensor[];
    const whole = node.op === 'Div' && operands.every(isInteger);
    return [broadcastApply(node, operands, whole ? (a, b) => Math.trunc(a / b) : f)];
  },
};

/** Known only where constants are folded. */
export const comparison: OpSemantics = {
  ops: Object.keys(COMPARISONS),
  required: () => 2,
  infer: (node, inputs) => [{ dtype: 'bool', dims: dims(node, inputs) }],
  evaluate: (node, inputs) => [{ ...broadcastApply(node, inputs as Tensor[], COMPARISONS[node.op]), dtype: 'bool' }],
};

const dims = (node: GraphNode, inputs: readonly ({ dims: readonly number[] } | undefined)[]): number[] =>
  broadcastDims(
    node,
    inputs.map((i) => i?.dims ?? []),
  );
