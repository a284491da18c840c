/**
 * Masks of attention: numbers like -1e9 or the least of single precision, added or chosen before a Softmax, leave nothing
 * of it. A number just so far below everything else that its exponential rounds to nothing does the same, and leaves the
 * integers their resolution. Constants are replaced; an input that is a mask saturates there (BoundaryTensor.saturates).
 */
import { log } from '../base/real.js';
import type { Graph, GraphNode, Tensor } from '../graph/graph.js';
import type { Precision } from './compiled.js';
import { WIDTHS } from './plan.js';
import type { Ranges, Sample } from './ranges.js';

/** Operators through which a number reaches a Softmax as it is, or shifted. */
const PASSING = new Set(
  (
    'Add Sub Where Max Min Reshape Transpose Cast Identity Unsqueeze Squeeze Flatten Expand Slice Gather Concat Pad Tile ' +
    'Split Trilu'
  ).split(' '),
);

/** Smallest magnitude of a masking number. */
const LARGE = 1000;
const LARGEST = 3.4028234663852886e38;

/** Below the largest score by this much, exp gives a quarter of the smallest number that it has at the precision. */
const depth = (precision: Precision): number => (WIDTHS[precision].bits + 2) * log(2);

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

/** Operators that hand on a mask's numbers as they are. */
const MOVING = new Set(
  'Reshape Transpose Cast Identity Unsqueeze Squeeze Flatten Expand Slice Gather Concat Pad Tile'.split(' '),
);

const producers = (graph: Graph): Map<string, GraphNode> =>
  new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));

/** Whether a node asks if numbers of a mask hide. */
const isThreshold = (graph: Graph, n: GraphNode): boolean =>
  (n.op === 'Greater' || n.op === 'LessOrEqual') &&
  (graph.initializers.get(n.inputs[1])?.data.every((v) => v <= -LARGE) ?? false);

/** Inputs whose numbers do nothing but get added to scores, that are computed, on their way to a Softmax. */
function maskInputs(graph: Graph, marked: ReadonlySet<string>): string[] {
  const inputs = new Set(graph.inputs);
  const outputs = new Set(graph.outputs);
  const producer = producers(graph);
  const isGiven = (name: string): boolean => {
    const n = producer.get(name);
    return n ? MOVING.has(n.op) && isGiven(n.inputs[0]) : inputs.has(name);
  };
  return graph.inputs.filter((name) => {
    if (!marked.has(name) || !graph.tensors.get(name)?.dtype.includes('float')) return false;
    let isAdded = false;
    const seen = new Set([name]);
    for (const x of seen) {
      if (outputs.has(x)) return false;
      for (const n of graph.nodes) {
        const at = n.inputs.indexOf(x);
        if (at < 0) continue;
        const other = n.inputs[1 - at];
        if (at === 0 && (MOVING.has(n.op) || n.op === 'ReduceMax')) seen.add(n.outputs[0]);
        else if (n.op === 'Add' && graph.initializers.has(other)) seen.add(n.outputs[0]);
        else if (n.op === 'Add' && marked.has(n.outputs[0]) && !isGiven(other)) isAdded = true;
        else if (at !== 0 || !isThreshold(graph, n)) return false;
      }
    }
    return isAdded;
  });
}

const softmaxes = (graph: Graph): GraphNode[] => graph.nodes.filter((n) => n.op === 'Softmax');

/** Names of the inputs that are masks, each with the lowest number of single precision. */
export function openFloors(graph: Graph): Map<string, number> {
  const producer = producers(graph);
  const found = softmaxes(graph).flatMap((n) => maskInputs(graph, markFrom(graph, producer, n).tensors));
  return new Map(found.map((name) => [name, -LARGEST]));
}

/** The sample with no number of a mask below its floor. */
export function saturated(sample: Sample, floors: ReadonlyMap<string, number>): Sample {
  const tensors = [...sample].map(([name, t]): [string, Tensor] => {
    const floor = floors.get(name);
    return [name, floor === undefined ? t : { ...t, data: t.data.map((x) => (x < floor ? floor : x)) }];
  });
  return new Map(tensors);
}

export interface TamedGraph {
  /** The graph itself where nothing was changed. */
  readonly graph: Graph;
  /** By the name of an input that is a mask, what stands for all numbers below it. */
  readonly floors: ReadonlyMap<string, number>;
}

/** The graph with masking numbers that are as large as they need to be at a precision. */
export function tameMasks(graph: Graph, ranges: Ranges, precision: Precision): TamedGraph {
  const producer = producers(graph);
  const bounds = new Map<string, number>();
  const inputBounds = new Map<string, number>();
  const thresholds = new Map<string, number>();
  for (const softmax of softmaxes(graph)) {
    const { tensors, factor } = markFrom(graph, producer, softmax);
    const masks = [...tensors].filter((name) => {
      const t = graph.initializers.get(name);
      return t?.dtype.includes('float') && largest(t) >= LARGE;
    });
    const given = maskInputs(graph, tensors);
    if (masks.length === 0 && given.length === 0) continue;
    // What is made of a masking number is large for that reason.
    const tainted = new Set([...masks, ...given]);
    for (const n of graph.nodes) if (n.inputs.some((i) => tainted.has(i))) for (const o of n.outputs) tainted.add(o);
    const reach = [...tensors].reduce((m, name) => {
      const range = tainted.has(name) ? undefined : ranges[name];
      return range ? Math.max(m, -range[0], range[1]) : m;
    }, 0);
    const bound = Math.ceil(2 * reach + depth(precision) / factor - 1e-9);
    const raise = (of: Map<string, number>, name: string): void => {
      of.set(name, Math.max(bound, of.get(name) ?? 0));
    };
    const saturating = given.filter((name) => ranges[name] && ranges[name][0] <= -bound);
    const large = masks.filter((name) => largest(graph.initializers.get(name) as Tensor) > 4 * bound);
    for (const name of large) raise(bounds, name);
    for (const name of saturating) raise(inputBounds, name);
    if (large.length === 0 && saturating.length === 0) continue;
    for (const n of graph.nodes) if (tainted.has(n.inputs[0]) && isThreshold(graph, n)) raise(thresholds, n.inputs[1]);
  }
  const floors = new Map([...inputBounds].map(([name, bound]) => [name, -bound]));
  const initializers = new Map(graph.initializers);
  const infos = new Map(graph.tensors);
  const change = (name: string, f: (x: number) => number): void => {
    const t = graph.initializers.get(name) as Tensor;
    const value = { ...t, data: t.data.map(f) };
    initializers.set(name, value);
    infos.set(name, { dtype: t.dtype, dims: t.dims, value });
  };
  for (const [name, bound] of bounds) change(name, (x) => Math.min(bound, Math.max(-bound, x)));
  // Between what hides and what is added to keys that are seen.
  for (const [name, bound] of thresholds) change(name, () => -0.75 * bound);
  const isChanged = bounds.size + thresholds.size > 0;
  return { graph: isChanged ? { ...graph, initializers, tensors: infos } : graph, floors };
}
