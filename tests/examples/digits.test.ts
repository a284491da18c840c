import { readdirSync, readFileSync } from 'node:fs';
import { decodeOnnx, evaluateGraph, resolveGraph } from '@dsperse/core/graph';
import { createKernels } from '@dsperse/core/kernels';
import { compileModel, type Precision } from '@dsperse/core/program';
import { commitProgram } from '@dsperse/core/prove';
import { describe, expect, it } from 'vitest';
import { pictureInput } from '../../packages/cli/src/picture-input.js';
import { decodePng } from '../../packages/cli/src/png.js';
import { semanticsOf } from '../../packages/core/src/layers/registry.js';

const file = (name: string) => readFileSync(new URL(`../../examples/digits/${name}`, import.meta.url));
const json = (name: string) => JSON.parse(file(name).toString());

const graph = resolveGraph(decodeOnnx(file('model.onnx')), { semantics: semanticsOf });
const predict = (data: Float64Array): number => {
  const picture = { dtype: 'float32' as const, dims: [1, 1, 28, 28], data };
  const logits = [...(evaluateGraph(graph, new Map([['picture', picture]]), semanticsOf).get('logits')?.data ?? [])];
  return logits.indexOf(Math.max(...logits));
};

describe('digits example', () => {
  const report = json('report.json');

  it('reports the held-out accuracy that it promises', () => {
    expect(report.heldOutAccuracy).toBeGreaterThan(0.97);
  });

  it('has the parameters it reports', () => {
    expect([...graph.initializers.values()].reduce((n, t) => n + t.data.length, 0)).toBe(report.parameters);
  });

  it('predicts of each sample what the report says, from the picture and from the numbers', () => {
    expect(readdirSync(new URL('../../examples/digits/samples', import.meta.url)).length).toBe(
      2 * report.samples.length,
    );
    for (const { name, predicted } of report.samples) {
      const pixels = pictureInput(decodePng(file(`samples/${name}.png`)), [1, 1, 28, 28]);
      const numbers = Float64Array.from(json(`samples/${name}.json`).input_data[0] as number[]);
      expect(numbers.map((x) => Math.round(x * 255))).toEqual(pixels.map((x) => Math.round(x * 255)));
      expect(predict(pixels)).toBe(predicted);
      expect(predict(numbers)).toBe(predicted);
    }
  });

  it('has calibration inputs of the right size and range', () => {
    const inputs = json('calibration.json') as { input_data: number[][] }[];
    expect(inputs.length).toBe(report.settings.calibration);
    for (const { input_data } of inputs) {
      expect(input_data.map((x) => x.length)).toEqual([784]);
      expect(input_data[0].every((x) => x >= 0 && x <= 1)).toBe(true);
    }
  });

  it('compiles to the programs that were measured', async () => {
    const measured = json('integer-report.json').precisions as Record<Precision, { fingerprint: string }>;
    const calibration = (json('calibration.json') as { input_data: number[][] }[]).map(({ input_data }) => {
      return new Map([
        ['picture', { dtype: 'float32' as const, dims: [1, 1, 28, 28], data: Float64Array.from(input_data[0]) }],
      ]);
    });
    const kernels = await createKernels({ threads: 1 });
    for (const precision of ['fast', 'standard', 'high'] as const) {
      const program = compileModel(file('model.onnx'), { calibration, precision, slices: 1 });
      const { fingerprint } = commitProgram(kernels, program, { preset: 'standard' });
      // A change here changes what published fingerprints mean: bump PROTOCOL_VERSION, and run measure.mjs again.
      expect(fingerprint, precision).toBe(measured[precision].fingerprint);
    }
    await kernels.close();
  });
});
