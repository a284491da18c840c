/** X25519 (RFC 7748) by Node's OpenSSL where it is there, else in plain TypeScript: the same bytes. */
import type { KeyObject } from 'node:crypto';
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
/** Before the 32 bytes of a private key as PKCS #8 (RFC 8410), in hexadecimal. */
const PKCS8 = '302e020100300506032b656e04220420';
const base64url = (key: Uint8Array) => Buffer.from(key).toString('base64url');

/**
 * Keys as JSON (RFC 8037), which Node takes by their bytes: a key in DER goes through OpenSSL's decoders, which take ten times as
 * long as the exchange itself.
 */
export function exchangeBy({
  createPrivateKey,
  createPublicKey,
  diffieHellman,
}: typeof import('node:crypto')): KeyExchange | undefined {
  const curve = { kty: 'OKP', crv: 'X25519' };
  const checked = (key: Uint8Array) => {
    if (key.length !== KEY_BYTES) throw new RangeError('a key has 32 bytes');
    return key;
  };
  // The public half follows from the private one: what JSON says of it is not read, by Node up to 22. Later ones compare it, and
  // take bytes as they are, by a format that their first releases and the types of older ones do not know.
  const ways: readonly ((key: Uint8Array) => KeyObject)[] = [
    (key) => createPrivateKey({ key: { ...curve, d: base64url(key), x: '' }, format: 'jwk' }),
    (key) => createPrivateKey({ key: Buffer.from(key), format: 'raw-private', asymmetricKeyType: 'x25519' } as never),
    (key) => createPrivateKey({ key: Buffer.concat([Buffer.from(PKCS8, 'hex'), key]), format: 'der', type: 'pkcs8' }),
  ];
  const way = ways.find((take) => {
    try {
      return take(new Uint8Array(KEY_BYTES).fill(1)).asymmetricKeyType === 'x25519';
    } catch {
      return false;
    }
  });
  if (!way) return undefined;
  const privateKey = (key: Uint8Array) => way(checked(key));
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

export const nodeExchange: KeyExchange | undefined = nodeCrypto && exchangeBy(nodeCrypto);
export const keyExchange: KeyExchange = nodeExchange ?? portableExchange;
