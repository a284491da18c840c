/**
 * Signatures of those who signed before: with the public key at hand and a table of its multiples, checking takes about
 * a quarter of what recovering the key takes. The answer is the same for every signature.
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
    const before = known.get(signer);
    if (before && gives(before.point, digest, parsed.r, parsed.s, v === 28)) {
      before.uses++;
      if (before.uses === USES_FOR_TABLE) before.point.precompute(WINDOW_BITS, false);
      remember(signer, before);
      return true;
    }
    const point = parsed.recoverPublicKey(digest);
    const key = point.toBytes(false).subarray(1);
    if (`0x${bytesToHex(keccak_256(key).subarray(12))}` !== signer) return false;
    // One that signed for itself: nobody fills the memory with names of others.
    if (!before) remember(signer, { point, uses: 1 });
    return true;
  } catch {
    return false;
  }
}
