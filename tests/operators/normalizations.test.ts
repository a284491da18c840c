/** Normalisations on small tensors: see check-operator.ts for what is shown of each. */

import { floats, wave } from '../models/build-model.js';
import { only } from './operator-cases.js';

const image = wave([1, 4, 6, 5]);
const positive = (dims: readonly number[], seed: number) => {
  const t = wave(dims, seed);
  return { ...t, data: t.data.map((x) => x + 1.5) };
};

only('LayerNormalization', [
  { x: [wave([3, 16])], constants: [positive([16], 2), wave([16], 3)], opset: 17 },
  { name: 'over two axes', x: [wave([2, 3, 8])], constants: [positive([3, 8], 2)], attributes: { axis: 1 }, opset: 17 },
  {
    name: 'of rows of very different spread',
    x: [floats([3, 4], [1, 1.0001, 1.0002, 0.9999, 4, -3, 2, 0.5, 0.1, 0.12, 0.09, 0.11])],
    constants: [floats([4], [1, 1, 1, 1])],
    opset: 17,
    // What x's own integers do not tell apart cannot be standardised.
    check: { tolerance: { fast: 2, standard: 0.4, high: 0.05 } },
  },
  {
    name: 'of two nearly equal cells',
    x: [floats([1, 2], [0.3, 0.30001])],
    constants: [floats([2], [1, 1])],
    opset: 17,
    // Apart or not, which rounding decides: the rows of a constant have no direction.
    check: { tolerance: { fast: 1e4, standard: 1e4, high: 1e4 } },
  },
]);
only('RMSNormalization', [{ x: [wave([2, 12])], constants: [positive([12], 2)], opset: 23 }]);
only('InstanceNormalization', [{ x: [image], constants: [positive([4], 2), wave([4], 3)] }]);
only('GroupNormalization', [
  { x: [image], constants: [positive([4], 2), wave([4], 3)], attributes: { num_groups: 2 }, opset: 21 },
]);
only('LpNormalization', [{ x: [wave([3, 6])] }, { name: 'p = 1', x: [wave([3, 6])], attributes: { p: 1 } }]);
only('LRN', [{ x: [image], attributes: { size: 3 } }]);
