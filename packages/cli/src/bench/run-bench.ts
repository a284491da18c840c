/** Goes through models; what cannot be measured is reported, and the rest goes on. */
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../terminal/progress.js';
import { describeMachine, occasion } from './machine.js';
import { type MeasureOptions, measureModel, stageError } from './measure-model.js';
import { measureSlicing } from './measure-slicing.js';
import { resultName } from './model-sets.js';
import type { BenchResults, Failure, ModelResult, SlicingResult } from './results.js';
import { emptyResults } from './results-file.js';
import { withScratch } from './scratch-directory.js';

export interface BenchPlan {
  readonly models: readonly string[];
  readonly sliced: readonly string[];
  readonly sliceCounts: readonly number[];
  readonly runs: number;
  /** Numbers of threads, ascending. */
  readonly workers: readonly number[];
  /** Of proving one model again and again; half as much for each cut. */
  readonly budgetMs: number;
  /** Of one model as a whole. */
  readonly limitMs: number;
  /** Of everything: no model is begun later. */
  readonly totalMs: number;
  readonly memoryBytes: number;
}

/** Most of the memory: the rest is for the system, and for what it keeps of files. */
export const memoryLimit = (): number => Math.min(0.8 * totalmem(), Math.max(0.5 * totalmem(), freemem()));

/** @param keep called after each model with all that was found so far */
export const runBench = (
  plan: BenchPlan,
  progress: Progress,
  keep: (results: BenchResults) => void,
): Promise<BenchResults> => withScratch((scratch) => runIn(scratch, plan, progress, keep));

async function runIn(
  scratch: string,
  plan: BenchPlan,
  progress: Progress,
  keep: (results: BenchResults) => void,
): Promise<BenchResults> {
  const machine = describeMachine();
  const results: ModelResult[] = [];
  const failures: Failure[] = [];
  const slicing: SlicingResult[] = [];
  const began = performance.now();
  const left = (): number => began + plan.totalMs - performance.now();
  const soFar = (): BenchResults => ({ ...emptyResults(machine), results, failures, slicing });
  const steps = plan.models.length + plan.sliced.length;
  let step = 0;
  const optionsFor = (name: string, told: (stage: string) => void): Omit<MeasureOptions, 'workers'> => ({
    runs: plan.runs,
    budgetMs: plan.budgetMs,
    limits: { deadline: performance.now() + plan.limitMs, memoryBytes: plan.memoryBytes },
    measured: occasion(machine.load),
    directory: join(scratch, name),
    onStage(stage, fraction) {
      told(stage);
      progress.report(`${name}: ${stage}`, (step + fraction) / steps);
    },
  });
  for (const model of plan.models) {
    const name = resultName(model);
    let stage = 'compile';
    const options = optionsFor(name, (s) => {
      stage = s;
    });
    try {
      if (left() > 0) results.push(await measureModel(model, { ...options, workers: plan.workers }));
    } catch (thrown) {
      failures.push({ model: name, measured: options.measured, stage, ...stageError(thrown) });
    }
    step++;
    keep(soFar());
  }
  for (const model of plan.sliced) {
    const name = resultName(model);
    if (left() > 0) {
      const options = { ...optionsFor(name, () => undefined), budgetMs: plan.budgetMs / 2 };
      const found = await measureSlicing(model, plan.sliceCounts, options);
      slicing.push({ ...found, model: name });
    }
    step++;
    keep(soFar());
  }
  return soFar();
}
