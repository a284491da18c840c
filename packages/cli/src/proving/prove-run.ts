/** Proving the slices of a run, in one process, with what an interrupted run left kept. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createKernels } from '@dsperse/core/kernels';
import {
  type ConstantsStore,
  deriveSalt,
  fromHex,
  groupSlices,
  joinPackages,
  ProvingError,
  proveUnit,
  type SlicePackage,
} from '@dsperse/core/prove';
import { type SliceProof, type VerifierKey, verifyRun, verifySlice } from '@dsperse/core/verify';
import type { SliceChoice } from '../arguments/choose-slices.js';
import {
  checkRunTarget,
  finishRun,
  isRun,
  isUnfinishedRun,
  type ProvenSlice,
  type PublicIntegers,
  RUN_MANIFEST,
  readSliceProof,
  removeCovered,
  SECRET_FILE,
  writeSliceProof,
} from '../artifacts/run-directory.js';
import { adoptRunSecret, inputDigest, openRunSecret, type RunSecret } from '../artifacts/run-secret.js';
import { removeFile } from '../artifacts/write-whole.js';
import type { Progress } from '../terminal/progress.js';
import { Inference } from './execute-program.js';
import type { OpenProgram } from './open-program.js';

export interface ProveRequest {
  readonly program: OpenProgram;
  readonly integers: PublicIntegers;
  /** The run directory. */
  readonly run: string;
  readonly choice: SliceChoice;
  readonly nonce?: string;
  readonly prover?: string;
  readonly workers?: number;
  /** Prove consecutive slices together, as many as these bytes of memory allow; one by one where nothing is said. */
  readonly joinedBytes?: number;
  /** Has the commitments to weights, or takes them. */
  readonly store?: ConstantsStore;
  /** Directory of `run --boundaries`: its nonce and salts are taken, so that proofs made from it are kept. */
  readonly boundaries?: string;
}

export interface ProvenRun {
  readonly secret: RunSecret;
  readonly slices: readonly ProvenSlice[];
  /** Slices whose proof was there already. */
  readonly kept: readonly number[];
  readonly proveMs: number;
  readonly proofBytes: number;
  readonly outputs: ReadonlyMap<string, Int32Array>;
}

/** @throws InputError where the directory holds something else; ProvingError where no proof can be made */
export async function proveRun(request: ProveRequest, progress: Progress): Promise<ProvenRun> {
  const { run } = request;
  checkRunTarget(run, request.boundaries !== undefined);
  const existed = existsSync(run);
  const fresh = !isRun(run) && !isUnfinishedRun(run);
  mkdirSync(run, { recursive: true });
  try {
    return await proveInto(request, progress);
  } catch (e) {
    // A run without a single proof is worth nothing.
    if (fresh && !hasProofs(run)) {
      for (const path of existed ? [join(run, SECRET_FILE), join(run, 'slices')] : [run]) {
        rmSync(path, { recursive: true, force: true });
      }
    }
    throw e;
  }
}

const hasProofs = (run: string): boolean =>
  existsSync(join(run, 'slices')) && readdirSync(join(run, 'slices')).some((f) => /^\d+$/.test(f));

