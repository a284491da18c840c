/** floor, ceil or round of a quotient by a constant as the one operation that it is: two roundings would miss a jump. */
import type { Graph, GraphNode } from './graph.js';
import { INTERNAL_DOMAIN } from './internal.js';

const JUMPING = new Set(['Floor', 'Ceil', 'Round']);

export function fuseSteps(graph: Graph): Graph {
  const producer = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const readers = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs])
    readers.set(name, (readers.get(name) ?? 0) + 1);
  const removed = new Set<string>();
  const nodes = graph.nodes.map((n): GraphNode => {
    const quotient = JUMPING.has(n.op) && n.domain === '' ? producer.get(n.inputs[0]) : undefined;
    if (quotient?.domain !== '' || !['Div', 'Mul'].includes(quotient.op)) return n;
    const [out] = quotient.outputs;
    if (readers.get(out) !== 1 || !graph.tensors.get(out)?.dtype.includes('float')) return n;
    const at = quotient.op === 'Div' ? 1 : quotient.inputs.findIndex((i) => graph.initializers.has(i));
    const constant = graph.initializers.get(quotient.inputs[at] ?? '');
    if (!constant || constant.data.some((c) => c === 0) || graph.initializers.has(quotient.inputs[1 - at])) return n;
    removed.add(out);
    const inputs = [quotient.inputs[1 - at], quotient.inputs[at]];
    return { ...n, op: 'Steps', domain: INTERNAL_DOMAIN, inputs, attributes: { function: n.op, by: quotient.op } };
  });
  return removed.size === 0 ? graph : { ...graph, nodes: nodes.filter((n) => !removed.has(n.outputs[0])) };
}
