/**
 * Every shared case of ezkl and of the ONNX project, compiled, proven at the preset for tests, verified, tampered with
 * and compared. `npm run conformance` does so at the real preset, and at `high`, and with the large models too.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CaseName, listCases, loadCase } from '../../packages/cli/src/conformance/cases.js';
import { measureCase } from '../../packages/cli/src/conformance/measure-case.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { MODELS } from './shared-models.js';

/** Seconds each, and no other operators than the cases beside them. */
const LARGE = [
  'test_MaxPool1d_stride_padding_dilation',
  'test_MaxPool2d_stride_padding_dilation',
  'large_mlp',
  'lstm',
  'rnn',
];

/** What has no meaning in integers: the expected output holds NaN. */
const REFUSED: Readonly<Record<string, string>> = { test_operator_sqrt: 'non-finite-value' };

const cases = existsSync(MODELS)
  ? listCases(MODELS).filter((c) => c.family !== 'imagenet' && !LARGE.includes(c.name))
  : [];

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

const check = (name: CaseName): void => {
  const c = loadCase(MODELS, name);
  const code = REFUSED[name.name];
  if (code) {
    expect(() => measureCase(kernels, c, 'standard', 'tiny')).toThrow(expect.objectContaining({ code }));
    return;
  }
  const { error, argmaxAgrees } = measureCase(kernels, c, 'standard', 'tiny');
  expect(error).toBeLessThan(0.02);
  expect(argmaxAgrees).toBe(true);
};

describe.skipIf(cases.length === 0)('conformance (skipped where the shared models are absent)', () => {
  for (const c of cases) it(`${c.family}/${c.name}`, () => check(c));
});
