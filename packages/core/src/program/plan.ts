/**
 * What is decided of every tensor before anything is lowered: its scale, and whether a room may choose another.
 */
import { InputError } from '../base/errors.js';
import { log } from '../base/real.js';
import type { Graph, GraphNode, TensorInfo } from '../graph/graph.js';
import { ceilLog2, type Lowering, MOST_NARROWING, type OutputPlan, type Widths } from '../layers/lowering.js';
import { loweringOf } from '../layers/lowerings.js';
import type { Precision } from './compiled.js';
import type { Ranges } from './ranges.js';

export const WIDTHS: Readonly<Record<Precision, Widths>> = {
  fast: { bits: 8, maxShift: 10, splits: false },
  standard: { bits: 11, maxShift: 13, splits: false },
  high: { bits: 14, maxShift: 16, splits: true },
};

/** Width of the integers of inputs that something jumps with, and of models that only select among their inputs. */
const FINE_BITS: Readonly<Record<Precision, number>> = { fast: 16, standard: 20, high: 23 };

/** Tensors may grow by this factor beyond what calibration saw. */
const HEADROOM = 2;

export const nodeInputs = (graph: Graph, node: GraphNode): (TensorInfo | undefined)[] =>
  node.inputs.map((i) => (i === '' ? undefined : graph.tensors.get(i)));

export interface TensorPlan extends OutputPlan {
  /** The calibrated interval. */
  readonly seen: { readonly lo: number; readonly hi: number };
}

/** What scaling and shifting by constants make of a magnitude that a tensor takes; 0 where none is known. */
function carried(
  node: GraphNode,
  inputs: readonly (TensorInfo | undefined)[],
  least: ReadonlyMap<string, number>,
): number {
  const from = Math.max(0, ...node.inputs.map((i) => least.get(i) ?? 0));
  if (from === 0) return 0;
  const constant = inputs.find((t) => t?.value)?.value;
  const size = constant?.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0) ?? 0;
  if (node.op === 'Mul') return from * size;
  if (node.op === 'Add' || node.op === 'Sub') return from + size;
  return loweringOf(node.op)?.sameScale?.(node, inputs) ? from : 0;
}

/** Operators that hand a position on as it is. */
const HANDING_ON = new Set([
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Identity',
  'Cast',
  'Transpose',
  'Expand',
  'Slice',
]);

/** Largest position that an input of the model may be asked for: a token beyond those that calibration saw is one too. */
function positionReaches(graph: Graph): Map<string, number> {
  const producer = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const found = new Map<string, number>();
  for (const lookup of graph.nodes.filter((n) => n.op === 'TableLookup')) {
    let most = (graph.initializers.get(lookup.inputs[0])?.data.length ?? 1) - 1;
    let [, name] = lookup.inputs;
    for (let n = producer.get(name); n; n = producer.get(name)) {
      const constant = n.inputs.findIndex((i) => graph.initializers.has(i));
      const value = graph.initializers.get(n.inputs[constant] ?? '')?.data;
      if (HANDING_ON.has(n.op)) [name] = n.inputs;
      else if (value && n.op === 'Add') name = n.inputs[1 - constant];
      else if (value?.length === 1 && value[0] >= 1 && n.op === 'Mul') {
        name = n.inputs[1 - constant];
        most = Math.floor(most / value[0]);
      } else break;
    }
    if (graph.inputs.includes(name)) found.set(name, Math.max(most, found.get(name) ?? 0));
  }
  return found;
}

