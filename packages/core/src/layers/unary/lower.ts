/** Functions of one variable: one table, shared with the rounding of the layer before where there is one. */
import type { GraphNode, Tensor } from '../../graph/graph.js';
import {
  asWhole,
  composed,
  type LowerContext,
  type Lowered,
  type Lowering,
  type NamedFunction,
  type NodeInputs,
} from '../lowering.js';
import { lowerFunction } from '../rescale.js';
import { hasJumps, lowerExact } from './exact.js';
import { FUNCTIONS } from './functions.js';

/** f(c·x) = c·f(x) for c > 0. */
const HOMOGENEOUS = new Set(['Relu', 'LeakyRelu', 'Abs', 'Neg', 'Identity', 'Dropout']);
const PASSES_ON = new Set(['Identity', 'Dropout', 'Cast']);

/** Largest magnitude of functions that are bounded whatever their input. */
const BOUNDS: Readonly<Record<string, number>> = {
  Sigmoid: 1,
  HardSigmoid: 1,
  Tanh: 1,
  Softsign: 1,
  Erf: 1,
  Sign: 1,
  Sin: 1,
  Cos: 1,
};

function asFunction(node: GraphNode, inputs: NodeInputs): NamedFunction | undefined {
  const f = FUNCTIONS[node.op](
    node,
    inputs.map((i) => i?.value),
  );
  const parameters = Object.entries(node.attributes).filter(([, v]) => typeof v === 'number' || typeof v === 'string');
  const bounds = inputs.slice(1).map((i) => i?.value?.data[0] ?? '');
  const key = [node.op, ...parameters.sort().map(([k, v]) => `${k}=${v}`), ...bounds].join(' ');
  return { key, f, homogeneous: HOMOGENEOUS.has(node.op) };
}

function bound(node: GraphNode, inputs: NodeInputs): number | undefined {
  if (node.op !== 'Clip') return BOUNDS[node.op];
  const f = FUNCTIONS.Clip(node, inputs.map((i) => i?.value) as (Tensor | undefined)[]);
  const most = Math.max(Math.abs(f(-1e300)), Math.abs(f(1e300)));
  return most < 1e300 && most > 0 ? most : undefined;
}

/** A cast that keeps every number of its input. */
const passesOn = (node: GraphNode, inputs: NodeInputs): boolean =>
  PASSES_ON.has(node.op) &&
  (node.op !== 'Cast' || !inputs[0]?.dtype.includes('float') || [1, 10, 11, 16].includes(Number(node.attributes.to)));

function lower(c: LowerContext): Lowered[] {
  const x = c.operand(0);
  if (passesOn(c.node, c.inputs)) return [x];
  const exact = jumps(c.node, c.inputs) ? lowerExact(c) : undefined;
  if (exact) return [exact];
  if (isWholeResult(c, x)) return lowerTable(asWhole(c), x);
  return lowerTable(c, x);
}

/** Whole numbers, however they come about: steps of a narrow operand, or whole ones between whole bounds. */
function isWholeResult(c: LowerContext, x: Lowered): boolean {
  if (c.node.op !== 'Clip') return hasJumps(c.node.op);
  const bounds = [1, 2].map((i) => c.constant(i)?.data[0] ?? c.node.attributes[i === 1 ? 'min' : 'max'] ?? 0);
  return x.scale === 1 && bounds.every((v) => typeof v === 'number' && (Number.isInteger(v) || !Number.isFinite(v)));
}

function lowerTable(c: LowerContext, x: Lowered): Lowered[] {
  const own = asFunction(c.node, c.inputs) as NamedFunction;
  const f = c.node.op === 'Cast' ? { ...own, key: `Cast ${c.node.attributes.to}`, f: castTo(c.node) } : own;
  if (!c.activation) return [lowerFunction(c, x, f, c.reach(0))];
  return [lowerFunction({ ...c, activation: undefined }, x, composed(f, c.activation), c.reach(0))];
}

/** Functions whose result is far off where rounding carries their argument across a jump. */
const jumps = (node: GraphNode, inputs: NodeInputs): boolean =>
  hasJumps(node.op) || (node.op === 'Cast' && !passesOn(node, inputs));

const castTo = (node: GraphNode) => (Number(node.attributes.to) === 9 ? (x: number) => Number(x !== 0) : Math.trunc);

export const unaryLowering: Lowering = {
  ops: Object.keys(FUNCTIONS),
  sameScale: passesOn,
  bound,
  jumps: (node, inputs) => (jumps(node, inputs) ? [0] : []),
  takesFine: (node, inputs) => passesOn(node, inputs) || jumps(node, inputs),
  fusesFunction: (node, inputs) => !passesOn(node, inputs) && !jumps(node, inputs),
  asFunction: (node, inputs) => (PASSES_ON.has(node.op) ? undefined : asFunction(node, inputs)),
  lower,
};
