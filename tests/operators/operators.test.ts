/** Every operator on small tensors: see check-operator.ts for what is shown of each. */
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { floats, ints, wave } from '../models/build-model.js';
import { only } from './operator-cases.js';

const image = wave([1, 4, 6, 5]);
const positive = (t: Tensor, by = 1.5): Tensor => ({ ...t, data: t.data.map((v) => v + by) });

only('Conv', [
  {
    name: 'padded, with bias',
    x: [image],
    constants: [wave([3, 4, 3, 3], 2), wave([3], 3)],
    attributes: { pads: [1, 1, 1, 1] },
  },
  {
    name: 'strided, dilated',
    x: [image],
    constants: [wave([2, 4, 2, 2], 2)],
    attributes: { strides: [2, 1], dilations: [1, 2] },
  },
  { name: 'grouped', x: [image], constants: [wave([6, 2, 3, 3], 2)], attributes: { group: 2, pads: [1, 0, 1, 0] } },
  {
    name: 'depthwise',
    x: [image],
    constants: [wave([4, 1, 3, 3], 2), wave([4], 5)],
    attributes: { group: 4, strides: [2, 2] },
  },
  {
    name: 'one-dimensional',
    x: [wave([1, 3, 9])],
    constants: [wave([2, 3, 4], 2)],
    attributes: { strides: [2], pads: [1, 2] },
  },
  { name: 'SAME_UPPER', x: [image], constants: [wave([2, 4, 2, 2], 4)], attributes: { auto_pad: 'SAME_UPPER' } },
  { name: 'batched', x: [wave([2, 2, 4, 4])], constants: [wave([3, 2, 2, 2], 2)] },
]);

only('Gemm', [
  { x: [wave([2, 6])], constants: [wave([6, 5], 2), wave([5], 3)] },
  {
    name: 'transposed',
    x: [wave([6, 2])],
    constants: [wave([5, 6], 2), wave([2, 5], 3)],
    attributes: { transA: 1, transB: 1 },
  },
  {
    name: 'alpha, beta',
    x: [wave([2, 6])],
    constants: [wave([6, 5], 2), wave([1], 3)],
    attributes: { alpha: { float: 0.5 }, beta: { float: -2 } },
  },
  { name: 'of two computed matrices', x: [wave([2, 6]), wave([6, 3], 2)] },
]);

only('MatMul', [
  { x: [wave([2, 3, 4])], constants: [wave([4, 5], 2)] },
  { name: 'batched weights', x: [wave([2, 3, 4])], constants: [wave([2, 4, 5], 2)] },
  { name: 'of two computed tensors', x: [wave([2, 3, 4]), wave([2, 4, 2], 2)] },
  { name: 'vectors', x: [wave([4])], constants: [wave([4, 3], 2)] },
  { name: 'broadcast', x: [wave([2, 1, 3, 4]), wave([3, 4, 2], 2)] },
]);

/** Numbers of no pattern within [-1, 1]. */
function noise(dims: readonly number[], seed: number): Tensor {
  let state = seed;
  const next = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return floats(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.fround(2 * next() - 1)),
  );
}

// At high precision, many weights have few bits each; what that leaves of them is summed apart.
only('MatMul', [
  {
    name: 'of many terms',
    x: [noise([2, 1500], 7)],
    constants: [noise([1500, 3], 11)],
    check: { precision: 'high', mutations: 40, tolerance: { high: 0.0005 } },
  },
]);
only('Conv', [
  {
    name: 'of many terms, with bias',
    x: [noise([1, 160, 3, 3], 5)],
    constants: [noise([2, 160, 3, 3], 3), wave([2], 3)],
    attributes: { pads: [1, 1, 1, 1] },
    check: { precision: 'high', mutations: 40, tolerance: { high: 0.0005 } },
  },
]);

