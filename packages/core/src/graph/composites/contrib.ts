/** Operators of com.microsoft that optimisers write for transformers, in standard ones. */
import { badShape, listAttribute, numberAttribute } from '../attributes.js';
import { after, anglesAt, attend, inHeads, type Part, part, rotated, together } from './attention.js';
import type { Compose, Composer } from './composer.js';

const BOOL = 9;

const plus = (c: Composer, x: string, index: number): string =>
  c.has(index) ? c.add('Add', [x, c.node.inputs[index]]) : x;

const biasGelu: Compose = (c) => [c.add('Gelu', [plus(c, c.node.inputs[0], 1)])];
const fastGelu: Compose = (c) => [c.add('Gelu', [plus(c, c.node.inputs[0], 1)], { approximate: 'tanh' })];

/** x·sigmoid(alpha·x). */
export const swish =
  (alpha: number): Compose =>
  (c) => {
    const [x] = c.node.inputs;
    c.dims(0);
    const by = numberAttribute(c.node, 'alpha', alpha);
    return [c.add('Mul', [x, c.add('Sigmoid', [by === 1 ? x : c.add('Mul', [x, c.floats([by])])])])];
  };

/** A normalisation of the last axis of a sum, which is given out too. */
const skipNormalization =
  (op: 'LayerNormalization' | 'RMSNormalization'): Compose =>
  (c) => {
    const epsilon = numberAttribute(c.node, 'epsilon', 1e-12);
    const beta = op === 'LayerNormalization' && c.has(3) ? [c.node.inputs[3]] : [];
    const sum = plus(c, c.add('Add', [c.node.inputs[0], c.node.inputs[1]]), op === 'LayerNormalization' ? 4 : 3);
    const y = c.add(op, [sum, c.node.inputs[2], ...beta], { axis: -1, epsilon });
    for (const i of [1, 2]) if (c.node.outputs[i]) throw c.unsupported('mean and deviation', 'leave these outputs out');
    // Outputs 1 and 2 are unused in inference.
    return c.node.outputs[3] ? [y, sum, sum, sum] : [y];
  };

const fusedMatMul: Compose = (c) => {
  const operand = (index: number, attribute: string): string => {
    const rank = c.dims(index).length;
    const perm = [...Array.from({ length: Math.max(0, rank - 2) }, (_, i) => i), rank - 1, rank - 2];
    const [x] = [c.node.inputs[index]];
    return numberAttribute(c.node, attribute, 0) === 1 && rank >= 2 ? c.add('Transpose', [x], { perm }) : x;
  };
  const product = c.add('MatMul', [operand(0, 'transA'), operand(1, 'transB')]);
  const alpha = numberAttribute(c.node, 'alpha', 1);
  return [alpha === 1 ? product : c.add('Mul', [product, c.floats([alpha])])];
};

/** A mask of keys [batch, keys], 1 where they count, as truth values that broadcast over heads and queries. */
function keyMask(c: Composer, index: number, keys: number): { x: string; isTruth: boolean } {
  const dims = c.dims(index);
  if (dims.length !== 2 || dims[1] !== keys)
    throw c.unsupported(`a mask of shape [${dims}]`, 'give a mask of [batch, keys]');
  const truth = c.add('Cast', [c.node.inputs[index]], { to: BOOL });
  return { x: c.reshape(truth, [dims[0], 1, 1, dims[1]]), isTruth: true };
}

/** Columns of a bias list added to a part. */
function biased(c: Composer, p: Part, index: number, from: number, to: number): Part {
  if (!c.has(index)) return p;
  const bias = c.add('Slice', [c.node.inputs[index], c.ints([from]), c.ints([to]), c.ints([0])]);
  return { ...p, x: c.add('Add', [p.x, bias]) };
}

/** Inputs: queries, keys, values, bias, mask of keys, numbers added to the scores, past keys and values. */
const multiHeadAttention: Compose = (c) => {
  const heads = numberAttribute(c.node, 'num_heads', 1);
  if (c.dims(0).length !== 3 || !c.has(1) || !c.has(2))
    throw c.unsupported('queries, keys and values in one tensor', 'give them apart');
  const [wq, wk] = [0, 1].map((i) => c.dims(i)[c.dims(i).length - 1]);
  const wv = c.dims(2)[c.dims(2).length - 1];
  const q = inHeads(c, biased(c, part(c, 0), 3, 0, wq), heads);
  const isFlat = c.dims(1).length === 3;
  const k = after(
    c,
    c.has(6) ? part(c, 6) : undefined,
    inHeads(c, isFlat ? biased(c, part(c, 1), 3, wq, wq + wk) : part(c, 1), heads),
  );
  const v = after(
    c,
    c.has(7) ? part(c, 7) : undefined,
    inHeads(c, isFlat ? biased(c, part(c, 2), 3, wq + wk, wq + wk + wv) : part(c, 2), heads),
  );
  const { y } = attend(c, q, k, v, {
    scale: numberAttribute(c.node, 'scale', 0) || 1 / Math.sqrt(q.dims[3]),
    cap: 0,
    window: { isCausal: numberAttribute(c.node, 'unidirectional', 0) === 1, offsets: [k.dims[2] - q.dims[2]] },
    masks: [
      ...(c.has(4) ? [keyMask(c, 4, k.dims[2])] : []),
      ...(c.has(5) ? [{ x: c.node.inputs[5], isTruth: false }] : []),
    ],
    isZeroWhereEmpty: false,
  });
  return [together(c, y).x, k.x, v.x];
};

