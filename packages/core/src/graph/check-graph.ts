/** Checks and passes that need no shapes: names, order, dead nodes, finite weights. */
import { InputError } from '../base/errors.js';
import type { Graph, GraphNode, Tensor } from './graph.js';
import { readsOf } from './subgraphs.js';

const EXPORT_AGAIN = 'export the model again';

/** Every name is produced exactly once, and there are outputs. @throws InputError (broken-onnx, unsupported-output) */
export function checkNames(graph: Graph): void {
  if (graph.outputs.length === 0) throw new InputError('broken-onnx', 'the model has no outputs', EXPORT_AGAIN);
  const inputs = new Set(graph.inputs);
  for (const [what, names] of [
    ['inputs', graph.inputs],
    ['outputs', graph.outputs],
  ] as const) {
    const seen = new Set<string>();
    const twice = names.find((name) => seen.size === seen.add(name).size);
    if (twice !== undefined) throw new InputError('broken-onnx', `two ${what} are named ${twice}`, EXPORT_AGAIN);
    if (names.includes('')) throw new InputError('broken-onnx', `one of the ${what} has no name`, EXPORT_AGAIN);
  }
  const passed = graph.outputs.find((o) => inputs.has(o));
  if (passed !== undefined)
    throw new InputError('unsupported-output', `output ${passed} is an input`, 'remove it from the outputs');
  const produced = new Set([...graph.inputs, ...graph.initializers.keys()]);
  for (const n of graph.nodes) {
    for (const o of n.outputs) {
      if (o === '') continue;
      if (produced.has(o))
        throw new InputError('broken-onnx', `${o}, made by ${n.name}, has another origin too`, EXPORT_AGAIN, n.name);
      produced.add(o);
    }
  }
  for (const n of graph.nodes) {
    const missing = readsOf(n).find((i) => i !== '' && !produced.has(i));
    if (missing !== undefined)
      throw new InputError('broken-onnx', `nothing produces ${missing}, read by ${n.name}`, EXPORT_AGAIN, n.name);
  }
  const open = graph.outputs.find((o) => !produced.has(o));
  if (open !== undefined) throw new InputError('broken-onnx', `nothing produces the output ${open}`, EXPORT_AGAIN);
}

/** Infinite bounds of a Clip leave a side open, and masks of attention are bounded later; nothing else may be infinite. */
const mayBeInfinite = (node: GraphNode, input: number): boolean =>
  (node.op === 'Clip' && input > 0) || (node.op === 'Attention' && input === 3);

function firstNonFinite(data: Float64Array): number {
  // x - x is NaN for infinities and NaN.
  for (let i = 0; i < data.length; i++) if (data[i] - data[i] !== 0) return i;
  return -1;
}

/** Operators between the constants of a mask and what they are added to or chosen by. */
const MASKING = new Set(
  'Where Add Sub Max Min Pad Trilu Expand Slice Reshape Unsqueeze Squeeze Transpose Concat Gather Tile'.split(' '),
);
const LARGEST = 3.4028234663852886e38;

/** Infinities that mask something out become the largest numbers of single precision. */
export function boundMasks(graph: Graph): Graph {
  const others = new Set(graph.nodes.filter((n) => !MASKING.has(n.op)).flatMap(readsOf));
  const initializers = new Map(graph.initializers);
  let changed = false;
  for (const name of new Set(graph.nodes.filter((n) => MASKING.has(n.op)).flatMap((n) => n.inputs))) {
    const t = initializers.get(name);
    if (!t || others.has(name) || !t.data.some((x) => Math.abs(x) === Number.POSITIVE_INFINITY)) continue;
    changed = true;
    initializers.set(name, { ...t, data: t.data.map((x) => Math.min(LARGEST, Math.max(-LARGEST, x))) });
  }
  return changed ? { ...graph, initializers } : graph;
}

/** Below this, numbers of a mask hide. */
const HIDING = -1000;

