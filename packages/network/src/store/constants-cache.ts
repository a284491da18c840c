/** Commitments to constants as files of a directory that several processes may share; it can be removed at any time. */
import {
  closeSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { type ConstantsStore, type StoredPiece, toHex } from '@dsperse/core/prove';

export interface ConstantsCacheOptions {
  readonly directory: string;
  /** Of all entries together: those that were used longest ago make room; 4 GB unless said otherwise. */
  readonly mostBytes?: number;
  /** Of one entry: what is smaller is made again sooner than it is read; 1 MB unless said otherwise. */
  readonly leastBytes?: number;
}

const MOST_BYTES = 4e9;
const LEAST_BYTES = 1e6;
/** Of the space that is free, an entry may take this part. */
const FREE_SHARE = 0.5;
/** Unfinished writes of processes that died are removed after so long. */
const LEFTOVER_MS = 60 * 60_000;
const ENTRY = '.words';
const PARTIAL = '.partial';

export function openConstantsCache(options: ConstantsCacheOptions): ConstantsStore {
  const directory = resolve(options.directory);
  const { mostBytes = MOST_BYTES, leastBytes = LEAST_BYTES } = options;
  const path = (root: Uint8Array): string => join(directory, `${toHex(root)}${ENTRY}`);
  return {
    read(root, parts) {
      try {
        const file = openSync(path(root), 'r');
        try {
          if (!parts.every(({ offset, into }) => readWhole(file, into, offset))) return false;
          // What is used stays longest.
          futimesSync(file, new Date(), new Date());
          return true;
        } finally {
          closeSync(file);
        }
      } catch {
        // Not there, or not to be read: it is made again.
        return false;
      }
    },
    write(root, bytes, pieces) {
      if (bytes < leastBytes || bytes > mostBytes) return false;
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        makeRoom(directory, mostBytes - bytes);
        const { bavail, bsize } = statfsSync(directory);
        if (bytes > FREE_SHARE * bavail * bsize) return false;
        writeEntry(directory, path(root), pieces);
        return true;
      } catch {
        // A full disk, a directory of somebody else's: proving goes on without.
        return false;
      }
    },
    remove: (root) => removeQuietly(path(root)),
  };
}

function readWhole(file: number, into: Uint8Array, offset: number): boolean {
  for (let done = 0; done < into.length; ) {
    const count = readSync(file, into, done, into.length - done, offset + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

let counter = 0;

/** Under another name first: an entry that is there is whole. */
function writeEntry(directory: string, path: string, pieces: Iterable<StoredPiece>): void {
  const partial = join(directory, `${process.pid}.${Date.now()}.${counter++}${PARTIAL}`);
  const file = openSync(partial, 'wx', 0o600);
  try {
    try {
      for (const { offset, bytes } of pieces) {
        for (let done = 0; done < bytes.length; ) {
          done += writeSync(file, bytes, done, bytes.length - done, offset + done);
        }
      }
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (error) {
    removeQuietly(partial);
    throw error;
  }
}

/** Removes the entries that were used longest ago until the rest has no more than so many bytes. */
function makeRoom(directory: string, mostBytes: number): void {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith(ENTRY) || name.endsWith(PARTIAL))
    .flatMap((name) => {
      const path = join(directory, name);
      const found = statSync(path, { throwIfNoEntry: false });
      return found ? [{ path, bytes: found.size, usedMs: found.mtimeMs, isEntry: name.endsWith(ENTRY) }] : [];
    });
  for (const { path, usedMs, isEntry } of files) {
    if (!isEntry && Date.now() - usedMs > LEFTOVER_MS) removeQuietly(path);
  }
  const entries = files.filter((f) => f.isEntry).sort((a, b) => a.usedMs - b.usedMs);
  let sum = entries.reduce((n, e) => n + e.bytes, 0);
  for (const { path, bytes } of entries) {
    if (sum <= mostBytes) return;
    removeQuietly(path);
    sum -= bytes;
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Somebody else's, or in use: whoever reads it sees what is wrong with it.
  }
}
