/** Proving the slices of a run, in one process, with what an interrupted run left kept. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createKernels } from '@dsperse/core/kernels';
import { deriveSalt, fromHex, ProvingError, provePackage, type SlicePackage } from '@dsperse/core/prove';
import { type SliceProof, verifyRun, verifySlice } from '@dsperse/core/verify';
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
  SECRET_FILE,
  writeSliceProof,
} from '../artifacts/run-directory.js';
import { adoptRunSecret, inputDigest, openRunSecret, type RunSecret } from '../artifacts/run-secret.js';
import { removeFile } from '../artifacts/write-whole.js';
import type { Progress } from '../terminal/progress.js';
import { executeProgram } from './execute-program.js';
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
  const wanted = new Set(choice.indices);
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
  const keep = (old: SliceProof | undefined, known: PublicIntegers): old is SliceProof =>
    old?.statement?.nonce === secret.nonce &&
    verifySlice(key, fingerprint, old.statement, old.proof, known).verdict === 'accepted';
  const total = choice.indices.reduce((n, i) => n + key.slices[i].workUnits, 0) || 1;
  let units = 0;
  const kernels = await createKernels({ threads: request.workers });
  try {
    const outputs = await executeProgram(program, integers, kernels, async (slice, values, execution, executeMs) => {
      const { index } = slice;
      const old = readSliceProof(run, index);
      // Proofs of an earlier prove of the same run are kept, asked for or not.
      if (!wanted.has(index) && !old) return;
      progress.report(`proving slice ${index}`, units / total);
      if (wanted.has(index)) units += key.slices[index].workUnits;
      if (keep(old, values)) {
        proofs[index] = old;
        kept.push(index);
        slices.push({ index, proveMs: 0, proofBytes: old.proof.length });
        return;
      }
      const began = performance.now();
      const boundary = boundaryOf(slice, values, (name) => deriveSalt(seed, name));
      const made = provePackage(kernels, slice, boundary, { nonce, prover: secret.prover, execution });
      const proveMs = executeMs + performance.now() - began;
      const check = verifySlice(key, fingerprint, made.statement, made.proof, values);
      if (check.verdict !== 'accepted') throw selfCheckFailed(`slice ${index}`, check.code);
      await writeSliceProof(run, made);
      proofs[index] = made;
      slices.push({ index, proveMs, proofBytes: made.proof.length });
    });
    const values = new Map([...integers, ...outputs]);
    const proof = { nonce: secret.nonce, values, slices: proofs };
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
      values,
    );
    const sum = (of: (s: ProvenSlice) => number) => slices.reduce((n, s) => n + of(s), 0);
    return { secret, slices, kept, proveMs: sum((s) => s.proveMs), proofBytes: sum((s) => s.proofBytes), outputs };
  } finally {
    await kernels.close();
  }
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
