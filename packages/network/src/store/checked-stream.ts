import { createHash } from 'node:crypto';
import { InputError } from '@dsperse/core/verify';
import type { ByteStream, PutOptions } from './blobs.js';
import { digestHex } from './digest.js';

/** Passes bytes on while it hashes and counts them; `digest` holds once they have all passed. */
export class Measured {
  digest = '';
  length = 0;
  readonly #source: Uint8Array | ByteStream;
  readonly #options: PutOptions;

  /** InputError `bad-digest` for an expected digest that is none. */
  constructor(source: Uint8Array | ByteStream, options: PutOptions = {}) {
    if (options.digest !== undefined) digestHex(options.digest);
    this.#source = source;
    this.#options = options;
  }

  /** InputError `blob-too-large` or, before the end, `digest-mismatch`. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const { digest, maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    const hash = createHash('sha256');
    const source = this.#source instanceof Uint8Array ? [this.#source] : this.#source;
    for await (const piece of source) {
      this.length += piece.length;
      if (this.length > maxBytes) {
        throw new InputError('blob-too-large', `The blob has more than ${maxBytes} bytes.`, 'Send a smaller one.');
      }
      hash.update(piece);
      yield piece;
    }
    this.digest = `sha256:${hash.digest('hex')}`;
    if (digest !== undefined && digest !== this.digest) {
      throw new InputError(
        'digest-mismatch',
        `The bytes have the digest ${this.digest}, not ${digest}.`,
        'Send again.',
      );
    }
  }
}

/** Passes bytes on, the last piece only after all were found to have the digest; else calls `damaged` and throws it. */
export async function* verified(
  pieces: ByteStream,
  digest: string,
  damaged: () => Promise<Error> | Error,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let last: Uint8Array | undefined;
  for await (const piece of pieces) {
    hash.update(piece);
    if (last) yield last;
    last = piece;
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw await damaged();
  if (last) yield last;
}

/** Remembers what the source threw, to tell it from the failures of who reads. */
export async function* noting(pieces: ByteStream, failed: { error?: unknown }): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    failed.error = error;
    throw error;
  }
}
