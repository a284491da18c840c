/** Comparisons, choices, positions and whole numbers: see check-operator.ts for what is shown of each. */
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { floats, ints, wave } from '../models/build-model.js';
import { only } from './operator-cases.js';

const typed = (dtype: Tensor['dtype'], data: number[], dims = [data.length]): Tensor => ({
  ...ints(data, dims),
  dtype,
});
const bools = (...data: number[]) => typed('bool', data);
const exact = { tolerance: { fast: 0, standard: 0, high: 0 } };
const line = floats([7], [-2, -0.5, 0, 0.25, 0.5, 1.5, 2]);
const other = floats([7], [-2, -1, 0.25, 0.25, -0.5, 1.25, 3]);

for (const op of ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual']) {
  only(op, [
    { name: 'of two tensors', x: [line, other], opset: 16, check: exact },
    { name: 'with a constant', x: [line], constants: [floats([1], [0.25])], opset: 16, check: exact },
    { name: 'of whole numbers', x: [ints([1, 5, -3]), ints([2, 5, -4])], opset: 16, check: exact },
  ]);
}
for (const op of ['And', 'Or', 'Xor']) only(op, [{ x: [bools(0, 0, 1, 1), bools(0, 1, 0, 1)], check: exact }]);
only('Not', [{ x: [bools(0, 1)], check: exact }]);
only('Where', [
  { x: [bools(1, 0, 1), wave([2, 3]), wave([3], 2)], opset: 16 },
  { name: 'of a constant', x: [bools(1, 0, 1), wave([3])], constants: [floats([], [-0.5])], opset: 16 },
]);
only('Sign', [{ x: [line], check: exact }]);
only('Floor', [{ x: [line], check: exact }]);
only('Ceil', [{ x: [line], check: exact }]);
only('Round', [{ x: [floats([6], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])], check: exact }]);
only('Cast', [
  { name: 'to whole numbers', x: [floats([4], [-1.5, -0.25, 0.75, 2.5])], attributes: { to: 7 }, check: exact },
  { name: 'to truth values', x: [line], attributes: { to: 9 }, check: exact },
]);
only('Div', [
  { name: 'of whole numbers by a constant', x: [ints([7, -7, 0, 9])], constants: [ints([2], [])], check: exact },
  { name: 'of whole numbers', x: [ints([7, -7, 8, 9]), ints([2, 2, -3, 4])], check: exact },
]);
only('Mod', [
  { x: [ints([7, -7, 8, 9]), ints([3, 3, 3, 5])], check: exact },
  {
    name: 'with the sign of the dividend',
    x: [ints([7, -7])],
    constants: [ints([3], [])],
    attributes: { fmod: 1 },
    check: exact,
  },
  {
    name: 'of real numbers',
    x: [floats([3], [0.2, 0.7, -0.4])],
    constants: [floats([1], [0.5])],
    attributes: { fmod: 1 },
    check: { tolerance: { standard: 0.01, high: 0.002 } },
  },
]);
for (const op of ['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'])
  only(op, [
    { x: [typed('uint8', [12, 255, 7]), typed('uint8', [10, 15, 64])], opset: 18, check: exact },
    {
      name: 'with signs',
      x: [typed('int16', [-4, -1, 300, -300, 5]), typed('int16', [7, -128, -7, -13, 12])],
      opset: 18,
      check: exact,
    },
  ]);
only('BitwiseNot', [
  { x: [typed('uint8', [12, 255, 0])], opset: 18, check: exact },
  { name: 'with a sign', x: [typed('int32', [12, -5, 0])], opset: 18, check: exact },
]);
only('BitShift', [
  {
    x: [typed('uint8', [12, 200, 1])],
    constants: [typed('uint8', [3, 1, 2])],
    attributes: { direction: 'LEFT' },
    check: exact,
  },
  {
    name: 'to the right',
    x: [typed('uint8', [12, 200, 1])],
    constants: [typed('uint8', [2], [])],
    attributes: { direction: 'RIGHT' },
    check: exact,
  },
  {
    name: 'to the left, beyond the highest bit',
    x: [typed('uint8', [12, 200, 255])],
    constants: [typed('uint8', [5], [])],
    attributes: { direction: 'LEFT' },
    check: exact,
  },
  ...['LEFT', 'RIGHT'].map((direction) => ({
    name: `past the width, ${direction}`,
    x: [typed('uint8', [12, 200, 255])],
    constants: [typed('uint8', [9], [])],
    attributes: { direction },
    check: exact,
  })),
  {
    name: 'by a tensor',
    x: [typed('uint8', [12, 200, 1]), typed('uint8', [2, 3, 0])],
    attributes: { direction: 'RIGHT' },
    check: exact,
  },
]);
only('ArgMax', [
  { x: [wave([3, 5])], attributes: { axis: 1 }, check: exact },
  {
    name: 'the last of equal ones',
    x: [floats([1, 4], [1, 3, 3, 0])],
    attributes: { axis: 1, select_last_index: 1 },
    check: exact,
  },
]);
only('ArgMin', [{ x: [wave([3, 5])], attributes: { axis: 0, keepdims: 0 }, check: exact }]);
only('Hardmax', [{ x: [wave([3, 5])], check: exact }]);
only('OneHot', [
  { x: [ints([1, 0, -1])], constants: [ints([3], []), floats([2], [0.5, 2])], check: { tolerance: { fast: 0.01 } } },
]);
only('TopK', [
  { x: [wave([2, 6])], constants: [ints([3])] },
  {
    name: 'the smallest, along the first axis',
    x: [wave([4, 3])],
    constants: [ints([2])],
    attributes: { axis: 0, largest: 0 },
  },
  { name: 'of a long row', x: [wave([1, 97])], constants: [ints([3])], outputs: 2 },
]);
only('Gather', [
  { name: 'of computed data', x: [wave([5, 3]), ints([4, 0, -2])] },
  { name: 'along the second axis', x: [wave([2, 5, 2]), ints([4, 1], [1, 2])], attributes: { axis: 1 } },
]);
only('GatherElements', [{ name: 'of computed data', x: [wave([3, 4]), ints([0, 2, 1, 1, 0, -1], [2, 3])] }]);
only('GatherND', [{ name: 'of computed data', x: [wave([3, 4]), ints([0, 2, 1, 1], [2, 2])] }]);
only('ScatterND', [{ x: [wave([5, 2]), ints([3, 0], [2, 1]), wave([2, 2], 3)] }]);
only('ScatterElements', [
  { x: [wave([3, 4]), ints([0, 2], [1, 2]), wave([1, 2], 3)], attributes: { axis: 0 } },
  {
    name: 'to a cell named twice',
    x: [wave([2, 4]), ints([1, 1, 3, 0], [2, 2]), wave([2, 2], 3)],
    attributes: { axis: 1 },
  },
]);
only('CumSum', [
  { x: [wave([2, 5])], constants: [ints([1], [])] },
  {
    name: 'of whole numbers',
    x: [ints([3, 1, 4, 1])],
    constants: [ints([0], [])],
    attributes: { exclusive: 1, reverse: 1 },
    check: exact,
  },
]);