async function proveInto(request: ProveRequest, progress: Progress): Promise<ProvenRun> {
  const { program, integers, run, choice } = request;
  const { key, fingerprint } = program;
  if (request.boundaries !== undefined) await adoptRunSecret(request.boundaries, run, request.prover);
  const { secret } = await openRunSecret(run, {
    fingerprint,
    inputDigest: inputDigest(integers),
    nonce: request.nonce,
    prover: request.prover,
  });
  // Until it is finished again, it is an unfinished run.
  await removeFile(join(run, RUN_MANIFEST));
  const seed = fromHex(secret.secret, 32) as Uint8Array;
  const nonce = fromHex(secret.nonce, 32) as Uint8Array;
  const slices: ProvenSlice[] = [];
  const kept: number[] = [];
  const proofs: (SliceProof | undefined)[] = [];
  const before = earlierProofs(run, key, secret.nonce);
  // Proofs of an earlier prove of the same run are kept, or made again where they do not hold, asked for or not.
  const wanted = new Set([...choice.indices, ...before.keys()]);
  const total = [...wanted].reduce((n, i) => n + key.slices[i].workUnits, 0) || 1;
  let units = 0;
  const report = (from: number, count: number): void => {
    const indices = Array.from({ length: count }, (_, i) => from + i);
    progress.report(`proving ${nameOf(from, count)}`, units / total);
    units += indices.reduce((n, i) => n + (wanted.has(i) ? key.slices[i].workUnits : 0), 0);
  };
  /** Slices to prove at once from the first on: an earlier proof ends them. */
  const groupFrom = (first: number): number => {
    if (request.joinedBytes === undefined) return 1;
    const stretch = [first];
    for (let i = first + 1; wanted.has(i) && !before.get(i); i++) stretch.push(i);
    return groupSlices(key, request.joinedBytes, stretch)[0].count;
  };
  const kernels = await createKernels({ threads: request.workers });
  try {
    const inference = new Inference(key, integers, kernels);
    const { values } = inference;
    for (let index = 0; index < key.slices.length; inference.forgetBefore(index)) {
      const old = before.get(index);
      if (old) {
        const { count = 1 } = old.statement;
        report(index, count);
        for (let i = index; i < index + count; i++) inference.run(program.slice(i));
        if (verifySlice(key, fingerprint, old.statement, old.proof, values).verdict === 'accepted') {
          await removeCovered(run, old.statement);
          proofs[index] = old;
          for (let i = index; i < index + count; i++) kept.push(i);
          slices.push(provenSlice(old, 0));
          index += count;
          continue;
        }
      }
      if (!wanted.has(index)) {
        inference.run(program.slice(index++));
        continue;
      }
      const count = groupFrom(index);
      if (!old) report(index, count);
      const packages = Array.from({ length: count }, (_, i) => program.slice(index + i));
      const unit = joinPackages(key, packages);
      const { execution, executeMs } = inference.run(unit);
      const began = performance.now();
      const boundary = boundaryOf(unit, values, (name) => deriveSalt(seed, name));
      const made = proveUnit(kernels, unit, boundary, {
        nonce,
        prover: secret.prover,
        execution,
        store: request.store,
      });
      const proveMs = executeMs + performance.now() - began;
      const check = verifySlice(key, fingerprint, made.statement, made.proof, values);
      if (check.verdict !== 'accepted') throw selfCheckFailed(nameOf(index, count), check.code);
      await writeSliceProof(run, made);
      proofs[index] = made;
      slices.push(provenSlice(made, proveMs));
      index += count;
    }
    const { outputs } = inference;
    const publicValues = new Map([...integers, ...outputs]);
    const proof = { nonce: secret.nonce, values: publicValues, slices: proofs };
    const verdict = verifyRun(program.keyBytes, proof, { allowUnproven: true });
    if (verdict.verdict !== 'accepted') throw selfCheckFailed('the run', verdict.code);
    const { drawn } = choice;
    await finishRun(
      run,
      {
        fingerprint,
        nonce: secret.nonce,
        prover: secret.prover,
        sliceCount: key.slices.length,
        slices,
        ...(drawn && { drawn }),
      },
      program.keyBytes,
      publicValues,
    );
    const sum = (of: (s: ProvenSlice) => number) => slices.reduce((n, s) => n + of(s), 0);
    return { secret, slices, kept, proveMs: sum((s) => s.proveMs), proofBytes: sum((s) => s.proofBytes), outputs };
  } finally {
    await kernels.close();
  }
}

/**
 * Proofs that stand in the run already, by their first slice; undefined where one stands that cannot be of this run.
 * Whether they hold is seen when the slices are run again.
 */
function earlierProofs(run: string, key: VerifierKey, nonce: string): Map<number, SliceProof | undefined> {
  return new Map(
    key.slices.flatMap((_, index): [number, SliceProof | undefined][] => {
      const found = readSliceProof(run, index);
      if (!found) return [];
      const { count = 1, ...statement } = found.statement ?? {};
      const whole = Number.isSafeInteger(count) && count >= 1 && index + count <= key.slices.length;
      return [[index, whole && statement.index === index && statement.nonce === nonce ? found : undefined]];
    }),
  );
}

const nameOf = (index: number, count: number): string =>
  count === 1 ? `slice ${index}` : `slices ${index}-${index + count - 1}`;

function provenSlice({ statement, proof }: SliceProof, proveMs: number): ProvenSlice {
  const { index, count } = statement;
  return { index, ...(count !== undefined && { count }), proveMs, proofBytes: proof.length };
}

/** Values and salts of the tensors at a slice's borders. */
export function boundaryOf(
  slice: Pick<SlicePackage, 'inputs' | 'outputs'>,
  values: ReadonlyMap<string, Int32Array>,
  salt: (name: string) => Uint8Array,
): Map<string, { readonly values: Int32Array; readonly salt: Uint8Array }> {
  const names = [...slice.inputs, ...slice.outputs];
  return new Map(names.map((name) => [name, { values: values.get(name) as Int32Array, salt: salt(name) }]));
}

function selfCheckFailed(what: string, code: string | undefined): ProvingError {
  return new ProvingError(
    'self-check',
    `the proof of ${what} did not verify (${code ?? 'unknown'}): it was not kept`,
    'please report this, with the model if you can',
  );
}