/** Plans of inputs and computed tensors, by name. */
export function planTensors(
  graph: Graph,
  ranges: Ranges,
  precision: Precision,
  floors: ReadonlyMap<string, number> = new Map(),
): Map<string, TensorPlan> {
  const widths = WIDTHS[precision];
  const top = 2 ** widths.bits - 1;
  const reach = new Map<string, number>();
  const seen = new Map<string, { lo: number; hi: number }>();
  const note = (name: string, headroom: number, bound?: number, least = 0): void => {
    const range = ranges[name];
    if (!range) throw new InputError('missing-range', `no range is known of tensor ${name}`, 'compile the model again');
    const [lo, hi] = range;
    seen.set(name, { lo, hi });
    const own = Math.max(-lo, hi) * headroom;
    reach.set(name, Math.min(Math.max(own > 0 ? own : 1, least), bound ?? Number.POSITIVE_INFINITY));
  };
  const positions = positionReaches(graph);
  for (const name of graph.inputs) {
    // Nothing of a mask is below its floor.
    const floor = floors.get(name);
    const bound = floor === undefined ? undefined : Math.max(-floor, HEADROOM * (ranges[name]?.[1] ?? 0));
    note(name, HEADROOM, bound, positions.get(name));
  }
  // Tensors that share a scale, as a forest; a tree in which several operands meet is forced to one scale.
  const parent = new Map<string, string>();
  const find = (x: string): string => {
    const up = parent.get(x);
    return up === undefined ? x : find(up);
  };
  const forced = new Set<string>();
  const jumping = new Set<string>();
  /** Magnitudes that tensors take for some input, whatever calibration saw. */
  const least = new Map<string, number>();
  for (const node of graph.nodes) {
    const lowering = loweringOf(node.op) as Lowering;
    const inputs = nodeInputs(graph, node);
    const bound = lowering.bound?.(node, inputs);
    const outputs = node.outputs.filter((o) => o !== '');
    const own = lowering.reaches?.(node, inputs) ?? carried(node, inputs, least);
    for (const o of outputs) {
      note(o, lowering.headroom ?? HEADROOM, bound, own);
      if (own > 0) least.set(o, own);
    }
    for (const i of lowering.jumps?.(node, inputs) ?? []) jumping.add(node.inputs[i]);
    const partly = lowering.sharing?.(node);
    if (!partly && !lowering.sameScale?.(node, inputs)) continue;
    const sharing = partly ? partly.inputs.map((i) => node.inputs[i]) : node.inputs;
    const computed = sharing.filter((i) => i !== undefined && i !== '' && !graph.initializers.has(i));
    const [first, ...rest] = [...new Set([...computed, ...(partly?.outputs === false ? [] : outputs)])];
    if (first === undefined) continue;
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
  const jumps = new Set([...jumping].filter((name) => reach.has(name)).map(find));
  const selected = new Set(graph.outputs.map(find));
  const fineGroups = new Set(graph.inputs.map(find).filter((g) => jumps.has(g) || selected.has(g)));
  const outputs = new Set(graph.outputs);
  const isWhole = (name: string): boolean => /int|bool/.test((graph.tensors.get(name) as TensorInfo).dtype);
  /** A power of two that holds the reach in as many bits as fine tensors have. */
  const fineScale = (own: number): number => 2 ** (ceilLog2(own * 2 ** 40) - 40 - FINE_BITS[precision]);
  return new Map(
    [...reach].map(([name, own]): [string, TensorPlan] => {
      const info = graph.tensors.get(name) as TensorInfo;
      const whole = isWhole(name);
      const group = shared.get(find(name)) as number;
      const free = !forced.has(find(name)) && !whole;
      const fine = !whole && fineGroups.has(find(name));
      const { lo, hi } = seen.get(name) as { lo: number; hi: number };
      const alone = free && !fine && outputs.has(name) && find(name) === name;
      const narrow = alone && hi > lo ? Math.floor(log(group / (hi - lo)) / log(2)) : 0;
      const finer = 2 ** Math.max(0, Math.min(MOST_NARROWING, narrow - 1));
      return [
        name,
        {
          dims: info.dims,
          scale: whole ? 1 : fine ? fineScale(group) : group / top / finer,
          reach: whole ? Math.max(1, own) : group,
          free,
          whole,
          fine,
          seen: seen.get(name) as { lo: number; hi: number },
        },
      ];
    }),
  );
}
