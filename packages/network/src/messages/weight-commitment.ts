import { type Address, encodeAbiParameters, type Hex, keccak256, parseAbiParameters } from 'viem';

const FIELDS = parseAbiParameters('address, address[], uint16[], bytes32');

/** What a validator says of provers, opened: the largest weight is 65,535, none is 0, provers in lower case and ascending. */
export interface WeightReveal {
  readonly validator: Address;
  readonly provers: readonly Address[];
  /** Of 16 bits, one for each prover. */
  readonly weights: readonly number[];
  readonly salt: Hex;
}

/**
 * What a `WeightCommit` carries: binds a validator to weights that nobody can read, or copy, before they are revealed. The
 * salt is drawn anew for each, so that only who committed can open it.
 * @throws where an address, a number or the salt is malformed
 */
export function weightCommitmentOf({ validator, provers, weights, salt }: WeightReveal): Hex {
  return keccak256(encodeAbiParameters(FIELDS, [validator, provers, weights, salt]));
}
