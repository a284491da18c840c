/**
 * A run on disk: what a verifier reads.
 *
 *   run.json       what was proven, written last: without it the run is unfinished
 *   verifier.key   of the program
 *   public.json    integers of the public inputs and outputs
 *   slices/<index>/{statement.json, proof.bin}   a proof of joined slices stands at the first
 *   secret.json    the prover's own (run-secret.ts); not for the verifier
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import type { RunProof, SliceProof, SliceStatement } from '@dsperse/core/verify';
import { hasManifest, jsonText, parseObject, readManifest } from './manifest.js';
import { KEY_FILE } from './program-directory.js';
import { writeWholeDirectory, writeWholeFile } from './write-whole.js';

export const RUN_MANIFEST = 'run.json';
export const SECRET_FILE = 'secret.json';
const PUBLIC = 'public.json';
const FORMAT = 'dsperse-run/1';
const HINT = 'make one: dsperse prove <program> -i <input> -o <run>';
const INCOMPLETE = 'copy the whole run again, or continue with the command that began it';

/** A proof, of a slice or of joined ones. */
export interface ProvenSlice {
  readonly index: number;
  /** Slices that it is about, from `index` on; one where nothing is said. */
  readonly count?: number;
  readonly proveMs: number;
  readonly proofBytes: number;
}

/** What run.json says. Nothing in it is trusted: a verdict rests on the key, the statements and the proofs. */
export interface RunManifest {
  readonly fingerprint: string;
  readonly nonce: string;
  readonly prover: string;
  /** Slices of the program. */
  readonly sliceCount: number;
  readonly slices: readonly ProvenSlice[];
  /** The seed and share by which slices were drawn. */
  readonly drawn?: { readonly share: number; readonly seed: number };
}

export type PublicIntegers = ReadonlyMap<string, Int32Array>;

export const isRun = (path: string): boolean => hasManifest(path, RUN_MANIFEST);
export const isUnfinishedRun = (path: string): boolean => !isRun(path) && hasManifest(path, SECRET_FILE);

export const sliceDirectory = (run: string, index: number): string => join(run, 'slices', String(index));

/**
 * A place for a run: nothing, an empty directory, or a run.
 * @param delivered proofs may be there already, made by others
 * @throws InputError `exists` for anything else
 */
export function checkRunTarget(path: string, delivered = false): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  const ours = found.isDirectory() && (isRun(path) || isUnfinishedRun(path));
  const foreign = found.isDirectory() ? readdirSync(path).filter((f) => !delivered || f !== 'slices') : [path];
  if (!ours && foreign.length > 0) {
    throw new InputError('exists', `${path} is there already and is not a run`, 'give another -o');
  }
}

/** Writes a proof; what stands at slices that are joined in it is removed. */
export async function writeSliceProof(run: string, { statement, proof }: SliceProof): Promise<void> {
  await mkdir(join(run, 'slices'), { recursive: true });
  await writeWholeDirectory(sliceDirectory(run, statement.index), async (directory) => {
    await writeFile(join(directory, 'statement.json'), jsonText(statement));
    await writeFile(join(directory, 'proof.bin'), proof);
  });
  await removeCovered(run, statement);
}

/** Removes what stands at slices that a proof of an earlier one is about: no slice is proven twice. */
export async function removeCovered(run: string, { index, count = 1 }: SliceStatement): Promise<void> {
  for (let i = index + 1; i < index + count; i++) {
    await rm(sliceDirectory(run, i), { recursive: true, force: true });
  }
}

