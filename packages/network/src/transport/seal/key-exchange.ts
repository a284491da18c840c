/** X25519 (RFC 7748) by Node's OpenSSL where it is there, else in plain TypeScript: the same bytes. */
import { x25519 } from '@noble/curves/ed25519.js';
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

const KEY_BYTES = 32;
const base64url = (key: Uint8Array) => Buffer.from(key).toString('base64url');

/**
 * Keys as JSON (RFC 8037), which Node takes by their bytes: a key in DER goes through OpenSSL's decoders, which take ten times as
 * long as the exchange itself.
 */
function exchangeBy({ createPrivateKey, createPublicKey, diffieHellman }: typeof import('node:crypto')): KeyExchange {
  const curve = { kty: 'OKP', crv: 'X25519' };
  const checked = (key: Uint8Array) => {
    if (key.length !== KEY_BYTES) throw new RangeError('a key has 32 bytes');
    return key;
  };
  // The public half follows from the private one: what is said of it is not read.
  const privateKey = (key: Uint8Array) =>
    createPrivateKey({ key: { ...curve, d: base64url(checked(key)), x: '' }, format: 'jwk' });
  return {
    publicKeyOf(secretKey) {
      const { x } = privateKey(secretKey).export({ format: 'jwk' });
      return Uint8Array.from(Buffer.from(x as string, 'base64url'));
    },
    sharedSecret(secretKey, publicKey) {
      const other = createPublicKey({ key: { ...curve, x: base64url(checked(publicKey)) }, format: 'jwk' });
      return Uint8Array.from(diffieHellman({ privateKey: privateKey(secretKey), publicKey: other }));
    },
  };
}

export const nodeExchange = nodeCrypto && exchangeBy(nodeCrypto);
export const keyExchange: KeyExchange = nodeExchange ?? portableExchange;
