/** A compiled model with its input, in a directory that the measuring processes share. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { Tensor } from '@dsperse/core/graph';

export interface BenchContents {
  /** Where it lies outside: with external data. */
  readonly modelPath: string | undefined;
  readonly input: ReadonlyMap<string, Tensor>;
  /** Integers of all boundary tensors. */
  readonly values: ReadonlyMap<string, Int32Array>;
  readonly publicInputs: readonly string[];
  readonly packageSizes: readonly number[];
}

const keyFile = (directory: string): string => join(directory, 'verifier.key');
const sliceFile = (directory: string, index: number): string => join(directory, `${index}.slice`);
const contentsFile = (directory: string): string => join(directory, 'contents');

export const modelFile = (directory: string): string => join(directory, 'model.onnx');

export function writeBenchModel(directory: string, model: Uint8Array): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(modelFile(directory), model);
}

export function writeBenchProgram(directory: string, key: Uint8Array, packages: readonly Uint8Array[]): void {
  writeFileSync(keyFile(directory), key);
  packages.forEach((bytes, index) => {
    writeFileSync(sliceFile(directory, index), bytes);
  });
}

export const writeBenchContents = (directory: string, contents: BenchContents): void =>
  writeFileSync(contentsFile(directory), serialize(contents));

export const readBenchKey = (directory: string): Uint8Array => readFileSync(keyFile(directory));
export const readBenchSlice = (directory: string, index: number): Uint8Array =>
  readFileSync(sliceFile(directory, index));
export const readBenchContents = (directory: string): BenchContents =>
  deserialize(readFileSync(contentsFile(directory))) as BenchContents;
