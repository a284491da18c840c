/** Provers as processes of their own: each gets one slice package and its boundary values, and nothing else. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { InvariantError } from '@dsperse/core/prove';
import { onStop } from '../terminal/on-stop.js';

export interface ProverJob {
  readonly prover: string;
  /** Files: slice package, boundary values, and where the proof goes. */
  readonly slice: string;
  readonly boundary: string;
  readonly proof: string;
}

export interface ProverReport {
  readonly prover: string;
  readonly slice: number;
  readonly pid: number;
  readonly proveMs: number;
  readonly proofBytes: number;
}

const BIN = fileURLToPath(new URL('../../bin/dsperse.js', import.meta.url));

/** Runs the jobs, so many at once; reports in the order of the jobs. */
export async function proveApart(
  jobs: readonly ProverJob[],
  atOnce: number,
  onDone?: (finished: number) => void,
): Promise<ProverReport[]> {
  const reports: ProverReport[] = [];
  let next = 0;
  let finished = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < jobs.length; i = next++) {
      reports[i] = await startProver(jobs[i]);
      onDone?.(++finished);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, jobs.length) }, work));
  return reports;
}

function startProver(job: ProverJob): Promise<ProverReport> {
  const words = ['prove-slice', job.slice, '-b', job.boundary, '-o', job.proof, '--prover', job.prover];
  const child = spawn(process.execPath, [BIN, ...words, '--workers', '1', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const release = onStop(() => child.kill());
  let [out, err] = ['', ''];
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      release();
      if (code !== 0) {
        reject(new InvariantError(`${job.prover} ended with ${code}: ${(err || out).slice(0, 500)}`));
        return;
      }
      const { slice, pid, proveMs, proofBytes } = JSON.parse(out) as Omit<ProverReport, 'prover'>;
      resolve({ prover: job.prover, slice, pid, proveMs, proofBytes });
    });
  });
}
