/** Functions of one variable, recurrent layers and what is left of the operators: see check-operator.ts. */
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { floats, ints, wave } from '../models/build-model.js';
import { only } from './operator-cases.js';

const line = floats([1, 9], [-2, -1.5, -0.6, -0.1, 0, 0.1, 0.6, 1.5, 2]);
const unit = floats([1, 7], [-0.9, -0.5, -0.1, 0, 0.25, 0.6, 0.9]);
const above = (from: number): Tensor => floats([1, 5], [from, from + 0.25, from + 0.5, from + 1, from + 2]);
const image = wave([1, 4, 6, 5]);
const rough = { check: { tolerance: { fast: 0.1, standard: 0.012, high: 0.002 } } };

const FUNCTIONS = 'Abs Atan Cos Cosh Erf Exp Asinh HardSigmoid HardSwish Mish Shrink Sin Sinh Softplus Softsign'.split(
  ' ',
);
for (const op of FUNCTIONS) only(op, [{ x: [line], opset: 18 }]);
for (const op of 'Acos Asin Atanh Tan'.split(' ')) only(op, [{ x: [unit], ...rough }]);
for (const op of 'Log Sqrt Reciprocal'.split(' ')) only(op, [{ x: [above(0.25)], ...rough }]);
only('Acosh', [{ x: [above(1.25)], ...rough }]);
only('LogSoftmax', [
  { x: [wave([2, 5])] },
  { name: 'of equal cells, whose sum is the largest', x: [floats([1, 8], new Array<number>(8).fill(0.5))] },
]);
for (const op of ['Min', 'Max', 'Sum']) only(op, [{ x: [wave([2, 3]), wave([3], 2), wave([2, 1], 3)] }]);
only('ReduceMean', [
  { x: [wave([2, 3, 4])], attributes: { axes: [-1], keepdims: 0 } },
  { name: 'axes as an input', x: [wave([2, 3, 4])], constants: [ints([0, 2])], opset: 18 },
]);
only('GlobalMaxPool', [{ x: [image] }]);
only('Expand', [{ x: [wave([3, 1])], constants: [ints([2, 1, 4])] }]);
only('Split', [{ x: [wave([2, 5])], constants: [ints([2, 3])], attributes: { axis: 1 }, outputs: 2 }]);
only('DepthToSpace', [
  { x: [image], attributes: { blocksize: 2 } },
  { name: 'columns first', x: [image], attributes: { blocksize: 2, mode: 'CRD' } },
]);
only('SpaceToDepth', [{ x: [wave([1, 2, 4, 6])], attributes: { blocksize: 2 } }]);

const GATES = { RNN: 1, GRU: 3, LSTM: 4 };
for (const [op, gates] of Object.entries(GATES)) {
  const weights = [wave([2, gates * 3, 2], 2), wave([2, gates * 3, 3], 3), wave([2, 2 * gates * 3], 4)];
  only(op, [
    {
      name: 'both ways, of several lengths',
      x: [wave([3, 2, 2])],
      constants: [...weights, { ...ints([3, 2]), dtype: 'int32' }],
      attributes: { hidden_size: 3, direction: 'bidirectional' },
      opset: 14,
      outputs: 2,
      ...rough,
    },
    {
      name: 'batch first, clipped, from a state',
      x: [wave([2, 3, 2]), wave([2, 2, 3], 5)],
      order: [0, 'c', 'd', 'e', '', 1],
      constants: weights,
      attributes: { hidden_size: 3, direction: 'bidirectional', layout: 1, clip: { float: 0.75 } },
      opset: 14,
      ...rough,
    },
  ]);
}
only('LSTM', [
  {
    name: 'with peepholes',
    x: [wave([3, 1, 2])],
    constants: [wave([1, 12, 2], 2), wave([1, 12, 3], 3), wave([1, 24], 4), '', '', '', wave([1, 9], 5)],
    attributes: { hidden_size: 3 },
    opset: 14,
    outputs: 3,
    ...rough,
  },
]);
only('GRU', [
  {
    name: 'reset after the product',
    x: [wave([3, 1, 2])],
    constants: [wave([1, 9, 2], 2), wave([1, 9, 3], 3), wave([1, 18], 4)],
    attributes: { hidden_size: 3, linear_before_reset: 1 },
    opset: 14,
    ...rough,
  },
  {
    name: 'where saturated gates leave nothing but rounding',
    x: [floats([3, 1, 2], [40, 50, 30, 60, 45, 35])],
    constants: [floats([1, 3, 2], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]), floats([1, 3, 1], [0.5, 0.5, 0.5])],
    attributes: { hidden_size: 1 },
    opset: 14,
    check: { tolerance: { fast: 1e9, standard: 1e9, high: 1e9 } },
  },
]);
