/** Shapes of every tensor, node by node; what is known already is computed and becomes a constant. */
import { sizeOf } from '../base/dims.js';
import { InputError, InvariantError } from '../base/errors.js';
import { checkDims } from './bind-inputs.js';
import { compose, isComposite } from './composites/index.js';
import { controlFlowBudget, isControlFlow, type Scope, writeControlFlow } from './control-flow.js';
import type { Graph, GraphNode, OpSemantics, Tensor, TensorInfo } from './graph.js';
import { INTERNAL_DOMAIN } from './internal.js';
import { handsSequenceOn, isSequenceOperator, type Sequences, writeSequence } from './sequences.js';
import { nestedNodes, readsOf } from './subgraphs.js';
import { upgradeNode } from './upgrade-node.js';

/** The operators known, by ONNX operator type and domain. */
export type Semantics = (op: string, domain: string) => OpSemantics | undefined;

export interface Inferred {
  /** Without the nodes whose results are constants. */
  readonly graph: Graph;
  /** What is wrong with nodes; those that depend on them are left out of the graph. */
  readonly errors: readonly InputError[];
  /** The branches taken of conditions that are constants, by the names of their nodes. */
  readonly branches: ReadonlyMap<string, string>;
}

/** Largest tensor that constant folding may make. */
const MAX_FOLDED = 2 ** 27;

/** Every failure of a node is an InputError that names it, as the file does. */
function asInputError(cause: unknown, n: GraphNode, origin: string): InputError {
  if (cause instanceof InvariantError) throw cause;
  if (cause instanceof InputError) {
    if (cause.node === origin) return cause;
    const message = cause.node === n.name ? cause.message : `${n.name} (${n.op}): ${cause.message}`;
    return new InputError(cause.code, message, cause.hint, origin);
  }
  const message = `${n.name} (${n.op}) cannot be understood: ${cause instanceof Error ? cause.message : cause}`;
  return new InputError('broken-onnx', message, 'export the model again', origin, { cause });
}

const unknownOperator = ({ op }: GraphNode, origin: string): InputError =>
  new InputError(
    'unsupported-operators',
    `${origin} (${op}) is not supported`,
    'export the model with simpler operators',
    origin,
  );

/** Shapes of a node's outputs; with `value` where they are constants. */
function inferNode(n: GraphNode, inputs: readonly (TensorInfo | undefined)[], op: OpSemantics, opset: number) {
  const required = op.required?.(n.op) ?? 1;
  const given = inputs.filter((i) => i !== undefined).length;
  if (inputs.slice(0, required).filter((i) => i !== undefined).length < required) {
    const message = `${n.name} (${n.op}) has ${given} inputs, it needs ${required}`;
    throw new InputError('broken-onnx', message, 'export the model again', n.name);
  }
  const results = op.infer(n, inputs, opset);
  if (results.every((r) => r.value)) return results;
  if (!inputs.every((i) => i === undefined || i.value)) return results;
  for (const r of results) {
    if (sizeOf(r.dims) <= MAX_FOLDED) continue;
    const message = `${n.name} (${n.op}) makes a constant of shape [${r.dims}]`;
    throw new InputError('bad-shape', message, 'use a smaller model', n.name);
  }
  const values = op.evaluate(
    n,
    inputs.map((i) => i?.value),
    opset,
  );
  return results.map((r, k): TensorInfo => ({ dtype: r.dtype, dims: values[k].dims, value: values[k] }));
}

/** Whether a node of a file has an operator that is known, by itself or written out in others. */
export const isKnown = (semantics: Semantics, node: GraphNode): boolean =>
  node.domain !== INTERNAL_DOMAIN &&
  (semantics(node.op, node.domain) !== undefined ||
    isComposite(node.op, node.domain) ||
    isControlFlow(node) ||
    isSequenceOperator(node));

/**
 * Composite operators are written out on the way. Nodes whose operator is not known, and those that depend on them, are
 * passed over.
 * @param graph sorted
 * @param infos shapes of the inputs; those of all tensors are added
 */
