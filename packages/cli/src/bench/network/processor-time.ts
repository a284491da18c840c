/** What a process has taken so far, as Linux tells it; 0 where the platform does not say. */
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** Resident bytes. */
export function rssBytes(pid: number | undefined): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return 1024 * Number(kilobytes ?? 0);
  } catch {
    return 0;
  }
}

/** Processor time of all its threads. */
export function cpuSeconds(pid: number | undefined): number {
  try {
    // Fields 14 and 15, counted after the name in parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
