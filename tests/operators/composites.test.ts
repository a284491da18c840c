/** Operators that are written out in others: see check-operator.ts for what is shown of each. */
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { floats, ints, wave } from '../models/build-model.js';
import { only } from './operator-cases.js';

const positive = (dims: readonly number[], seed: number): Tensor => {
  const t = wave(dims, seed);
  return { ...t, data: t.data.map((x) => x + 1.5) };
};
const typed = (dtype: Tensor['dtype'], data: number[], dims = [data.length]): Tensor => ({
  ...ints(data, dims),
  dtype,
});
const image = wave([1, 2, 4, 5]);

only('ReduceProd', [
  { x: [positive([2, 5], 1)], attributes: { axes: [1] }, check: { tolerance: { standard: 0.02, high: 0.003 } } },
]);
only('ReduceLogSum', [{ x: [positive([2, 5], 1)], attributes: { axes: [1], keepdims: 0 } }]);
only('ReduceLogSumExp', [{ x: [wave([2, 5])], attributes: { axes: [1] } }]);
only('ReduceL1', [{ x: [wave([2, 5])], attributes: { axes: [1] } }]);
only('ReduceL2', [{ x: [wave([2, 5])], attributes: { axes: [1] } }]);
only('ReduceSumSquare', [{ x: [wave([2, 5])], attributes: { axes: [1] } }]);
only('ReduceMax', [{ x: [wave([2, 5])], attributes: { axes: [1] } }]);
only('ReduceMin', [{ x: [wave([2, 5])], attributes: { axes: [0], keepdims: 0 } }]);
only('LpPool', [
  { x: [image], attributes: { kernel_shape: [2, 2] } },
  { name: 'p = 1', x: [image], attributes: { kernel_shape: [2, 2], p: 1 } },
]);
only('GlobalLpPool', [{ x: [image] }]);
only('Einsum', [
  { name: 'a matrix product', x: [wave([2, 3, 4]), wave([2, 4, 2], 2)], attributes: { equation: 'bij,bjk->bik' } },
  { name: 'attention', x: [wave([1, 3, 2, 4]), wave([1, 3, 2, 4], 2)], attributes: { equation: 'bqhd,bkhd->bhqk' } },
  { name: 'by weights', x: [wave([2, 3, 4])], constants: [wave([4, 5], 2)], attributes: { equation: '...i,io->...o' } },
  { name: 'a sum', x: [wave([2, 3])], attributes: { equation: 'ij->j' } },
]);
only('Resize', [
  { name: 'linear', x: [image], constants: ['', floats([4], [1, 1, 2, 2])], attributes: { mode: 'linear' } },
  {
    name: 'cubic',
    x: [image],
    constants: ['', floats([4], [1, 1, 1.5, 2])],
    attributes: { mode: 'cubic', coordinate_transformation_mode: 'align_corners' },
  },
]);
only('Upsample', [
  { name: 'linear', x: [image], constants: [floats([4], [1, 1, 2, 2])], attributes: { mode: 'linear' }, opset: 9 },
]);
only('QuantizeLinear', [
  {
    x: [wave([2, 3])],
    constants: [floats([], [0.02]), typed('uint8', [100], [])],
    check: { tolerance: { fast: 0.05, standard: 0.02, high: 0.01 } },
  },
]);
only('DequantizeLinear', [
  { x: [typed('int8', [-100, 3, 80])], constants: [floats([], [0.02]), typed('int8', [5], [])] },
]);
only('MatMulInteger', [
  {
    x: [typed('uint8', [1, 2, 3, 4, 5, 6], [2, 3])],
    constants: [typed('int8', [1, -2, 3, 4, -5, 6], [3, 2]), typed('uint8', [2], [])],
    check: { tolerance: { fast: 0, standard: 0, high: 0 } },
  },
]);
only('ConvInteger', [
  {
    x: [typed('uint8', [1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3])],
    constants: [typed('uint8', [1, 2, 3, 4], [1, 1, 2, 2]), typed('uint8', [1], [])],
    check: { tolerance: { fast: 0, standard: 0, high: 0 } },
  },
]);
only('QLinearMatMul', [
  {
    x: [typed('uint8', [10, 20, 30, 40, 50, 60], [2, 3])],
    constants: [
      floats([], [0.02]),
      typed('uint8', [5], []),
      typed('uint8', [10, 20, 30, 40, 50, 60], [3, 2]),
      floats([], [0.03]),
      typed('uint8', [7], []),
      floats([], [0.05]),
      typed('uint8', [3], []),
    ],
    check: { tolerance: { fast: 0.05, standard: 0.02, high: 0.02 } },
  },
]);
only('ConvTranspose', [
  { x: [image], constants: [wave([2, 3, 2, 2], 3)], attributes: { strides: [2, 2] } },
  { name: 'by a computed kernel', x: [image, wave([2, 3, 2, 2], 3)], attributes: { strides: [2, 2] } },
]);
only('Mean', [{ x: [wave([2, 3]), wave([2, 3], 2)] }]);
only('Celu', [{ x: [wave([2, 3])] }]);
only('Selu', [{ x: [wave([2, 3])] }]);
only('ThresholdedRelu', [{ x: [wave([2, 3])], attributes: { alpha: { float: 0.25 } } }]);
only('Pow', [{ x: [positive([2, 3], 1)], constants: [floats([], [1.5])] }]);
only('Pow', [
  {
    name: 'by a tensor',
    x: [positive([2, 3], 1), wave([2, 3], 2)],
    check: { tolerance: { standard: 0.01, high: 0.002 } },
  },
]);
only('Tile', [{ x: [wave([2, 3])], constants: [ints([1, 2])] }]);
only('Trilu', [{ x: [wave([3, 3])], opset: 14 }]);

// Constants where they stand, which an output is bound to nevertheless.
for (const op of ['HannWindow', 'HammingWindow', 'BlackmanWindow'])
  only(op, [{ x: [wave([5])], constants: [ints([5], [])], order: ['c'], opset: 17 }]);
only('EyeLike', [{ x: [wave([2, 3])], attributes: { k: 1, dtype: 1 } }]);
only('NonZero', [{ x: [wave([2])], constants: [floats([2, 2], [1, 0, 3, 4])], order: ['c'] }]);
only('QuantizeLinear', [
  {
    name: 'to a type that is named',
    x: [wave([2, 5])],
    constants: [floats([], [0.01])],
    attributes: { output_dtype: 3 },
    opset: 21,
    check: { tolerance: { standard: 0.01, high: 0.01 } },
  },
]);
const blocks = floats([2, 2], [0.02, 0.05, 0.1, 0.04]);
only('QuantizeLinear', [
  {
    name: 'by blocks',
    x: [wave([2, 5])],
    constants: [blocks, typed('uint8', [100, 120, 128, 90], [2, 2])],
    attributes: { axis: 1, block_size: 3 },
    opset: 21,
  },
]);
only('DequantizeLinear', [
  {
    name: 'by blocks',
    x: [typed('uint8', [1, 20, 130, 7, 255, 8, 90, 10, 44, 3], [2, 5])],
    constants: [blocks, typed('uint8', [100, 120, 128, 90], [2, 2])],
    attributes: { axis: 1, block_size: 3 },
    opset: 21,
  },
]);
