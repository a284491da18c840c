/** The machine that is measured on, and the state it is in. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import type { Machine, Occasion } from './results.js';

export function describeMachine(): Machine {
  const [{ model } = { model: 'unknown' }] = cpus();
  const { platform, arch, version } = process;
  const [load] = loadavg();
  return {
    cpu: model.trim(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform,
    arch,
    node: version,
    load,
  };
}

let commit: string | undefined;

/** @param load of the machine before we were busy ourselves */
export function occasion(load: number): Occasion {
  commit ??= commitOfCheckout();
  return { at: new Date().toISOString().slice(0, 16).concat('Z'), load, commit };
}

function commitOfCheckout(): string {
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const changed = git('status', '--porcelain', '--', ':/packages').trim() !== '';
    return git('rev-parse', '--short', 'HEAD').trim() + (changed ? '+' : '');
  } catch {
    return 'unknown';
  }
}
