/** Another system as a process that says how long its steps take, one JSON document a line. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { onStop } from '../../terminal/on-stop.js';
import { median } from '../spread.js';

export interface StepLimits {
  readonly limitMs: number;
  readonly memoryBytes: number;
}

export interface StepsReport {
  /** Milliseconds, the median where a step was done more than once. */
  readonly ms: Readonly<Record<string, number>>;
  /** Whatever else it said. */
  readonly facts: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
  readonly failed?: { readonly stage: string; readonly code: string; readonly message: string };
}

interface Line {
  readonly begin?: string;
  readonly step?: string;
  readonly ms?: number;
}

const WATCH_MS = 250;

export async function runSteps(
  command: string,
  words: readonly string[],
  cwd: string,
  limits: StepLimits,
  onStage: (stage: string) => void,
): Promise<StepsReport> {
  const child = spawn(command, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const kill = (): void => {
    try {
      // Its own children too.
      if (child.pid) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  };
  const release = onStop(kill);
  const times = new Map<string, number[]>();
  const facts: Record<string, number> = {};
  let stage = 'start';
  let peak = 0;
  let stopped: string | undefined;
  let errors = '';
  child.stderr.on('data', (data) => {
    errors = `${errors}${data}`.slice(-4000);
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = parse(text);
    if (line?.begin !== undefined) {
      stage = line.begin;
      onStage(stage);
    } else if (line?.step !== undefined) times.set(line.step, [...(times.get(line.step) ?? []), line.ms ?? 0]);
    else Object.assign(facts, line);
  });
  const began = performance.now();
  const watch = setInterval(() => {
    const { now, most } = memoryOf(child.pid);
    peak = Math.max(peak, most);
    if (performance.now() - began > limits.limitMs) stopped ??= 'time-limit';
    else if (now > limits.memoryBytes) stopped ??= 'memory-limit';
    if (stopped) kill();
  }, WATCH_MS);
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(-1));
    child.on('close', resolve);
  });
  clearInterval(watch);
  release();
  const ms = Object.fromEntries([...times].map(([step, found]) => [step, median(found)]));
  if (code === 0 && !stopped) return { ms, facts, peakRssBytes: peak };
  const message = stopped
    ? `stopped after ${Math.round((performance.now() - began) / 1000)} s at ${(peak / 1e9).toFixed(1)} GB`
    : lastLine(errors);
  return { ms, facts, peakRssBytes: peak, failed: { stage, code: stopped ?? 'failed', message } };
}

function parse(text: string): (Line & Record<string, number>) | undefined {
  try {
    const found = JSON.parse(text);
    return typeof found === 'object' && found !== null ? found : undefined;
  } catch {
    // Its own words.
    return undefined;
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';

/** Resident memory now and at most; zero where the platform does not say. */
function memoryOf(pid: number | undefined): { now: number; most: number } {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const of = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return { now: of('VmRSS'), most: of('VmHWM') };
  } catch {
    return { now: 0, most: 0 };
  }
}
