/** One process at a time has a data folder. */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { identityOfProcess, isRunning, type ProcessIdentity } from '../chain/process-identity.js';

export const LOCK_FILE = 'node.lock';

export interface DataLock {
  readonly path: string;
  /** Gives the folder free; no more than once has an effect. */
  release(): void;
}

/** Locks that this process holds: its own number in a lock file may be left by one before, in a container. */
const held = new Set<string>();

/**
 * Takes the folder, which is made where it is missing. A lock whose process is gone is taken over.
 * @throws InputError `data-in-use`
 */
export function lockDirectory(directory: string): DataLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, LOCK_FILE);
  const own = `${JSON.stringify({ ...identityOfProcess(), nonce: randomBytes(8).toString('hex') })}\n`;
  const partial = join(directory, `.${LOCK_FILE}.${process.pid}.${randomBytes(4).toString('hex')}`);
  writeFileSync(partial, own, { mode: 0o600, flag: 'wx' });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (tryLink(partial, path)) {
        held.add(own);
        return { path, release: () => release(path, own) };
      }
      const there = readOr(path);
      if (there === undefined) continue;
      const holder = parse(there);
      if (held.has(there) || (holder && holder.pid !== process.pid && isRunning(holder))) throw inUse(path, holder);
      takeAway(path, there);
    }
    throw inUse(path, undefined);
  } finally {
    rmSync(partial, { force: true });
  }
}

/** Whether a running process has the folder. */
export function isLocked(directory: string): boolean {
  const there = readOr(join(directory, LOCK_FILE));
  const holder = there === undefined ? undefined : parse(there);
  return holder !== undefined && isRunning(holder);
}

/** Fails where the name is taken; the content is there from the first moment. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock that was left, unless another process has just taken it over. */
function takeAway(path: string, left: string): void {
  const aside = `${path}.${process.pid}.left`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readOr(aside) !== left) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function release(path: string, own: string): void {
  if (held.delete(own) && readOr(path) === own) rmSync(path, { force: true });
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): ProcessIdentity | undefined {
  try {
    const { pid, started } = JSON.parse(text);
    return Number.isInteger(pid) && pid > 0 && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

function inUse(path: string, holder: ProcessIdentity | undefined): InputError {
  return new InputError(
    'data-in-use',
    `another process${holder ? ` (${holder.pid})` : ''} has the data folder: ${path}`,
    'stop it, or give this node another data folder',
  );
}
