/** Provers that cheat, as wrappers around what createProver lets be put in: each is one attack. */
import type { ProveChunk, ProvenSlice } from '../../packages/network/src/roles/prover/prove-chunk.js';

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice();
  copy[at % copy.length] ^= 1;
  return copy;
};

/** Delivers proofs with one wrong bit. */
export const wrongProof =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) =>
    (await honest(job, signal)).map(({ statement, proof }) => ({
      statement,
      proof: flipped(proof, proof.length >> 1),
    }));

/** Delivers bytes that are no proof at all, and spares itself the work; the statements come from an honest run. */
export const noProof =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) =>
    (await honest(job, signal)).map(({ statement }) => ({ statement, proof: new Uint8Array(64) }));

/** Delivers what another prover made for the same chunk, with its own name written over the other's. */
export const stolenProof =
  (theirs: ProveChunk, victim: string): ProveChunk =>
  async (job, signal) =>
    (await theirs({ ...job, prover: victim }, signal)).map(({ statement, proof }) => ({
      statement: { ...statement, prover: job.prover },
      proof,
    }));

/** Delivers the proof of another order, with this order's nonce written over it. */
export const replayedProof =
  (honest: ProveChunk, otherNonce = 'ab'.repeat(32)): ProveChunk =>
  async (job, signal) =>
    (await honest({ ...job, nonce: otherNonce }, signal)).map(({ statement, proof }) => ({
      statement: { ...statement, nonce: job.nonce },
      proof,
    }));

/** Delivers one slice twice in place of two. */
export const splicedSlices =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) => {
    const proven = await honest(job, signal);
    return proven.map((_, i): ProvenSlice => {
      return { statement: { ...proven[0].statement, index: proven[i].statement.index }, proof: proven[0].proof };
    });
  };

/** Proves another input than the one that it was given: validly, but linked to nothing. */
export const swappedBoundary =
  (honest: ProveChunk): ProveChunk =>
  (job, signal) => {
    const boundary = new Map(
      [...job.boundary].map(([name, tensor]) => [
        name,
        tensor.values ? { ...tensor, values: tensor.values.map((x) => x >> 1) } : tensor,
      ]),
    );
    return honest({ ...job, boundary }, signal);
  };

/** Takes the lock and is never heard of again. */
export const vanishing = (): ProveChunk => (_, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gone'))));
