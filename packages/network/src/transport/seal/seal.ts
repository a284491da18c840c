/**
 * Sealed boxes: bytes that only the holder of one X25519 key can read.
 *
 * Protects confidentiality and integrity towards the recipient, and binds the bytes to a context, so that a box meant
 * for one place does not open in another. Says nothing about the sender (anyone can seal; the request's signature
 * names the sender), hides no length, and is not forward secret against the theft of the recipient's key.
 *
 * Box: version 1 | ephemeral public key (32) | ciphertext | tag (16). The key is HKDF-SHA256 over the shared secret with
 * both public keys and the context, ChaCha20-Poly1305 (RFC 8439) its cipher. A key is used for one box only, so the
 * nonce is derived with it and a longer nonce would gain nothing.
 */

import { InputError } from '@dsperse/core/verify';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, randomBytes } from '@noble/hashes/utils.js';
import { nodeCrypto } from '../../messages/index.js';
import { type Aead, aeadBy } from './aead.js';
import { keyExchange } from './key-exchange.js';

/** Plain TypeScript: the same bytes as by OpenSSL, a third as fast. */
export const portableAead: Aead = {
  encrypt(key, nonce, associated, plaintext, box) {
    chacha20poly1305(key, nonce, associated).encrypt(plaintext, box);
  },
  decrypt: (key, nonce, associated, ciphertext) => chacha20poly1305(key, nonce, associated).decrypt(ciphertext),
};
const platformAead: Aead = nodeCrypto ? aeadBy(nodeCrypto) : portableAead;

const VERSION = 1;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_BYTES;
const LABEL = new TextEncoder().encode('DSperse sealed box 1');

/** How much longer a box is than what is in it. */
export const SEAL_OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES;

export type { Aead };

export interface SealingKeys {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** A new X25519 key pair; with `seed` (32 bytes) always the same. */
export function sealingKeys(seed?: Uint8Array): SealingKeys {
  const { secretKey, publicKey } = x25519.keygen(seed);
  return { secretKey, publicKey };
}

function keyAndNonce(shared: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array, context: string) {
  const info = concatBytes(LABEL, ephemeral, recipient, new TextEncoder().encode(context));
  const okm = hkdf(sha256, shared, undefined, info, 44);
  return { key: okm.subarray(0, 32), nonce: okm.subarray(32) };
}

const isKey = (bytes: Uint8Array) => bytes instanceof Uint8Array && bytes.length === KEY_BYTES;

/** Throws InputError `bad-sealing-key` where the recipient's key is none (or of low order). */
export function seal(
  recipientPublicKey: Uint8Array,
  plaintext: Uint8Array,
  context: string,
  aead: Aead = platformAead,
): Uint8Array {
  const ephemeralSecret = randomBytes(KEY_BYTES);
  const ephemeral = keyExchange.publicKeyOf(ephemeralSecret);
  let shared: Uint8Array;
  try {
    if (!isKey(recipientPublicKey)) throw new RangeError('length');
    shared = keyExchange.sharedSecret(ephemeralSecret, recipientPublicKey);
  } catch (cause) {
    const hint = 'take the encryption key from the recipient’s signed endpoint record';
    throw new InputError('bad-sealing-key', 'the recipient’s encryption key is not usable', hint, undefined, { cause });
  }
  const header = concatBytes(Uint8Array.of(VERSION), ephemeral);
  const { key, nonce } = keyAndNonce(shared, ephemeral, recipientPublicKey, context);
  const sealed = new Uint8Array(plaintext.length + SEAL_OVERHEAD_BYTES);
  sealed.set(header);
  aead.encrypt(key, nonce, header, plaintext, sealed.subarray(HEADER_BYTES));
  return sealed;
}

/** Throws InputError `not-openable`, the same whatever is wrong: version, length, key, context or bytes. */
export function open(
  secretKey: Uint8Array,
  sealed: Uint8Array,
  context: string,
  aead: Aead = platformAead,
): Uint8Array {
  try {
    if (!isKey(secretKey) || sealed.length < SEAL_OVERHEAD_BYTES || sealed[0] !== VERSION) throw new RangeError('form');
    const header = sealed.subarray(0, HEADER_BYTES);
    const ephemeral = header.subarray(1);
    const shared = keyExchange.sharedSecret(secretKey, ephemeral);
    const { key, nonce } = keyAndNonce(shared, ephemeral, keyExchange.publicKeyOf(secretKey), context);
    return aead.decrypt(key, nonce, header, sealed.subarray(HEADER_BYTES));
  } catch {
    throw new InputError(
      'not-openable',
      'the sealed bytes do not open',
      'they are for another key or context, or damaged',
    );
  }
}
