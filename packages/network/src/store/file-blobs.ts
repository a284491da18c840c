import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import type { BlobStore, ByteStream, PutOptions } from './blobs.js';
import { Measured, noting, verified } from './checked-stream.js';
import { digestHex, digestOf } from './digest.js';
import { makeDirectory, syncDirectory, writeWhole } from './files.js';
import { fileError, StoreError } from './store-error.js';

export interface FileBlobsOptions {
  directory: string;
  /** Told of every damaged blob and where it was put aside; the caller that asked gets a StoreError besides. */
  onDamaged?: (digest: string, path: string) => void;
  /** Unfinished writes of processes that died are removed after so long; an hour unless said otherwise. */
  leftoverMs?: number;
}

const LEFTOVER_MS = 60 * 60_000;

/** Blobs as files `sha256/ab/cd/abcd…` in a directory; several processes may share it. */
export async function openFileBlobs(options: FileBlobsOptions): Promise<FileBlobs> {
  const root = resolve(options.directory);
  try {
    for (const name of ['sha256', 'partial', 'quarantine']) await makeDirectory(join(root, name));
    for (const name of await readdir(join(root, 'partial'))) {
      const path = join(root, 'partial', name);
      const age = await stat(path).then(
        (s) => Date.now() - s.mtimeMs,
        () => 0,
      );
      if (age >= (options.leftoverMs ?? LEFTOVER_MS)) await rm(path, { force: true });
    }
  } catch (error) {
    throw fileError(error, 'Opening the blobs');
  }
  return new FileBlobs(root, options.onDamaged);
}

export class FileBlobs implements BlobStore {
  readonly kind = 'files';
  readonly #root: string;
  readonly #onDamaged: ((digest: string, path: string) => void) | undefined;

  constructor(root: string, onDamaged?: (digest: string, path: string) => void) {
    this.#root = root;
    this.#onDamaged = onDamaged;
  }

  /** Where the blob is or would be. */
  path(digest: string): string {
    const hex = digestHex(digest);
    return join(this.#root, 'sha256', hex.slice(0, 2), hex.slice(2, 4), hex);
  }

  async put(source: Uint8Array | ByteStream, options: PutOptions = {}): Promise<string> {
    const measured = new Measured(source, options);
    if (source instanceof Uint8Array && (await this.#holds(digestOf(source), source.length))) {
      for await (const _ of measured.pieces());
      return measured.digest;
    }
    const temporary = join(this.#root, 'partial', randomBytes(16).toString('hex'));
    const sourceFailed: { error?: unknown } = {};
    try {
      await writeWhole(temporary, noting(measured.pieces(), sourceFailed), () => this.path(measured.digest));
    } catch (error) {
      // What the caller's own stream throws is the caller's.
      throw error === sourceFailed.error ? error : fileError(error, 'Writing a blob');
    }
    return measured.digest;
  }

  async get(digest: string, { maxBytes = Number.POSITIVE_INFINITY } = {}): Promise<Uint8Array | undefined> {
    const size = await this.size(digest);
    if (size === undefined) return undefined;
    if (size > maxBytes) {
      throw new InputError(
        'blob-too-large',
        `The blob has ${size} bytes, more than ${maxBytes}.`,
        'Read it in pieces.',
      );
    }
    const bytes = await this.#ifThere(() => readFile(this.path(digest)), 'Reading a blob');
    if (bytes === undefined) return undefined;
    if (digestOf(bytes) !== digest) throw await this.#quarantine(digest);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  async read(digest: string): Promise<ByteStream | undefined> {
    const size = await this.size(digest);
    if (size === undefined) return undefined;
    return verified(pieces(this.path(digest), size), digest, () => this.#quarantine(digest));
  }

  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async size(digest: string): Promise<number | undefined> {
    return (await this.#ifThere(() => stat(this.path(digest)), 'Looking for a blob'))?.size;
  }

  async delete(digest: string): Promise<boolean> {
    const path = this.path(digest);
    const done = await this.#ifThere(async () => {
      await unlink(path);
      return true;
    }, 'Deleting a blob');
    return done ?? false;
  }

  async close(): Promise<void> {}

  /** True where the blob is there and whole; a damaged one is put aside, so that it is written anew. */
  async #holds(digest: string, length: number): Promise<boolean> {
    const size = await this.size(digest);
    if (size === undefined) return false;
    try {
      if (size === length) return (await this.get(digest)) !== undefined;
      await this.#quarantine(digest);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
    return false;
  }

  async #quarantine(digest: string): Promise<StoreError> {
    const aside = join(this.#root, 'quarantine', `${digestHex(digest)}.${Date.now()}`);
    try {
      await rename(this.path(digest), aside);
      if (digestOf(await readFile(aside)) === digest) {
        // Put anew since it was read: it is whole now.
        await rename(aside, this.path(digest));
        return new StoreError('blob-damaged', `The blob ${digest} was damaged, and is mended.`, true, 'Read it again.');
      }
      await syncDirectory(join(this.#root, 'quarantine'));
      this.#onDamaged?.(digest, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(error, 'Putting a damaged blob aside');
    }
    const message = `The blob ${digest} was damaged on disk; it is in ${aside}.`;
    return new StoreError('blob-damaged', message, false, 'Fetch it again; check the disk.');
  }

  async #ifThere<R>(work: () => Promise<R>, doing: string): Promise<R | undefined> {
    try {
      return await work();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw fileError(error, doing);
    }
  }
}

/** The first `size` bytes of a file. A stream that is told where it ends takes no more memory than there are bytes. */
async function* pieces(path: string, size: number): AsyncGenerator<Uint8Array> {
  if (size === 0) return;
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024, end: size - 1 });
  } catch (error) {
    throw fileError(error, 'Reading a blob');
  }
}
