import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runNode, wave } from '../../../../../tests/models/build-model.js';
import { cell, expectCells, indices } from '../../../../../tests/models/cells.js';
import type { Tensor } from '../../graph/graph.js';

interface Axis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly end: number;
}

const axis: fc.Arbitrary<Axis> = fc.record({
  size: fc.integer({ min: 1, max: 7 }),
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  begin: fc.integer({ min: 0, max: 2 }),
  end: fc.integer({ min: 0, max: 2 }),
});

const reach = (a: Axis) => (a.kernel - 1) * a.dilation + 1;
const fits = (a: Axis) => a.size + a.begin + a.end >= reach(a);

/** y[n, o, p] by its definition; begin holds the pads before each axis. */
function naive(x: Tensor, w: Tensor, b: Tensor | undefined, groups: number, axes: readonly Axis[], begin: number[]) {
  const perGroup = w.dims[0] / groups;
  const taps = indices(w.dims.slice(2));
  return ([n, o, ...p]: number[]) => {
    let sum = b ? b.data[o] : 0;
    for (let c = 0; c < w.dims[1]; c++) {
      for (const k of taps) {
        const at = axes.map((a, d) => p[d] * a.stride + k[d] * a.dilation - begin[d]);
        const channel = Math.floor(o / perGroup) * w.dims[1] + c;
        sum += (cell(w, [o, c, ...k]) as number) * (cell(x, [n, channel, ...at]) ?? 0);
      }
    }
    return sum;
  };
}

const run = (x: Tensor, w: Tensor, b: Tensor | undefined, attributes: Record<string, number | string | number[]>) =>
  runNode('Conv', [x], attributes, { constants: b ? [w, b] : [w] })[0];

describe('Conv on floats', () => {
  it('agrees with its definition for any rank, stride, pads, dilation and groups', () => {
    const shape = fc.record({
      axes: fc.array(axis, { minLength: 1, maxLength: 3 }).filter((axes) => axes.every(fits)),
      batch: fc.integer({ min: 1, max: 2 }),
      groups: fc.integer({ min: 1, max: 3 }),
      inputs: fc.integer({ min: 1, max: 3 }),
      outputs: fc.integer({ min: 1, max: 3 }),
      bias: fc.boolean(),
    });
    fc.assert(
      fc.property(shape, ({ axes, batch, groups, inputs, outputs, bias }) => {
        const x = wave([batch, groups * inputs, ...axes.map((a) => a.size)]);
        const w = wave([groups * outputs, inputs, ...axes.map((a) => a.kernel)], 2);
        const b = bias ? wave([groups * outputs], 3) : undefined;
        const y = run(x, w, b, {
          group: groups,
          kernel_shape: axes.map((a) => a.kernel),
          strides: axes.map((a) => a.stride),
          dilations: axes.map((a) => a.dilation),
          pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
        });
        const out = axes.map((a) => Math.floor((a.size + a.begin + a.end - reach(a)) / a.stride) + 1);
        const begin = axes.map((a) => a.begin);
        expectCells(y, [batch, groups * outputs, ...out], naive(x, w, b, groups, axes, begin));
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with its definition for every auto_pad', () => {
    const mode = fc.constantFrom('SAME_UPPER', 'SAME_LOWER', 'VALID');
    fc.assert(
      fc.property(fc.array(axis, { minLength: 1, maxLength: 2 }), mode, (axes, auto_pad) => {
        fc.pre(auto_pad !== 'VALID' || axes.every((a) => a.size >= reach(a)));
        const x = wave([1, 2, ...axes.map((a) => a.size)]);
        const w = wave([2, 2, ...axes.map((a) => a.kernel)], 2);
        const same = auto_pad !== 'VALID';
        const out = axes.map((a) => Math.ceil((same ? a.size : a.size - reach(a) + 1) / a.stride));
        const begin = axes.map((a, d) => {
          const total = same ? Math.max(0, (out[d] - 1) * a.stride + reach(a) - a.size) : 0;
          return auto_pad === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
        });
        const y = run(x, w, undefined, {
          auto_pad,
          strides: axes.map((a) => a.stride),
          dilations: axes.map((a) => a.dilation),
        });
        expectCells(y, [1, 2, ...out], naive(x, w, undefined, 1, axes, begin));
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with its definition beyond the sizes of its blocks', () => {
    const axes = [17, 19].map((size) => ({ size, kernel: 3, stride: 1, dilation: 1, begin: 1, end: 1 }));
    const x = wave([1, 31, 17, 19]);
    const w = wave([5, 31, 3, 3], 2);
    const y = run(x, w, undefined, { pads: [1, 1, 1, 1] });
    expectCells(y, [1, 5, 17, 19], naive(x, w, undefined, 1, axes, [1, 1]));
  });

  it('gives the same bits at every call', () => {
    const [x, w] = [wave([1, 20, 9, 9]), wave([4, 20, 3, 3], 2)];
    expect(run(x, w, undefined, {}).data).toEqual(run(x, w, undefined, {}).data);
  });
});
