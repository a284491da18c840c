/** X25519 (RFC 7748) by Node's OpenSSL where it is there, else in plain TypeScript: the same bytes. */
import { x25519 } from '@noble/curves/ed25519.js';
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { nodeCrypto } from '../../messages/index.js';

export interface KeyExchange {
  /** @param secretKey 32 bytes */
  publicKeyOf(secretKey: Uint8Array): Uint8Array;
  /** Throws where a key is none, or of low order. */
  sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
}

export const portableExchange: KeyExchange = {
  publicKeyOf: (secretKey) => x25519.getPublicKey(secretKey),
  sharedSecret: (secretKey, publicKey) => x25519.getSharedSecret(secretKey, publicKey),
};

/** What stands before the 32 bytes of a key in its DER form (RFC 8410). */
const PRIVATE = hexToBytes('302e020100300506032b656e04220420');
const PUBLIC = hexToBytes('302a300506032b656e032100');
const KEY_BYTES = 32;

function exchangeBy({ createPrivateKey, createPublicKey, diffieHellman }: typeof import('node:crypto')): KeyExchange {
  const checked = (key: Uint8Array) => {
    if (key.length !== KEY_BYTES) throw new RangeError('a key has 32 bytes');
    return key;
  };
  const privateKey = (key: Uint8Array) =>
    createPrivateKey({ key: Buffer.from(concatBytes(PRIVATE, checked(key))), format: 'der', type: 'pkcs8' });
  return {
    publicKeyOf(secretKey) {
      const der = createPublicKey(privateKey(secretKey)).export({ format: 'der', type: 'spki' });
      return Uint8Array.from(der.subarray(PUBLIC.length));
    },
    sharedSecret(secretKey, publicKey) {
      const key = Buffer.from(concatBytes(PUBLIC, checked(publicKey)));
      const other = createPublicKey({ key, format: 'der', type: 'spki' });
      return Uint8Array.from(diffieHellman({ privateKey: privateKey(secretKey), publicKey: other }));
    },
  };
}

export const nodeExchange = nodeCrypto && exchangeBy(nodeCrypto);
export const keyExchange: KeyExchange = nodeExchange ?? portableExchange;
