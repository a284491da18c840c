/**
 * Composed: several functions and operators of one variable, written out in a model, as the one function they are.
 * `steps` is a JSON list: each step applies an operator to the variable (-1), earlier steps, or numbers.
 */
import { InvariantError } from '../../base/errors.js';
import { stringAttribute } from '../../graph/attributes.js';
import type { Attribute, GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { FUNCTIONS as BINARY } from '../arithmetic/op.js';
import { FUNCTIONS, type RealFunction } from '../unary/functions.js';

export interface ComposedStep {
  readonly op: string;
  readonly inputs: readonly (number | { readonly constant: number } | null)[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

const number = (x: number): Tensor => ({ dtype: 'float32', dims: [], data: Float64Array.of(x) });

function compiled(step: ComposedStep): (known: readonly number[], x: number) => number {
  const { op, inputs, attributes } = step;
  const read = (i: ComposedStep['inputs'][number]) => (known: readonly number[], x: number) =>
    i === null ? Number.NaN : typeof i === 'object' ? i.constant : i < 0 ? x : known[i];
  const [a, b] = [read(inputs[0]), read(inputs[1] ?? null)];
  const binary = BINARY[op];
  if (binary) return (known, x) => binary(a(known, x), b(known, x));
  const make = FUNCTIONS[op];
  if (!make) throw new InvariantError(`${op} among composed functions`);
  const node: GraphNode = { name: op, op, domain: '', inputs: [], outputs: [], attributes };
  const constants = inputs.map((i) => (typeof i === 'object' && i !== null ? number(i.constant) : undefined));
  const f = make(node, constants);
  return (known, x) => f(a(known, x));
}

export function composedFunction(node: GraphNode): RealFunction {
  const steps = (JSON.parse(stringAttribute(node, 'steps', '[]')) as ComposedStep[]).map(compiled);
  return (x) => {
    const known: number[] = [];
    for (const step of steps) known.push(step(known, x));
    return known[known.length - 1];
  };
}

export const composedOp: OpSemantics = {
  ops: ['Composed'],
  infer: (_, [x]) => [{ dtype: x?.dtype ?? 'float32', dims: x?.dims ?? [] }],
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    return [{ ...x, data: x.data.map(composedFunction(node)) }];
  },
};
