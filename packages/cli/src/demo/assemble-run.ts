/** The input of one run as boundary files for its provers, and their proofs as a run. */

import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deriveSalt, toHex } from '@dsperse/core/prove';
import { writeBoundaryFile } from '../artifacts/boundary-file.js';
import { sliceFile } from '../artifacts/program-directory.js';
import { finishRun, sliceDirectory } from '../artifacts/run-directory.js';
import { executeProgram } from '../proving/execute-program.js';
import type { OpenProgram } from '../proving/open-program.js';
import { boundaryOf } from '../proving/prove-run.js';
import type { ProverJob, ProverReport } from './prove-apart.js';

export interface PreparedRun {
  /** The run directory. */
  readonly path: string;
  readonly nonce: string;
  readonly inputs: ReadonlyMap<string, Int32Array>;
  readonly outputs: ReadonlyMap<string, Int32Array>;
  /** One for each slice. */
  readonly jobs: readonly ProverJob[];
}

/** Runs the program, and writes what the prover of each slice needs. */
export async function prepareRun(
  program: OpenProgram,
  inputs: ReadonlyMap<string, Int32Array>,
  directory: string,
  nonce: string,
): Promise<PreparedRun> {
  const secret = new Uint8Array(randomBytes(32));
  const jobs: ProverJob[] = [];
  const path = join(directory, 'run');
  await mkdir(join(directory, 'boundaries'), { recursive: true });
  const outputs = await executeProgram(program, inputs, undefined, async (slice, values) => {
    const { index } = slice;
    const boundary = join(directory, 'boundaries', `${index}.json`);
    const tensors = [...boundaryOf(slice, values, (name) => deriveSalt(secret, name))].map(
      ([name, { salt, values: integers }]) => [name, { salt: toHex(salt), values: integers }] as const,
    );
    await writeBoundaryFile(boundary, {
      fingerprint: program.fingerprint,
      slice: index,
      nonce,
      tensors: new Map(tensors),
    });
    jobs.push({
      prover: `prover-${index}`,
      slice: join(program.directory.path, sliceFile(index)),
      boundary,
      proof: join(sliceDirectory(path, index), 'proof.bin'),
    });
  });
  return { path, nonce, inputs, outputs, jobs };
}

/** Completes the run directory once all proofs are there. */
export function completeRun(program: OpenProgram, run: PreparedRun, reports: readonly ProverReport[]): Promise<void> {
  const { fingerprint, key } = program;
  const slices = reports.map(({ slice, proveMs, proofBytes }) => ({ index: slice, proveMs, proofBytes }));
  return finishRun(
    run.path,
    { fingerprint, nonce: run.nonce, prover: '', sliceCount: key.slices.length, slices },
    program.keyBytes,
    new Map([...run.inputs, ...run.outputs]),
  );
}
