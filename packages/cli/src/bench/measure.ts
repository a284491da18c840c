/** Measures models side by side, each in a process of its own, in turns. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { InputError } from '@dsperse/core/graph';
import { InvariantError, ProvingError } from '@dsperse/core/prove';
import { onStop } from '../terminal/on-stop.js';
import type { Progress } from '../terminal/progress.js';
import type { BenchReplies, BenchReply, BenchRequest, RoundReport, SetupReport } from './protocol.js';

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export interface BenchResult {
  readonly model: string;
  readonly about: string;
  readonly parameters: number;
  readonly multiplications: number;
  readonly slices: number;
  readonly workers: number;
  readonly compileMs: number;
  readonly prepareMs: number;
  /** The first proof of the process, before anything is warm. */
  readonly firstProveMs: number;
  readonly proveMs: Spread;
  readonly verifyMs: Spread;
  readonly proofBytes: number;
  readonly keyBytes: number;
  readonly peakRssBytes: number;
  /** One thread; null where onnxruntime is not installed. */
  readonly onnxruntimeMs: number | null;
  readonly inferenceMs: number;
  readonly inferenceBy: string;
  /** proveMs.median / inferenceMs. */
  readonly ratio: number;
}

/** A process that measures. */
class Worker {
  private readonly child: ChildProcess;
  private readonly release: () => void;

  constructor() {
    this.child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child.on('error', () => undefined);
    this.release = onStop(() => this.child.kill('SIGKILL'));
  }

  ask<A extends BenchRequest['ask']>(request: BenchRequest & { ask: A }): Promise<BenchReplies[A]> {
    return new Promise((resolve, reject) => {
      const ended = (): void =>
        reject(new ProvingError('out-of-memory', 'the measuring process ended', 'use a smaller model'));
      this.child.once('exit', ended);
      this.child.once('message', (reply: BenchReply) => {
        this.child.off('exit', ended);
        if ('ok' in reply) resolve(reply.ok as BenchReplies[A]);
        else {
          const { name, code, message, hint } = reply.error;
          if (name === 'InputError') reject(new InputError(code, message, hint));
          else if (name === 'ProvingError') reject(new ProvingError(code, message, hint));
          else reject(new InvariantError(message));
        }
      });
      this.child.send(request, (error) => {
        if (error) ended();
      });
    });
  }

  stop(): void {
    this.release();
    if (this.child.connected) this.child.disconnect();
  }
}

/** One round is for warming up; `runs` are counted. */
export async function measureAll(
  models: readonly string[],
  runs: number,
  workers: number | undefined,
  progress: Progress,
): Promise<BenchResult[]> {
  const began: { worker: Worker; setup: SetupReport; rounds: RoundReport[] }[] = [];
  const processes: Worker[] = [];
  const steps = models.length * (runs + 2);
  let step = 0;
  try {
    for (const model of models) {
      progress.report(`compiling ${model}`, step++ / steps);
      const worker = new Worker();
      processes.push(worker);
      const setup = await worker.ask({ ask: 'setup', model, slices: 'auto', ...(workers ? { workers } : {}) });
      began.push({ worker, setup, rounds: [] });
    }
    for (let run = 0; run <= runs; run++) {
      for (const { worker, setup, rounds } of began) {
        progress.report(`measuring ${setup.name}`, step++ / steps);
        rounds.push(await worker.ask({ ask: 'round' }));
      }
    }
    const results: BenchResult[] = [];
    for (const { worker, setup, rounds } of began) {
      const { peakRssBytes } = await worker.ask({ ask: 'end' });
      results.push(summary(setup, rounds, peakRssBytes));
    }
    return results;
  } finally {
    for (const worker of processes) worker.stop();
  }
}

function summary(setup: SetupReport, [first, ...rounds]: readonly RoundReport[], peakRssBytes: number): BenchResult {
  const { name, inferenceBy, ...rest } = setup;
  const proveMs = spread(rounds.map((r) => r.proveMs));
  const inferenceMs = spread(rounds.map((r) => r.inferenceMs)).median;
  return {
    model: name,
    ...rest,
    firstProveMs: first.proveMs,
    proveMs,
    verifyMs: spread(rounds.map((r) => r.verifyMs)),
    proofBytes: rounds[0].proofBytes,
    peakRssBytes,
    onnxruntimeMs: inferenceBy.startsWith('onnxruntime') ? inferenceMs : null,
    inferenceMs,
    inferenceBy,
    ratio: proveMs.median / inferenceMs,
  };
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return { min: sorted[0], median, max: sorted[sorted.length - 1] };
}

export interface Distribution {
  readonly model: string;
  readonly slices: 2;
  /** One thread each. */
  readonly oneProcessMs: Spread;
  readonly twoProcessesMs: Spread;
  readonly speedup: number;
  /** Medians of each slice alone. */
  readonly sliceMs: readonly number[];
}

/** The model in two slices: one process proves both, or two processes prove one each, in turns. */
export async function measureDistribution(model: string, runs: number, progress: Progress): Promise<Distribution> {
  const [a, b] = [new Worker(), new Worker()];
  try {
    for (const worker of [a, b]) await worker.ask({ ask: 'setup', model, slices: 2, workers: 1 });
    const [one, two]: [number[], number[]] = [[], []];
    const each: [number[], number[]] = [[], []];
    for (let run = 0; run <= runs; run++) {
      progress.report(`${model}: one process, two processes`, run / (runs + 1));
      const { proveMs: alone } = await a.ask({ ask: 'prove', slices: [0, 1] });
      const start = performance.now();
      const parts = await Promise.all([a.ask({ ask: 'prove', slices: [0] }), b.ask({ ask: 'prove', slices: [1] })]);
      const together = performance.now() - start;
      // The first round warms up.
      if (run === 0) continue;
      one.push(alone);
      two.push(together);
      parts.forEach(({ proveMs }, i) => {
        each[i].push(proveMs);
      });
    }
    const [oneProcessMs, twoProcessesMs] = [spread(one), spread(two)];
    return {
      model,
      slices: 2,
      oneProcessMs,
      twoProcessesMs,
      speedup: oneProcessMs.median / twoProcessesMs.median,
      sliceMs: each.map((ms) => spread(ms).median),
    };
  } finally {
    for (const worker of [a, b]) worker.stop();
  }
}
