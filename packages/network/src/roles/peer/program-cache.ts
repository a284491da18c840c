/** Blobs of programs: slice packages and verifier keys, fetched from whichever gateway has them and kept on the disk. */
import { join } from 'node:path';
import { fingerprintOf } from '@dsperse/core/verify';
import { programSchema } from '../../messages/index.js';
import { type BlobCache, cachedBlobs, StoreError } from '../../store/index.js';
import { TransportError } from '../../transport/index.js';
import type { GatewayLink } from './gateway-link.js';

export interface ProgramCacheOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly links: readonly GatewayLink[];
  /** Of one key. */
  readonly maxKeyBytes?: number;
}

const BLOB_TIMEOUT_MS = 10 * 60_000;
const KEYS_IN_MEMORY = 8;

export class ProgramCache {
  /** Digest of the key of each program; what the digest says is checked against the fingerprint. */
  readonly #keys = new Map<string, Promise<Uint8Array>>();

  private constructor(
    readonly blobs: BlobCache,
    private readonly options: ProgramCacheOptions,
  ) {}

  /** @throws InputError `in-use`, StoreError */
  static async open(options: ProgramCacheOptions): Promise<ProgramCache> {
    const store = (digest: string) => fetchBlob(options.links, digest);
    const { maxBytes } = options;
    const blobs = await cachedBlobs({ directory: join(options.directory, 'programs'), maxBytes, store });
    return new ProgramCache(blobs, options);
  }

  /** The key of a program. @throws StoreError `blob-missing` where no gateway has it; TransportError */
  key(fingerprint: string): Promise<Uint8Array> {
    const known = this.#keys.get(fingerprint);
    if (known) return known;
    const found = this.#fetchKey(fingerprint);
    this.#keys.set(fingerprint, found);
    found.catch(() => this.#keys.delete(fingerprint));
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size <= KEYS_IN_MEMORY) break;
      this.#keys.delete(oldest);
    }
    return found;
  }

  async #fetchKey(fingerprint: string): Promise<Uint8Array> {
    const { links, maxKeyBytes = 256 << 20 } = this.options;
    return firstOf(links, `there is no program ${fingerprint}`, async (link) => {
      const { key, keyBytes } = await link.get(`/v1/programs/${fingerprint}`, programSchema);
      if (keyBytes > maxKeyBytes) throw new StoreError('blob-missing', 'The key is too large.', false);
      const bytes = await this.blobs.get(key);
      if (fingerprintOf(bytes) !== fingerprint) {
        throw new StoreError('blob-missing', `The key at ${link.url} is not that of ${fingerprint}.`, false);
      }
      return bytes;
    });
  }

  close(): Promise<void> {
    return this.blobs.close();
  }
}

/** Bytes by digest, bounded; whoever asked compares the digest (the cache does). */
export async function fetchBlob(links: readonly GatewayLink[], digest: string): Promise<Uint8Array | undefined> {
  try {
    return await firstOf(links, `there is no blob ${digest}`, (link) =>
      link.getBytes(`/v1/blobs/${digest}`, link.maxBlobBytes, { timeoutMs: BLOB_TIMEOUT_MS }),
    );
  } catch (error) {
    if (error instanceof TransportError && error.status === 404) return undefined;
    throw error;
  }
}

/** What the first link that has it gives; else what the last said, a failure that may pass before a lasting one. */
async function firstOf<T>(
  links: readonly GatewayLink[],
  missing: string,
  ask: (link: GatewayLink) => Promise<T>,
): Promise<T> {
  let failure: unknown;
  for (const link of links) {
    try {
      return await ask(link);
    } catch (error) {
      const passes = error instanceof TransportError && error.retryable;
      if (failure === undefined || passes) failure = error;
    }
  }
  throw failure ?? new StoreError('blob-missing', missing, false, 'Give the URL of a gateway.');
}
