/**
 * Transformers from end to end: compiled, proven, verified, tampered with, and compared with their float meaning, which
 * is that of onnxruntime for these files within single precision.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bertTiny,
  gpt2Tiny,
  type LanguageModel,
  llamaTiny,
} from '../../packages/cli/src/bench-models/language-models.js';
import { evaluateGraph, type Graph, type Tensor } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { compileModel, dequantize, importModel, semanticsOf } from '../../packages/core/src/program/index.js';
import { verifyRun } from '../../packages/core/src/proof/verify-index.js';
import { proveProgram } from '../operators/prove-program.js';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

const floatsOf = (graph: Graph, inputs: ReadonlyMap<string, Tensor>) => evaluateGraph(graph, inputs, semanticsOf);

/** The place of the largest number of each row of the last axis. */
function largest(data: ArrayLike<number>, dims: readonly number[]): number[] {
  const n = dims[dims.length - 1];
  return Array.from({ length: data.length / n }, (_, row) => {
    let best = 0;
    for (let i = 1; i < n; i++) if (data[row * n + i] > data[row * n + best]) best = i;
    return best;
  });
}

function check(model: LanguageModel, precision: 'standard' | 'high', allowed: number): void {
  const calibration = [1, 2, 3].map((k) => model.input(k));
  const program = compileModel(model.bytes, { calibration, precision });
  const inputs = model.input(4);
  const { key, fingerprint, run } = proveProgram(kernels, program, inputs, {
    preset: precision === 'high' ? 'standard' : 'tiny',
  });
  const options = precision === 'high' ? { fingerprint } : { fingerprint, preset: 'tiny' as const };
  const verdict = verifyRun(key, run, options);
  expect(verdict).toMatchObject({ verdict: 'accepted', coverage: { unproven: [], linked: true } });
  for (const [name, want] of floatsOf(importModel(model.bytes), inputs)) {
    const tensor = program.tensors.get(name);
    const integers = verdict.outputs.get(name);
    if (!tensor || !integers) throw new Error(`output ${name} is not bound`);
    const got = dequantize(tensor, integers);
    const range = Math.max(...want.data) - Math.min(...want.data);
    const error = want.data.reduce((m, x, i) => Math.max(m, Math.abs(x - got[i])), 0) / range;
    expect(error, `error of ${name}`).toBeLessThan(allowed);
    if (name === 'logits') expect(largest(got, want.dims)).toEqual(largest(want.data, want.dims));
    const forged = Int32Array.from(integers);
    forged[forged.length >> 1]++;
    const values = new Map(run.values).set(name, forged);
    expect(verifyRun(key, { ...run, values }, options).verdict).toBe('rejected');
  }
}

describe('language models', () => {
  for (const model of [gpt2Tiny(), llamaTiny(), bertTiny()]) {
    it(`${model.name} at standard`, () => check(model, 'standard', 0.02));
    it(`${model.name} at high, at the preset that is used`, () => check(model, 'high', 0.004));
  }

  it('continues from keys and values that an earlier run gave', () => {
    const whole = llamaTiny(5, 0 + 2);
    const graph = importModel(whole.bytes);
    const inputs = whole.input(1);
    const all = floatsOf(graph, inputs);
    // The first four tokens, then the fifth after them.
    const head = llamaTiny(4, 2);
    const ids = inputs.get('input_ids') as Tensor;
    const first = new Map(inputs).set('input_ids', { ...ids, dims: [1, 4], data: ids.data.slice(0, 4) });
    const before = floatsOf(importModel(head.bytes), first);
    const tail = llamaTiny(1, 6);
    const second = new Map<string, Tensor>([['input_ids', { ...ids, dims: [1, 1], data: ids.data.slice(4) }]]);
    for (const name of tail.input(1).keys())
      if (name !== 'input_ids') second.set(name, before.get(name.replace('past', 'present')) as Tensor);
    const after = floatsOf(importModel(tail.bytes), second).get('logits') as Tensor;
    const logits = all.get('logits') as Tensor;
    after.data.forEach((x, i) => {
      expect(x).toBeCloseTo(logits.data[logits.data.length - after.data.length + i], 6);
    });
  });

  it('takes every token of the vocabulary, whatever calibration saw', () => {
    const model = gpt2Tiny(3);
    const low = new Map([['input_ids', { dtype: 'int64' as const, dims: [1, 3], data: Float64Array.of(0, 1, 2) }]]);
    const high = new Map([['input_ids', { dtype: 'int64' as const, dims: [1, 3], data: Float64Array.of(47, 30, 47) }]]);
    const program = compileModel(model.bytes, { calibration: [low] });
    const { key, fingerprint, run } = proveProgram(kernels, program, high);
    expect(verifyRun(key, run, { fingerprint, preset: 'tiny' }).verdict).toBe('accepted');
  });
});
