/** Parameters of the settlement within what its arithmetic and its promises need. */
import { InputError } from '@dsperse/core/verify';
import type { SettlementParameters } from './types.js';

/** Throws InputError where a share is no share, parts are more than the whole, or self-dealing would pay. */
export function checkParameters(parameters: SettlementParameters): void {
  const { emission } = parameters;
  const shares: Record<string, number> = {
    feeBps: parameters.feeBps,
    'feeValidatorBps + feeBurnBps': parameters.feeValidatorBps + parameters.feeBurnBps,
    feeValidatorBps: parameters.feeValidatorBps,
    feeBurnBps: parameters.feeBurnBps,
    stakeCapBps: parameters.stakeCapBps,
    missedLockBps: parameters.missedLockBps,
    releaseBps: parameters.releaseBps,
    'emission.proverBps + emission.validatorBps': emission.proverBps + emission.validatorBps,
    'emission.yearBps': emission.yearBps,
    'emission.proverBps': emission.proverBps,
    'emission.validatorBps': emission.validatorBps,
    'consensus.shareBps': parameters.consensus.shareBps,
    'consensus.kappaBps': parameters.consensus.kappaBps,
    'consensus.bondPenaltyBps': parameters.consensus.bondPenaltyBps,
    'consensus.bondAlphaBps': parameters.consensus.bondAlphaBps,
  };
  const fail = (name: string, value: unknown, hint: string): never => {
    throw new InputError('bad-parameter', `the parameter ${name} is ${value}`, hint);
  };
  for (const [name, value] of Object.entries(shares)) {
    if (!Number.isSafeInteger(value) || value < 0 || value > 10_000) fail(name, value, 'give 0 to 10,000');
  }
  const { recallFloorBps, rejectedProofBps } = parameters;
  if (!Number.isSafeInteger(recallFloorBps) || recallFloorBps < 0 || recallFloorBps > 9_999) {
    fail('recallFloorBps', recallFloorBps, 'give 0 to 9,999');
  }
  const { canaryMemory } = parameters;
  if (!Number.isSafeInteger(canaryMemory) || canaryMemory < 1 || canaryMemory > 200) {
    fail('canaryMemory', canaryMemory, 'give 1 to 200: the answers stand in one word');
  }
  if (!Number.isSafeInteger(rejectedProofBps) || rejectedProofBps < 0) {
    fail('rejectedProofBps', rejectedProofBps, 'give a whole number of at least 0');
  }
  if (
    !Number.isSafeInteger(emission.feeMultipleBps) ||
    emission.feeMultipleBps < 0 ||
    emission.feeMultipleBps > 9_999
  ) {
    fail('emission.feeMultipleBps', emission.feeMultipleBps, 'give 0 to 9,999');
  }
  if (emission.cap < 0n) fail('emission.cap', emission.cap, 'give at least 0');
}
