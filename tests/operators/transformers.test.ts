/** Attention, positions and normalisations as operators: see check-operator.ts for what is shown of each. */
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { floats, ints, wave } from '../models/build-model.js';
import { type Case, only } from './operator-cases.js';

const bools = (data: number[], dims: number[]): Tensor => ({ ...ints(data, dims), dtype: 'bool' });
const attention = { check: { tolerance: { fast: 0.3, standard: 0.015, high: 0.003 } }, opset: 24 };
const microsoft = (op: string, cases: readonly Case[]): void =>
  only(
    op,
    cases.map((c, i) => ({
      check: attention.check,
      ...c,
      name: `of com.microsoft${c.name ? `, ${c.name}` : ` ${i + 1}`}`,
      domain: 'com.microsoft',
    })),
  );
const hidden = [1, 2, 3].map(() => Number.NEGATIVE_INFINITY);
const angles = Array.from({ length: 8 * 2 }, (_, i) => Math.floor(i / 2) / 10 ** (i % 2));
const cos = floats([8, 2], angles.map(Math.cos));
const sin = floats([8, 2], angles.map(Math.sin));
const positive = (dims: readonly number[], seed: number): Tensor => {
  const t = wave(dims, seed);
  return { ...t, data: t.data.map((x) => x + 1.5) };
};

only('Attention', [
  { name: 'of heads apart', x: [wave([1, 2, 3, 4]), wave([1, 2, 5, 4], 2), wave([1, 2, 5, 3], 3)], ...attention },
  {
    name: 'causal, heads together and shared, capped',
    x: [wave([1, 3, 8]), wave([1, 3, 4], 2), wave([1, 3, 4], 3)],
    attributes: { q_num_heads: 4, kv_num_heads: 2, is_causal: 1, softcap: { float: 2 }, scale: { float: 0.7 } },
    ...attention,
  },
  {
    name: 'after keys and values of before',
    x: [wave([1, 2, 2, 4]), wave([1, 2, 2, 4], 2), wave([1, 2, 2, 4], 3), wave([1, 2, 3, 4], 4), wave([1, 2, 3, 4], 5)],
    order: [0, 1, 2, 'c', 3, 4],
    constants: [floats([2, 5], [0, -1e9, 0, 0, 0, 0.5, 0, 0, -1e9, 0])],
    attributes: { is_causal: 1 },
    outputs: 3,
    ...attention,
  },
  {
    name: 'with a mask that is an input',
    x: [wave([1, 2, 2, 4]), wave([1, 2, 3, 4], 2), wave([1, 2, 3, 4], 3), bools([1, 0, 1, 1, 1, 0], [2, 3])],
    ...attention,
  },
  {
    name: 'with a mask that is an input and hides every key from a query',
    x: [wave([1, 2, 2, 4]), wave([1, 2, 3, 4], 2), wave([1, 2, 3, 4], 3), bools([1, 0, 1, 0, 0, 0], [2, 3])],
    attributes: { qk_matmul_output_mode: 3 },
    order: [0, 1, 2, 3],
    outputs: 4,
    ...attention,
  },
  {
    name: 'with a constant mask that hides every key from a query',
    x: [wave([1, 2, 2, 4]), wave([1, 2, 3, 4], 2), wave([1, 2, 3, 4], 3)],
    constants: [floats([2, 3], [...hidden, 0, -0.5, hidden[0]])],
    ...attention,
  },
  {
    name: 'with a mask and a causal window that together hide every key',
    x: [wave([1, 2, 2, 4]), wave([1, 2, 3, 4], 2), wave([1, 2, 3, 4], 3), bools([0, 1, 1, 1, 1, 1], [2, 3])],
    attributes: { is_causal: 1 },
    ...attention,
  },
  {
    name: 'with the number of keys as an input',
    x: [wave([2, 2, 2, 4]), wave([2, 2, 3, 4], 2), wave([2, 2, 3, 4], 3), ints([1, 3])],
    order: [0, 1, 2, '', '', '', 3],
    attributes: { is_causal: 1, left_window_size: 1 },
    ...attention,
  },
  {
    name: 'with numbers that are added as an input, infinite ones in all of a row',
    x: [
      wave([1, 2, 2, 4]),
      wave([1, 2, 3, 4], 2),
      wave([1, 2, 3, 4], 3),
      floats([2, 3], [0, hidden[0], 0.25, ...hidden]),
    ],
    ...attention,
    check: { tolerance: { fast: 0.3, standard: 0.025, high: 0.004 } },
  },
]);
only('RotaryEmbedding', [
  {
    name: 'at given positions',
    x: [wave([1, 3, 8]), ints([2, 0, 5], [1, 3])],
    order: [0, 'c', 'd', 1],
    constants: [cos, sin],
    attributes: { num_heads: 2 },
    opset: 23,
  },
  {
    name: 'interleaved, of a part',
    x: [wave([1, 2, 3, 6])],
    constants: [
      floats([1, 3, 2], angles.slice(0, 6).map(Math.cos)),
      floats([1, 3, 2], angles.slice(0, 6).map(Math.sin)),
    ],
    attributes: { interleaved: 1, rotary_embedding_dim: 4 },
    opset: 23,
  },
]);
only('SimplifiedLayerNormalization', [{ x: [wave([2, 8])], constants: [positive([8], 2)] }]);
only('Swish', [{ x: [wave([2, 5])], attributes: { alpha: { float: 1.5 } }, opset: 24 }]);
only('Gelu', [
  { x: [wave([2, 5])], opset: 20 },
  { name: 'by its tanh form', x: [wave([2, 5])], attributes: { approximate: 'tanh' }, opset: 20 },
]);

microsoft('BiasGelu', [{ x: [wave([2, 4])], constants: [wave([4], 2)] }]);
microsoft('FastGelu', [{ x: [wave([2, 4])], constants: [wave([4], 2)] }]);
microsoft('QuickGelu', [{ x: [wave([2, 4])] }]);
microsoft('FusedMatMul', [
  { x: [wave([2, 3, 4]), wave([2, 5, 4], 2)], attributes: { transB: 1, alpha: { float: 0.25 } } },
]);
microsoft('SkipLayerNormalization', [
  { x: [wave([1, 3, 8]), wave([1, 3, 8], 2)], constants: [positive([8], 3), wave([8], 4), wave([8], 5)] },
]);
microsoft('SkipSimplifiedLayerNormalization', [
  { x: [wave([1, 3, 8]), wave([1, 3, 8], 2)], constants: [positive([8], 3)] },
]);
microsoft('MultiHeadAttention', [
  {
    name: 'with a mask of keys',
    x: [wave([1, 2, 8]), wave([1, 3, 8], 2), wave([1, 3, 8], 3), ints([1, 1, 0], [1, 3])],
    order: [0, 1, 2, 'c', 3],
    constants: [wave([24], 4)],
    attributes: { num_heads: 2 },
  },
]);
microsoft('Attention', [
  {
    x: [wave([1, 3, 4])],
    constants: [wave([4, 24], 2), wave([24], 3)],
    attributes: { num_heads: 2, unidirectional: 1 },
  },
]);
microsoft('GroupQueryAttention', [
  {
    x: [wave([1, 3, 16]), wave([1, 3, 8], 2), wave([1, 3, 8], 3)],
    constants: ['', '', ints([2]), ints([3], []), cos, sin],
    attributes: { num_heads: 4, kv_num_heads: 2, do_rotary: 1 },
  },
]);
microsoft('RotaryEmbedding', [{ x: [wave([1, 3, 8])], constants: [ints([2]), cos, sin] }]);
