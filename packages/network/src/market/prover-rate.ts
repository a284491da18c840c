/** How fast a prover is: moved by its receipts, gently. */
import { InputError } from '@dsperse/core/verify';

export interface RatePolicy {
  /** Weight of a new receipt in the average. */
  readonly weightBps: number;
  /** The most that one receipt moves the rate up or down. */
  readonly maxStepBps: number;
}

/** A receipt: work done in how many seconds from lock to receipt. */
export interface WorkDone {
  readonly workUnits: number;
  readonly seconds: number;
}

const BPS = 10_000n;

/**
 * The new rate in work units per second, at least 1: an exponential average in which one receipt, however fast or
 * slow, moves the rate by at most `maxStepBps`. Without an earlier rate it is that of the receipt.
 */
export function updateRate(rate: number | undefined, done: WorkDone, policy: RatePolicy): number {
  if (!Number.isSafeInteger(done.workUnits) || done.workUnits < 1) {
    throw new InputError(
      'bad-work',
      `a receipt over ${done.workUnits} work units`,
      'give a whole number of at least 1',
    );
  }
  const measured = BigInt(done.workUnits) / BigInt(Math.max(1, Math.ceil(done.seconds)));
  const observed = measured < 1n ? 1n : measured;
  if (rate === undefined) return Number(observed);
  const before = BigInt(Math.max(1, rate));
  // Rounded away from the old rate, so that a small rate is not stuck.
  const away = (change: bigint) => (change < 0n ? -((-change + BPS - 1n) / BPS) : (change + BPS - 1n) / BPS);
  const wanted = away((observed - before) * BigInt(policy.weightBps));
  const most = away(before * BigInt(policy.maxStepBps));
  const change = wanted > most ? most : wanted < -most ? -most : wanted;
  const after = before + change;
  return Number(after < 1n ? 1n : after);
}
