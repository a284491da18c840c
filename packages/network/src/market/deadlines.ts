/** Deadline and collateral of a lock. */
import { InputError } from '@dsperse/core/verify';
import type { MarketPolicy } from './types.js';

const BPS = 10_000n;

/** Seconds that `workUnits` take at `rate` work units per second, rounded up. */
export function workSeconds(workUnits: number, rate: number): number {
  if (!Number.isSafeInteger(rate) || rate < 1) {
    throw new InputError('bad-rate', `a rate of ${rate} work units per second`, 'give a whole number of at least 1');
  }
  return Number((BigInt(workUnits) + BigInt(rate) - 1n) / BigInt(rate));
}

export interface LockTerms {
  readonly workUnits: number;
  /** Work that the prover does before. */
  readonly workInFlight: number;
  /** Work units per second. */
  readonly measuredRate: number;
  readonly now: number;
  readonly orderDeadline: number;
}

/** The last second at which a lock of this order can end. */
export function latestLockDeadline(orderDeadline: number, policy: MarketPolicy): number {
  return orderDeadline - policy.verifySeconds;
}

/**
 * now + max(floor, multiple x expected time), bounded by the order's deadline less the time of verification.
 * The result may lie before `now`: then there is no time left for a lock.
 */
export function lockDeadline(terms: LockTerms, policy: MarketPolicy): number {
  const seconds = workSeconds(terms.workUnits + terms.workInFlight, terms.measuredRate);
  const stretched = Number((BigInt(seconds) * BigInt(policy.lockMultipleBps) + BPS - 1n) / BPS);
  const wanted = terms.now + Math.max(policy.lockFloorSeconds, stretched);
  return Math.min(wanted, latestLockDeadline(terms.orderDeadline, policy));
}

/** What a lock at this price of the chunk puts at stake, rounded up. */
export function lockCollateral(price: bigint, policy: MarketPolicy): bigint {
  const share = (price * BigInt(policy.collateralBps) + BPS - 1n) / BPS;
  return share > policy.collateralMin ? share : policy.collateralMin;
}
