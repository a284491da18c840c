/** The same prover and verifier in a browser: compiled, proven and verified there; and the verifier alone. */
import type { Tensor } from '@dsperse/core/graph';
import { InvariantError, ProvingError } from '@dsperse/core/prove';
import { JOINED_BYTES } from '../../proving/joined-memory.js';
import { compileForBench } from '../compile-session.js';
import { loadModel } from '../load-model.js';
import { ProverSession } from '../prover-session.js';
import type { BrowserResult, Occasion } from '../results.js';
import { withScratch } from '../scratch-directory.js';
import { spread } from '../spread.js';
import { type ServedFiles, startBenchServer } from './bench-server.js';
import { type Chromium, runChromium } from './chromium.js';

export interface BrowserOptions {
  readonly runs: number;
  readonly budgetMs: number;
  readonly limitMs: number;
  readonly measured: Occasion;
}

interface ProveFindings {
  readonly isolated: boolean;
  readonly threads: number;
  readonly slices: number;
  readonly proofs: number;
  readonly compileMs: number;
  readonly prepareMs: number;
  readonly proveMs: readonly number[];
  readonly verifyMs: readonly number[];
  readonly fingerprint: string;
  readonly proofBytes: number;
  readonly memoryBytes: number;
}

interface VerifyFindings {
  readonly isolated: boolean;
  readonly sharedMemory: boolean;
  readonly fingerprint: string;
  readonly verdict: string;
  readonly forgery: string;
  readonly verifyMs: readonly number[];
}

/** @throws ProvingError where the page fails or takes too long; InvariantError where a verdict is wrong */
export async function measureBrowser(
  chromium: Chromium,
  model: string,
  options: BrowserOptions,
): Promise<BrowserResult> {
  const { runs, budgetMs, measured } = options;
  const { name, bytes, input, calibration } = loadModel(model);
  const samples = JSON.stringify({ input: plain(input), calibration: calibration.map(plain) });
  const files = new Map<string, Uint8Array | string>([
    ['/model.onnx', bytes],
    ['/samples.json', samples],
  ]);
  const query = new URLSearchParams({ runs: String(runs), budget: String(budgetMs), joined: String(JOINED_BYTES) });
  const proven = (await visit(chromium, `/prove.html?${query}`, { isolated: true, files }, options)) as ProveFindings;
  if (!proven.isolated) throw new InvariantError('the page that proves is not cross-origin isolated');
  const verified = await verifierAlone(chromium, model, proven.fingerprint, options);
  return {
    model: name,
    measured,
    browser: chromium.version,
    threads: proven.threads,
    slices: proven.slices,
    proofs: proven.proofs,
    compileMs: proven.compileMs,
    prepareMs: proven.prepareMs,
    proveMs: spread(proven.proveMs),
    verifyMs: spread(proven.verifyMs),
    proofBytes: proven.proofBytes,
    memoryBytes: proven.memoryBytes,
    verifierAloneMs: spread(verified.verifyMs.slice(1)),
  };
}

/** A run made here, verified in a page that may not even share memory. */
function verifierAlone(
  chromium: Chromium,
  model: string,
  fingerprint: string,
  options: BrowserOptions,
): Promise<VerifyFindings> {
  return withScratch(async (directory) => {
    await compileForBench({ ask: 'compile', model, directory, slices: 'auto' });
    const session = await ProverSession.open({ ask: 'open', directory, workers: 2, joinedBytes: JOINED_BYTES });
    session.prove();
    const run = JSON.stringify(session.runDocument());
    await session.close();
    const files = new Map([['/run.json', run]]);
    const found = (await visit(chromium, '/verify.html', { isolated: false, files }, options)) as VerifyFindings;
    if (found.isolated || found.verdict !== 'accepted' || found.forgery !== 'rejected') {
      throw new InvariantError(`the verifier alone: ${JSON.stringify(found)}`);
    }
    if (found.fingerprint !== fingerprint) throw new InvariantError('Node and the browser compile different programs');
    return found;
  });
}

async function visit(
  chromium: Chromium,
  page: string,
  served: ServedFiles,
  { limitMs }: BrowserOptions,
): Promise<unknown> {
  const server = await startBenchServer(served);
  try {
    await runChromium(chromium, [`${server.url}${page}`], limitMs, server.result);
    const ended = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 100));
    const result = (await Promise.race([server.result, ended])) as { error?: string } | undefined;
    const lost = (why: string) => new ProvingError('browser-failed', why, 'use a smaller model');
    if (!result) throw lost('the browser ended before the page was done');
    if (result.error !== undefined) throw lost(result.error);
    return result;
  } finally {
    server.close();
  }
}

const plain = (sample: ReadonlyMap<string, Tensor>) =>
  [...sample].map(([name, { dtype, dims, data }]) => ({ name, dtype, dims, data: Array.from(data) }));
