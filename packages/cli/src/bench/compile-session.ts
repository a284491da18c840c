/** In a measuring process: from a model's name to a directory to prove from. */
import { createKernels } from '@dsperse/core/kernels';
import { compileModel, quantizeInputs } from '@dsperse/core/program';
import { commitProgram, decodeSlicePackage, executeSlice } from '@dsperse/core/prove';
import { openModel } from '../artifacts/model-file.js';
import { writeBenchContents, writeBenchModel, writeBenchProgram } from './bench-directory.js';
import { loadModel } from './load-model.js';
import { peakRssBytes } from './peak-memory.js';
import type { BenchRequest, CompileReport } from './protocol.js';

export async function compileForBench(request: BenchRequest & { ask: 'compile' }): Promise<CompileReport> {
  const { directory, slices: plan } = request;
  const model = loadModel(request.model);
  const { name, about, bytes, input, calibration } = model;
  const externalData = model.path === undefined ? undefined : openModel(model.path).externalData;
  writeBenchModel(directory, bytes);
  const kernels = await createKernels({ threads: request.workers });
  try {
    const began = performance.now();
    const program = compileModel(bytes, { calibration, slices: plan, externalData });
    const artifacts = commitProgram(kernels, program, { preset: 'standard' });
    const compileMs = performance.now() - began;
    const peak = peakRssBytes();
    const packages = artifacts.packages.map((p) => p.bytes);
    writeBenchProgram(directory, artifacts.key, packages);
    const { integers } = quantizeInputs(program, input, { clamp: true });
    const values = new Map(integers);
    let executeMs = 0;
    for (const bytes of packages) {
      const slice = decodeSlicePackage(bytes);
      const start = performance.now();
      const { outputs } = executeSlice(slice, values, kernels);
      executeMs += performance.now() - start;
      for (const [tensor, data] of outputs) values.set(tensor, data);
    }
    const packageSizes = packages.map((p) => p.length);
    const publicInputs = [...integers.keys()];
    writeBenchContents(directory, { modelPath: model.path, input, values, publicInputs, packageSizes });
    const outer = new Set([...publicInputs, ...program.outputs]);
    const sum = (of: (s: (typeof program.slices)[number]) => number) => program.slices.reduce((n, s) => n + of(s), 0);
    return {
      name,
      about,
      parameters: sum((s) => s.parameters),
      multiplications: sum((s) => s.multiplications),
      slices: packages.length,
      workUnits: program.slices.map((s) => s.workUnits),
      compileMs,
      executeMs,
      keyBytes: artifacts.key.length,
      packageBytes: packageSizes.reduce((a, b) => a + b, 0),
      boundaryBytes: [...values].reduce((n, [tensor, data]) => (outer.has(tensor) ? n : n + data.byteLength), 0),
      peakRssBytes: peak,
    };
  } finally {
    await kernels.close();
  }
}
