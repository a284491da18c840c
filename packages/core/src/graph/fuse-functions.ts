/**
 * What is a function of one variable, written out in operators that read it several times (x·sigmoid(x), GELU, Mish …)
 * or in several functions with arithmetic between them (1/(1 + exp(-x)), log(1 + exp(x)) …), becomes the one function that
 * it is: one table instead of a product and several, and no tensor on the way that is far larger than the result.
 */
import type { Graph, GraphNode } from './graph.js';
import { INTERNAL_DOMAIN } from './internal.js';

/** Operators on the same cell of several tensors. */
const CELLWISE = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max']);

/** Functions that may be part of another one; those that jump are kept apart, as they can be exact. */
const FUNCTIONS = new Set(
  (
    'Relu LeakyRelu Elu Celu Selu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Mish Erf Exp Log Sqrt ' +
    'Reciprocal Gelu Abs Neg Sin Cos Tan Atan Sinh Cosh Clip'
  ).split(' '),
);

/** Most nodes of a function; what follows is another one. */
const MAX_NODES = 64;

/** The tensor that a tensor is a function of, and how many nodes lie between, at most. */
interface FunctionOf {
  readonly root: string;
  readonly size: number;
  /** Two of a node's operands depend on the root. */
  readonly joins: boolean;
  /** A function has been applied; to what was computed of its result, another one. */
  readonly bends: boolean;
  readonly bendsAgain: boolean;
}

/** Whether a node of the same cells is more than a multiple plus an offset. */
const isBent = (n: GraphNode, isConstant: (name: string) => boolean): boolean =>
  FUNCTIONS.has(n.op) || ['Pow', 'Min', 'Max'].includes(n.op) || (n.op === 'Div' && isConstant(n.inputs[0]));

export function fuseFunctions(graph: Graph): Graph {
  const known = new Map<string, FunctionOf>();
  const producer = new Map<string, GraphNode>();
  /** The nodes between a function's root and its last node, in the graph's order. */
  const membersOf = (last: GraphNode, root: string): GraphNode[] => {
    const found = new Set<GraphNode>();
    const walk = (n: GraphNode): void => {
      if (found.has(n)) return;
      for (const i of n.inputs) if (i !== root && producer.has(i)) walk(producer.get(i) as GraphNode);
      found.add(n);
    };
    walk(last);
    return [...found];
  };
  const readers = new Map<string, GraphNode[]>();
  for (const n of graph.nodes) {
    for (const i of new Set(n.inputs)) {
      const list = readers.get(i);
      if (list) list.push(n);
      else readers.set(i, [n]);
    }
  }
  const number = (name: string): number | undefined => {
    const value = graph.initializers.get(name);
    return value?.data.length === 1 && Number.isFinite(value.data[0]) ? value.data[0] : undefined;
  };
  const dimsOf = (name: string): string => String(graph.tensors.get(name)?.dims);
  for (const n of graph.nodes) {
    const isFunction = FUNCTIONS.has(n.op);
    const [out] = n.outputs;
    if (n.domain !== '' || !(isFunction || (CELLWISE.has(n.op) && n.inputs.length === 2))) continue;
    if (!graph.tensors.get(out)?.dtype.includes('float')) continue;
    const computed = n.inputs.filter((i) => i !== '' && !graph.initializers.has(i));
    const constants = n.inputs.filter((i) => graph.initializers.has(i));
    if (computed.length === 0 || (isFunction && computed.length !== 1)) continue;
    if (constants.some((i) => number(i) === undefined)) continue;
    // Each operand is its own root, or has one that all share.
    const roots = new Set(computed.map((i) => known.get(i)?.root ?? i));
    const common = roots.size === 1 ? [...roots][0] : new Set(computed).size === 1 ? computed[0] : undefined;
    if (common === undefined || dimsOf(common) !== dimsOf(out)) continue;
    const before = computed.map((i) => (i === common ? undefined : known.get(i)));
    const size = before.reduce((sum, f) => sum + (f?.size ?? 0), 1);
    if (size > MAX_NODES) continue;
    const joins = computed.length > 1 || before.some((f) => f?.joins);
    const bent = isBent(n, (name) => graph.initializers.has(name));
    const bends = bent || before.some((f) => f?.bends);
    const isApart = computed.some((i) => {
      const maker = i === common ? undefined : producer.get(i);
      return maker !== undefined && !isBent(maker, (name) => graph.initializers.has(name)) && known.get(i)?.bends;
    });
    const bendsAgain = (bent && isApart) || before.some((f) => f?.bendsAgain);
    known.set(out, { root: common, size, joins, bends, bendsAgain });
    producer.set(out, n);
  }
  const outputs = new Set(graph.outputs);
  const replaced = new Map<GraphNode, GraphNode>();
  const removed = new Set<GraphNode>();
  // The last of each function's nodes: nothing beyond it belongs to the same function.
  for (const n of [...graph.nodes].reverse()) {
    const f = known.get(n.outputs[0]);
    if (!f || removed.has(n) || !(f.joins || f.bendsAgain) || f.size < 2) continue;
    const members = membersOf(n, f.root);
    const isWhole = members.every(
      (m) =>
        m === n || (!outputs.has(m.outputs[0]) && (readers.get(m.outputs[0]) ?? []).every((r) => members.includes(r))),
    );
    if (!isWhole || members.length < 2) continue;
    const index = new Map(members.map((m, i) => [m.outputs[0], i]));
    const steps = members.map((m) => ({
      op: m.op,
      inputs: m.inputs.map((i) => {
        if (i === '') return null;
        const constant = number(i);
        return constant !== undefined ? { constant } : i === f.root ? -1 : (index.get(i) as number);
      }),
      attributes: m.attributes,
    }));
    for (const m of members) removed.add(m);
    replaced.set(n, {
      name: n.name,
      op: 'Composed',
      domain: INTERNAL_DOMAIN,
      inputs: [f.root],
      outputs: n.outputs,
      attributes: { steps: JSON.stringify(steps) },
    });
  }
  if (replaced.size === 0) return graph;
  return { ...graph, nodes: graph.nodes.flatMap((n) => replaced.get(n) ?? (removed.has(n) ? [] : [n])) };
}
