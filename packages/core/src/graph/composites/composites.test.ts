import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floats, node, resolveModel, runModel, runNode, wave } from '../../../../../tests/models/build-model.js';
import { cell, expectCells, indices } from '../../../../../tests/models/cells.js';
import { InputError } from '../../base/errors.js';
import type { Tensor } from '../graph.js';

/** Mean and variance of the cells that share the indices which `key` names. */
function moments(x: Tensor, key: (index: number[]) => string) {
  const groups = new Map<string, number[]>();
  for (const index of indices(x.dims))
    groups.set(key(index), [...(groups.get(key(index)) ?? []), cell(x, index) as number]);
  const of = (index: number[]) => groups.get(key(index)) as number[];
  const mean = (v: number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  return (index: number[], epsilon: number) => {
    const m = mean(of(index));
    const variance = mean(of(index).map((v) => (v - m) ** 2));
    return ((cell(x, index) as number) - m) / Math.sqrt(variance + epsilon);
  };
}

describe('normalisations', () => {
  const x = wave([2, 4, 3, 2]);

  it('LayerNormalization over the axes from its own on', () => {
    for (const [axis, lead] of [
      [-1, 3],
      [2, 2],
      [-3, 1],
    ] as const) {
      const scale = wave(x.dims.slice(lead), 2);
      const bias = wave(x.dims.slice(lead), 3);
      const [y] = runNode(
        'LayerNormalization',
        [x],
        { axis, epsilon: { float: 0.5 } },
        { opset: 17, constants: [scale, bias] },
      );
      const normal = moments(x, (i) => i.slice(0, lead).join());
      expectCells(
        y,
        x.dims,
        (i) => normal(i, 0.5) * (cell(scale, i.slice(lead)) as number) + (cell(bias, i.slice(lead)) as number),
      );
    }
    const all = { opset: 17, constants: [wave([2], 2)], outputs: 3 };
    const [, mean, factor] = runNode('LayerNormalization', [x], { axis: -1 }, all);
    const width = x.dims[x.dims.length - 1];
    const row = x.data.slice(0, width);
    const average = row.reduce((sum, v) => sum + v, 0) / width;
    const variance = row.reduce((sum, v) => sum + (v - average) ** 2, 0) / width;
    expect([mean.dims, factor.dims]).toEqual([
      [...x.dims.slice(0, -1), 1],
      [...x.dims.slice(0, -1), 1],
    ]);
    expect(mean.data[0]).toBeCloseTo(average, 9);
    expect(factor.data[0]).toBeCloseTo(1 / Math.sqrt(variance + 1e-5), 9);
  });

  it('InstanceNormalization, GroupNormalization of both kinds', () => {
    const [scale, bias] = [wave([4], 2), wave([4], 3)];
    const affine = (v: number, i: number) => v * scale.data[i] + bias.data[i];
    const attributes = { epsilon: { float: 0.25 } };
    const constants = [scale, bias];
    const alone = moments(x, (i) => i.slice(0, 2).join());
    const [instance] = runNode('InstanceNormalization', [x], attributes, { constants });
    expectCells(instance, x.dims, (i) => affine(alone(i, 0.25), i[1]));
    const grouped = moments(x, ([n, c]) => `${n},${c >> 1}`);
    const [group] = runNode('GroupNormalization', [x], { ...attributes, num_groups: 2 }, { constants, opset: 21 });
    expectCells(group, x.dims, (i) => affine(grouped(i, 0.25), i[1]));
    const perGroup = constants.map((t) => floats([2], [...t.data.slice(0, 2)]));
    const [old] = runNode(
      'GroupNormalization',
      [x],
      { ...attributes, num_groups: 2 },
      { constants: perGroup, opset: 18 },
    );
    expectCells(old, x.dims, (i) => affine(grouped(i, 0.25), i[1] >> 1));
  });

  it('LpNormalization, RMSNormalization, Mean', () => {
    const column = (i: number[]) => [0, 1, 2, 3].map((c) => cell(x, [i[0], c, i[2], i[3]]) as number);
    const [l2] = runNode('LpNormalization', [x], { axis: 1 });
    expectCells(l2, x.dims, (i) => (cell(x, i) as number) / Math.hypot(...column(i)));
    const [l1] = runNode('LpNormalization', [x], { axis: 1, p: 1 });
    expectCells(l1, x.dims, (i) => (cell(x, i) as number) / column(i).reduce((a, b) => a + Math.abs(b), 0));
    const scale = wave([2], 2);
    const [rms] = runNode('RMSNormalization', [x], { epsilon: { float: 0.5 } }, { opset: 23, constants: [scale] });
    expectCells(rms, x.dims, (i) => {
      const row = [0, 1].map((k) => cell(x, [...i.slice(0, 3), k]) as number);
      const square = row.reduce((a, b) => a + b * b, 0) / 2;
      return ((cell(x, i) as number) / Math.sqrt(square + 0.5)) * scale.data[i[3]];
    });
    const [mean] = runNode('Mean', [wave([2, 3]), wave([3], 2), wave([1], 3)]);
    expectCells(
      mean,
      [2, 3],
      (i) => ((cell(wave([2, 3]), i) as number) + wave([3], 2).data[i[1]] + wave([1], 3).data[0]) / 3,
    );
  });

  it('LRN over windows of channels', () => {
    const wide = wave([2, 7, 3]);
    for (const size of [1, 2, 3, 5]) {
      const attributes = { size, alpha: { float: 0.5 }, beta: { float: 0.75 }, bias: { float: 2 } };
      const [y] = runNode('LRN', [wide], attributes);
      expectCells(y, wide.dims, ([n, c, k]) => {
        let sum = 0;
        for (let j = c - Math.floor((size - 1) / 2); j <= c + Math.ceil((size - 1) / 2); j++)
          sum += (cell(wide, [n, j, k]) ?? 0) ** 2;
        return (cell(wide, [n, c, k]) as number) / (2 + (0.5 / size) * sum) ** 0.75;
      });
    }
  });
});

describe('ConvTranspose', () => {
  const axis = fc
    .record({
      size: fc.integer({ min: 1, max: 4 }),
      kernel: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      begin: fc.integer({ min: 0, max: 2 }),
      end: fc.integer({ min: 0, max: 2 }),
      extra: fc.integer({ min: 0, max: 1 }),
    })
    .map((a) => ({
      ...a,
      extra: Math.min(a.extra, a.stride - 1),
      out:
        a.stride * (a.size - 1) + (a.kernel - 1) * a.dilation + 1 - a.begin - a.end + Math.min(a.extra, a.stride - 1),
    }))
    .filter((a) => a.out > 0);

  it('agrees with its definition for any rank, stride, pads, dilation, padding of the output and groups', () => {
    const shape = fc.record({
      axes: fc.array(axis, { minLength: 1, maxLength: 2 }),
      groups: fc.integer({ min: 1, max: 2 }),
      inputs: fc.integer({ min: 1, max: 2 }),
      outputs: fc.integer({ min: 1, max: 2 }),
      bias: fc.boolean(),
    });
    fc.assert(
      fc.property(shape, ({ axes, groups, inputs, outputs, bias }) => {
        const x = wave([2, groups * inputs, ...axes.map((a) => a.size)]);
        const w = wave([groups * inputs, outputs, ...axes.map((a) => a.kernel)], 2);
        const b = wave([groups * outputs], 3);
        const attributes = {
          group: groups,
          strides: axes.map((a) => a.stride),
          dilations: axes.map((a) => a.dilation),
          pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
          output_padding: axes.map((a) => a.extra),
        };
        const [y] = runNode('ConvTranspose', [x], attributes, { constants: bias ? [w, b] : [w] });
        const [computed] = runNode('ConvTranspose', bias ? [x, w, b] : [x, w], attributes);
        expect([...computed.data].map((v, i) => Math.abs(v - y.data[i]) < 1e-12)).not.toContain(false);
        // Every input cell adds its multiples of the kernel to the output.
        const dims = [2, groups * outputs, ...axes.map((a) => a.out)];
        const sums = new Map<string, number>();
        for (const [n, c, ...p] of indices(x.dims)) {
          for (const [o, ...k] of indices(w.dims.slice(1))) {
            const at = axes.map((a, d) => p[d] * a.stride + k[d] * a.dilation - a.begin);
            const key = [n, Math.floor(c / inputs) * outputs + o, ...at].join();
            const product = (cell(x, [n, c, ...p]) as number) * (cell(w, [c, o, ...k]) as number);
            sums.set(key, (sums.get(key) ?? 0) + product);
          }
        }
        expectCells(y, dims, (i) => (sums.get(i.join()) ?? 0) + (bias ? b.data[i[1]] : 0));
      }),
      { numRuns: 200 },
    );
  });

  it('takes its size from output_shape or auto_pad', () => {
    const [x, w] = [wave([1, 1, 3, 3]), wave([1, 1, 3, 3], 2)];
    const run = (attributes: Parameters<typeof runNode>[2]) =>
      runNode('ConvTranspose', [x], { strides: [2, 2], ...attributes }, { constants: [w] })[0];
    const whole = run({});
    expect(whole.dims).toEqual([1, 1, 7, 7]);
    expectCells(run({ auto_pad: 'SAME_UPPER' }), [1, 1, 6, 6], ([, , i, j]) => cell(whole, [0, 0, i, j]));
    expectCells(run({ auto_pad: 'SAME_LOWER' }), [1, 1, 6, 6], ([, , i, j]) => cell(whole, [0, 0, i + 1, j + 1]));
    expectCells(run({ output_shape: [5, 5] }), [1, 1, 5, 5], ([, , i, j]) => cell(whole, [0, 0, i + 1, j + 1]));
  });
});

describe('BatchNormalization', () => {
  const x = wave([2, 3, 4]);
  const [gamma, beta, mean, variance] = [
    floats([3], [1, 2, 3]),
    floats([3], [0, 1, 2]),
    floats([3], [0.125, 0.25, 0.5]),
    floats([3], [1, 4, 9]),
  ];
  const channel = (c: number): number[] => [0, 1].flatMap((n) => [0, 1, 2, 3].map((i) => cell(x, [n, c, i]) as number));
  const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const moments = [0, 1, 2].map((c) => {
    const m = average(channel(c));
    return { m, v: average(channel(c).map((a) => (a - m) ** 2)) };
  });

  it('by parameters that are computed', () => {
    const [y] = runNode('BatchNormalization', [x, gamma, beta, mean, variance], {}, { opset: 15 });
    const known = { opset: 15, constants: [gamma, beta, mean, variance] };
    const want = runNode('BatchNormalization', [x], {}, known)[0];
    expectCells(y, x.dims, (i) => cell(want, i) as number);
  });

  it('by the moments of the batch, in training mode', () => {
    const constants = [gamma, beta, mean, variance];
    const attributes = { training_mode: 1, momentum: { float: 0.75 } };
    const [y, m, v] = runNode('BatchNormalization', [x], attributes, { opset: 15, constants, outputs: 3 });
    expectCells(y, x.dims, ([n, c, i]) => {
      const d = (cell(x, [n, c, i]) as number) - moments[c].m;
      return (gamma.data[c] * d) / Math.sqrt(moments[c].v + 1e-5) + beta.data[c];
    });
    expectCells(m, [3], ([c]) => 0.75 * mean.data[c] + 0.25 * moments[c].m);
    expectCells(v, [3], ([c]) => 0.75 * variance.data[c] + 0.25 * moments[c].v);
  });
});

describe('composite operators', () => {
  it('keep the names of their outputs, and name what they refuse', () => {
    const nodes = [node('Mean', ['x', 'x'], ['m'], {}, 'mean'), node('Relu', ['m'], ['y'])];
    const graph = resolveModel({ nodes, inputs: { x: [2] }, outputs: ['y', 'm'] });
    expect(graph.nodes.map((n) => n.op)).toEqual(['Sum', 'Mul', 'Relu']);
    expect([...runModel({ nodes, inputs: { x: [2] }, outputs: ['m'] }, { x: floats([2], [1, 2]) })[0].data]).toEqual([
      1, 2,
    ]);
    for (const op of ['LayerNormalization', 'ConvTranspose', 'LRN', 'Mean', 'LpNormalization']) {
      const empty = { nodes: [node(op, [], ['y'], {}, 'odd')], inputs: { x: [2] }, outputs: ['y'] };
      expect(() => resolveModel(empty)).toThrow(InputError);
    }
  });
});
