import { createKernels } from '@dsperse/core/kernels';
import { compileModel, quantizeInputs } from '@dsperse/core/program';
import { describe, expect, it } from 'vitest';
import { bertTiny } from '../bench-models/language-models.js';
import { compareTensors } from './compare.js';
import { measureLayers } from './measure-fidelity.js';

describe('compareTensors', () => {
  it('leaves out what masks, and what is not finite, and says how much', () => {
    const found = [1, 2, -64, 0, 5];
    const reference = [1.5, 2, -3.4e38, Number.NEGATIVE_INFINITY, -10_000];
    const f = compareTensors('t', found, reference, [5], (i) => i === 4);
    expect(f).toMatchObject({
      leftOut: 3,
      maxAbsError: 0.5,
      meanAbsError: 0.25,
      maxRelError: 0.25,
      argmaxAgrees: true,
    });
    expect(compareTensors('t', [1, 3, 2], [1, 2, 3], [3])).toMatchObject({ leftOut: 0, argmaxAgrees: false });
    expect(compareTensors('t', [Number.NaN], [1], [1]).maxAbsError).toBe(Number.MAX_VALUE);
  });
});

describe('measureLayers', () => {
  it('compares masked scores where they are scores', async () => {
    const model = bertTiny(6);
    const inputs = model.input(2);
    const program = compileModel(model.bytes, { calibration: [inputs] });
    const { integers } = quantizeInputs(program, inputs);
    const kernels = await createKernels({ threads: 1 });
    try {
      const file = { path: '', bytes: model.bytes, externalData: () => undefined };
      const manifest = { precision: program.precision, ranges: program.ranges, inputShapes: {} };
      const layers = await measureLayers(file as never, manifest, inputs, integers, kernels);
      expect(layers.some((l) => l.leftOut > 0)).toBe(true);
      expect(layers.length).toBeGreaterThan(20);
      for (const l of layers) expect(l.maxRelError, l.tensor).toBeLessThan(0.05);
    } finally {
      await kernels.close();
    }
  });
});
