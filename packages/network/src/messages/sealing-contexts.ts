/** The context that each sealed box is bound to: one made for something else does not open. */
import type { Address, Hex } from 'viem';

export const sealingContext = {
  /** A requester's input (or activations), to the gateway: bound to the input's commitment. */
  input: (inputCommitment: Hex) => `dsperse input ${inputCommitment.toLowerCase()}`,
  activations: (inputCommitment: Hex) => `dsperse activations ${inputCommitment.toLowerCase()}`,
  /** Boundary values, to the prover of a chunk. */
  boundary: (order: Hex, chunk: number, prover: Address) =>
    `dsperse boundary ${order} ${chunk} ${prover.toLowerCase()}`,
  /** Public outputs of a chunk, from the prover of this attempt, to the gateway. */
  outputs: (order: Hex, chunk: number, attempt: number, prover: Address) =>
    `dsperse outputs ${order} ${chunk} ${attempt} ${prover.toLowerCase()}`,
  /** Public inputs and outputs, to a validator or to the requester. */
  values: (order: Hex, reader: Address) => `dsperse values ${order} ${reader.toLowerCase()}`,
};
