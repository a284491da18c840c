/** One model cut into 1, 2, 4, … slices, proven by one process and by two, one thread each. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type MeasureOptions, stageError } from './measure-model.js';
import { MeasuringProcess } from './measuring-process.js';
import type { SlicingPlan, SlicingResult } from './results.js';
import { median, spread } from './spread.js';

export async function measureSlicing(
  model: string,
  counts: readonly number[],
  options: Omit<MeasureOptions, 'workers'>,
): Promise<SlicingResult> {
  const plans: SlicingPlan[] = [];
  const failed: { slices: number; code: string; message: string }[] = [];
  for (const [i, slices] of counts.entries()) {
    options.onStage(`${slices} slice${slices > 1 ? 's' : ''}`, i / counts.length);
    try {
      plans.push(await measurePlan(model, slices, options));
    } catch (thrown) {
      const { code, message } = stageError(thrown);
      failed.push({ slices, code, message });
    }
  }
  return { model, measured: options.measured, plans, failed };
}

async function measurePlan(
  model: string,
  slices: number,
  options: Omit<MeasureOptions, 'workers'>,
): Promise<SlicingPlan> {
  const directory = join(options.directory, `${slices}`);
  const processes: MeasuringProcess[] = [];
  const start = (): MeasuringProcess => {
    const process = new MeasuringProcess(options.limits);
    processes.push(process);
    return process;
  };
  try {
    const compiler = start();
    const compiled = await compiler.ask({ ask: 'compile', model, directory, slices });
    compiler.stop();
    const alone = start();
    await alone.ask({ ask: 'open', directory, workers: 1 });
    const first = await alone.ask({ ask: 'prove' });
    const { verifyMs } = await alone.ask({ ask: 'verify' });
    const runs = Math.min(options.runs, Math.floor(options.budgetMs / (1.6 * first.proveMs)));
    const shares = slices > 1 ? shareOut(first.proofMs) : [];
    const pair: MeasuringProcess[] = [];
    for (const share of shares) {
      const process = start();
      await process.ask({ ask: 'open', directory, workers: 1, slices: share });
      // To warm up, and for a first figure.
      await process.ask({ ask: 'prove' });
      pair.push(process);
    }
    const one = runs > 0 ? [] : [first];
    const two: number[] = [];
    for (let run = 0; run < Math.max(1, runs); run++) {
      if (runs > 0) one.push(await alone.ask({ ask: 'prove' }));
      if (pair.length === 0) continue;
      const began = performance.now();
      await Promise.all(pair.map((process) => process.ask({ ask: 'prove' })));
      two.push(performance.now() - began);
    }
    for (const process of pair) process.stop();
    return {
      slices,
      compileMs: compiled.compileMs,
      proofBytes: first.proofBytes,
      verifyMs,
      boundaryBytes: compiled.boundaryBytes,
      sliceMs: first.proofMs.map((_, i) => median(one.map((r) => r.proofMs[i]))),
      oneProcessMs: spread(one.map((r) => r.proveMs)),
      twoProcessesMs: two.length > 0 ? spread(two) : null,
      peakRssBytes: await alone.end(),
    };
  } finally {
    for (const process of processes) process.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Two shares, the longest slice first, each to the share that has least. */
function shareOut(sliceMs: readonly number[]): [number[], number[]] {
  const shares: [number[], number[]] = [[], []];
  const sums = [0, 0];
  const order = sliceMs.map((ms, index) => ({ ms, index })).sort((a, b) => b.ms - a.ms);
  for (const { ms, index } of order) {
    const to = sums[0] <= sums[1] ? 0 : 1;
    shares[to].push(index);
    sums[to] += ms;
  }
  for (const share of shares) share.sort((a, b) => a - b);
  return shares;
}
