/** Positions, pools and products that are written out in others; see check-operator.ts for what is shown of each. */
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { type AttributeSpec, floats, ints, runNode, wave } from '../models/build-model.js';
import { only } from './operator-cases.js';

const exact = { tolerance: { fast: 0, standard: 0, high: 0 } };
const bools = (data: number[], dims = [data.length]): Tensor => ({ ...ints(data, dims), dtype: 'bool' });
const positive = (dims: readonly number[], seed: number): Tensor => {
  const t = wave(dims, seed);
  return { ...t, data: t.data.map((x) => x + 1.5) };
};

only('MaxPool', [
  {
    name: 'with positions',
    x: [wave([2, 2, 5, 6])],
    attributes: { kernel_shape: [3, 2], pads: [1, 0, 1, 1] },
    outputs: 2,
  },
  {
    name: 'with positions by columns',
    x: [wave([1, 2, 4, 6])],
    attributes: { kernel_shape: [2, 2], strides: [2, 2], storage_order: 1 },
    outputs: 2,
  },
]);
only('MaxUnpool', [
  { x: [wave([1, 1, 2, 2]), ints([0, 3, 9, 14], [1, 1, 2, 2])], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
]);
only('Scatter', [
  { x: [wave([4, 3]), wave([1, 3], 2)], order: [0, 'c', 1], constants: [ints([1, 0, 3], [1, 3])], opset: 9 },
]);
for (const reduction of ['add', 'mul', 'min', 'max']) {
  only('ScatterND', [
    {
      name: `${reduction}, one cell twice`,
      x: [wave([5, 2]), wave([3, 2], 2)],
      order: [0, 'c', 1],
      constants: [ints([3, 1, 3], [3, 1])],
      attributes: { reduction },
      opset: 18,
    },
    {
      name: `${reduction}, at computed positions`,
      x: [wave([5, 2]), ints([3, 1], [2, 1]), wave([2, 2], 2)],
      attributes: { reduction },
      opset: 18,
    },
  ]);
  only('ScatterElements', [
    {
      name: reduction,
      x: [wave([2, 4]), wave([2, 2], 2)],
      order: [0, 'c', 1],
      constants: [ints([3, -4, 1, 1], [2, 2])],
      attributes: { reduction, axis: 1 },
      opset: 18,
    },
  ]);
}
only('ReverseSequence', [{ x: [wave([4, 3])], constants: [ints([4, 1, 3])], opset: 10 }]);
only('CenterCropPad', [{ x: [wave([5, 3])], constants: [ints([2, 6])], opset: 18 }]);
only('Compress', [
  { x: [wave([2, 4])], constants: [bools([1, 0, 1])], attributes: { axis: 1 } },
  { name: 'of all cells', x: [wave([2, 3])], constants: [bools([0, 1, 0, 0, 1])] },
]);
only('CastLike', [{ x: [ints([1, -2, 3])], constants: [floats([], [0])], opset: 15 }]);
only('Clip', [{ name: 'between computed bounds', x: [wave([2, 4]), floats([], [-0.2]), floats([], [0.4])] }]);
only('Conv', [
  {
    name: 'by computed weights',
    x: [wave([1, 4, 5, 5]), wave([6, 2, 3, 2], 2)],
    constants: [wave([6], 3)],
    attributes: { group: 2, pads: [1, 0, 1, 1], strides: [2, 1] },
  },
]);
only('CumProd', [{ x: [positive([2, 4], 1)], constants: [ints([1], [])], attributes: { reverse: 1 }, opset: 22 }]);
only('Det', [
  { x: [floats([2, 3, 3], [2, 0, 1, 1, 3, 2, 0, 1, 4, 1, 2, 0, -1, 3, 1, 2, 0, 1])] },
  // Of rank two: nothing but rounding is left.
  {
    name: 'of no matrix that can be inverted',
    x: [wave([3, 3])],
    check: { tolerance: { fast: 1e9, standard: 1e9, high: 1e9 } },
  },
]);
only('MeanVarianceNormalization', [{ x: [wave([2, 2, 3, 3])] }]);
only('Einsum', [
  { name: 'a diagonal', x: [wave([2, 3, 3])], attributes: { equation: 'bii->bi' } },
  { name: 'a trace', x: [wave([3, 3])], attributes: { equation: 'ii' } },
  {
    name: 'three operands',
    x: [wave([2, 3]), wave([3, 4], 2), wave([4, 2], 3)],
    attributes: { equation: 'ij,jk,kl->il' },
  },
]);
only('Resize', [
  {
    name: 'shrinking over all cells',
    x: [wave([1, 1, 6, 6])],
    constants: ['', floats([4], [1, 1, 0.5, 0.6])],
    attributes: { mode: 'linear', antialias: 1 },
    opset: 18,
  },
  {
    name: 'a crop beyond the end',
    x: [wave([1, 1, 4, 5])],
    constants: [floats([8], [0, 0, 0.1, 0.2, 1, 1, 0.8, 1.1]), '', ints([1, 1, 5, 6])],
    attributes: {
      mode: 'linear',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: { float: 0.5 },
    },
  },
  {
    name: 'in proportion',
    x: [wave([1, 1, 4, 5])],
    constants: ['', '', ints([8, 7])],
    attributes: { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
    opset: 18,
  },
  {
    name: 'cubic, nothing beyond the ends',
    x: [wave([1, 1, 4, 5])],
    constants: ['', floats([4], [1, 1, 2, 2])],
    attributes: { mode: 'cubic', exclude_outside: 1 },
  },
]);
only('Add', [{ name: 'a fraction to whole numbers', x: [ints([1, 2, 3])], constants: [floats([1], [0.3])], cast: 1 }]);
only('Pow', [
  { name: 'of whole numbers', x: [ints([1, 2, -3])], constants: [ints([2], [])], check: exact },
  {
    name: 'by whole numbers',
    x: [floats([3], [1, 2, 3]), ints([3, 2, 1])],
    check: { tolerance: { fast: 0.1, standard: 0.02, high: 0.003 } },
  },
]);

describe('against the definition', () => {
  const one = (
    op: string,
    x: readonly Tensor[],
    attributes: Record<string, AttributeSpec>,
    constants: (Tensor | '')[],
    opset = 18,
  ) => [...runNode(op, x, attributes, { opset, constants })[0].data].map((v) => Math.round(v * 1e6) / 1e6);
  const grid = floats([2, 3], [1, 2, 3, 4, 5, 6]);

  it('positions of maxima', () => {
    const image = floats([1, 2, 2, 2], [1, 4, 4, 2, 8, 5, 6, 7]);
    const [y, at] = runNode('MaxPool', [image], { kernel_shape: [2, 2] }, { outputs: 2 });
    expect([[...y.data], [...at.data]]).toEqual([
      [4, 8],
      [1, 4],
    ]);
    const unpooled = runNode('MaxUnpool', [y, at], { kernel_shape: [2, 2] })[0];
    expect([...unpooled.data]).toEqual([0, 4, 0, 0, 8, 0, 0, 0]);
  });

  it('moves', () => {
    expect(one('ReverseSequence', [grid], { batch_axis: 0, time_axis: 1 }, [ints([2, 3])])).toEqual([2, 1, 3, 6, 5, 4]);
    expect(one('CenterCropPad', [grid], {}, [ints([3, 1])])).toEqual([2, 5, 0]);
    expect(one('EyeLike', [grid], { k: 1, dtype: 1 }, [])).toEqual([0, 1, 0, 0, 0, 1]);
    expect(one('NonZero', [], {}, [floats([2, 2], [1, 0, 3, 4])])).toEqual([0, 1, 1, 0, 0, 1]);
    expect(one('HannWindow', [], {}, [ints([4], [])])).toEqual([0, 0.5, 1, 0.5]);
    expect(one('HammingWindow', [], { periodic: 0 }, [ints([3], [])])).toEqual([0.086957, 1, 0.086957]);
    expect(one('BlackmanWindow', [], { periodic: 0 }, [ints([3], [])]).map(Math.abs)).toEqual([0, 1, 0]);
  });

  it('products', () => {
    expect(one('CumProd', [grid], { exclusive: 1 }, [ints([1], [])], 22)).toEqual([1, 1, 2, 1, 4, 20]);
    expect(one('Det', [floats([3, 3], [2, 0, 1, 1, 3, 2, 0, 1, 4])], {}, [])).toEqual([21]);
    expect(one('Einsum', [floats([2, 2], [1, 2, 3, 4])], { equation: 'ii->i' }, [])).toEqual([1, 4]);
  });
});
