/** A valid proof broken on purpose, where a gateway asks for it to test the validators. */
import { randomBytes, randomInt } from 'node:crypto';
import type { ProvenSlice } from './prove-chunk.js';

/**
 * One byte of one of the proofs is another one: which, nobody can tell who has not verified them all. The proofs that are
 * given stay as they are, for they are delivered behind it.
 */
export function breakProof(proven: readonly ProvenSlice[]): ProvenSlice[] {
  const chosen = randomInt(proven.length);
  return proven.map((slice, k) => {
    if (k !== chosen) return slice;
    const proof = slice.proof.slice();
    const mask = 1 + (randomBytes(1)[0] % 255);
    proof[randomInt(proof.length)] ^= mask;
    return { ...slice, proof };
  });
}
