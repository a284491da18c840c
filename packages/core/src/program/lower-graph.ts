/**
 * A resolved graph to one relation over the whole model, in layers. A layer is a node with what shares its rounding: the
 * additions and the function that follow it. Slices are cut between layers afterwards (cut.ts), so that where a program
 * is cut never changes what a layer computes.
 */
import { InputError, InvariantError } from '../base/errors.js';
import type { Graph, GraphNode, Tensor } from '../graph/graph.js';
import { intervalOf } from '../layers/accumulate.js';
import {
  type Activation,
  type Addend,
  ceilLog2,
  composed,
  type LowerContext,
  type Lowered,
  type Lowering,
  type NodeInputs,
  roundToInt,
} from '../layers/lowering.js';
import { loweringOf } from '../layers/lowerings.js';
import { coarsen, lowerFunction } from '../layers/rescale.js';
import { IDENTITY } from '../layers/tables.js';
import { identityMap, type Position, RelationBuilder } from '../relation/builder.js';
import type { ValueId } from '../relation/relation.js';
import type { BoundaryTensor, Precision } from './compiled.js';
import { nodeInputs, planTensors, type TensorPlan, WIDTHS } from './plan.js';
import type { Ranges } from './ranges.js';

export interface Layer {
  /** Names of the ONNX nodes in it. */
  readonly nodes: readonly string[];
  /** Names of the tensors it gives. */
  readonly outputs: readonly string[];
  /** The values and constraints of the layer: [from, to) of each list of the builder. */
  readonly from: Position;
  readonly to: Position;
  /** Parameters of the model that the layer reads. */
  readonly parameters: number;
}

export interface LoweredGraph {
  readonly graph: Graph;
  readonly builder: RelationBuilder;
  readonly layers: readonly Layer[];
  /** Value and scale of each tensor that has one (not of those inside a layer). */
  readonly tensors: ReadonlyMap<string, Lowered>;
  /** Of inputs that are masks (masks.ts). */
  readonly floors: ReadonlyMap<string, number>;
}

/** How tensors are read: by how many nodes and as outputs. */
function countReaders(graph: Graph): { count: Map<string, number>; only: Map<string, GraphNode> } {
  const count = new Map<string, number>();
  const only = new Map<string, GraphNode>();
  for (const n of graph.nodes) {
    for (const i of n.inputs) {
      count.set(i, (count.get(i) ?? 0) + 1);
      only.set(i, n);
    }
  }
  for (const o of graph.outputs) count.set(o, (count.get(o) ?? 0) + 2);
  return { count, only };
}

/** A node and what follows it within one rounding. */
interface Fused {
  readonly members: readonly GraphNode[];
  /** The tensor that the layer gives (that of its last member). */
  readonly output: string;
  readonly addends: readonly { readonly name: string; readonly sign: 1 | -1 }[];
  readonly activation: Activation | undefined;
}

const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

const PRODUCTS = new Set(['Conv', 'Gemm', 'MatMul']);

/**
 * What stands against integers for the nodes of a graph, as far as their shapes are known: each node that has no integer
 * meaning, whatever its numbers are.
 */
export function unsupportedIn(graph: Graph): InputError[] {
  const known = new Set([...graph.inputs, ...graph.initializers.keys()]);
  const nodes = graph.nodes.filter((n) => {
    const isTold =
      loweringOf(n.op) !== undefined &&
      [...n.inputs, ...n.outputs].every((i) => i === '' || graph.tensors.has(i) || graph.initializers.has(i)) &&
      n.inputs.every((i) => i === '' || known.has(i));
    if (isTold) for (const o of n.outputs) known.add(o);
    return isTold;
  });
  // Products with weights have a meaning, which takes long to make.
  const light = nodes.filter((n) => !PRODUCTS.has(n.op));
  const made = light.flatMap((n) => n.outputs.filter((o) => o !== ''));
  if (made.length === 0) return [];
  const given = [...graph.inputs, ...nodes.filter((n) => PRODUCTS.has(n.op)).flatMap((n) => n.outputs)];
  const inputs = given.filter((i) => graph.tensors.has(i));
  const ranges: Record<string, [number, number]> = Object.create(null);
  for (const name of [...inputs, ...made]) ranges[name] = [-1, 1];
  try {
    lowerGraph({ ...graph, nodes: light, inputs, outputs: [made[made.length - 1]] }, ranges, 'standard');
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (error.cause instanceof Failures) return [...error.cause.each];
    return error.code === 'unsupported-operators' ? [error] : [];
  }
  return [];
}

/** What each of several nodes failed of. */
class Failures extends Error {
  constructor(readonly each: readonly InputError[]) {
    super('several nodes are not supported');
  }
}

