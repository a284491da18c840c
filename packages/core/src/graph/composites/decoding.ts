/** Operators of decoders that run token by token: gates, convolutions over the past, caches that are written to. */
import { badShape, normalAxis, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose } from './composer.js';

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** a·sigmoid(alpha·a)·b. */
export const gatedSwish: Compose = (c) => {
  const [a, b] = c.node.inputs;
  const alpha = numberAttribute(c.node, 'alpha', 1);
  return [c.add('Mul', [c.add('Swish', [a], { alpha }), b])];
};

/** A convolution of each channel with itself at this moment and before; what it read last is its state. */
export const causalConv: Compose = (c) => {
  const [batch, channels, length] = c.dims(0);
  const [filters, one, size] = c.dims(1);
  if (c.dims(0).length !== 3 || filters !== channels || one !== 1)
    throw badShape(c.node, `weights [${c.dims(1)}] do not fit [${c.dims(0)}]`);
  const before = size - 1;
  const [x, weight, bias = '', past = ''] = c.node.inputs;
  const start = past || c.typed(new Array<number>(batch * channels * before).fill(0), [batch, channels, before]);
  const padded = before === 0 ? x : c.add('Concat', [start, x], { axis: 2 });
  const inputs = bias ? [padded, weight, bias] : [padded, weight];
  const y = c.add('Conv', inputs, { group: channels, kernel_shape: [size] });
  const gate = stringAttribute(c.node, 'activation', 'none');
  if (!['none', 'silu', 'swish'].includes(gate)) throw c.unsupported(`activation ${gate}`, 'use none, silu or swish');
  const out = gate === 'none' ? y : c.add('Mul', [y, c.add('Sigmoid', [y])]);
  if (!c.node.outputs[1] || before === 0) return [out];
  return [out, c.add('Slice', [padded, c.ints([length]), c.ints([length + before]), c.ints([2])])];
};

/** Tokens written into a cache from a position of each sequence on. */
export const tensorScatter: Compose = (c) => {
  const dims = c.dims(1);
  const cache = c.dims(0);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -2), dims.length);
  const isFit = cache.length === dims.length && axis > 0 && dims[axis] <= cache[axis];
  if (!isFit || dims.some((d, i) => i !== axis && d !== cache[i]))
    throw badShape(c.node, `[${dims}] does not fit a cache [${cache}]`);
  const along = (n: number, at: number): number[] => dims.map((_, i) => (i === at ? n : 1));
  const own = c.ints(range(dims[axis]), along(dims[axis], axis));
  const start = c.has(2)
    ? c.reshape(c.add('Cast', [c.node.inputs[2]], { to: 7 }), along(dims[0], 0))
    : c.ints([0], along(1, 0));
  const at = c.add('Add', [start, own]);
  const inside =
    stringAttribute(c.node, 'mode', 'linear') === 'circular' ? c.add('Mod', [at, c.scalar(cache[axis])]) : at;
  const each = c.add('Expand', [inside, c.ints(dims)]);
  return [c.add('ScatterElements', [c.node.inputs[0], each, c.node.inputs[1]], { axis })];
};
