/** Operators that are written out in simpler ones when a model is read. A new one is a function and a line here. */
import type { GraphNode, Tensor, TensorInfo } from '../graph.js';
import { type Compose, Composer } from './composer.js';
import { convTranspose } from './conv-transpose.js';
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

const COMPOSITES: ReadonlyMap<string, Compose> = new Map([
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
]);

export const isComposite = (op: string, domain: string): boolean => domain === '' && COMPOSITES.has(op);

/**
 * The nodes that a composite stands for; undefined for other operators.
 * @param define makes a constant known under a new name
 * @throws InputError on shapes and attributes that the operator does not allow or that are not supported
 */
export function compose(
  node: GraphNode,
  infos: ReadonlyMap<string, TensorInfo>,
  define: (name: string, value: Tensor) => void,
): GraphNode[] | undefined {
  const write = node.domain === '' ? COMPOSITES.get(node.op) : undefined;
  if (!write) return undefined;
  const c = new Composer(node, infos, define);
  return c.finish(write(c));
}
