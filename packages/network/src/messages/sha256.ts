/** SHA-256 by Node's OpenSSL where it is there, else in plain TypeScript: the same digest, ten to forty times as fast. */
import { sha256 as portable } from '@noble/hashes/sha2.js';

/** undefined in browsers, and before Node 20.16. */
export const nodeCrypto: typeof import('node:crypto') | undefined =
  globalThis.process?.getBuiltinModule?.('node:crypto');

export interface Sha256 {
  update(bytes: Uint8Array): Sha256;
  /** 32 bytes. */
  digest(): Uint8Array;
}

/** Of bytes that come in parts. */
export function startSha256(crypto = nodeCrypto): Sha256 {
  if (!crypto) return portable.create();
  const hash = crypto.createHash('sha256');
  const running: Sha256 = {
    update(bytes) {
      hash.update(bytes);
      return running;
    },
    digest: () => new Uint8Array(hash.digest()),
  };
  return running;
}

export const sha256 = (bytes: Uint8Array): Uint8Array => startSha256().update(bytes).digest();
