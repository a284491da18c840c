/**
 * Bitcoin's libsecp256k1, compiled to WebAssembly, for the signatures of a node: each request bears one, and they are a
 * fourth of what a gateway does. For Node only.
 */
import { recover, signRecoverable } from 'tiny-secp256k1';
import { bytesToHex, type Hex } from 'viem';
import { recoverKeysBy } from '../messages/index.js';

/** Signatures are checked by it from now on, in this thread. */
export function useLibsecp256k1(): void {
  recoverKeysBy((hash, compact, recovery) => recover(hash, compact, recovery, false));
}

/**
 * r, s, v as 65 bytes; s is in the lower half.
 * @param hash 32 bytes
 * @param key 32 bytes
 */
export function signRecoverably(hash: Uint8Array, key: Uint8Array): Hex {
  const { signature, recoveryId } = signRecoverable(hash, key);
  // Two and three stand for an r beyond the group's order, one of 2^127: verifiers on the chain know no such v.
  if (recoveryId > 1) throw new Error('this hash cannot be signed');
  return bytesToHex(Uint8Array.of(...signature, 27 + recoveryId));
}
