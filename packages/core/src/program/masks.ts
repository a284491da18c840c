/**
 * Masks of attention: numbers like -1e9 or the least of single precision, added or chosen before a Softmax, leave nothing
 * of it. A number that is 16 below everything else does the same, and leaves the integers their resolution.
 */
import { log } from '../base/real.js';
import type { Graph, GraphNode, Tensor } from '../graph/graph.js';
import type { Ranges } from './ranges.js';

/** Operators through which a number reaches a Softmax as it is, or shifted. */
const PASSING = new Set(
  (
    'Add Sub Where Max Min Reshape Transpose Cast Identity Unsqueeze Squeeze Flatten Expand Slice Gather Concat Pad Tile ' +
    'Split Trilu'
  ).split(' '),
);

/** Smallest magnitude of a masking number. */
const LARGE = 1000;
/** exp(-16) is nothing at any precision. */
const DEPTH = 16;

interface Marked {
  /** Tensors on the way to the Softmax, and by what they are multiplied on it, at least. */
  readonly tensors: Set<string>;
  factor: number;
}

function markFrom(graph: Graph, producer: ReadonlyMap<string, GraphNode>, softmax: GraphNode): Marked {
  const marked: Marked = { tensors: new Set(), factor: 1 };
  const stack: [string, number][] = [[softmax.inputs[0], 1]];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [name, factor] = next;
    if (name === '' || marked.tensors.has(name)) continue;
    marked.tensors.add(name);
    marked.factor = Math.min(marked.factor, factor);
    const n = producer.get(name);
    if (n?.domain !== '') continue;
    const from =
      n.op === 'Where' ? n.inputs.slice(1) : n.op === 'Gather' || n.op === 'Slice' ? [n.inputs[0]] : n.inputs;
    if (PASSING.has(n.op)) stack.push(...from.map((i): [string, number] => [i, factor]));
    if (n.op === 'Mul' || n.op === 'Div') {
      const constant = n.inputs.find((i) => graph.initializers.get(i)?.data.length === 1);
      const k = Math.abs(graph.initializers.get(constant ?? '')?.data[0] ?? 0);
      // A mask of zeros and ones times a masking number, or scores by a factor.
      if (k >= LARGE && n.op === 'Mul') stack.push([constant as string, factor]);
      else if (k > 0 && constant === n.inputs[1]) stack.push([n.inputs[0], n.op === 'Mul' ? factor * k : factor / k]);
    }
  }
  return marked;
}

const largest = (t: Tensor): number => t.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);

/** The graph with masking numbers that are as large as they need to be; the same where there are none. */
export function tameMasks(graph: Graph, ranges: Ranges): Graph {
  const producer = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const bounds = new Map<string, number>();
  for (const softmax of graph.nodes.filter((n) => n.op === 'Softmax')) {
    const { tensors, factor } = markFrom(graph, producer, softmax);
    const masks = [...tensors].filter((name) => {
      const t = graph.initializers.get(name);
      return t?.dtype.includes('float') && largest(t) >= LARGE;
    });
    if (masks.length === 0) continue;
    // What is made of a masking number is large for that reason.
    const tainted = new Set(masks);
    for (const n of graph.nodes) if (n.inputs.some((i) => tainted.has(i))) for (const o of n.outputs) tainted.add(o);
    const reach = [...tensors].reduce((m, name) => {
      const range = tainted.has(name) ? undefined : ranges[name];
      return range ? Math.max(m, -range[0], range[1]) : m;
    }, 0);
    const bound = 2 ** Math.ceil(log(2 * reach + DEPTH / factor) / log(2) - 1e-9);
    for (const name of masks) bounds.set(name, Math.max(bound, bounds.get(name) ?? 0));
  }
  const initializers = new Map(graph.initializers);
  const infos = new Map(graph.tensors);
  let changed = false;
  for (const [name, bound] of bounds) {
    const t = graph.initializers.get(name) as Tensor;
    if (largest(t) <= 4 * bound) continue;
    changed = true;
    const value = { ...t, data: t.data.map((x) => Math.min(bound, Math.max(-bound, x))) };
    initializers.set(name, value);
    infos.set(name, { dtype: t.dtype, dims: t.dims, value });
  }
  return changed ? { ...graph, initializers, tensors: infos } : graph;
}
