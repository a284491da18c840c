/** From a model file to a program directory. */
import { InputError } from '@dsperse/core/graph';
import { createKernels } from '@dsperse/core/kernels';
import { type CompiledProgram, type CompileOptions, compileModel } from '@dsperse/core/program';
import { commitProgram } from '@dsperse/core/prove';
import type { ModelFile } from '../artifacts/model-file.js';
import { KEY_FILE, MODEL_FILE, type ProgramManifest, sliceFile, writeProgram } from '../artifacts/program-directory.js';
import type { Progress } from '../terminal/progress.js';

const STAGES = {
  import: 'reading the model',
  calibrate: 'calibrating',
  lower: 'quantising',
  slice: 'slicing',
} as const;

export interface CompileRequest {
  readonly model: ModelFile;
  readonly options: Omit<CompileOptions, 'externalData' | 'onProgress'>;
  /** Samples that the ranges come from. */
  readonly samples: number;
  readonly workers?: number;
}

export interface Compiled {
  readonly program: CompiledProgram;
  readonly manifest: Omit<ProgramManifest, 'files'>;
  /** Contents of the program directory but program.json, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly compileMs: number;
}

export async function compileArtifacts(request: CompileRequest, progress: Progress): Promise<Compiled> {
  const began = performance.now();
  const { model, options, samples } = request;
  const program = compileModel(model.bytes, {
    ...options,
    externalData: model.externalData,
    onProgress: (stage, fraction) => progress.report(STAGES[stage], fraction),
  });
  const kernels = await createKernels({ threads: request.workers });
  let artifacts: ReturnType<typeof commitProgram>;
  try {
    progress.report('committing to the weights', 0);
    artifacts = commitProgram(kernels, program, {
      preset: 'standard',
      onProgress: (fraction) => progress.report('committing to the weights', fraction),
    });
  } finally {
    await kernels.close();
  }
  const files = new Map<string, Uint8Array>([
    [KEY_FILE, artifacts.key],
    [MODEL_FILE, model.bytes],
    ...artifacts.packages.map(({ index, bytes }) => [sliceFile(index), bytes] as const),
  ]);
  for (const [location, bytes] of model.external) {
    if (files.has(location) || location === 'program.json') {
      throw new InputError('bad-external-data', `the model keeps weights in a file called ${location}`, 'rename it');
    }
    files.set(location, bytes);
  }
  const sum = (of: (s: CompiledProgram['slices'][number]) => number) => program.slices.reduce((n, s) => n + of(s), 0);
  const manifest: Compiled['manifest'] = {
    name: program.name,
    fingerprint: artifacts.fingerprint,
    precision: program.precision,
    slicePlan: options.slices ?? 'auto',
    inputShapes: Object.fromEntries(program.inputs.map((name) => [name, program.tensors.get(name)?.dims ?? []])),
    calibration: { samples },
    ranges: program.ranges,
    inputs: program.inputs,
    outputs: program.outputs,
    slices: program.slices.map(({ index, nodes, workUnits, parameters, multiplications, inputs, outputs }) => ({
      index,
      nodes,
      workUnits,
      parameters,
      multiplications,
      inputs,
      outputs,
    })),
    parameters: sum((s) => s.parameters),
    multiplications: sum((s) => s.multiplications),
  };
  return { program, manifest, files, compileMs: performance.now() - began };
}

export const saveCompiled = (path: string, { manifest, files }: Compiled): Promise<void> =>
  writeProgram(path, manifest, files);