export function inferShapes(graph: Graph, infos: Map<string, TensorInfo>, semantics: Semantics): Inferred {
  const initializers = new Map(graph.initializers);
  const define = (name: string, value: Tensor): void => {
    initializers.set(name, value);
    infos.set(name, { dtype: value.dtype, dims: value.dims, value });
  };
  for (const [name, t] of graph.initializers) define(name, t);
  const read = new Set([...graph.outputs, ...graph.nodes.flatMap(readsOf)]);
  const taken = new Set(nestedNodes(graph.nodes).flatMap((n) => [n.name, ...n.inputs, ...n.outputs]));
  const given = new Map<string, number>();
  const branches = new Map<string, string>();
  const budget = controlFlowBudget();
  const nodes: GraphNode[] = [];

  const visit = (n: GraphNode): void => {
    const op = semantics(n.op, n.domain);
    if (!op) throw unknownOperator(n, n.name);
    const inputs = n.inputs.map((i) => (i === '' ? undefined : infos.get(i)));
    const results = inferNode(n, inputs, op, graph.opset);
    const outputs = n.outputs.slice(0, results.length);
    const constant = results.every((r) => r.value);
    outputs.forEach((o, k) => {
      if (o === '') return;
      if (constant) define(o, results[k].value as Tensor);
      else checkDims(o, results[k].dims, n.name);
      infos.set(o, results[k]);
    });
    if (!constant) nodes.push({ ...n, outputs });
  };

  /** A composite may be written in others. */
  const write = (n: GraphNode): void => {
    const parts = compose(n, infos, graph.opset, define);
    if (!parts) visit(n);
    else for (const part of parts) write(part);
  };

  const errors: InputError[] = [];
  const sequences: Sequences = new Map();
  const isMade = (name: string): boolean => infos.has(name) || sequences.has(name);
  /** Writes a node, called `origin` in the file; false where it cannot be understood, which is noted. */
  const step = (original: GraphNode, origin: string): boolean => {
    const before = nodes.length;
    const noted = errors.length;
    try {
      const n = upgradeNode(original, infos, graph.opset, define);
      if (isControlFlow(n)) {
        if (!writeControlFlow(n, origin, scope, budget)) throw errors[errors.length - 1];
      } else if (isSequenceOperator(n) || handsSequenceOn(n, sequences)) {
        if (!writeSequence(n, origin, scope)) throw errors[errors.length - 1];
      } else write(n);
      const extra = n.outputs.find((o) => o !== '' && read.has(o) && !isMade(o));
      if (extra !== undefined) {
        const message = `output ${extra} of ${n.name} (${n.op}) is not supported`;
        throw new InputError('unsupported-output', message, 'export the model in inference mode', n.name);
      }
      return true;
    } catch (cause) {
      nodes.length = before;
      for (const o of original.outputs) infos.delete(o);
      if (errors.length === noted) errors.push(asInputError(cause, original, origin));
      return false;
    }
  };
  const scope: Scope = {
    opset: graph.opset,
    infos,
    sequences,
    define,
    fresh: (name) => {
      let unique = name;
      let count = given.get(name) ?? 0;
      while (taken.has(unique) || isMade(unique)) unique = `${name}#${++count}`;
      given.set(name, count);
      taken.add(unique);
      return unique;
    },
    write: (n, origin) => {
      for (const i of n.inputs) read.add(i);
      if (isKnown(semantics, n)) return step(n, origin);
      errors.push(unknownOperator(n, origin));
      return false;
    },
    isRead: (name) => read.has(name),
    markRead: (name) => read.add(name),
    decided: (origin, branch) => branches.set(origin, branch),
  };
  for (const n of graph.nodes) {
    if (!isKnown(semantics, n) || readsOf(n).some((i) => i !== '' && !isMade(i))) continue;
    step(n, n.name);
  }
  for (const o of graph.outputs) {
    if (!sequences.has(o)) continue;
    const hint = 'let the model give the tensors of the sequence';
    errors.push(new InputError('unsupported-output', `output ${o} is a sequence`, hint));
  }
  return { graph: { ...graph, nodes, initializers, tensors: infos }, errors, branches };
}
