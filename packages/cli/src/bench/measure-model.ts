/** Measures one model: compiled in one process, then proven with one and with all workers and run on floats, in turns. */
import { rmSync } from 'node:fs';
import { JOINED_BYTES } from '../proving/joined-memory.js';
import { describeError } from '../terminal/describe-error.js';
import { type Limits, MeasuringProcess } from './measuring-process.js';
import { type CompileReport, type OpenReport, PHASES, type Phases, type ProveReport } from './protocol.js';
import type { ModelResult, Occasion, WorkersResult } from './results.js';
import { median, spread } from './spread.js';

export interface MeasureOptions {
  /** Proofs that are counted, after some to warm up. */
  readonly runs: number;
  /** Fewer runs where they would take longer than this. */
  readonly budgetMs: number;
  /** Numbers of threads, ascending. */
  readonly workers: readonly number[];
  readonly limits: Limits;
  readonly measured: Occasion;
  /** For the files between the processes; removed afterwards. */
  readonly directory: string;
  onStage(stage: string, fraction: number): void;
}

/** What is reported of something that could not be measured. */
export function stageError(thrown: unknown): { code: string; message: string } {
  const { code, message } = describeError(thrown).error;
  return { code, message };
}

interface Prover {
  readonly process: MeasuringProcess;
  readonly opened: OpenReport;
  readonly first: ProveReport;
  readonly rounds: ProveReport[];
}

export async function measureModel(model: string, options: MeasureOptions): Promise<ModelResult> {
  const { directory, limits, onStage } = options;
  const processes: MeasuringProcess[] = [];
  const start = (): MeasuringProcess => {
    const process = new MeasuringProcess(limits);
    processes.push(process);
    return process;
  };
  try {
    onStage('compile', 0);
    const compiler = start();
    const most = options.workers[options.workers.length - 1];
    const compiled = await compiler.ask({ ask: 'compile', model, directory, slices: 'auto', workers: most });
    compiler.stop();
    onStage('inference', 0.2);
    const floats = start();
    const { inferenceBy } = await floats.ask({ ask: 'load', directory, model });
    const inferenceMs = [(await floats.ask({ ask: 'infer' })).inferenceMs];
    const provers: Prover[] = [];
    for (const [i, workers] of options.workers.entries()) {
      onStage('prove', 0.3 + (0.3 * i) / options.workers.length);
      const process = start();
      const opened = await process.ask({ ask: 'open', directory, workers, joinedBytes: JOINED_BYTES });
      const first = await process.ask({ ask: 'prove' });
      await warmUp(first.proveMs, () => process.ask({ ask: 'prove' }));
      provers.push({ process, opened, first, rounds: [] });
    }
    const verifyMs: number[] = [];
    const warm = provers.reduce((ms, p) => ms + p.first.proveMs, 0);
    const runs = Math.min(options.runs, Math.floor(options.budgetMs / warm));
    for (let run = 0; run < runs; run++) {
      for (const { process, rounds } of provers) {
        onStage('prove', 0.6 + (0.4 * run) / runs);
        rounds.push(await process.ask({ ask: 'prove' }));
      }
      inferenceMs.push((await floats.ask({ ask: 'infer' })).inferenceMs);
    }
    onStage('verify', 1);
    const last = provers[provers.length - 1].process;
    const { verifyMs: firstVerifyMs } = await last.ask({ ask: 'verify' });
    await warmUp(firstVerifyMs, () => last.ask({ ask: 'verify' }));
    for (let run = 0; run < Math.max(VERIFICATIONS, runs); run++)
      verifyMs.push((await last.ask({ ask: 'verify' })).verifyMs);
    await floats.end();
    const byWorkers: WorkersResult[] = [];
    for (const prover of provers) byWorkers.push(resultOf(prover, await prover.process.end()));
    const inference = median(inferenceMs.slice(-Math.max(1, runs)));
    return summary(options.measured, compiled, byWorkers, provers, {
      runs,
      firstVerifyMs,
      verifyMs: spread(verifyMs),
      onnxruntimeMs: inferenceBy.startsWith('onnxruntime') ? inference : null,
      inferenceMs: inference,
      inferenceBy,
    });
  } finally {
    for (const process of processes) process.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** For so long, the first time included, and so often at most it is done again before it counts: until the engine has compiled it. */
const WARM_UP_MS = 3000;
const MOST_WARM_UPS = 40;
/** Of each model at least, as they take no time. */
const VERIFICATIONS = 9;

async function warmUp(firstMs: number, again: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + WARM_UP_MS - firstMs;
  for (let i = 0; i < MOST_WARM_UPS && performance.now() < until; i++) await again();
}

function resultOf({ opened, first, rounds }: Prover, peakRssBytes: number): WorkersResult {
  const counted = rounds.length > 0 ? rounds : [first];
  return {
    workers: opened.workers,
    prepareMs: median(counted.map((r) => r.prepareMs)),
    firstProveMs: first.proveMs,
    proveMs: spread(counted.map((r) => r.proveMs)),
    phases: Object.fromEntries(PHASES.map((p) => [p, median(counted.map((r) => r.phases[p]))])) as unknown as Phases,
    peakRssBytes,
  };
}

function summary(
  measured: Occasion,
  compiled: CompileReport,
  byWorkers: readonly WorkersResult[],
  provers: readonly Prover[],
  rest: Pick<ModelResult, 'runs' | 'firstVerifyMs' | 'verifyMs' | 'onnxruntimeMs' | 'inferenceMs' | 'inferenceBy'>,
): ModelResult {
  const { name, workUnits: _, boundaryBytes: __, peakRssBytes: compilePeakRssBytes, ...about } = compiled;
  const best = byWorkers[byWorkers.length - 1];
  return {
    model: name,
    measured,
    ...about,
    compilePeakRssBytes,
    ...best,
    byWorkers,
    proofs: provers[provers.length - 1].opened.proofs,
    proofBytes: provers[provers.length - 1].first.proofBytes,
    ...rest,
    ratio: best.proveMs.median / rest.inferenceMs,
  };
}