for (const op of ['Add', 'Sub', 'Mul']) {
  only(op, [
    { name: 'by a constant, broadcast', x: [wave([2, 3, 4])], constants: [wave([3, 1], 2)] },
    { name: 'by a number', x: [wave([2, 3, 4])], constants: [floats([], [0.37])] },
    { name: 'of two tensors, broadcast', x: [wave([2, 3, 4]), wave([4], 2)] },
  ]);
}
only('Div', [
  { name: 'by a constant', x: [wave([2, 3])], constants: [positive(wave([3], 2))] },
  {
    name: 'by a tensor',
    x: [wave([2, 3]), positive(wave([2, 3], 4))],
    check: { tolerance: { fast: 0.1, standard: 0.02, high: 0.005 } },
  },
  { name: 'a number by a tensor', x: [positive(wave([2, 3], 4))], constants: [floats([], [3])], order: ['c', 0] },
]);

const line = floats([1, 9], [-2, -1.5, -0.6, -0.1, 0, 0.1, 0.6, 1.5, 2]);
only('Relu', [{ x: [line] }]);
only('LeakyRelu', [{ x: [line], attributes: { alpha: { float: 0.2 } } }]);
only('PRelu', [
  { x: [line], constants: [floats([1], [0.3])] },
  { name: 'per channel', x: [image], constants: [wave([4, 1, 1], 2)] },
]);
only('Clip', [{ x: [line], constants: [floats([], [-1]), floats([], [0.5])] }]);
only('Elu', [{ x: [line] }]);
only('Sigmoid', [{ x: [line] }]);
only('Tanh', [{ x: [line] }]);
only('Softmax', [
  { x: [wave([2, 5])] },
  { name: 'middle axis', x: [wave([2, 3, 2])], attributes: { axis: 1 } },
  { name: 'old meaning', x: [wave([1, 2, 3])], attributes: { axis: 1 }, opset: 9 },
]);

only('MaxPool', [
  { x: [image], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  {
    name: 'overlapping, padded',
    x: [image],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  { name: 'one-dimensional', x: [wave([1, 2, 7])], attributes: { kernel_shape: [3], strides: [2] } },
]);
only('AveragePool', [
  { x: [image], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  { name: 'padded', x: [image], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
  {
    name: 'padding counted',
    x: [image],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 },
  },
]);
only('GlobalAveragePool', [{ x: [image], check: { tolerance: { high: 0.003 } } }]);
only('BatchNormalization', [
  { x: [image], constants: [wave([4], 2), wave([4], 3), wave([4], 4), positive(wave([4], 5))] },
  {
    name: 'by computed parameters',
    x: [image, wave([4], 2), wave([4], 3), wave([4], 4), positive(wave([4], 5))],
    check: { tolerance: { fast: 0.1, standard: 0.02, high: 0.005 } },
  },
  {
    name: 'by the moments of the batch',
    x: [image],
    constants: [wave([4], 2), wave([4], 3), wave([4], 4), positive(wave([4], 5))],
    attributes: { training_mode: 1 },
    opset: 15,
    outputs: 3,
  },
]);

only('Flatten', [{ x: [image] }]);
only('Reshape', [{ x: [image], constants: [ints([2, -1])] }]);
only('Squeeze', [{ x: [image], constants: [ints([0])] }]);
only('Unsqueeze', [{ x: [line], constants: [ints([0, 3])] }]);
only('Transpose', [{ x: [image], attributes: { perm: [2, 0, 3, 1] } }]);
only('Concat', [
  { x: [wave([1, 2, 3]), wave([1, 4, 3], 2)], attributes: { axis: 1 } },
  { name: 'with a constant', x: [wave([2, 3])], constants: [wave([2, 2], 3)], attributes: { axis: 1 } },
]);
only('Slice', [{ x: [image], constants: [ints([1, 4]), ints([6, 0]), ints([2, 3]), ints([2, -1])] }]);
only('Pad', [
  { x: [image], constants: [ints([0, 0, 1, 2, 0, 1, 0, 1])] },
  { name: 'with a number', x: [wave([2, 3])], constants: [ints([1, 0, 0, 1]), floats([], [0.25])] },
  { name: 'reflected', x: [wave([3, 4])], constants: [ints([1, 2, 1, 1])], attributes: { mode: 'reflect' } },
]);
only('Identity', [{ x: [line] }]);
only('Dropout', [{ x: [line] }]);
