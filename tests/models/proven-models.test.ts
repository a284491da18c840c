/** Models of others, from file to verdict at the standard preset: all slices linked, outputs near the float ones. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateGraph, type Tensor } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import {
  type BoundaryTensor,
  compileModel,
  dequantize,
  importModel,
  semanticsOf,
} from '../../packages/core/src/program/index.js';
import { verifyRun } from '../../packages/core/src/proof/verify-index.js';
import { proveProgram } from '../operators/prove-program.js';
import { ezklCase, haveModels, MODELS } from './shared-models.js';

const EZKL = ['lenet_5', '3l_relu_conv_fc', '2l_relu_fc', '1l_conv', '1l_max_pool', '1l_softmax', 'large_mlp'].concat([
  '1l_batch_norm',
  '1l_concat',
  '1l_pad',
  'clip',
]);

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels();
});
afterAll(() => kernels.close());

const argmax = (xs: ArrayLike<number>): number => Array.from(xs).indexOf(Math.max(...Array.from(xs)));

/** Proves the model on one input at one precision, and compares its bound outputs with those expected. */
function check(
  model: Uint8Array,
  inputs: ReadonlyMap<string, Tensor>,
  expected: ReadonlyMap<string, ArrayLike<number>>,
  precision: 'standard' | 'high',
): void {
  const program = compileModel(model, { calibration: [inputs], precision });
  const { key, fingerprint, run } = proveProgram(kernels, program, inputs, { preset: 'standard' });
  const verdict = verifyRun(key, run, { fingerprint });
  expect(verdict).toMatchObject({ verdict: 'accepted', coverage: { unproven: [], linked: true } });
  for (const [name, want] of expected) {
    const got = dequantize(program.tensors.get(name) as BoundaryTensor, verdict.outputs.get(name) as Int32Array);
    const all = Array.from(want);
    const range = Math.max(...all) - Math.min(...all) || Math.abs(all[0]) || 1;
    const worst = all.reduce((m, x, i) => Math.max(m, Math.abs(got[i] - x)), 0);
    expect(worst / range, `error of ${name}`).toBeLessThan(precision === 'high' ? 0.003 : 0.02);
    if (new Set(all).size > 1) expect(all[argmax(got)]).toBeGreaterThanOrEqual(Math.max(...all) - 1e-6 * range);
  }
}

describe.runIf(haveModels)('models of ezkl', () => {
  for (const name of EZKL) {
    for (const precision of ['standard', 'high'] as const) {
      it(`${name} at ${precision}`, () => {
        const model = readFileSync(`${MODELS}ezkl/${name}/model.onnx`);
        const { inputs, expected } = ezklCase(name, importModel(model));
        check(model, inputs, expected, precision);
      });
    }
  }
});

describe.runIf(haveModels)('models of ImageNet', () => {
  it('light_squeezenet, in slices', () => {
    const model = readFileSync(`${MODELS}imagenet/light_squeezenet.onnx`);
    const graph = importModel(model);
    const inputs = new Map(
      graph.inputs.map((name) => {
        const dims = graph.tensors.get(name)?.dims ?? [];
        const data = Float64Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7));
        return [name, { dtype: 'float32' as const, dims, data }];
      }),
    );
    const expected = new Map([...evaluateGraph(graph, inputs, semanticsOf)].map(([n, t]) => [n, t.data] as const));
    check(model, inputs, expected, 'standard');
  });
});
