/**
 * What is minted in an epoch, and for whom. Nothing that cannot be earned is given to somebody else: it is not minted.
 * The contract Emission computes the same and refuses more.
 */

import type { EmissionParameters, SettlementParameters } from './types.js';
import { ONE } from './yuma.js';

const BPS = 10_000n;
const YEAR_SECONDS = 365n * 86_400n;

const share = (amount: bigint, bps: number): bigint => (amount * BigInt(bps)) / BPS;

/** What the schedule gives for `elapsed` seconds where `minted` was given before: a constant share of what is left. */
export function emissionOf(
  minted: bigint,
  elapsed: number,
  { cap, yearBps }: Pick<EmissionParameters, 'cap' | 'yearBps'>,
): bigint {
  const left = cap > minted ? cap - minted : 0n;
  const scheduled = (left * BigInt(yearBps) * BigInt(Math.max(0, elapsed))) / (BPS * YEAR_SECONDS);
  return scheduled < left ? scheduled : left;
}

/** What of a price nobody gets back by being prover and validator too: the fee without the validators' part. */
export function lostFees(
  price: bigint,
  { feeBps, feeValidatorBps }: Pick<SettlementParameters, 'feeBps' | 'feeValidatorBps'>,
): bigint {
  return (price * BigInt(feeBps) * (BPS - BigInt(feeValidatorBps))) / (BPS * BPS);
}

/** What of an emission can be minted at most where orders paid `spent`. */
export function mintableOf(
  emission: bigint,
  spent: bigint,
  parameters: Pick<SettlementParameters, 'feeBps' | 'feeValidatorBps' | 'emission'>,
): bigint {
  const { proverBps, validatorBps, feeMultipleBps } = parameters.emission;
  const pool = share(emission, proverBps);
  const most = share(lostFees(spent, parameters), feeMultipleBps);
  return (pool < most ? pool : most) + share(emission, validatorBps) + treasuryEmission(emission, parameters.emission);
}

export interface ProverWork {
  readonly account: string;
  readonly workUnits: bigint;
  readonly lostFees: bigint;
  /** Share of ONE that the consensus gives it. */
  readonly incentive: bigint;
}

/**
 * To each its share of the work, and for `consensusBps` of the emission its incentive; but at most `feeMultipleBps` of what it
 * lost in fees, whatever validators say of it.
 */
export function proverEmission(
  emission: bigint,
  provers: readonly ProverWork[],
  parameters: EmissionParameters,
  consensusBps: number,
): { account: string; amount: bigint }[] {
  const pool = (emission * BigInt(parameters.proverBps)) / BPS;
  const total = provers.reduce((sum, prover) => sum + prover.workUnits, 0n);
  const [ranked, byWork] = [BigInt(consensusBps), BigInt(10_000 - consensusBps)];
  return provers.map(({ account, workUnits, lostFees, incentive }) => {
    const worked = total === 0n ? 0n : (pool * byWork * workUnits) / (BPS * total);
    const share = worked + (pool * ranked * incentive) / (BPS * ONE);
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
  /** Share of ONE that the consensus gives it. */
  readonly dividends: bigint;
}

/**
 * To each its share of the capped stake (for `consensusBps` of the emission its dividends) x coverage x canary score. In an
 * epoch without duties coverage is full, so that no order made for that purpose releases an emission.
 */
export function validatorEmission(
  emission: bigint,
  validators: readonly ValidatorRecord[],
  parameters: EmissionParameters,
  consensusBps: number,
): { account: string; amount: bigint }[] {
  const pool = (emission * BigInt(parameters.validatorBps)) / BPS;
  const total = validators.reduce((sum, validator) => sum + validator.cappedStake, 0n);
  const [ranked, byStake] = [BigInt(consensusBps), BigInt(10_000 - consensusBps)];
  return validators.map(({ account, cappedStake, answered, duties, recallScoreBps, dividends }) => {
    if (total === 0n) return { account, amount: 0n };
    // Of total x BPS x ONE.
    const part = byStake * cappedStake * ONE + ranked * dividends * total;
    const share = (pool * part * recallScoreBps) / (BPS * ONE);
    const amount = duties === 0n ? share / (total * BPS) : (share * answered) / (total * BPS * duties);
    return { account, amount };
  });
}

/** The treasury's part: what the schedule gives neither to provers nor to validators. */
export function treasuryEmission(emission: bigint, parameters: EmissionParameters): bigint {
  return (emission * BigInt(10_000 - parameters.proverBps - parameters.validatorBps)) / BPS;
}
