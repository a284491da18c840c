/** A directory for files in passing, gone when the work is done, has failed, or is stopped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onStop } from '../terminal/on-stop.js';

export async function withScratch<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'dsperse-bench-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const release = onStop(remove);
  try {
    return await work(directory);
  } finally {
    release();
    remove();
  }
}
