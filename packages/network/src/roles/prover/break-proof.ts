/** A valid proof broken on purpose, where a gateway asks for it to test the validators. */
import { randomBytes, randomInt } from 'node:crypto';
import type { ProvenChunk } from './prove-chunk.js';

/**
 * One byte of the proof is another one: which, nobody can tell who has not verified it. The proof that is given stays as it
 * is, for it is delivered behind it.
 */
export function breakProof(proven: ProvenChunk): ProvenChunk {
  const proof = proven.proof.slice();
  const mask = 1 + (randomBytes(1)[0] % 255);
  proof[randomInt(proof.length)] ^= mask;
  return { ...proven, proof };
}
