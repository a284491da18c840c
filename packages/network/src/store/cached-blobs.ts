import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import type { ByteStream } from './blobs.js';
import { digestHex } from './digest.js';
import { type FileBlobs, openFileBlobs } from './file-blobs.js';
import { lockFile } from './lock.js';
import { fileError, StoreError } from './store-error.js';

export interface CachedBlobsOptions {
  /** Brings a blob that is not in the cache; undefined where there is none. */
  store: (digest: string) => Promise<Uint8Array | ByteStream | undefined>;
  directory: string;
  /** The cache never holds more than this, unfinished fetches included. */
  maxBytes: number;
}

export interface CachedBlob {
  digest: string;
  size: number;
  /** The file; there while it is in use. */
  path: string;
  /** Its bytes, checked. */
  bytes(): Promise<Uint8Array>;
}

/** Blobs of elsewhere, kept on disk while there is room; those not used for longest go first. */
export interface BlobCache {
  /**
   * Fetches the blob where it is not there yet and keeps it from being evicted while the work runs. StoreError
   * `blob-missing` where the store has none, `cache-full` (retryable) where all that could go is in use.
   */
  use<R>(digest: string, work: (blob: CachedBlob) => Promise<R> | R): Promise<R>;
  /** The bytes, fetched where needed. */
  get(digest: string): Promise<Uint8Array>;
  /** Whether it is in the cache now. */
  has(digest: string): boolean;
  readonly bytesUsed: number;
  close(): Promise<void>;
}

/** Opens a cache; one process at a time (InputError `in-use`). What it held before is still there. */
export async function cachedBlobs(options: CachedBlobsOptions): Promise<BlobCache> {
  const unlock = await lockFile(join(options.directory, 'lock'), 'The cache');
  try {
    const files = await openFileBlobs({
      directory: options.directory,
      leftoverMs: 0,
      // What can be fetched anew need not be kept damaged.
      onDamaged: (_digest, path) => rm(path, { force: true }).catch(() => {}),
    });
    const cache = new DiskCache(options, files, unlock);
    await cache.load();
    return cache;
  } catch (error) {
    await unlock();
    throw fileError(error, 'Opening the cache');
  }
}

interface Entry {
  size: number;
  pins: number;
}

class DiskCache implements BlobCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #fetches = new Map<string, Promise<void>>();
  /** Files that are just being removed. */
  readonly #leaving = new Map<string, Promise<unknown>>();
  /** Bytes of whole blobs and of what is being fetched. */
  #used = 0;
  #closed = false;

  constructor(
    private readonly options: CachedBlobsOptions,
    private readonly files: FileBlobs,
    private readonly unlock: () => Promise<void>,
  ) {}

  get bytesUsed(): number {
    return this.#used;
  }

  async load(): Promise<void> {
    const found: { digest: string; size: number; usedMs: number }[] = [];
    const root = join(this.options.directory, 'sha256');
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const digest = `sha256:${entry.name}`;
      if (!entry.isFile()) continue;
      const { size, mtimeMs } = await stat(this.files.path(digest));
      found.push({ digest, size, usedMs: mtimeMs });
    }
    found.sort((a, b) => a.usedMs - b.usedMs);
    for (const { digest, size } of found) {
      this.#entries.set(digest, { size, pins: 0 });
      this.#used += size;
    }
    await this.#makeRoom(0);
  }

  async use<R>(digest: string, work: (blob: CachedBlob) => Promise<R> | R): Promise<R> {
    digestHex(digest);
    const entry = await this.#pinned(digest);
    try {
      return await work({
        digest,
        size: entry.size,
        path: this.files.path(digest),
        bytes: () => this.#bytes(digest),
      });
    } finally {
      entry.pins--;
    }
  }

  get(digest: string): Promise<Uint8Array> {
    return this.use(digest, (blob) => blob.bytes());
  }

  has(digest: string): boolean {
    return this.#entries.has(digest);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled([...this.#fetches.values()]);
    await this.unlock();
  }

  /** The entry with one more pin; the caller takes it off. */
  async #pinned(digest: string): Promise<Entry> {
    for (;;) {
      if (this.#closed) throw new StoreError('closed', 'The cache is closed.', false);
      const entry = this.#entries.get(digest);
      if (entry) {
        entry.pins++;
        this.#entries.delete(digest);
        this.#entries.set(digest, entry);
        const now = new Date();
        // The order of use outlives the process by the files' times.
        await utimes(this.files.path(digest), now, now).catch(() => {});
        return entry;
      }
      let fetching = this.#fetches.get(digest);
      if (!fetching) {
        fetching = this.#fetch(digest).finally(() => this.#fetches.delete(digest));
        this.#fetches.set(digest, fetching);
      }
      await fetching;
    }
  }

  async #fetch(digest: string): Promise<void> {
    await this.#leaving.get(digest);
    const source = await this.options.store(digest);
    if (source === undefined) {
      throw new StoreError('blob-missing', `There is no blob ${digest}.`, false, 'Ask whoever should have it.');
    }
    let size = 0;
    const counted = async function* (this: DiskCache) {
      for await (const piece of source instanceof Uint8Array ? [source] : source) {
        if (size + piece.length > this.options.maxBytes) {
          throw new InputError('blob-too-large', 'The blob is larger than the cache.', 'Enlarge the cache.');
        }
        await this.#makeRoom(piece.length);
        size += piece.length;
        yield piece;
      }
    }.call(this);
    try {
      await this.files.put(counted, { digest, maxBytes: this.options.maxBytes });
      this.#entries.set(digest, { size, pins: 0 });
    } catch (error) {
      this.#used -= size;
      throw error;
    }
  }

  async #bytes(digest: string): Promise<Uint8Array> {
    const bytes = await this.files.get(digest).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === 'blob-damaged') this.#forget(digest);
      throw error;
    });
    if (bytes) return bytes;
    this.#forget(digest);
    throw new StoreError('blob-missing', `The file of ${digest} was removed.`, true, 'Try again: it is fetched anew.');
  }

  #forget(digest: string): void {
    const entry = this.#entries.get(digest);
    if (entry && this.#entries.delete(digest)) this.#used -= entry.size;
  }

  /** Evicts what was not used for longest until this many bytes more fit, and counts them as used. */
  async #makeRoom(bytes: number): Promise<void> {
    const { maxBytes } = this.options;
    while (this.#used + bytes > maxBytes) {
      const oldest = [...this.#entries].find(([, entry]) => entry.pins === 0)?.[0];
      if (oldest === undefined) {
        throw new StoreError('cache-full', 'All of the cache is in use.', true, 'Try later, or enlarge the cache.');
      }
      this.#forget(oldest);
      const leaving = this.files.delete(oldest).finally(() => this.#leaving.delete(oldest));
      this.#leaving.set(oldest, leaving);
      await leaving;
    }
    this.#used += bytes;
  }
}
