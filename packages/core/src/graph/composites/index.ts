/** Operators that are written out in simpler ones when a model is read. A new one is a function and a line here. */
import { sizeOf } from '../../base/dims.js';
import { numberAttribute } from '../attributes.js';
import type { GraphNode, Tensor, TensorInfo } from '../graph.js';
import { attention, rotaryEmbedding } from './attention.js';
import { CLASSIC } from './classic.js';
import { type Compose, Composer } from './composer.js';
import { CONTRIB, swish } from './contrib.js';
import { convTranspose } from './conv-transpose.js';
import { causalConv, gatedSwish, tensorScatter } from './decoding.js';
import { einsum } from './einsum.js';
import { gemm } from './gemm.js';
import { negativeLogLikelihood, softmaxCrossEntropy } from './losses.js';
import { maxPoolWithIndices, maxUnpool } from './max-pool.js';
import { clip, convWithBias, dropoutWithMask, MOVEMENT, slopes } from './movement.js';
import {
  batchNormalization,
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
import { interpolation, keepingAspect } from './resize.js';
import { affineGrid, col2im, gridSample, roiAlign } from './sampling.js';
import { isWrittenOut, scatter } from './scatter.js';
import { COMPUTED_INDICES, SELECTION } from './selection.js';
import { dft, melWeightMatrix, stft } from './spectra.js';
import { topK } from './top-k.js';

const isInterpolated = (n: GraphNode): boolean => ['linear', 'cubic'].includes(String(n.attributes.mode));

const keepsAspect = ({ attributes }: GraphNode): boolean =>
  Boolean(attributes.keep_aspect_ratio_policy) && attributes.keep_aspect_ratio_policy !== 'stretch';

interface Composite {
  readonly write: Compose;
  /** Whether a node is written out; always where it is not said. */
  when?(node: GraphNode, isComputed: (input: number) => boolean, cells: (input: number) => number): boolean;
}

const always: [string, Compose][] = [
  ['AffineGrid', affineGrid],
  ['Attention', attention],
  ['CausalConvWithState', causalConv],
  ['Col2Im', col2im],
  ['DFT', dft],
  ['Einsum', einsum],
  ['GridSample', gridSample],
  ['MelWeightMatrix', melWeightMatrix],
  ['NegativeLogLikelihoodLoss', negativeLogLikelihood],
  ['RoiAlign', roiAlign],
  ['STFT', stft],
  ['SoftmaxCrossEntropyLoss', softmaxCrossEntropy],
  ['SwiGLU', gatedSwish],
  ['TensorScatter', tensorScatter],
  ['RotaryEmbedding', rotaryEmbedding],
  ['SimplifiedLayerNormalization', rmsNormalization],
  ['Swish', swish(1)],
  ['TopK', topK],
  ...MOVEMENT,
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
  ['MaxUnpool', maxUnpool],
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
  [
    'Resize',
    {
      write: (c) => (keepsAspect(c.node) ? keepingAspect(c) : interpolation(c)),
      when: (n) => keepsAspect(n) || isInterpolated(n),
    },
  ],
  ['Upsample', { write: interpolation, when: isInterpolated }],
  ...['Scatter', 'ScatterElements', 'ScatterND'].map(
    (op) =>
      [op, { write: scatter, when: (n, isComputed) => isWrittenOut(n.op, n.attributes.reduction, isComputed(1)) }] as [
        string,
        Composite,
      ],
  ),
  [
    'BatchNormalization',
    {
      write: batchNormalization,
      when: (n, isComputed) => [1, 2, 3, 4].some(isComputed) || numberAttribute(n, 'training_mode', 0) !== 0,
    },
  ],
  ['Clip', { write: clip, when: (_, isComputed) => isComputed(1) || isComputed(2) }],
  ['Conv', { write: convWithBias, when: (n, isComputed) => isComputed(1) && Boolean(n.inputs[2]) }],
  ['Dropout', { write: dropoutWithMask, when: (n) => Boolean(n.outputs[1]) }],
  ['MaxPool', { write: maxPoolWithIndices, when: (n) => Boolean(n.outputs[1]) }],
  ['PRelu', { write: slopes, when: (_, isComputed) => isComputed(1) }],
  ['Pow', { write: power, when: (_, isComputed, cells) => isComputed(0) && (isComputed(1) || cells(1) > 1) }],
  ['Gemm', { write: gemm, when: (n, isComputed) => isComputed(0) && isComputed(1) && Boolean(n.inputs[2]) }],
]);

/** Those that are always written out, by domain. */
const DOMAINS: ReadonlyMap<string, ReadonlyMap<string, Compose>> = new Map([
  ['ai.onnx.ml', CLASSIC],
  ['com.microsoft', CONTRIB],
]);

/** Every operator that is written out in others, and its domain. */
export const COMPOSITE_OPERATORS: readonly { readonly op: string; readonly domain: string }[] = [
  ...[...COMPOSITES.keys()].map((op) => ({ op, domain: '' })),
  ...[...DOMAINS].flatMap(([domain, ops]) => [...ops.keys()].map((op) => ({ op, domain }))),
];

export const isComposite = (op: string, domain: string): boolean =>
  domain === '' ? COMPOSITES.has(op) : (DOMAINS.get(domain)?.has(op) ?? false);

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
  const other = DOMAINS.get(node.domain)?.get(node.op);
  const composite: Composite | undefined = other
    ? { write: other }
    : node.domain === ''
      ? COMPOSITES.get(node.op)
      : undefined;
  const isComputed = (input: number): boolean => {
    const info = infos.get(node.inputs[input] ?? '');
    return info !== undefined && info.value === undefined;
  };
  const cells = (input: number): number => sizeOf(infos.get(node.inputs[input] ?? '')?.dims ?? []);
  if (!composite || composite.when?.(node, isComputed, cells) === false) return undefined;
  const c = new Composer(node, opset, infos, define);
  return c.finish(composite.write(c));
}
