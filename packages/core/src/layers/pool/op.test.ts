import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floats, runNode, wave } from '../../../../../tests/models/build-model.js';
import { cell, expectCells, indices } from '../../../../../tests/models/cells.js';

const axis = fc
  .record({
    size: fc.integer({ min: 1, max: 8 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 4 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    begin: fc.integer({ min: 0, max: 2 }),
    end: fc.integer({ min: 0, max: 2 }),
  })
  // Pads below the kernel, as the operators demand; a window must fit.
  .map((a) => ({ ...a, begin: Math.min(a.begin, a.kernel - 1), end: Math.min(a.end, a.kernel - 1) }))
  .filter((a) => a.size + a.begin + a.end >= (a.kernel - 1) * a.dilation + 1);

const shape = fc.record({
  axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
  ceil: fc.boolean(),
  include: fc.boolean(),
  op: fc.constantFrom('MaxPool', 'AveragePool'),
});

describe('pools on floats', () => {
  it('agree with their definition for any rank, stride, pads, dilation and rounding', () => {
    fc.assert(
      fc.property(shape, ({ axes, ceil, include, op }) => {
        const x = wave([2, 2, ...axes.map((a) => a.size)]);
        const [y] = runNode(
          op,
          [x],
          {
            kernel_shape: axes.map((a) => a.kernel),
            strides: axes.map((a) => a.stride),
            dilations: axes.map((a) => a.dilation),
            pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
            ceil_mode: Number(ceil),
            ...(op === 'AveragePool' ? { count_include_pad: Number(include) } : {}),
          },
          { opset: 19 },
        );
        const out = axes.map((a) => {
          const starts = Array.from({ length: 20 }, (_, i) => i * a.stride);
          const reach = (a.kernel - 1) * a.dilation + 1;
          const padded = a.size + a.begin + a.end;
          const whole = starts.filter((s) => s + reach <= padded).length;
          // One more window where cells are left, if it does not start in the padding behind.
          const next = starts[whole];
          const left = next - a.stride + reach < padded;
          return whole + (ceil && left && next < a.size + a.begin ? 1 : 0);
        });
        expectCells(y, [2, 2, ...out], ([n, c, ...p]) => {
          const positions = indices(axes.map((a) => a.kernel)).map((k) =>
            axes.map((a, d) => p[d] * a.stride + k[d] * a.dilation - a.begin),
          );
          const seen = positions.flatMap((at) => cell(x, [n, c, ...at]) ?? []);
          if (op === 'MaxPool') return seen.length > 0 ? Math.max(...seen) : Number.NEGATIVE_INFINITY;
          const padded = positions.filter((at) => at.every((i, d) => i < axes[d].size + axes[d].end)).length;
          return seen.reduce((a, b) => a + b, 0) / (include ? padded : seen.length);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('take whole planes in their global forms', () => {
    const x = wave([2, 3, 4, 5]);
    const plane = (n: number, c: number) => [...x.data.slice((n * 3 + c) * 20, (n * 3 + c + 1) * 20)];
    const [mean] = runNode('GlobalAveragePool', [x]);
    expectCells(mean, [2, 3, 1, 1], ([n, c]) => plane(n, c).reduce((a, b) => a + b) / 20);
    const [max] = runNode('GlobalMaxPool', [x]);
    expectCells(max, [2, 3, 1, 1], ([n, c]) => Math.max(...plane(n, c)));
  });

  it('place windows by auto_pad', () => {
    const x = floats([1, 1, 4], [1, 2, 3, 4]);
    const run = (op: string, auto_pad: string) => [...runNode(op, [x], { kernel_shape: [2], auto_pad })[0].data];
    expect(run('MaxPool', 'SAME_UPPER')).toEqual([2, 3, 4, 4]);
    expect(run('MaxPool', 'SAME_LOWER')).toEqual([1, 2, 3, 4]);
    expect(run('AveragePool', 'SAME_UPPER')).toEqual([1.5, 2.5, 3.5, 4]);
    expect(run('AveragePool', 'VALID')).toEqual([1.5, 2.5, 3.5]);
  });
});
