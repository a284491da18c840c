/** A compiled program on disk. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import type { Precision, Ranges, SlicePlan } from '@dsperse/core/program';
import { digestOf, hasManifest, jsonText, readManifest } from './manifest.js';
import { readNamed } from './read-named.js';
import { writeWholeDirectory } from './write-whole.js';

const MANIFEST = 'program.json';
const FORMAT = 'dsperse-program/1';
const HINT = 'make one: dsperse compile <model.onnx> -o <program>';

export const KEY_FILE = 'verifier.key';
export const MODEL_FILE = 'model.onnx';
export const sliceFile = (index: number): string => `slices/${index}.slice`;

export interface SliceSummary {
  readonly index: number;
  readonly nodes: readonly string[];
  readonly workUnits: number;
  readonly parameters: number;
  readonly multiplications: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What program.json says. */
export interface ProgramManifest {
  readonly name: string;
  /** 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly precision: Precision;
  readonly slicePlan: SlicePlan;
  readonly inputShapes: Readonly<Record<string, readonly number[]>>;
  /** Where the ranges come from. */
  readonly calibration: { readonly samples: number };
  readonly ranges: Ranges;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly slices: readonly SliceSummary[];
  readonly parameters: number;
  readonly multiplications: number;
  /** Digests by path. */
  readonly files: Readonly<Record<string, string>>;
}

export interface ProgramDirectory {
  readonly path: string;
  readonly manifest: ProgramManifest;
}

export const isProgram = (path: string): boolean => hasManifest(path, MANIFEST);

/**
 * A place for a program: nothing, an empty directory, or an older program (which is replaced).
 * @throws InputError `exists` for anything else
 */
export function checkProgramTarget(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory() || (!isProgram(path) && readdirSync(path).length > 0)) {
    throw new InputError('exists', `${path} is there already and is not a program`, 'give another -o');
  }
}

/** @param files contents by path, without program.json */
export async function writeProgram(
  path: string,
  manifest: Omit<ProgramManifest, 'files'>,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  checkProgramTarget(path);
  await writeWholeDirectory(path, async (directory) => {
    const digests: Record<string, string> = {};
    for (const [name, bytes] of files) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), bytes);
      digests[name] = digestOf(bytes);
    }
    await writeFile(join(directory, MANIFEST), jsonText({ format: FORMAT, ...manifest, files: digests }));
  });
}

/** @throws InputError `not-found`, `bad-artifact`, `unknown-version` */
export function readProgram(path: string): ProgramDirectory {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() && path.endsWith('.onnx')) {
    throw new InputError('bad-artifact', `${path} is a model, not a program`, HINT);
  }
  const manifest = readManifest(path, MANIFEST, FORMAT, 'program', HINT) as Partial<ProgramManifest>;
  const { fingerprint, slices, inputs, outputs, files, ranges } = manifest;
  const whole =
    typeof fingerprint === 'string' && /^[0-9a-f]{64}$/.test(fingerprint) && Array.isArray(slices) && slices.length > 0;
  if (!whole || !Array.isArray(inputs) || !Array.isArray(outputs) || !files || !ranges) {
    throw new InputError('damaged-artifact', `${join(path, MANIFEST)} is damaged`, 'compile the model again');
  }
  return { path, manifest: manifest as ProgramManifest };
}

/**
 * A file of the program, checked against its digest.
 * @throws InputError `missing-artifact`, `damaged-artifact`
 */
export function readProgramFile(program: ProgramDirectory, name: string): Uint8Array {
  const path = join(program.path, name);
  if (!existsSync(path)) {
    throw new InputError('missing-artifact', `${path} is missing`, 'copy the whole program again, or compile it again');
  }
  const bytes = readNamed(path);
  const { files } = program.manifest;
  if (!Object.hasOwn(files, name) || files[name] !== digestOf(bytes)) {
    throw new InputError(
      'damaged-artifact',
      `${path} is not what program.json says it is`,
      'copy the whole program again, or compile it again',
    );
  }
  return bytes;
}
