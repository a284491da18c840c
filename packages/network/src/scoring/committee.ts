/** Committees of validators by stake-weighted sampling without replacement, from a seed that everybody knows. */
import { InputError } from '@dsperse/core/verify';
import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem';
import type { ValidatorStake } from './types.js';

/** A number below `bound`; the bias, below bound / 2^256, is nothing. */
function drawBelow(seed: Hex, round: number, bound: bigint): bigint {
  const words = encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [seed, BigInt(round)]);
  return BigInt(keccak256(words)) % bound;
}

/**
 * `size` operators (all with stake where there are fewer), in the order drawn, in lower case. In each round a validator
 * is drawn with the chance of its part of the stake that is left. Order of the input plays no role.
 */
export function sampleCommittee(
  seed: Hex,
  validators: readonly Pick<ValidatorStake, 'operator' | 'stake'>[],
  size: number,
): Address[] {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new InputError('bad-committee', `a committee of ${size}`, 'give a whole number of at least 0');
  }
  const left = validators
    .filter(({ stake }) => stake > 0n)
    .map(({ operator, stake }) => ({ operator: operator.toLowerCase() as Address, stake }))
    .sort((a, b) => (a.operator < b.operator ? -1 : a.operator > b.operator ? 1 : 0));
  let total = left.reduce((sum, { stake }) => sum + stake, 0n);
  const committee: Address[] = [];
  while (committee.length < size && left.length > 0) {
    let point = drawBelow(seed, committee.length, total);
    const k = left.findIndex(({ stake }) => {
      if (point < stake) return true;
      point -= stake;
      return false;
    });
    const [{ operator, stake }] = left.splice(k, 1);
    committee.push(operator);
    total -= stake;
  }
  return committee;
}

/** Whether this is the committee that follows from the seed. */
export function isCommittee(
  claimed: readonly Address[],
  seed: Hex,
  validators: readonly Pick<ValidatorStake, 'operator' | 'stake'>[],
): boolean {
  const drawn = sampleCommittee(seed, validators, claimed.length);
  return drawn.length === claimed.length && drawn.every((operator, k) => operator === claimed[k].toLowerCase());
}
