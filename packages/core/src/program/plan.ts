/**
 * What is decided of every tensor before anything is lowered: its scale, and whether a room may choose another.
 */
import { InputError } from '../base/errors.js';
import type { Graph, GraphNode, TensorInfo } from '../graph/graph.js';
import type { Lowering, OutputPlan, Widths } from '../layers/lowering.js';
import { loweringOf } from '../layers/lowerings.js';
import type { Precision } from './compiled.js';
import type { Ranges } from './ranges.js';

export const WIDTHS: Readonly<Record<Precision, Widths>> = {
  fast: { bits: 8, maxShift: 10 },
  standard: { bits: 11, maxShift: 13 },
  high: { bits: 14, maxShift: 16 },
};

/** Tensors may grow by this factor beyond what calibration saw. */
const HEADROOM = 2;

export const nodeInputs = (graph: Graph, node: GraphNode): (TensorInfo | undefined)[] =>
  node.inputs.map((i) => (i === '' ? undefined : graph.tensors.get(i)));

export interface TensorPlan extends OutputPlan {
  /** The calibrated interval. */
  readonly seen: { readonly lo: number; readonly hi: number };
}

/** Plans of inputs and computed tensors, by name. */
export function planTensors(graph: Graph, ranges: Ranges, widths: Widths): Map<string, TensorPlan> {
  const top = 2 ** widths.bits - 1;
  const reach = new Map<string, number>();
  const seen = new Map<string, { lo: number; hi: number }>();
  const note = (name: string, headroom: number, bound?: number): void => {
    const range = ranges[name];
    if (!range) throw new InputError('missing-range', `no range is known of tensor ${name}`, 'compile the model again');
    const [lo, hi] = range;
    seen.set(name, { lo, hi });
    const own = Math.max(-lo, hi) * headroom;
    reach.set(name, Math.min(own > 0 ? own : 1, bound ?? Number.POSITIVE_INFINITY));
  };
  for (const name of graph.inputs) note(name, HEADROOM);
  // Tensors that share a scale, as a forest; a tree in which several operands meet is forced to one scale.
  const parent = new Map<string, string>();
  const find = (x: string): string => {
    const up = parent.get(x);
    return up === undefined ? x : find(up);
  };
  const forced = new Set<string>();
  for (const node of graph.nodes) {
    const lowering = loweringOf(node.op) as Lowering;
    const inputs = nodeInputs(graph, node);
    const bound = lowering.bound?.(node, inputs);
    const outputs = node.outputs.filter((o) => o !== '');
    for (const o of outputs) note(o, lowering.headroom ?? HEADROOM, bound);
    if (!lowering.sameScale?.(node, inputs)) continue;
    const computed = node.inputs.filter((i) => i !== '' && !graph.initializers.has(i));
    const [first, ...rest] = [...new Set([...computed, ...outputs])];
    for (const x of rest) {
      const [a, b] = [find(first), find(x)];
      if (a === b) continue;
      parent.set(b, a);
      if (forced.has(b)) forced.add(a);
    }
    if (new Set(computed).size > 1) forced.add(find(first));
  }
  const shared = new Map<string, number>();
  for (const [name, r] of reach) shared.set(find(name), Math.max(shared.get(find(name)) ?? 0, r));
  return new Map(
    [...reach].map(([name, own]): [string, TensorPlan] => {
      const info = graph.tensors.get(name) as TensorInfo;
      const whole = info.dtype.includes('int') || info.dtype === 'bool';
      const group = shared.get(find(name)) as number;
      const free = !forced.has(find(name)) && !whole;
      return [
        name,
        {
          dims: info.dims,
          scale: whole ? 1 : group / top,
          reach: whole ? Math.max(1, own) : group,
          free,
          seen: seen.get(name) as { lo: number; hi: number },
        },
      ];
    }),
  );
}
