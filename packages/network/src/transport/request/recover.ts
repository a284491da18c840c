/**
 * Whose signature it is. @noble/curves directly, about 7 % faster than through viem (1.53 ms against 1.66 ms on the
 * machine it was measured on); the malleable second form of a signature is refused.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { Address, Hex } from 'viem';

/** `signature`: r, s, v as 65 bytes, v being 27 or 28. The address in lower case; undefined where it is none. */
export function recoverSigner(hash: Hex, signature: Hex): Address | undefined {
  try {
    const bytes = hexToBytes(signature.slice(2));
    const v = bytes[64];
    if (bytes.length !== 65 || (v !== 27 && v !== 28)) return undefined;
    const parsed = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact').addRecoveryBit(v - 27);
    if (parsed.hasHighS()) return undefined;
    const key = parsed.recoverPublicKey(hexToBytes(hash.slice(2))).toBytes(false);
    return `0x${bytesToHex(keccak_256(key.subarray(1)).subarray(12))}`;
  } catch {
    return undefined;
  }
}
