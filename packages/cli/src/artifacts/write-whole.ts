/**
 * Writing so that nothing half-written is ever taken for whole: into a temporary sibling, which then takes the name.
 * What is unfinished is removed on an error and on SIGINT or SIGTERM; what a killed process left is removed by the next
 * one that writes there.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { onStop } from '../terminal/on-stop.js';

/** Registers a path that is removed if the process is stopped before the returned function is called. */
export const removeIfStopped = (path: string): (() => void) =>
  onStop(() => rmSync(path, { recursive: true, force: true }));

let counter = 0;

/** `.name.1234.0.partial` beside `path`, where 1234 is this process. */
function siblingOf(path: string): string {
  const [directory, name] = [dirname(resolve(path)), basename(resolve(path))];
  if (existsSync(directory) && statSync(directory).isDirectory()) {
    for (const entry of readdirSync(directory)) {
      if (!entry.startsWith(`.${name}.`) || !entry.endsWith('.partial')) continue;
      const pid = Number(entry.slice(name.length + 2).split('.')[0]);
      if (Number.isInteger(pid) && pid !== process.pid && !isAlive(pid)) {
        rmSync(join(directory, entry), { recursive: true, force: true });
      }
    }
  }
  return join(directory, `.${name}.${process.pid}.${counter++}.partial`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as { code?: string }).code === 'EPERM';
  }
}

/** The error, saying the path that the user knows. */
function about(path: string, e: unknown): unknown {
  if (e instanceof Error && 'syscall' in e) Object.assign(e, { path });
  return e;
}

export async function writeWholeFile(path: string, data: Uint8Array | string, mode = 0o666): Promise<void> {
  if (existsSync(path) && !statSync(path).isFile() && !statSync(path).isDirectory()) {
    // A pipe or a device.
    return writeFile(path, data).catch((e) => Promise.reject(about(path, e)));
  }
  const partial = siblingOf(path);
  const release = removeIfStopped(partial);
  try {
    const file = await open(partial, 'w', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (e) {
    // Where it could not be written, removing it may fail, too: what is told is why.
    await rm(partial, { force: true, recursive: true }).catch(() => undefined);
    throw about(path, e);
  } finally {
    release();
  }
}

/**
 * A directory with all that `fill` writes, or none. A directory that has the name is replaced.
 * @param fill is given the temporary directory
 */
export async function writeWholeDirectory(path: string, fill: (directory: string) => Promise<void>): Promise<void> {
  const partial = siblingOf(path);
  const release = removeIfStopped(partial);
  try {
    await mkdir(dirname(resolve(path)), { recursive: true });
    await mkdir(partial);
    await fill(partial);
    if (existsSync(path)) {
      const old = siblingOf(path);
      await rename(path, old);
      await rename(partial, path);
      await rm(old, { recursive: true, force: true });
    } else {
      await rename(partial, path);
    }
  } catch (e) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw about(path, e);
  } finally {
    release();
  }
}

/** Removes a file if it is there. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((e) => {
    if (e.code !== 'ENOENT') throw e;
  });
}
