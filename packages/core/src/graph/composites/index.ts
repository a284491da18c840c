/** Operators that are written out in simpler ones when a model is read. A new one is a function and a line here. */
import type { GraphNode, Tensor, TensorInfo } from '../graph.js';
import { CLASSIC } from './classic.js';
import { type Compose, Composer } from './composer.js';
import { convTranspose } from './conv-transpose.js';
import { einsum } from './einsum.js';
import { gemm } from './gemm.js';
import {
  groupNormalization,
  instanceNormalization,
  layerNormalization,
  localResponseNormalization,
  lpNormalization,
  mean,
  rmsNormalization,
} from './normalizations.js';
import { power } from './power.js';
import { QUANTIZED } from './quantized.js';
import { recurrent } from './recurrent.js';
import { REDUCTIONS } from './reductions.js';
import { interpolation } from './resize.js';
import { COMPUTED_INDICES, SELECTION } from './selection.js';
import { topK } from './top-k.js';

const isInterpolated = (n: GraphNode): boolean => ['linear', 'cubic'].includes(String(n.attributes.mode));

interface Composite {
  readonly write: Compose;
  /** Whether a node is written out; always where it is not said. */
  when?(node: GraphNode, isComputed: (input: number) => boolean): boolean;
}

const always: [string, Compose][] = [
  ['Einsum', einsum],
  ['TopK', topK],
  ...REDUCTIONS,
  ...QUANTIZED,
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
];

/** The others have a meaning of their own where some inputs are constants. */
const COMPOSITES: ReadonlyMap<string, Composite> = new Map<string, Composite>([
  ...always.map(([op, write]) => [op, { write }] as const),
  ...[...COMPUTED_INDICES].map(
    ([op, write]) => [op, { write, when: (_, isComputed) => isComputed(1) }] as [string, Composite],
  ),
  ...['Resize', 'Upsample'].map(
    (op) => [op, { write: interpolation, when: (n) => isInterpolated(n) }] as [string, Composite],
  ),
  ['Pow', { write: power, when: (_, isComputed) => isComputed(0) && isComputed(1) }],
  ['Gemm', { write: gemm, when: (n, isComputed) => isComputed(0) && isComputed(1) && Boolean(n.inputs[2]) }],
]);

const ML_DOMAIN = 'ai.onnx.ml';

export const isComposite = (op: string, domain: string): boolean =>
  domain === ML_DOMAIN ? CLASSIC.has(op) : domain === '' && COMPOSITES.has(op);

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
  const classic = node.domain === ML_DOMAIN ? CLASSIC.get(node.op) : undefined;
  const composite = classic ? { write: classic } : node.domain === '' ? COMPOSITES.get(node.op) : undefined;
  const isComputed = (input: number): boolean => {
    const info = infos.get(node.inputs[input] ?? '');
    return info !== undefined && info.value === undefined;
  };
  if (!composite || (composite as Composite).when?.(node, isComputed) === false) return undefined;
  const c = new Composer(node, opset, infos, define);
  return c.finish(composite.write(c));
}
