/** What is minted in an epoch, and for whom. Nothing that cannot be earned is given to somebody else: it is not minted. */
import type { EmissionParameters } from './types.js';

const BPS = 10_000n;

/** What may be minted in this epoch: halving, and never beyond the cap. */
export function emissionOf(epoch: number, minted: bigint, parameters: EmissionParameters): bigint {
  const halvings = parameters.halvingEpochs > 0 ? Math.floor(epoch / parameters.halvingEpochs) : 0;
  const scheduled = parameters.perEpoch >> BigInt(halvings);
  const left = parameters.cap > minted ? parameters.cap - minted : 0n;
  return scheduled < left ? scheduled : left;
}

export interface ProverWork {
  readonly account: string;
  readonly workUnits: bigint;
  /** What the work paid to burn and treasury: what nobody gets back by being a validator too. */
  readonly lostFees: bigint;
}

/** To each its share of the work, but at most `feeMultipleBps` of what it lost in fees. */
export function proverEmission(
  emission: bigint,
  provers: readonly ProverWork[],
  parameters: EmissionParameters,
): { account: string; amount: bigint }[] {
  const pool = (emission * BigInt(parameters.proverBps)) / BPS;
  const total = provers.reduce((sum, prover) => sum + prover.workUnits, 0n);
  return provers.map(({ account, workUnits, lostFees }) => {
    const share = total === 0n ? 0n : (pool * workUnits) / total;
    const most = (lostFees * BigInt(parameters.feeMultipleBps)) / BPS;
    return { account, amount: share < most ? share : most };
  });
}

export interface ValidatorRecord {
  readonly account: string;
  readonly cappedStake: bigint;
  /** Duties of the epoch that it answered rightly, of all. */
  readonly answered: bigint;
  readonly duties: bigint;
  /** From its answers to canaries, of 10,000. */
  readonly recallScoreBps: bigint;
}

/**
 * To each its share of the capped stake x coverage x canary score. In an epoch without duties coverage is full, so
 * that no order made for that purpose releases an emission.
 */
export function validatorEmission(
  emission: bigint,
  validators: readonly ValidatorRecord[],
  parameters: EmissionParameters,
): { account: string; amount: bigint }[] {
  const pool = (emission * BigInt(parameters.validatorBps)) / BPS;
  const total = validators.reduce((sum, validator) => sum + validator.cappedStake, 0n);
  return validators.map(({ account, cappedStake, answered, duties, recallScoreBps }) => {
    if (total === 0n) return { account, amount: 0n };
    const share = pool * cappedStake * recallScoreBps;
    const amount = duties === 0n ? share / (total * BPS) : (share * answered) / (total * BPS * duties);
    return { account, amount };
  });
}

/** The treasury's part: what the schedule gives neither to provers nor to validators. */
export function treasuryEmission(emission: bigint, parameters: EmissionParameters): bigint {
  return (emission * BigInt(10_000 - parameters.proverBps - parameters.validatorBps)) / BPS;
}