/** @param floors of inputs that are masks: what stands for all numbers below it (masks.ts) */
export function lowerGraph(
  graph: Graph,
  ranges: Ranges,
  precision: Precision,
  floors: ReadonlyMap<string, number> = new Map(),
): LoweredGraph {
  const widths = WIDTHS[precision];
  checkLowerings(graph);
  const plans = planTensors(graph, ranges, precision, floors);
  const plan = (name: string): TensorPlan => plans.get(name) as TensorPlan;
  const readers = countReaders(graph);
  const builder = new RelationBuilder();
  const tensors = new Map<string, Lowered>();
  for (const name of graph.inputs) {
    const { dims, scale, reach } = plan(name);
    const hi = Math.ceil(Math.min(reach / scale, 2 ** 24));
    const floor = floors.get(name);
    const lo = floor === undefined ? -hi : roundToInt(floor / scale);
    const range = graph.tensors.get(name)?.dtype === 'bool' ? { lo: 0, hi: 1 } : { lo, hi };
    tensors.set(name, { value: builder.input(name, dims, range), scale });
  }

  const wide = (name: string): Lowered | undefined => tensors.get(name);
  const narrowed = new Map<string, Lowered>();
  /** A tensor with integers of the usual width. */
  const narrow = (name: string, node: GraphNode): Lowered | undefined => {
    const lowered = narrowed.get(name) ?? tensors.get(name);
    if (!lowered || narrowed.has(name) || !plan(name).fine) return lowered;
    const { lo, hi } = builder.get(lowered.value);
    const shift = ceilLog2(Math.max(-lo, hi) / 2 ** (widths.bits + 1));
    const result = shift < 1 ? lowered : coarsen({ builder, node }, `${name}/rounded`, lowered, shift);
    narrowed.set(name, result);
    return result;
  };

  const fuse = (node: GraphNode, lowering: Lowering): Fused => {
    const members = [node];
    const addends: { name: string; sign: 1 | -1 }[] = [];
    let activation: Activation | undefined;
    let output = node.outputs[0];
    const inputs = nodeInputs(graph, node);
    while (node.outputs.filter((o) => o !== '').length === 1 && readers.count.get(output) === 1) {
      const next = readers.only.get(output) as GraphNode;
      const room = loweringOf(next.op) as Lowering;
      const nextInputs = nodeInputs(graph, next);
      const index = next.inputs.indexOf(output);
      const add = !activation && lowering.fusesAddend?.(node, inputs) ? room.asAddition?.(next, index) : undefined;
      const other = add && next.inputs[add.other];
      const known = other !== undefined && (tensors.has(other) || graph.initializers.has(other));
      const f = lowering.fusesFunction?.(node, inputs) ? room.asFunction?.(next, nextInputs) : undefined;
      const whole = graph.tensors.get(next.outputs[0])?.dtype.includes('int');
      if (whole || !sameDims(plan(output).dims, plan(next.outputs[0]).dims)) break;
      if (add && other && known) addends.push({ name: other, sign: add.sign });
      else if (f && index === nextInputs.findIndex((t) => t && !t.value))
        activation = activation
          ? { ...composed(activation, f), reach: activation.reach }
          : { ...f, reach: plan(output).reach };
      else break;
      members.push(next);
      output = next.outputs[0];
    }
    return { members, output, addends, activation };
  };

  const layers: Layer[] = [];
  const done = new Set<GraphNode>();
  const failures: InputError[] = [];
  for (const node of graph.nodes) {
    if (done.has(node)) continue;
    const lowering = loweringOf(node.op) as Lowering;
    const inputs = nodeInputs(graph, node);
    // What depends on a node that could not be lowered cannot be either.
    if (node.inputs.some((i) => i !== '' && !graph.initializers.has(i) && !tensors.has(i))) continue;
    const fused = fuse(node, lowering);
    const outputs = fused.members.length > 1 ? [fused.output] : [...node.outputs];
    const from = builder.position();
    const takesFine = lowering.takesFine?.(node, inputs) ?? false;
    const context = contextFor(
      graph,
      node,
      inputs,
      builder,
      takesFine ? wide : narrow,
      plan,
      precision,
      outputs,
      fused,
    );
    try {
      const results = lowering.lower(context);
      outputs.forEach((o, i) => {
        if (o === '') return;
        tensors.set(o, settle(context, plan(o), o, results[i]));
      });
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== 'unsupported-operators') throw error;
      failures.push(error);
      continue;
    }
    for (const m of fused.members) done.add(m);
    const weights = new Set(fused.members.flatMap((m) => m.inputs.filter((i) => graph.initializers.has(i))));
    layers.push({
      nodes: fused.members.map((m) => m.name),
      outputs: outputs.filter((o) => o !== ''),
      from,
      to: builder.position(),
      parameters: [...weights].reduce((n, w) => n + (graph.initializers.get(w) as Tensor).data.length, 0),
    });
  }
  if (failures.length > 0) throw allOf(failures);
  commitOutputs(graph, builder, tensors, layers);
  return { graph, builder, layers, tensors, floors };
}

