import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { InputError } from '@dsperse/core/verify';
import type { BlobStore, ByteStream, PutOptions } from './blobs.js';
import { Measured, noting, verified } from './checked-stream.js';
import { digestHex, digestOf } from './digest.js';
import { makeDirectory, writeWhole } from './files.js';
import { bodyOf, type S3Access, S3Requests } from './s3-requests.js';
import { fileError, StoreError } from './store-error.js';

export interface S3BlobsOptions extends S3Access {
  /** Before every key, without slashes at its ends; may be empty. */
  prefix: string;
  /** Where streams wait until their digest and length are known; the system's temporary files unless said otherwise. */
  directory?: string;
}

const EMPTY = createHash('sha256').digest('hex');
/** What one PUT can carry. */
const MAX_BYTES = 5 * 1024 ** 3;

/** Blobs as objects `prefix/sha256/ab/cd/abcd…` of an S3-compatible service, in path style. */
export async function openS3Blobs(options: S3BlobsOptions): Promise<BlobStore> {
  const spool = resolve(options.directory ?? join(tmpdir(), 'dsperse-uploads'));
  try {
    await makeDirectory(spool);
  } catch (error) {
    throw fileError(error, 'Making a directory for uploads');
  }
  return new S3Blobs(new S3Requests(options), options.prefix, spool, options.timeoutMs);
}

class S3Blobs implements BlobStore {
  readonly kind = 's3';
  readonly #requests: S3Requests;
  readonly #prefix: string;
  readonly #spool: string;
  readonly #timeoutMs: number | undefined;

  constructor(requests: S3Requests, prefix: string, spool: string, timeoutMs?: number) {
    this.#requests = requests;
    this.#prefix = prefix;
    this.#spool = spool;
    this.#timeoutMs = timeoutMs;
  }

  async put(source: Uint8Array | ByteStream, options: PutOptions = {}): Promise<string> {
    const maxBytes = Math.min(options.maxBytes ?? MAX_BYTES, MAX_BYTES);
    const measured = new Measured(source, { ...options, maxBytes });
    if (source instanceof Uint8Array) {
      for await (const _ of measured.pieces());
      // A copy, so that the caller may reuse its buffer while an attempt is under way.
      const bytes = new Uint8Array(source);
      await this.#upload(measured, () => bytes);
      return measured.digest;
    }
    const path = join(this.#spool, `upload-${randomBytes(16).toString('hex')}`);
    const sourceFailed: { error?: unknown } = {};
    try {
      await writeWhole(`${path}.part`, noting(measured.pieces(), sourceFailed), () => path);
      await this.#upload(measured, () => Readable.toWeb(createReadStream(path)) as RequestInit['body']);
    } catch (error) {
      throw error === sourceFailed.error ? error : fileError(error, 'Keeping an upload');
    } finally {
      await rm(path, { force: true }).catch(() => {});
    }
    return measured.digest;
  }

  async get(digest: string, { maxBytes = Number.POSITIVE_INFINITY } = {}): Promise<Uint8Array | undefined> {
    const key = this.#key(digest);
    // What was cut off or spoilt on the way is fetched once more before it is called damaged.
    for (let attempt = 1; ; attempt++) {
      const response = await this.#fetch(key);
      if (!response) return undefined;
      const length = Number(response.headers.get('content-length') ?? 0);
      const pieces: Uint8Array[] = [];
      let size = 0;
      try {
        for await (const piece of bodyOf(response, this.#timeoutMs)) {
          pieces.push(piece);
          size += piece.length;
          if (Math.max(size, length) > maxBytes) throw tooLarge(Math.max(size, length), maxBytes);
        }
      } catch (error) {
        if (attempt < 3 && error instanceof StoreError && error.retryable) continue;
        throw error;
      }
      const bytes = new Uint8Array(Buffer.concat(pieces));
      if (digestOf(bytes) === digest) return bytes;
      if (attempt >= 2) throw damaged(digest);
    }
  }

  async read(digest: string): Promise<ByteStream | undefined> {
    const response = await this.#fetch(this.#key(digest));
    return response && verified(bodyOf(response, this.#timeoutMs), digest, () => damaged(digest));
  }

  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async size(digest: string): Promise<number | undefined> {
    const key = this.#key(digest);
    const response = await this.#requests.send({ method: 'HEAD', key, headers: { 'x-amz-content-sha256': EMPTY } });
    return response.ok ? Number(response.headers.get('content-length')) : undefined;
  }

  async delete(digest: string): Promise<boolean> {
    const there = await this.has(digest);
    const headers = { 'x-amz-content-sha256': EMPTY };
    const response = await this.#requests.send({ method: 'DELETE', key: this.#key(digest), headers });
    await response.body?.cancel();
    return there;
  }

  async close(): Promise<void> {}

  async #upload(measured: Measured, body: () => RequestInit['body']): Promise<void> {
    const headers = { 'x-amz-content-sha256': digestHex(measured.digest), 'content-type': 'application/octet-stream' };
    const key = this.#key(measured.digest);
    const response = await this.#requests.send({ method: 'PUT', key, body, length: measured.length, headers });
    await response.body?.cancel();
    if (!response.ok) throw new StoreError('s3-404', 'The object store has no such bucket.', false, 'Make it first.');
  }

  async #fetch(key: string): Promise<Response | undefined> {
    const response = await this.#requests.send({ method: 'GET', key, headers: { 'x-amz-content-sha256': EMPTY } });
    return response.ok ? response : undefined;
  }

  #key(digest: string): string {
    const hex = digestHex(digest);
    return [this.#prefix, 'sha256', hex.slice(0, 2), hex.slice(2, 4), hex].filter((part) => part !== '').join('/');
  }
}

function tooLarge(size: number, maxBytes: number): InputError {
  return new InputError('blob-too-large', `The blob has ${size} bytes, more than ${maxBytes}.`, 'Read it in pieces.');
}

function damaged(digest: string): StoreError {
  const message = `The blob ${digest} is damaged in the object store.`;
  return new StoreError('blob-damaged', message, false, 'Put it again; check the object store.');
}
