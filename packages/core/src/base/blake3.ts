/** BLAKE3, 32-byte output, plain TypeScript. */
import { blake3 } from '@noble/hashes/blake3.js';

export const hash = (data: Uint8Array): Uint8Array => blake3(data);

const pair = new Uint8Array(64);

/** BLAKE3(left ‖ right) of two 32-byte digests. */
export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left);
  pair.set(right, 32);
  return blake3(pair);
}
