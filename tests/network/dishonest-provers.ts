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
    const proven = await honest(job, signal);
    return { ...proven, proof: flipped(proven.proof, proven.proof.length >> 1) };
  };

/** Delivers bytes that are no proof at all, and spares itself the work; the statement comes from an honest run. */
export const noProof =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) => ({ ...(await honest(job, signal)), proof: new Uint8Array(64) });

/** Delivers what another prover made for the same chunk, with its own name written over the other's. */
export const stolenProof =
  (theirs: ProveChunk, victim: string): ProveChunk =>
  async (job, signal) => {
    const proven = await theirs({ ...job, prover: victim }, signal);
    return { ...proven, statement: { ...proven.statement, prover: job.prover } };
  };

/** Delivers the proof of another order, with this order's nonce written over it. */
export const replayedProof =
  (honest: ProveChunk, otherNonce = 'ab'.repeat(32)): ProveChunk =>
  async (job, signal) => {
    const proven = await honest({ ...job, nonce: otherNonce }, signal);
    return { ...proven, statement: { ...proven.statement, nonce: job.nonce } };
  };

/** The first slice of a chunk, with a salt for every tensor: whoever proves other slices than its chunk's makes its own. */
const firstSlice = (job: ProveJob, names: readonly string[]): ProveJob => ({
  ...job,
  slices: job.slices.slice(0, 1),
  boundary: new Map([...names.map((name) => [name, { salt: 'cd'.repeat(32) }] as const), ...job.boundary]),
  outputs: [],
});

/**
 * Proves the first slice of its chunk alone, validly, and says that the proof is of all.
 * @param names of all boundary tensors of the program's slices
 */
export const fewerSlices =
  (honest: ProveChunk, names: readonly string[]): ProveChunk =>
  async (job, signal) => {
    const proven = await honest(job, signal);
    const { proof } = await honest(firstSlice(job, names), signal);
    return { ...proven, proof };
  };

/** The same, and says what it is. */
export const undisguisedFewerSlices =
  (honest: ProveChunk, names: readonly string[]): ProveChunk =>
  (job, signal) =>
    honest(firstSlice(job, names), signal);

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
    const proven = await honest(job, signal);
    return { ...proven, proof: (await swappedBoundary(honest)(job, signal)).proof };
  };

/** Proves what it was asked for, and sends outputs of another input, which its statement commits to. */
export const wrongOutputs =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) => {
    const proven = await honest(job, signal);
    const { statement, outputs } = await swappedBoundary(honest)(job, signal);
    const commitments = { ...proven.statement.commitments };
    for (const name of outputs?.keys() ?? []) commitments[name] = statement.commitments[name];
    return { ...proven, statement: { ...proven.statement, commitments }, outputs };
  };

/** Proves what it was asked for, and sends other outputs, which its statement does not commit to. */
export const otherOutputs =
  (honest: ProveChunk): ProveChunk =>
  async (job, signal) => {
    const proven = await honest(job, signal);
    const outputs = new Map([...(proven.outputs ?? [])].map(([name, values]) => [name, values.map((x) => x ^ 1)]));
    return { ...proven, outputs };
  };

/** Takes the lock and is never heard of again. */
export const vanishing = (): ProveChunk => (_, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gone'))));
