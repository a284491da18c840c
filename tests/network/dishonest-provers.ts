/** Provers that cheat, as wrappers around what createProver lets be put in: each is one attack. */
import type { ProveChunk, ProveJob } from '../../packages/network/src/roles/prover/prove-chunk.js';

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice();
  copy[at % copy.length] ^= 1;
  return copy;
};

/** Delivers a proof with one wrong bit. */
export const wrongProof =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) => {
    const { statement, proof } = await honest(job, signal);
    return { statement, proof: flipped(proof, proof.length >> 1) };
  };

/** Delivers bytes that are no proof at all, and spares itself the work; the statement comes from an honest run. */
export const noProof =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) => ({ ...(await honest(job, signal)), proof: new Uint8Array(64) });

/** Delivers what another prover made for the same chunk, with its own name written over the other's. */
export const stolenProof =
  (theirs: ProveChunk, victim: string): ProveChunk =>
  async (job, signal) => {
    const { statement, proof } = await theirs({ ...job, prover: victim }, signal);
    return { statement: { ...statement, prover: job.prover }, proof };
  };

/** Delivers the proof of another order, with this order's nonce written over it. */
export const replayedProof =
  (honest: ProveChunk, otherNonce = 'ab'.repeat(32)): ProveChunk =>
  async (job, signal) => {
    const { statement, proof } = await honest({ ...job, nonce: otherNonce }, signal);
    return { statement: { ...statement, nonce: job.nonce }, proof };
  };

/** A bundle with a salt for every tensor: whoever proves other slices than those of its chunk makes its own. */
const salted = (job: ProveJob, names: readonly string[]): ProveJob['boundary'] =>
  new Map([...names.map((name) => [name, { salt: 'cd'.repeat(32) }] as const), ...job.boundary]);

/**
 * Proves the first slice of its chunk alone, validly, and says that the proof is of all.
 * @param names of all boundary tensors of the program's slices
 */
export const fewerSlices =
  (honest: ProveChunk, names: readonly string[]): ProveChunk =>
  async (job, signal) => {
    const { statement } = await honest(job, signal);
    const { proof } = await honest({ ...job, slices: job.slices.slice(0, 1), boundary: salted(job, names) }, signal);
    return { statement, proof };
  };

/** The same, and says what it is. */
export const undisguisedFewerSlices =
  (honest: ProveChunk, names: readonly string[]): ProveChunk =>
  (job, signal) =>
    honest({ ...job, slices: job.slices.slice(0, 1), boundary: salted(job, names) }, signal);

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

/** Proves another input than the one that it was given, and says that it is the right one. */
export const disguisedBoundary =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) => {
    const { statement } = await honest(job, signal);
    return { statement, proof: (await swappedBoundary(honest)(job, signal)).proof };
  };

/** Takes the lock and is never heard of again. */
export const vanishing = (): ProveChunk => (_, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gone'))));
