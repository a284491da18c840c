/** In a measuring process: computes the model on floats, in onnxruntime where the user has installed it. */
import { readFileSync } from 'node:fs';
import { evaluateGraph } from '@dsperse/core/graph';
import { importModel, semanticsOf } from '@dsperse/core/program';
import { openModel } from '../artifacts/model-file.js';
import { openOnnxRuntime } from '../fidelity/onnxruntime.js';
import { modelFile, readBenchContents } from './bench-directory.js';

export interface FloatSession {
  readonly by: string;
  /** The median of a few, in milliseconds. */
  infer(): Promise<number>;
  close(): Promise<void>;
}

export async function openFloatSession(directory: string): Promise<FloatSession> {
  const { input, modelPath } = readBenchContents(directory);
  const path = modelPath ?? modelFile(directory);
  const session = await openOnnxRuntime(path);
  if (session) {
    const run = async () => {
      await session.run(input);
    };
    await run();
    return { by: `${session.by}, one thread`, infer: () => medianOf(5, run), close: () => session.close() };
  }
  const externalData = modelPath === undefined ? undefined : openModel(modelPath).externalData;
  const graph = importModel(readFileSync(path), { externalData, calibration: [input] });
  const run = async () => {
    evaluateGraph(graph, input, semanticsOf);
  };
  return { by: 'floats of dsperse, one thread of plain JavaScript', infer: () => medianOf(5, run), async close() {} };
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
