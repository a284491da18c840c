/**
 * Whether an address signed. Of those who signed before the public key is at hand with a table of its multiples: checking
 * then takes about a quarter of what recovering the key takes. Where a library recovers keys faster than that, it does. The
 * answer is the same for every signature.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { Address, Hex } from 'viem';

const { Point, Signature } = secp256k1;
const { Fn } = Point;

/** Of each about 150 kB once it has its table. */
const SIGNERS = 128;
const WINDOW_BITS = 4;
/** A table costs as much as about five recoveries. */
const USES_FOR_TABLE = 8;

interface Known {
  readonly point: InstanceType<typeof Point>;
  uses: number;
}

/** By address in lower case, least recently used first. */
const known = new Map<string, Known>();

function remember(address: string, signer: Known): void {
  known.delete(address);
  known.set(address, signer);
  for (const oldest of known.keys()) {
    if (known.size <= SIGNERS) break;
    known.delete(oldest);
  }
}

/** The public key that recovery gives, 65 bytes; null where there is none. May throw. */
export type RecoverKey = (hash: Uint8Array, compact: Uint8Array, recovery: 0 | 1) => Uint8Array | null;

let recoverKey: RecoverKey | undefined;

/** From now on keys are recovered by this; by our own means where it is undefined. */
export function recoverKeysBy(recover: RecoverKey | undefined): void {
  recoverKey = recover;
}

/** @param key 65 bytes */
const addressOf = (key: Uint8Array): string => `0x${bytesToHex(keccak_256(key.subarray(1)).subarray(12))}`;

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${bytesToHex(bytes)}`);

/** Whether recovery from the signature would give this point. */
function gives(point: Known['point'], hash: Uint8Array, r: bigint, s: bigint, isOdd: boolean): boolean {
  const inverse = Fn.inv(s);
  const R = Point.BASE.multiplyUnsafe(Fn.create(toNumber(hash) * inverse)).add(
    point.multiplyUnsafe(Fn.create(r * inverse)),
  );
  if (R.is0()) return false;
  const { x, y } = R.toAffine();
  return x === r && (y & 1n) === (isOdd ? 1n : 0n);
}

/**
 * Whether the address signed the hash: r, s, v as 65 bytes, v being 27 or 28; the malleable second form is refused.
 * False for whatever is malformed.
 */
export function isSignedByAddress(hash: Hex, signature: Hex, address: Address): boolean {
  try {
    const bytes = hexToBytes(signature.slice(2));
    const digest = hexToBytes(hash.slice(2));
    const v = bytes[64];
    if (bytes.length !== 65 || digest.length !== 32 || (v !== 27 && v !== 28)) return false;
    const parsed = Signature.fromBytes(bytes.subarray(0, 64), 'compact').addRecoveryBit(v - 27);
    if (parsed.hasHighS()) return false;
    const signer = address.toLowerCase();
    if (recoverKey) {
      const key = recoverKey(digest, bytes.subarray(0, 64), v === 28 ? 1 : 0);
      return key !== null && addressOf(key) === signer;
    }
    const before = known.get(signer);
    if (before && gives(before.point, digest, parsed.r, parsed.s, v === 28)) {
      before.uses++;
      if (before.uses === USES_FOR_TABLE) before.point.precompute(WINDOW_BITS, false);
      remember(signer, before);
      return true;
    }
    const point = parsed.recoverPublicKey(digest);
    if (addressOf(point.toBytes(false)) !== signer) return false;
    // One that signed for itself: nobody fills the memory with names of others.
    if (!before) remember(signer, { point, uses: 1 });
    return true;
  } catch {
    return false;
  }
}
