/** Names across the borders of subgraphs. */
import type { GraphNode, Subgraph } from './graph.js';

/** Everything that a node reads: its inputs, and what its subgraphs take from the graphs around them. */
export function readsOf(node: GraphNode): readonly string[] {
  if (!node.subgraphs) return node.inputs;
  return [...node.inputs, ...Object.values(node.subgraphs).flatMap(capturedBy)];
}

function ownNames(g: Subgraph): Set<string> {
  return new Set([...g.inputs, ...g.initializers.keys(), ...g.nodes.flatMap((n) => n.outputs)]);
}

/** Names that a subgraph reads and does not make. */
function capturedBy(g: Subgraph): string[] {
  const own = ownNames(g);
  const read = new Set([...g.nodes.flatMap(readsOf), ...g.outputs]);
  return [...read].filter((name) => name !== '' && !own.has(name));
}

/** The node with other names for what it reads; those that a subgraph makes itself stay. */
export function withReads(node: GraphNode, rename: (name: string) => string): GraphNode {
  const inputs = node.inputs.map(rename);
  if (!node.subgraphs) return { ...node, inputs };
  const subgraphs = Object.entries(node.subgraphs).map(([key, g]): [string, Subgraph] => {
    const own = ownNames(g);
    const inner = (name: string): string => (own.has(name) ? name : rename(name));
    return [key, { ...g, outputs: g.outputs.map(inner), nodes: g.nodes.map((n) => withReads(n, inner)) }];
  });
  return { ...node, inputs, subgraphs: Object.fromEntries(subgraphs) };
}

/** The nodes and those of their subgraphs; `enters` may leave a subgraph out. */
export function nestedNodes(
  nodes: readonly GraphNode[],
  enters: (node: GraphNode, key: string) => boolean = () => true,
): GraphNode[] {
  return nodes.flatMap((n) => [
    n,
    ...Object.entries(n.subgraphs ?? {}).flatMap(([key, g]) => (enters(n, key) ? nestedNodes(g.nodes, enters) : [])),
  ]);
}
