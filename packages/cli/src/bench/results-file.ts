/** docs/bench/results.json: what is measured anew takes the place of what stands there for the same model. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '@dsperse/core/graph';
import type { BenchResults, Machine } from './results.js';

export const RESULTS_FILE = fileURLToPath(new URL('../../../../docs/bench/results.json', import.meta.url));

export function emptyResults(machine: Machine): BenchResults {
  return { machine, results: [], failures: [], slicing: [], browser: [], browserFailures: [], peers: [] };
}

/** @throws InputError where the file is there and is not one of results */
export function readResults(path: string): BenchResults | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as BenchResults;
    if (found.machine && Array.isArray(found.results)) return { ...emptyResults(found.machine), ...found };
  } catch {
    // Said below.
  }
  throw new InputError('damaged-artifact', `${path} holds no results`, 'remove it and measure again');
}

const sameMachine = (a: Machine, b: Machine): boolean =>
  a.cpu === b.cpu && a.cores === b.cores && a.node === b.node && Math.abs(a.memoryBytes / b.memoryBytes - 1) < 0.1;

/** Figures of two machines never stand in one file: those of another one are dropped. */
export function mergeResults(old: BenchResults | undefined, more: BenchResults): BenchResults {
  if (!old || !sameMachine(old.machine, more.machine)) return more;
  const measured = new Set([...more.results, ...more.failures].map((r) => r.model));
  const others = <T extends { readonly model: string }>(from: readonly T[]) =>
    from.filter((r) => !measured.has(r.model));
  const browsed = new Set([...more.browser, ...more.browserFailures].map((r) => r.model));
  const byModel = (r: { model: string }) => r.model;
  return {
    machine: more.machine,
    results: [...others(old.results), ...more.results],
    failures: [...others(old.failures), ...more.failures],
    slicing: replaced(old.slicing, more.slicing, byModel),
    browser: [...old.browser.filter((r) => !browsed.has(r.model)), ...more.browser],
    browserFailures: [...old.browserFailures.filter((r) => !browsed.has(r.model)), ...more.browserFailures],
    peers: replaced(old.peers, more.peers, (p) => `${p.system}\n${p.model}`),
  };
}

function replaced<T>(old: readonly T[], more: readonly T[], key: (item: T) => string): T[] {
  const fresh = new Set(more.map(key));
  return [...old.filter((item) => !fresh.has(key(item))), ...more];
}

/** Where something lies on this machine is nobody's business. */
const withoutDirectories = (text: string): string => text.replace(/(?<![\w.:/])(?:\/[\w.@~-]+)+\/(?=[\w.@-])/g, '');

/** Whole or not at all. */
export function writeResults(path: string, results: BenchResults): void {
  mkdirSync(dirname(path), { recursive: true });
  const digits = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value);
  const exact = new Set(['parameters', 'multiplications', 'proofBytes', 'keyBytes', 'packageBytes', 'boundaryBytes']);
  const replacer = (key: string, value: unknown) =>
    typeof value === 'string' ? withoutDirectories(value) : exact.has(key) ? value : digits(key, value);
  writeFileSync(`${path}.new`, `${JSON.stringify(results, replacer, 1)}\n`);
  renameSync(`${path}.new`, path);
}
