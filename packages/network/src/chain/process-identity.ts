/** Telling a process that still runs from another that has been given its number since. */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, as the platform counts it; empty where the platform does not say. */
  readonly started: string;
}

export function identityOfProcess(pid: number = process.pid): ProcessIdentity {
  return { pid, started: startOf(pid) };
}

/** Whether the process that was identified runs; a zombie does not. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  return now !== 'zombie' && (started === '' || now === '' || now === started);
}

/** Boot and clock ticks since then, on Linux. */
function startOf(pid: number): string {
  try {
    // The command's name, in parentheses, may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    if (fields[0] === 'Z' || fields[0] === 'X') return 'zombie';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
  } catch {
    return '';
  }
}

const POLL_MS = 50;

/** Asks a process to end, and kills it when the bound is over. */
export async function endProcess(identity: ProcessIdentity, boundMs: number): Promise<void> {
  const until = performance.now() + boundMs;
  const send = (signal: NodeJS.Signals): void => {
    try {
      if (isRunning(identity)) process.kill(identity.pid, signal);
    } catch {
      // It has just ended.
    }
  };
  if (boundMs > 0) send('SIGTERM');
  while (isRunning(identity) && performance.now() < until) await setTimeout(POLL_MS);
  send('SIGKILL');
  while (isRunning(identity)) await setTimeout(POLL_MS);
}
