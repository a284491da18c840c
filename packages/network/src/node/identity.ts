/** A node's keys, all from one secret of 32 bytes: the account that signs and the key that others seal to. */
import { hkdfSync } from 'node:crypto';
import { InputError } from '@dsperse/core/verify';
import { x25519 } from '@noble/curves/ed25519.js';
import { bytesToHex, type Hex, hashTypedData, hexToBytes } from 'viem';
import { type LocalAccount, privateKeyToAccount } from 'viem/accounts';
import { signRecoverably, useLibsecp256k1 } from './libsecp256k1.js';

/** An X25519 key pair; the secret half is in no JSON and no dump. */
export class EncryptionKey {
  readonly publicKey: Uint8Array;
  readonly #secretKey: Uint8Array;

  /** @param secretKey 32 bytes */
  constructor(secretKey: Uint8Array) {
    this.#secretKey = secretKey;
    this.publicKey = x25519.getPublicKey(secretKey);
  }

  get secretKey(): Uint8Array {
    return this.#secretKey;
  }

  toJSON(): { publicKey: Hex } {
    return { publicKey: bytesToHex(this.publicKey) };
  }
}

export interface Identity {
  readonly account: LocalAccount;
  readonly encryptionKey: EncryptionKey;
}

/** viem's account, whose messages libsecp256k1 signs: the same bytes (RFC 6979), in a fifth of the time. */
function fastAccount(secret: Uint8Array): LocalAccount {
  const key = Uint8Array.from(secret);
  const account = privateKeyToAccount(bytesToHex(key));
  useLibsecp256k1();
  const sign = async (hash: Hex) => signRecoverably(hexToBytes(hash), key);
  return {
    ...account,
    sign: ({ hash }) => sign(hash),
    signTypedData: (typedData) => sign(hashTypedData(typedData as never)),
  };
}

/**
 * @param secret 32 bytes: the private key of the account
 * @throws InputError `bad-secret` where it is no key of secp256k1
 */
export function identityOf(secret: Uint8Array): Identity {
  let account: LocalAccount;
  try {
    account = fastAccount(secret);
  } catch {
    throw new InputError('bad-secret', 'the secret is no private key of an account', 'make a new key');
  }
  const derived = hkdfSync('sha256', secret, new Uint8Array(0), 'dsperse encryption key', 32);
  return { account, encryptionKey: new EncryptionKey(new Uint8Array(derived)) };
}
