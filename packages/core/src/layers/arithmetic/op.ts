/** Cell-by-cell arithmetic of two or more tensors, with broadcasting. */
import { power } from '../../base/real.js';
import { numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply, broadcastDims } from '../broadcast.js';

const isInteger = (t: Tensor): boolean => t.dtype.startsWith('int') || t.dtype.startsWith('uint');

/** The remainder of a / b: with the sign of b, or (fmod) with that of a. */
export function modulo(a: number, b: number, fmod: boolean): number {
  const r = a % b;
  return !fmod && r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

export const FUNCTIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Mod: (a, b) => modulo(a, b, false),
  Pow: power,
  Min: Math.min,
  Max: Math.max,
  Sum: (a, b) => a + b,
};

/** Operators of any number of operands. */
const VARIADIC = new Set(['Min', 'Max', 'Sum']);

export const arithmetic: OpSemantics = {
  ops: Object.keys(FUNCTIONS),
  required: (op) => (VARIADIC.has(op) ? 1 : 2),
  infer: (node, inputs) => [{ dtype: inputs[0]?.dtype ?? 'float32', dims: dims(node, inputs) }],
  evaluate: (node, inputs) => {
    const fmod = node.op === 'Mod' && numberAttribute(node, 'fmod', 0) === 1;
    const f = fmod ? (a: number, b: number) => modulo(a, b, true) : FUNCTIONS[node.op];
    const operands = inputs as Tensor[];
    const whole = node.op === 'Div' && operands.every(isInteger);
    return [broadcastApply(node, operands, whole ? (a, b) => Math.trunc(a / b) : f)];
  },
};

const dims = (node: GraphNode, inputs: readonly ({ dims: readonly number[] } | undefined)[]): number[] =>
  broadcastDims(
    node,
    inputs.map((i) => i?.dims ?? []),
  );