function contextFor(
  graph: Graph,
  node: GraphNode,
  inputs: NodeInputs,
  builder: RelationBuilder,
  tensorOf: (name: string, node: GraphNode) => Lowered | undefined,
  plan: (name: string) => TensorPlan,
  precision: Precision,
  outputs: readonly string[],
  fused: Fused,
): LowerContext {
  const constant = (i: number) => inputs[i]?.value;
  const magnitude = (t: Tensor): number => t.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  return {
    node,
    opset: graph.opset,
    builder,
    widths: WIDTHS[precision],
    inputs,
    operand: (i) => {
      const lowered = tensorOf(node.inputs[i], node);
      if (!lowered) throw new InvariantError(`input ${i} of ${node.name} is not computed`);
      return lowered;
    },
    constant,
    dims: (i) => inputs[i]?.dims ?? [],
    reach: (i) => {
      const t = constant(i);
      return t ? magnitude(t) : plan(node.inputs[i]).reach;
    },
    seen: (i) => {
      const t = constant(i);
      return t ? intervalOf(t.data) : plan(node.inputs[i]).seen;
    },
    outputs: outputs.map((o) => (o === '' ? plan(outputs[0]) : plan(o))),
    name: outputs[0],
    activation: fused.activation,
    addends: fused.addends.map(({ name, sign }): Addend => {
      const operand = tensorOf(name, node) ?? (graph.initializers.get(name) as Tensor);
      return { operand, sign, dims: (graph.tensors.get(name) as { dims: readonly number[] }).dims };
    }),
  };
}

/** Brings a result to its planned scale where others share it. */
function settle(context: LowerContext, plan: TensorPlan, name: string, result: Lowered): Lowered {
  if (plan.free || result.scale === plan.scale) return result;
  const own = { ...context, name: `${name}/scaled`, activation: undefined, addends: [], outputs: [plan] };
  return lowerFunction(own, result, IDENTITY, plan.reach);
}

/** Every operator must have an integer meaning; those without are reported all at once. */
function checkLowerings(graph: Graph): void {
  const missing = graph.nodes.filter((n) => !loweringOf(n.op));
  if (missing.length === 0) return;
  throw new InputError(
    'unsupported-operators',
    `${missing.length} node${missing.length > 1 ? 's have' : ' has'} no integer meaning: ${missing.map((n) => `${n.name} (${n.op})`).join(', ')}`,
    `replace ${[...new Set(missing.map((n) => n.op))].join(', ')} in the model`,
    missing[0].name,
  );
}

function allOf(failures: readonly InputError[]): InputError {
  if (failures.length === 1) return failures[0];
  return new InputError(
    'unsupported-operators',
    `${failures.length} nodes are not supported: ${failures.map((f) => f.message).join('; ')}`,
    [...new Set(failures.map((f) => f.hint))].join('; '),
    failures[0].node,
    { cause: new Failures(failures) },
  );
}

/** Makes every public output a committed value of its own, as part of the last layer. */
function commitOutputs(graph: Graph, builder: RelationBuilder, tensors: Map<string, Lowered>, layers: Layer[]): void {
  const taken = new Set<ValueId>();
  for (const name of graph.outputs) {
    const lowered = tensors.get(name) as Lowered;
    const v = builder.get(lowered.value);
    if (v.kind === 'witness' && !taken.has(lowered.value)) {
      taken.add(lowered.value);
      continue;
    }
    const copy = copyValue(builder, name, lowered.value);
    taken.add(copy);
    tensors.set(name, { value: copy, scale: lowered.scale });
  }
  const last = layers[layers.length - 1];
  layers[layers.length - 1] = { ...last, to: builder.position() };
}

/** A committed value equal to another one. */
function copyValue(builder: RelationBuilder, name: string, src: ValueId): ValueId {
  const { dims, lo, hi } = builder.get(src);
  const map = identityMap(dims.length);
  const copy = builder.witness(`${name}/committed`, dims, { lo, hi }, { kind: 'copy', src });
  const terms = [
    { src, coef: 1, map },
    { src: copy, coef: -1, map },
  ];
  builder.zero(builder.linear(`${name}/same`, dims, terms, 0, { lo: lo - hi, hi: hi - lo }));
  return copy;
}

/** Real value = integer · scale of the tensor that a value stands for. */
export function boundaryTensor(lowered: LoweredGraph, name: string): BoundaryTensor {
  const { value, scale } = lowered.tensors.get(name) as Lowered;
  const { dims, lo, hi } = lowered.builder.get(value);
  const dtype = lowered.graph.tensors.get(name)?.dtype ?? 'float32';
  return { name, dims, dtype, scale, lo, hi, ...(lowered.floors.has(name) ? { saturates: true } : {}) };
}
