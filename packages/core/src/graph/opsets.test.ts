/** Operators whose parameters moved from attributes to inputs, or changed their meaning, between operator sets. */
import { describe, expect, it } from 'vitest';
import { floats, ints, runNode, wave } from '../../../../tests/models/build-model.js';
import { InputError } from '../base/errors.js';

const x = floats([1, 2, 3], [1, -2, 3, -4, 5, -6]);
const dims = (...args: Parameters<typeof runNode>) => runNode(...args)[0].dims;
const data = (...args: Parameters<typeof runNode>) => [...runNode(...args)[0].data];

describe('parameters as attributes and as inputs', () => {
  it('Squeeze and Unsqueeze', () => {
    for (const axes of [[0], [-3]]) {
      expect(dims('Squeeze', [x], { axes }, { opset: 11 })).toEqual([2, 3]);
      expect(dims('Squeeze', [x], {}, { opset: 13, constants: [ints(axes)] })).toEqual([2, 3]);
    }
    expect(dims('Squeeze', [x], {}, { opset: 11 })).toEqual([2, 3]);
    for (const axes of [
      [0, 4],
      [-5, -1],
    ]) {
      expect(dims('Unsqueeze', [x], { axes }, { opset: 11 })).toEqual([1, 1, 2, 3, 1]);
      expect(dims('Unsqueeze', [x], {}, { opset: 21, constants: [ints(axes)] })).toEqual([1, 1, 2, 3, 1]);
    }
  });

  it('Clip', () => {
    const want = [1, -2, 3, -2, 3, -2];
    expect(data('Clip', [x], { min: { float: -2 }, max: { float: 3 } }, { opset: 7 })).toEqual(want);
    expect(data('Clip', [x], {}, { opset: 13, constants: [floats([], [-2]), floats([], [3])] })).toEqual(want);
    expect(data('Clip', [x], {}, { opset: 13, constants: ['', floats([], [3])] })).toEqual([1, -2, 3, -4, 3, -6]);
    expect(data('Clip', [x], {}, { opset: 11, constants: [floats([], [0])] })).toEqual([1, 0, 3, 0, 5, 0]);
  });

  it('Dropout passes its input on, but not in training', () => {
    expect(data('Dropout', [x], { ratio: { float: 0.5 } }, { opset: 7 })).toEqual([...x.data]);
    const bool = (v: number) => ({ dtype: 'bool' as const, dims: [], data: Float64Array.of(v) });
    const constants = (training: number) => [floats([], [0.5]), bool(training)];
    expect(data('Dropout', [x], {}, { opset: 13, constants: constants(0) })).toEqual([...x.data]);
    expect(() => runNode('Dropout', [x], {}, { opset: 13, constants: constants(1) })).toThrow(InputError);
  });

  it('Slice', () => {
    const attributes = { starts: [-2, 0], ends: [2 ** 31, 1], axes: [2, 1] };
    expect(data('Slice', [x], attributes, { opset: 9 })).toEqual([-2, 3]);
    const constants = [ints([-2, 0]), ints([2 ** 62, 1]), ints([-1, 1])];
    expect(data('Slice', [x], {}, { opset: 10, constants })).toEqual([-2, 3]);
    const backwards = [ints([-1]), ints([-(2 ** 62)]), ints([2]), ints([-2])];
    expect(data('Slice', [x], {}, { opset: 13, constants: backwards })).toEqual([3, 1, -6, -4]);
  });

  it('Pad', () => {
    const pads = [0, 0, 1, 0, 0, 2];
    const want = [9, 1, -2, 3, 9, 9, 9, -4, 5, -6, 9, 9];
    expect(data('Pad', [x], { pads, value: { float: 9 } }, { opset: 9 })).toEqual(want);
    expect(data('Pad', [x], {}, { opset: 11, constants: [ints(pads), floats([], [9])] })).toEqual(want);
    const constants = [ints([1, 2]), floats([], [9]), ints([-1])];
    expect(data('Pad', [x], {}, { opset: 18, constants })).toEqual(want);
  });

  it('reductions', () => {
    expect(data('ReduceSum', [x], { axes: [-1], keepdims: 0 }, { opset: 11 })).toEqual([2, -5]);
    expect(data('ReduceSum', [x], { keepdims: 0 }, { opset: 13, constants: [ints([2])] })).toEqual([2, -5]);
    expect(data('ReduceMean', [x], { axes: [1] }, { opset: 13 })).toEqual([-1.5, 1.5, -1.5]);
    expect(data('ReduceMax', [x], {}, { opset: 18, constants: [ints([1])] })).toEqual([1, 5, 3]);
    expect(data('ReduceSum', [x], { noop_with_empty_axes: 1 }, { opset: 13 })).toEqual([...x.data]);
    expect(dims('ReduceSum', [x], {}, { opset: 13, constants: [ints([])] })).toEqual([1, 1, 1]);
  });

  it('Split', () => {
    const y = floats([5, 1], [1, 2, 3, 4, 5]);
    const parts = (...args: Parameters<typeof runNode>) => runNode(...args).map((t) => [...t.data]);
    expect(parts('Split', [y], { split: [2, 3] }, { opset: 11, outputs: 2 })).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(parts('Split', [y], {}, { opset: 13, outputs: 2, constants: [ints([2, 3])] })).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(parts('Split', [y], { num_outputs: 2 }, { opset: 18, outputs: 2 })).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it('Upsample and Resize', () => {
    const y = floats([1, 1, 1, 2], [1, 2]);
    const scales = floats([4], [1, 1, 1, 2]);
    const want = [1, 1, 2, 2];
    expect(data('Upsample', [y], { scales: { floats: [1, 1, 1, 2] } }, { opset: 7 })).toEqual(want);
    expect(data('Upsample', [y], {}, { opset: 9, constants: [scales] })).toEqual(want);
    expect(data('Resize', [y], {}, { opset: 10, constants: [scales] })).toEqual(want);
    expect(data('Resize', [y], {}, { opset: 11, constants: [floats([0], []), scales] })).toEqual(want);
    expect(data('Resize', [y], {}, { opset: 13, constants: ['', '', ints([1, 1, 1, 4])] })).toEqual(want);
    const last = { axes: [3], coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    expect(data('Resize', [y], last, { opset: 18, constants: ['', floats([1], [2])] })).toEqual(want);
  });
});

describe('changed meanings', () => {
  it('Softmax runs over all axes from its own on before opset 13, and over one since', () => {
    const y = wave([2, 3, 4]);
    const e = [...y.data].map(Math.exp);
    const sum = (cells: number[]) => cells.reduce((a, b) => a + b, 0);
    const old = e.map((v, i) => v / sum(e.slice(i < 12 ? 0 : 12, i < 12 ? 12 : 24)));
    const now = e.map((v, i) => v / sum([0, 1, 2].map((k) => e[Math.floor(i / 12) * 12 + k * 4 + (i % 4)])));
    const close = (got: number[], want: number[]) =>
      got.forEach((v, i) => {
        expect(v).toBeCloseTo(want[i], 12);
      });
    close(data('Softmax', [y], { axis: 1 }, { opset: 11 }), old);
    close(data('Softmax', [y], {}, { opset: 7 }), old);
    close(data('Softmax', [y], { axis: 1 }, { opset: 13 }), now);
    close(data('LogSoftmax', [y], { axis: 1 }, { opset: 12 }).map(Math.exp), old);
    close(data('Softmax', [y], {}, { opset: 13 }), data('Softmax', [y], { axis: -1 }, { opset: 21 }));
  });

  it('BatchNormalization: outputs and attributes of training', () => {
    const y = wave([2, 3, 2]);
    const constants = [
      floats([3], [1, 2, 3]),
      floats([3], [0, 1, 2]),
      floats([3], [0.125, 0.25, 0.5]),
      floats([3], [1, 4, 9]),
    ];
    const run = (opset: number, attributes: Parameters<typeof runNode>[2] = {}) =>
      data('BatchNormalization', [y], attributes, { opset, constants });
    const want = [...y.data].map((v, i) => {
      const c = Math.floor(i / 2) % 3;
      return (constants[0].data[c] * (v - constants[2].data[c])) / Math.sqrt(constants[3].data[c] + 1e-5) + c;
    });
    for (const opset of [7, 9, 14, 15, 21])
      run(opset).forEach((v, i) => {
        expect(v).toBeCloseTo(want[i], 12);
      });
    expect(run(7, { spatial: 1 })).toEqual(run(15, { training_mode: 0 }));
    expect(() => run(7, { spatial: 0 })).toThrow(InputError);
    const outputs = { opset: 9, constants, outputs: 5 };
    expect(() => runNode('BatchNormalization', [y], {}, outputs)).toThrow(InputError);
  });

  it('operands aligned by an axis before opset 7', () => {
    const y = floats([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    const b = floats([2], [10, 20]);
    const attributes = { broadcast: 1, axis: 1 };
    expect(data('Add', [y], attributes, { opset: 6, constants: [b] })).toEqual([11, 12, 23, 24, 15, 16, 27, 28]);
    expect(data('Add', [y], {}, { opset: 7, constants: [b] })).toEqual([11, 22, 13, 24, 15, 26, 17, 28]);
    const negative = floats([1, 2, 2], [-1, -2, -3, -4]);
    expect(data('PRelu', [negative], {}, { opset: 6, constants: [b] })).toEqual([-10, -20, -60, -80]);
    expect(data('PRelu', [negative], {}, { opset: 7, constants: [b] })).toEqual([-10, -40, -30, -80]);
  });
});