/** Inputs: x, weights and bias of queries, keys and values in one, and a mask of keys. */
const packedAttention: Compose = (c) => {
  const heads = numberAttribute(c.node, 'num_heads', 1);
  if (c.has(4)) throw c.unsupported('past keys in one tensor', 'use MultiHeadAttention');
  const [batch, tokens] = c.dims(0);
  const width = c.dims(1)[1];
  const sizes = listAttribute(c.node, 'qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3];
  const all = plus(c, c.add('MatMul', [c.node.inputs[0], c.node.inputs[1]]), 2);
  let at = 0;
  const [q, k, v] = sizes.map((size): Part => {
    const x = c.add('Slice', [all, c.ints([at]), c.ints([at + size]), c.ints([2])]);
    at += size;
    return inHeads(c, { x, dims: [batch, tokens, size] }, heads);
  });
  const { y } = attend(c, q, k, v, {
    scale: numberAttribute(c.node, 'scale', 0) || 1 / Math.sqrt(q.dims[3]),
    cap: 0,
    window: { isCausal: numberAttribute(c.node, 'unidirectional', 0) === 1, offsets: [0] },
    masks: [
      ...(c.has(3) ? [keyMask(c, 3, tokens)] : []),
      ...(c.has(5) ? [{ x: c.node.inputs[5], isTruth: false }] : []),
    ],
    isZeroWhereEmpty: false,
  });
  return [together(c, y).x];
};

/** Inputs: queries, keys, values, past keys and values, last positions, their number, cosines and sines. */
const groupQueryAttention: Compose = (c) => {
  const heads = numberAttribute(c.node, 'num_heads', 1);
  const groups = numberAttribute(c.node, 'kv_num_heads', heads);
  if (!c.has(1) || !c.has(2)) throw c.unsupported('queries, keys and values in one tensor', 'give them apart');
  const past = c.has(3) ? c.dims(3)[2] : 0;
  const [batch, tokens] = c.dims(0);
  const last = c.known(5, 'the last position').data;
  if (last.some((n) => n !== past + tokens - 1))
    throw c.unsupported(`last positions ${[...last]} of ${past + tokens} keys`, 'give keys without padding');
  const positions = Array.from({ length: tokens }, (_, i) => past + i);
  const turned = (p: Part): Part => {
    if (numberAttribute(c.node, 'do_rotary', 0) !== 1) return p;
    const isInterleaved = numberAttribute(c.node, 'rotary_interleaved', 0) === 1;
    return rotated(c, p, {
      cos: anglesAt(c, 7, positions, batch),
      sin: anglesAt(c, 8, positions, batch),
      isInterleaved,
    });
  };
  const q = turned(inHeads(c, part(c, 0), heads));
  const k = after(c, c.has(3) ? part(c, 3) : undefined, turned(inHeads(c, part(c, 1), groups)));
  const v = after(c, c.has(4) ? part(c, 4) : undefined, inHeads(c, part(c, 2), groups));
  const window = numberAttribute(c.node, 'local_window_size', -1);
  const { y } = attend(c, q, k, v, {
    scale: numberAttribute(c.node, 'scale', 0) || 1 / Math.sqrt(q.dims[3]),
    cap: numberAttribute(c.node, 'softcap', 0),
    window: { isCausal: true, offsets: [past], left: window > 0 ? window - 1 : -1 },
    masks: [],
    isZeroWhereEmpty: false,
  });
  return [together(c, y).x, k.x, v.x];
};

/** Inputs: x, positions, cosines and sines. One position alone is that of the first token. */
const rotaryEmbedding: Compose = (c) => {
  const isFlat = c.dims(0).length === 3;
  const [cos] = c.dims(2);
  const width = c.dims(0)[c.dims(0).length - 1];
  const dim = numberAttribute(c.node, 'rotary_embedding_dim', 0);
  const depth = dim === 0 ? 2 * c.dims(2)[1] : dim;
  const heads = numberAttribute(c.node, 'num_heads', 0) || width / depth;
  const p = inHeads(c, part(c, 0), heads);
  if (!(cos >= p.dims[2])) throw badShape(c.node, `${cos} positions for ${p.dims[2]} tokens`);
  const isFirst = c.dims(1).length === 1;
  const first = isFirst ? c.known(1, 'the position').data[0] : 0;
  const positions = isFirst ? Array.from({ length: p.dims[2] }, (_, i) => first + i) : 1;
  const y = rotated(c, p, {
    cos: anglesAt(c, 2, positions, p.dims[0]),
    sin: anglesAt(c, 3, positions, p.dims[0]),
    isInterleaved: numberAttribute(c.node, 'interleaved', 0) === 1,
  });
  return [isFlat ? together(c, y).x : y.x];
};

export const CONTRIB: ReadonlyMap<string, Compose> = new Map([
  ['Attention', packedAttention],
  ['BiasGelu', biasGelu],
  ['FastGelu', fastGelu],
  ['FusedMatMul', fusedMatMul],
  ['GroupQueryAttention', groupQueryAttention],
  ['MultiHeadAttention', multiHeadAttention],
  ['QuickGelu', swish(1.702)],
  ['RotaryEmbedding', rotaryEmbedding],
  ['SkipLayerNormalization', skipNormalization('LayerNormalization')],
  ['SkipSimplifiedLayerNormalization', skipNormalization('RMSNormalization')],
]);
