import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, readlink, rmdir, stat, unlink, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { fileError } from './store-error.js';

/** A lock from another machine or container is believed dead when its file was not touched for so long. */
const FOREIGN_STALE_MS = 60_000;
const TOUCH_MS = 10_000;
/** Taking over a dead process's lock takes milliseconds; a takeover older than this died itself. */
const TAKEOVER_STALE_MS = 10_000;

interface Holder {
  pid: number;
  /** When the process started, in the kernel's own units: a process id may be used again. */
  started: string;
  /** The boot and the process-id namespace in which the id means something. */
  place: string;
  token: string;
}

/** Tokens of the locks that this process holds. */
const held = new Set<string>();

/**
 * Makes this process the only one that uses what `path` guards, until the returned function is called. InputError
 * `in-use` where a living process has it; what a dead process left is taken over.
 */
export async function lockFile(path: string, what: string): Promise<() => Promise<void>> {
  path = resolve(path);
  const token = randomBytes(12).toString('hex');
  const mine: Holder = {
    pid: process.pid,
    started: (await startOf(process.pid)) ?? '',
    place: await placeOf(),
    token,
  };
  const draft = `${path}.${token}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeDraft(draft, JSON.stringify(mine));
    for (let attempt = 0; ; attempt++) {
      if (await tryLink(draft, path)) break;
      const holder = await holderOf(path);
      if (holder === 'gone') continue;
      if (attempt > 50 || (await isAlive(path, holder, mine.place))) throw inUse(what, path, holder);
      await removeDead(path);
    }
  } catch (error) {
    throw fileError(error, `Locking ${what}`);
  } finally {
    await unlink(draft).catch(() => {});
  }
  held.add(token);
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, TOUCH_MS);
  timer.unref();
  return async () => {
    if (!held.delete(token)) return;
    clearInterval(timer);
    const holder = await holderOf(path);
    if (holder !== 'gone' && holder?.token === token) await unlink(path).catch(() => {});
  };
}

function inUse(what: string, path: string, holder: Holder | undefined): InputError {
  const by = holder ? (holder.pid === process.pid ? 'this process' : `process ${holder.pid}`) : 'another process';
  return new InputError(
    'in-use',
    `${what} is in use by ${by} (${path}).`,
    'Stop that process or use another directory.',
  );
}

async function writeDraft(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Who holds the lock; undefined where the file says nothing sensible (it was cut off by a power failure). */
async function holderOf(path: string): Promise<Holder | undefined | 'gone'> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    throw error;
  }
  try {
    const holder = JSON.parse(text) as Holder;
    return Number.isSafeInteger(holder?.pid) && holder.pid > 0 ? holder : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(path: string, holder: Holder | undefined, place: string): Promise<boolean> {
  if (!holder) return false;
  if (holder.place !== place) {
    const age = await stat(path).then(
      (s) => Date.now() - s.mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    return age < FOREIGN_STALE_MS;
  }
  if (holder.pid === process.pid) return held.has(holder.token);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const started = await startOf(holder.pid);
  return started === undefined || !holder.started || started === holder.started;
}

/** Removes the lock of a dead process; a directory serialises those who try, so that none removes a fresh lock. */
async function removeDead(path: string): Promise<void> {
  const gate = `${path}.takeover`;
  try {
    await mkdir(gate);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const age = await stat(gate).then(
      (s) => Date.now() - s.mtimeMs,
      () => 0,
    );
    if (age > TAKEOVER_STALE_MS) await rmdir(gate).catch(() => {});
    await new Promise((done) => setTimeout(done, 20));
    return;
  }
  try {
    const holder = await holderOf(path);
    if (holder !== 'gone' && !(await isAlive(path, holder, await placeOf()))) await unlink(path);
  } finally {
    await rmdir(gate).catch(() => {});
  }
}

/** Start time of a process in clock ticks since boot, where the system tells (Linux); undefined elsewhere. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  // A zombie has exited and only waits for its parent.
  return fields?.[0] === 'Z' ? 'exited' : fields?.[19];
}

async function placeOf(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return boot ? `${boot.trim()} ${namespace}` : hostname();
}
