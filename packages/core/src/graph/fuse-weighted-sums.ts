/** x·v ± y·w for constant v and w as one sum, which is rounded once: rotary positions, and interpolations. */
import type { Graph, GraphNode, Tensor } from './graph.js';
import { INTERNAL_DOMAIN } from './internal.js';

/** A product of a computed tensor and a constant of several numbers; by a number alone, products cost nothing. */
interface Weighted {
  readonly x: string;
  readonly weights: string;
}

export function fuseWeightedSums(graph: Graph): Graph {
  const producer = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const readers = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs])
    readers.set(name, (readers.get(name) ?? 0) + 1);
  const weighted = (name: string): Weighted | undefined => {
    const n = producer.get(name);
    if (n?.op !== 'Mul' || n.domain !== '' || readers.get(name) !== 1) return undefined;
    const at = n.inputs.findIndex((i) => (graph.initializers.get(i)?.data.length ?? 0) > 1);
    if (at < 0 || graph.initializers.has(n.inputs[1 - at])) return undefined;
    const isFloat = graph.tensors.get(name)?.dtype.includes('float');
    return isFloat ? { x: n.inputs[1 - at], weights: n.inputs[at] } : undefined;
  };
  const initializers = new Map(graph.initializers);
  const tensors = new Map(graph.tensors);
  const negative = (name: string, by: GraphNode): string => {
    const t = graph.initializers.get(name) as Tensor;
    const made = `${name}·${by.name}/negative`;
    const value = { ...t, data: t.data.map((x) => -x) };
    initializers.set(made, value);
    tensors.set(made, { dtype: t.dtype, dims: t.dims, value });
    return made;
  };
  const removed = new Set<string>();
  const nodes = graph.nodes.map((n): GraphNode => {
    if (n.domain !== '' || (n.op !== 'Add' && n.op !== 'Sub') || n.inputs.length !== 2) return n;
    const [a, b] = n.inputs.map(weighted);
    if (!a || !b) return n;
    for (const i of n.inputs) removed.add(i);
    const inputs = [a.x, a.weights, b.x, n.op === 'Sub' ? negative(b.weights, n) : b.weights];
    return { ...n, op: 'WeightedSum', domain: INTERNAL_DOMAIN, inputs, attributes: {} };
  });
  if (removed.size === 0) return graph;
  return { ...graph, initializers, tensors, nodes: nodes.filter((n) => !removed.has(n.outputs[0])) };
}
