/** One model, ready to be measured again and again in one process. */
import { evaluateGraph } from '@dsperse/core/graph';
import { createKernels } from '@dsperse/core/kernels';
import { compileModel, importModel, quantizeInputs, semanticsOf } from '@dsperse/core/program';
import {
  commitProgram,
  decodeSlicePackage,
  deriveSalt,
  executeSlice,
  fromHex,
  InvariantError,
  prepareSlice,
  provePackage,
} from '@dsperse/core/prove';
import { decodeKey, fingerprintOf, type SliceProof, verifyRun } from '@dsperse/core/verify';
import { openModel } from '../artifacts/model-file.js';
import { openOnnxRuntime } from '../fidelity/onnxruntime.js';
import { boundaryOf } from '../proving/prove-run.js';
import { type LoadedModel, loadModel } from './load-model.js';
import type { EndReport, ProveReport, RoundReport, SetupReport } from './protocol.js';

export interface MeasuredModel {
  readonly setup: SetupReport;
  round(): Promise<RoundReport>;
  prove(slices: readonly number[]): ProveReport;
  end(): Promise<EndReport>;
}

const NONCE = '00'.repeat(32);

export async function measureModel(name: string, plan: 'auto' | number, workers?: number): Promise<MeasuredModel> {
  const model = loadModel(name);
  const externalData = model.path === undefined ? undefined : openModel(model.path).externalData;
  const kernels = await createKernels({ threads: workers });
  const began = performance.now();
  const program = compileModel(model.bytes, { calibration: model.calibration, slices: plan, externalData });
  const artifacts = commitProgram(kernels, program, { preset: 'standard' });
  const compileMs = performance.now() - began;
  const key = decodeKey(artifacts.key);
  const fingerprint = fingerprintOf(artifacts.key);
  const packages = artifacts.packages.map(({ bytes }) => decodeSlicePackage(bytes));
  const preparing = performance.now();
  const prepared = packages.map((p) => prepareSlice(kernels, p));
  const prepareMs = performance.now() - preparing;
  const { integers } = quantizeInputs(program, model.input, { clamp: true });
  const values = new Map(integers);
  for (const p of packages)
    for (const [tensor, data] of executeSlice(p, values, kernels).outputs) values.set(tensor, data);
  const nonce = fromHex(NONCE, 32) as Uint8Array;
  const boundaries = packages.map((p) => boundaryOf(p, values, (tensor) => deriveSalt(nonce, tensor)));
  const inference = await floatInference(model, externalData);
  const proveOne = (index: number): SliceProof =>
    provePackage(kernels, packages[index], boundaries[index], { nonce, prover: '', prepared: prepared[index] });
  const sum = (of: (s: (typeof program.slices)[number]) => number) => program.slices.reduce((n, s) => n + of(s), 0);
  return {
    setup: {
      name: model.name,
      about: model.about,
      parameters: sum((s) => s.parameters),
      multiplications: sum((s) => s.multiplications),
      slices: packages.length,
      compileMs,
      prepareMs,
      keyBytes: artifacts.key.length,
      workers: kernels.threads,
      inferenceBy: inference.by,
    },
    async round() {
      const inferenceMs = await medianOf(5, inference.run);
      const start = performance.now();
      const slices = packages.map((_, i) => proveOne(i));
      const proved = performance.now();
      const verdict = verifyRun(artifacts.key, { nonce: NONCE, values, slices }, { fingerprint, inputs: integers });
      const verifyMs = performance.now() - proved;
      if (verdict.verdict !== 'accepted' || key.slices.length !== slices.length) {
        throw new InvariantError(`an honest run was ${verdict.verdict}: ${verdict.code} at ${verdict.path}`);
      }
      const proofBytes = slices.reduce((n, s) => n + s.proof.length, 0);
      return { inferenceMs, proveMs: proved - start, verifyMs, proofBytes };
    },
    prove(slices) {
      const start = performance.now();
      for (const index of slices) proveOne(index);
      return { proveMs: performance.now() - start };
    },
    async end() {
      await kernels.close();
      await inference.close();
      return { peakRssBytes: process.resourceUsage().maxRSS * 1024 };
    },
  };
}

async function medianOf(times: number, run: () => Promise<void>): Promise<number> {
  const found: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await run();
    found.push(performance.now() - start);
    // What takes long needs no repetition.
    if (found[0] > 500) break;
  }
  return found.sort((a, b) => a - b)[found.length >> 1];
}

interface FloatInference {
  readonly by: string;
  run(): Promise<void>;
  close(): Promise<void>;
}

async function floatInference(
  model: LoadedModel,
  externalData: ReturnType<typeof openModel>['externalData'] | undefined,
): Promise<FloatInference> {
  const session = await openOnnxRuntime(model.path ?? model.bytes);
  if (session) {
    return {
      by: session.by,
      async run() {
        await session.run(model.input);
      },
      close: () => session.close(),
    };
  }
  const graph = importModel(model.bytes, { externalData, calibration: model.calibration });
  return {
    by: 'floats of dsperse, one thread of plain JavaScript',
    async run() {
      evaluateGraph(graph, model.input, semanticsOf);
    },
    async close() {},
  };
}
