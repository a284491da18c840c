/**
 * From operators to relations: the contract between the operators' rooms and the planner (program/).
 *
 * Numbers. Every tensor has one scale (a double): real value = integer · scale, without zero points. There is no separate
 * multiplier: scales are absorbed in the integer weights (accumulate.ts), so one rule rounds an accumulator,
 *
 *     q = floor((z + 2^(shift-1)) / 2^shift),   r = z + 2^(shift-1) - 2^shift·q  in [0, 2^shift).
 *
 * r is looked up in a range; q in the table of the activation that follows, which gives the output, or in a range where
 * none follows (rescale.ts). Because weights stand at the accumulator's scale, their rounding error is uniform in units
 * of the output, for every channel: per-channel scales are implied.
 */
import { InputError } from '../base/errors.js';
import type { GraphNode, Tensor, TensorInfo } from '../graph/graph.js';
import type { Interval, RelationBuilder } from '../relation/builder.js';
import type { ValueId } from '../relation/relation.js';
import type { RealFunction } from './unary/functions.js';

/** Width of integers, chosen once for a program. */
export interface Widths {
  /** A tensor's magnitude is below 2^bits, so long as its calibrated reach is. */
  readonly bits: number;
  /** Largest shift of a rescale: the resolution that weights get. */
  readonly maxShift: number;
  /** Weights that a sum has no room for at their resolution are split in two accumulators (accumulate.ts). */
  readonly splits: boolean;
}

/** Most bits by which an output's scale follows its calibrated spread, where that is narrow: its integers are wider. */
export const MOST_NARROWING = 4;

/** Integers that stand for a tensor: real value = integer · scale. */
export interface Lowered {
  readonly value: ValueId;
  readonly scale: number;
}

/** A function of one variable and what tables need to know of it. */
export interface NamedFunction {
  /** Names the function and its parameters: equal keys mean equal functions. */
  readonly key: string;
  readonly f: RealFunction;
  /** f(c·x) = c·f(x) for c > 0: its table does not depend on the scale. */
  readonly homogeneous: boolean;
}

/** g after f. */
export const composed = (f: NamedFunction, g: NamedFunction): NamedFunction => ({
  key: `${f.key}; ${g.key}`,
  f: (x) => g.f(f.f(x)),
  homogeneous: f.homogeneous && g.homogeneous,
});

/** A function applied to the result within the same layer. */
export interface Activation extends NamedFunction {
  /** Largest magnitude, with headroom, of what it is applied to. */
  readonly reach: number;
}

/** A tensor added (times `sign`) to the result before the layer's one rounding; broadcast to the output. */
export interface Addend {
  readonly sign: 1 | -1;
  readonly dims: readonly number[];
  readonly operand: Lowered | Tensor;
}

/** What is decided of a layer's output before it is lowered. */
export interface OutputPlan {
  readonly dims: readonly number[];
  /** Scale at which integers below 2^bits hold the calibrated reach. */
  readonly scale: number;
  /** Largest magnitude in reals, with headroom. */
  readonly reach: number;
  /** Whether the room may choose another scale (nothing else must share it). */
  readonly free: boolean;
  /** Whole numbers or truth values: the scale is 1. */
  readonly whole?: boolean;
  /** Held by wider integers than others, at a power of two: something that jumps depends on it. */
  readonly fine?: boolean;
}

/** What a room's `lower` is given. */
export interface LowerContext {
  readonly node: GraphNode;
  readonly opset: number;
  readonly builder: RelationBuilder;
  readonly widths: Widths;
  /** All inputs as the shape rules take them; constants carry their value. */
  readonly inputs: readonly (TensorInfo | undefined)[];
  /** The integers of a computed input. */
  operand(index: number): Lowered;
  /** The numbers of a constant input, or undefined where it is computed or absent. */
  constant(index: number): Tensor | undefined;
  /** Shape of an input. */
  dims(index: number): readonly number[];
  /** Largest calibrated magnitude, with headroom, of an input; and the calibrated interval itself. */
  reach(index: number): number;
  seen(index: number): Interval;
  /** Plan of each output, after addends and activation. */
  readonly outputs: readonly OutputPlan[];
  /** Name for the values of the result. */
  readonly name: string;
  readonly activation: Activation | undefined;
  readonly addends: readonly Addend[];
}

export type NodeInputs = readonly (TensorInfo | undefined)[];

/** The integer meaning of some operators. */
export interface Lowering {
  readonly ops: readonly string[];
  /** Computed inputs and outputs share one scale. */
  sameScale?(node: GraphNode, inputs: NodeInputs): boolean;
  /** Where only some do: these inputs, and the outputs where it is said. */
  sharing?(node: GraphNode): { readonly inputs: readonly number[]; readonly outputs: boolean } | undefined;
  /** Inputs that the result jumps with: their rounding must not carry them across a jump. */
  jumps?(node: GraphNode, inputs: NodeInputs): readonly number[];
  /** Whether operands may have wider integers than usual; to others they are given rounded. */
  takesFine?(node: GraphNode, inputs: NodeInputs): boolean;
  /** Largest magnitude that the output can have, where the operator bounds it. */
  bound?(node: GraphNode, inputs: NodeInputs): number | undefined;
  /** Largest magnitude that the output takes for some input, whatever calibration saw. */
  reaches?(node: GraphNode, inputs: NodeInputs): number | undefined;
  /** Factor of the headroom that calibration leaves for output magnitudes (default: the planner's). */
  readonly headroom?: number;
  /** Whether a function that follows can share the layer's rounding; whether an addition can. */
  fusesFunction?(node: GraphNode, inputs: NodeInputs): boolean;
  fusesAddend?(node: GraphNode, inputs: NodeInputs): boolean;
  /** This node as a function of its one computed input. */
  asFunction?(node: GraphNode, inputs: NodeInputs): NamedFunction | undefined;
  /** This node as input `index` ± another one, which is returned. */
  asAddition?(node: GraphNode, index: number): { readonly other: number; readonly sign: 1 | -1 } | undefined;
  /** The integers of the node's outputs. */
  lower(context: LowerContext): Lowered[];
}

export function unsupported(node: GraphNode, why: string, hint: string): InputError {
  return new InputError('unsupported-operators', `${node.name} (${node.op}): ${why}`, hint, node.name);
}

/** Nearest integer; ties go up. */
export const roundToInt = (x: number): number => Math.floor(x + 0.5);

/** Smallest k >= 0 with 2^k >= x. */
export function ceilLog2(x: number): number {
  let k = 0;
  for (let p = 1; p < x; p *= 2) k++;
  return k;
}

/** The same with whole numbers as they are for a result, where nothing else decides its scale and they are not too wide. */
export function asWhole(c: LowerContext): LowerContext {
  const [out] = c.outputs;
  if (!out.free || c.activation || c.addends.length > 0 || out.reach > 2 ** (c.widths.bits + 1)) return c;
  return { ...c, outputs: [{ ...out, scale: 1 }, ...c.outputs.slice(1)] };
}
