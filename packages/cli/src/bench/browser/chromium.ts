/** A Chromium that the user has installed; it is no dependency. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onStop } from '../../terminal/on-stop.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

export interface Chromium {
  readonly path: string;
  readonly version: string;
}

/** The one that CHROMIUM names, or the first in PATH. */
export function findChromium(): Chromium | undefined {
  for (const path of process.env.CHROMIUM ? [process.env.CHROMIUM] : NAMES) {
    try {
      const said = execFileSync(path, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 });
      return { path, version: said.toString().trim() };
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/**
 * Runs it without a window, in a profile of its own, until it ends by itself or `until` comes.
 * @param until stops it where it settles
 * @throws Error where it has not ended after timeoutMs
 */
export async function runChromium(
  { path }: Chromium,
  words: readonly string[],
  timeoutMs: number,
  until?: Promise<unknown>,
): Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), 'dsperse-chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const child = spawn(path, [...flags, '--disable-extensions', `--user-data-dir=${profile}`, ...words], {
    stdio: 'ignore',
    detached: true,
  });
  // Its processes are a group of their own.
  const kill = (): void => {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  };
  const release = onStop(kill);
  let timer: NodeJS.Timeout | undefined;
  try {
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', () => resolve());
      timer = setTimeout(() => reject(new Error(`Chromium took more than ${timeoutMs / 1000} s`)), timeoutMs);
    });
    await Promise.race(until ? [ended, until] : [ended]);
  } finally {
    clearTimeout(timer);
    kill();
    release();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
