/** Operators that are written out in simpler ones when a model is read. A new one is a function and a line here. */
import type { GraphNode, Tensor, TensorInfo } from '../graph.js';
import { type Compose, Composer } from './composer.js';
import { convTranspose } from './conv-transpose.js';
import { LOGIC } from './logic.js';
import {
  groupNormalization,
  instanceNormalization,
  layerNormalization,
  localResponseNormalization,
  lpNormalization,
  mean,
  rmsNormalization,
} from './normalizations.js';
import { recurrent } from './recurrent.js';
import { COMPUTED_INDICES, SELECTION } from './selection.js';

const COMPOSITES: ReadonlyMap<string, Compose> = new Map<string, Compose>([
  ['ConvTranspose', convTranspose],
  ['GRU', recurrent],
  ['GroupNormalization', groupNormalization],
  ['InstanceNormalization', instanceNormalization],
  ['LRN', localResponseNormalization],
  ['LSTM', recurrent],
  ['LayerNormalization', layerNormalization],
  ['LpNormalization', lpNormalization],
  ['Mean', mean],
  ['RNN', recurrent],
  ['RMSNormalization', rmsNormalization],
  ...SELECTION,
]);

export const isComposite = (op: string, domain: string): boolean =>
  domain === '' && (COMPOSITES.has(op) || LOGIC.has(op) || COMPUTED_INDICES.has(op));

function compositeOf(node: GraphNode, infos: ReadonlyMap<string, TensorInfo>): Compose | undefined {
  if (node.domain !== '') return undefined;
  const computed = (i: string | undefined): boolean => i !== undefined && infos.get(i)?.value === undefined;
  if (LOGIC.has(node.op)) return node.inputs.some(computed) ? LOGIC.get(node.op) : undefined;
  if (COMPUTED_INDICES.has(node.op)) return computed(node.inputs[1]) ? COMPUTED_INDICES.get(node.op) : undefined;
  return COMPOSITES.get(node.op);
}

/**
 * The nodes that a composite stands for; undefined for other operators, and for those that are only written out where
 * their inputs are computed.
 * @param define makes a constant known under a new name
 * @throws InputError on shapes and attributes that the operator does not allow or that are not supported
 */
export function compose(
  node: GraphNode,
  infos: ReadonlyMap<string, TensorInfo>,
  opset: number,
  define: (name: string, value: Tensor) => void,
): GraphNode[] | undefined {
  const write = compositeOf(node, infos);
  if (!write) return undefined;
  const c = new Composer(node, opset, infos, define);
  return c.finish(write(c));
}
