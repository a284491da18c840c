/** Verifier keys that were opened lately: the order after an order is mostly of the same program. */
import { decodeKey, fingerprintOf, type VerifierKey } from '@dsperse/core/verify';
import { digestOfBytes } from '@dsperse/network/messages';

const MOST = 4;

interface Opened {
  fingerprint?: string;
  key?: VerifierKey;
}

/** By the digest of their bytes, so that nothing rests on where they came from. Least recently used first. */
class OpenedKeys {
  readonly #known = new Map<string, Opened>();

  /** @param digest digestOfBytes(bytes) */
  fingerprintOf(bytes: Uint8Array, digest: string): string {
    const known = this.#of(digest);
    known.fingerprint ??= fingerprintOf(bytes);
    return known.fingerprint;
  }

  /** @param digest digestOfBytes(bytes) @throws InputError as decodeKey */
  decode(bytes: Uint8Array, digest: string): VerifierKey {
    const known = this.#of(digest);
    known.key ??= decodeKey(bytes);
    return known.key;
  }

  /** Opens a key before it is needed; what is wrong with it is said when it is. */
  warm(bytes: Uint8Array): void {
    const digest = digestOfBytes(bytes);
    try {
      this.fingerprintOf(bytes, digest);
      this.decode(bytes, digest);
    } catch {
      // It is said by the verdict.
    }
  }

  #of(digest: string): Opened {
    const opened = this.#known.get(digest) ?? {};
    this.#known.delete(digest);
    this.#known.set(digest, opened);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
    return opened;
  }
}

export const openedKeys = new OpenedKeys();
