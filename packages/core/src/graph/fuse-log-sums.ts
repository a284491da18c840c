/**
 * log Σ exp(x), written out, is ReduceLogSumExp: its exponentials are of what lies below the maximum, so that neither
 * large nor small numbers lose their precision.
 */
import type { Graph, GraphNode } from './graph.js';

/** @param graph sorted; shapes need not be known */
export function fuseLogSums(graph: Graph): Graph {
  const producer = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const readers = new Map<string, number>();
  for (const name of [...graph.outputs, ...graph.nodes.flatMap((n) => n.inputs)])
    readers.set(name, (readers.get(name) ?? 0) + 1);
  /** The node that makes a tensor for one reader alone. */
  const alone = (name: string, op: string): GraphNode | undefined => {
    const n = producer.get(name);
    return n?.op === op && n.domain === '' && readers.get(name) === 1 ? n : undefined;
  };
  const removed = new Set<GraphNode>();
  const nodes = graph.nodes.map((n): GraphNode => {
    if (n.domain !== '' || (n.op !== 'Log' && n.op !== 'ReduceLogSum')) return n;
    const sum = n.op === 'Log' ? alone(n.inputs[0], 'ReduceSum') : n;
    const exp = sum && alone(sum.inputs[0], 'Exp');
    if (!sum || !exp) return n;
    if (sum !== n) removed.add(sum);
    removed.add(exp);
    const { attributes } = sum;
    return { ...n, op: 'ReduceLogSumExp', inputs: [exp.inputs[0], ...sum.inputs.slice(1)], attributes };
  });
  return removed.size === 0 ? graph : { ...graph, nodes: nodes.filter((n) => !removed.has(n)) };
}