/** The statement and proof of a slice, if both are there; a statement that is no JSON object is given as it is. */
export function readSliceProof(run: string, index: number): SliceProof | undefined {
  const [statement, proof] = ['statement.json', 'proof.bin'].map((f) => join(sliceDirectory(run, index), f));
  if (!isFile(statement) || !isFile(proof)) return undefined;
  // What is malformed, or too large to be one, is given as something that the verifier rejects.
  let parsed: unknown;
  try {
    parsed = JSON.parse(readLimited(statement, MAX_STATEMENT).toString());
  } catch {
    // It stays undefined.
  }
  const bytes = statSync(proof).size > MAX_PROOF ? new Uint8Array(0) : readFileSync(proof);
  return { statement: parsed as SliceStatement, proof: bytes };
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** Largest files that are read of a run: far beyond any that is honest. */
const MAX_STATEMENT = 2 ** 24;
const MAX_PROOF = 2 ** 28;
const MAX_KEY = 2 ** 28;
const MAX_JSON = 2 ** 29;

function readLimited(path: string, most: number): Buffer {
  const { size } = statSync(path);
  if (size > most) {
    throw new InputError('damaged-artifact', `${path} has ${size} bytes: no such file is so large`, INCOMPLETE);
  }
  return readFileSync(path);
}

/** Completes a run: after this it can be verified. */
export async function finishRun(
  path: string,
  manifest: RunManifest,
  key: Uint8Array,
  values: PublicIntegers,
): Promise<void> {
  const plain = Object.fromEntries([...values].map(([name, integers]) => [name, [...integers]]));
  await writeWholeFile(join(path, KEY_FILE), key);
  await writeWholeFile(join(path, PUBLIC), `${JSON.stringify({ format: 'dsperse-public/1', values: plain })}\n`);
  await writeWholeFile(join(path, RUN_MANIFEST), jsonText({ format: FORMAT, ...manifest }));
}

/**
 * What run.json says.
 * @throws InputError `not-found`, `bad-artifact`, `unknown-version`, `unfinished-run`
 */
export function readRunManifest(path: string): RunManifest {
  if (isUnfinishedRun(path)) {
    throw new InputError(
      'unfinished-run',
      `${path} is a run that was interrupted`,
      'continue it: the same dsperse prove again',
    );
  }
  const value = readManifest(path, RUN_MANIFEST, FORMAT, 'run', HINT) as Partial<RunManifest>;
  const { fingerprint, nonce, prover, sliceCount, slices } = value;
  const whole =
    typeof fingerprint === 'string' && typeof nonce === 'string' && typeof prover === 'string' && Array.isArray(slices);
  if (!whole || !Number.isSafeInteger(sliceCount) || !slices.every((s) => Number.isSafeInteger(s?.index))) {
    throw new InputError('damaged-artifact', `${join(path, RUN_MANIFEST)} is damaged`, INCOMPLETE);
  }
  return value as RunManifest;
}

/**
 * All that a verifier needs of a run.
 * @returns `missing`: files that run.json speaks of and that are not there
 * @throws InputError as readRunManifest, `missing-artifact`
 */
export function readRun(path: string): {
  readonly manifest: RunManifest;
  readonly run: RunProof;
  readonly missing: readonly string[];
} {
  const manifest = readRunManifest(path);
  const file = join(path, PUBLIC);
  if (!isFile(file)) throw new InputError('missing-artifact', `${file} is missing`, INCOMPLETE);
  const document = parseObject(readLimited(file, MAX_JSON).toString(), file, INCOMPLETE);
  const values = readPublic('values' in document ? document.values : undefined, file);
  const slices: (SliceProof | undefined)[] = [];
  for (const index of sliceIndices(path)) slices[index] = readSliceProof(path, index);
  for (let i = 0; i < slices.length; i++) slices[i] ??= undefined;
  const missing = manifest.slices
    .filter(({ index }) => slices[index] === undefined)
    .map(
      ({ index }) =>
        `slices/${index}/${isFile(join(sliceDirectory(path, index), 'proof.bin')) ? 'statement.json' : 'proof.bin'}`,
    );
  return { manifest, run: { nonce: manifest.nonce, values, slices }, missing };
}

const MAX_SLICES = 1 << 16;

/** Slices that there are directories for. */
function sliceIndices(run: string): number[] {
  const directory = join(run, 'slices');
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(directory).flatMap((f) => (/^(0|[1-9]\d*)$/.test(f) && Number(f) < MAX_SLICES ? [Number(f)] : []));
}

/** The verifier key that stands in a run. */
export function readRunKey(path: string): Uint8Array {
  const file = join(path, KEY_FILE);
  if (!isFile(file)) throw new InputError('missing-artifact', `${file} is missing`, INCOMPLETE);
  return readLimited(file, MAX_KEY);
}

function readPublic(values: unknown, file: string): Map<string, Int32Array> {
  if (typeof values !== 'object' || values === null) {
    throw new InputError('damaged-artifact', `${file} is damaged: it holds no values`, INCOMPLETE);
  }
  return new Map(
    Object.entries(values).map(([name, list]) => {
      if (!Array.isArray(list) || !list.every((x) => Number.isInteger(x) && Math.abs(x) < 2 ** 31)) {
        throw new InputError('damaged-artifact', `${file} is damaged: ${name} holds no integers`, INCOMPLETE);
      }
      return [name, Int32Array.from(list)];
    }),
  );
}