/** Whether something is minus infinity asks whether a mask hides it: a comparison that finite masks answer too. */
export function askWhatIsHidden(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const tensors = new Map(graph.tensors);
  const isLowest = (name: string): boolean =>
    graph.initializers.get(name)?.data.every((x) => x === Number.NEGATIVE_INFINITY) ?? false;
  const nodes = graph.nodes.map((n): GraphNode => {
    const at = n.op === 'Equal' && n.domain === '' ? n.inputs.findIndex(isLowest) : -1;
    if (at < 0 || graph.initializers.has(n.inputs[1 - at])) return n;
    const { dtype, dims, data } = graph.initializers.get(n.inputs[at]) as Tensor;
    const name = `${n.name}/hiding`;
    const value: Tensor = { dtype, dims, data: data.map(() => HIDING) };
    initializers.set(name, value);
    if (tensors.has(n.inputs[at])) tensors.set(name, { dtype, dims, value });
    return { ...n, op: 'LessOrEqual', inputs: [n.inputs[1 - at], name] };
  });
  return { ...graph, nodes, initializers, tensors };
}

/** Constants that nodes read are finite numbers. @throws InputError (non-finite-weight) */
export function checkFinite(graph: Graph): void {
  const seen = new Map<string, number>();
  for (const n of graph.nodes) {
    n.inputs.forEach((name, k) => {
      const t = graph.initializers.get(name);
      if (!t) return;
      const at = seen.get(name) ?? firstNonFinite(t.data);
      seen.set(name, at);
      if (at < 0 || (mayBeInfinite(n, k) && !Number.isNaN(t.data[at]))) return;
      throw new InputError(
        'non-finite-weight',
        `${name}, read by ${n.name} (${n.op}), holds ${t.data[at]} at ${at}`,
        'retrain or repair the weights',
        n.name,
      );
    });
  }
}

/** Puts nodes after those they read; the file's own order is kept where it is topological already. */
export const sortNodes = (graph: Graph): Graph => ({ ...graph, nodes: sorted(graph.nodes) });

/** The same of a list of nodes. @throws InputError (cyclic-graph) */
export function sorted(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const producer = new Map<string, number>();
  nodes.forEach((n, i) => {
    for (const o of n.outputs) if (o !== '') producer.set(o, i);
  });
  const reads = nodes.map(readsOf);
  const waiting = reads.map((names) => new Set(names.flatMap((i) => producer.get(i) ?? [])));
  const readers = nodes.map(() => [] as number[]);
  waiting.forEach((set, i) => {
    for (const j of set) readers[j].push(i);
  });
  const ready = nodes.flatMap((_, i) => (waiting[i].size === 0 ? [i] : []));
  const order: number[] = [];
  for (let at = 0; at < ready.length; at++) {
    const i = ready[at];
    order.push(i);
    for (const j of readers[i]) {
      waiting[j].delete(i);
      if (waiting[j].size === 0) ready.push(j);
    }
  }
  if (order.length !== nodes.length) {
    const stuck = nodes.find((_, i) => waiting[i].size > 0);
    throw new InputError(
      'cyclic-graph',
      `the graph has a cycle through ${stuck?.name}`,
      'export the model again',
      stuck?.name,
    );
  }
  const inOrder = reads.every((names, i) => names.every((x) => (producer.get(x) ?? -1) < i));
  return inOrder ? nodes : order.map((i) => nodes[i]);
}

/** Removes nodes and initialisers that no output depends on. */
export function dropDead(graph: Graph): Graph {
  const { nodes, needed } = live(graph.nodes, graph.outputs);
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes, initializers };
}

/** The nodes that outputs depend on, and every name that is read. */
export function live(
  all: readonly GraphNode[],
  outputs: readonly string[],
): { readonly nodes: readonly GraphNode[]; readonly needed: ReadonlySet<string> } {
  const needed = new Set(outputs);
  const nodes: GraphNode[] = [];
  for (let i = all.length - 1; i >= 0; i--) {
    const n = all[i];
    if (!n.outputs.some((o) => o !== '' && needed.has(o))) continue;
    for (const x of readsOf(n)) needed.add(x);
    nodes.push(n);
  }
  return { nodes: nodes.reverse(), needed };
}
