/** Governed parameters in the form that the market and the settlement take them. */
import { BURN_ACCOUNT, parameterDefault } from '@dsperse/contracts';
import type { MarketPolicy, RatePolicy } from '../market/index.js';
import type { EndpointRules } from '../messages/index.js';
import type { SettlementParameters } from '../scoring/index.js';
import type { Ledger } from './ledger.js';

/** @param at a time in seconds; now where nothing is said */
export async function marketPolicy(ledger: Ledger, at?: number): Promise<MarketPolicy> {
  const p = await ledger.parameters(
    ['shareCapBps', 'lockFloorSeconds', 'lockMultipleBps', 'verifySeconds', 'collateralBps', 'collateralMin'],
    at,
  );
  return {
    shareCapBps: Number(p.shareCapBps),
    lockFloorSeconds: Number(p.lockFloorSeconds),
    lockMultipleBps: Number(p.lockMultipleBps),
    verifySeconds: Number(p.verifySeconds),
    collateralBps: Number(p.collateralBps),
    collateralMin: p.collateralMin,
  };
}

const TIMES = [
  'epochSeconds',
  'commitSeconds',
  'clockSkewSeconds',
  'collectSeconds',
  'collectSecondsMax',
  'exitMarginSeconds',
  'lockGraceSeconds',
  'releaseSkewSeconds',
  'judgingGraceSeconds',
  'orderSecondsMax',
] as const;

/** How long steps between nodes take, in seconds: docs/parameters.md. */
export type NetworkTiming = Readonly<Record<(typeof TIMES)[number], number>>;

/** How provers are told apart by what became of their locks. */
export interface ProverPolicy {
  readonly failureWindowSeconds: number;
  readonly restSeconds: number;
  readonly rate: RatePolicy;
}

export async function proverPolicy(ledger: Ledger): Promise<ProverPolicy> {
  const p = await ledger.parameters(['failureWindowSeconds', 'restSeconds', 'rateWeightBps', 'rateStepBps']);
  return {
    failureWindowSeconds: Number(p.failureWindowSeconds),
    restSeconds: Number(p.restSeconds),
    rate: { weightBps: Number(p.rateWeightBps), maxStepBps: Number(p.rateStepBps) },
  };
}

/** Of a network that nobody changed: for those who do not know a chain to ask. */
export const ENDPOINT_RULES: EndpointRules = {
  clockSkewSeconds: Number(parameterDefault('clockSkewSeconds')),
  endpointSecondsMax: Number(parameterDefault('endpointSecondsMax')),
};

/** By which an operator's record counts. */
export async function endpointRules(ledger: Ledger): Promise<EndpointRules> {
  const p = await ledger.parameters(['clockSkewSeconds', 'endpointSecondsMax']);
  return { clockSkewSeconds: Number(p.clockSkewSeconds), endpointSecondsMax: Number(p.endpointSecondsMax) };
}

/** How proofs are given to validators. */
export interface JudgingPolicy {
  /** Share of the attempts whose proof is broken on purpose. */
  readonly canaryBps: number;
}

/** @param at a time in seconds; now where nothing is said */
export async function judgingPolicy(ledger: Ledger, at?: number): Promise<JudgingPolicy> {
  const { canaryBps } = await ledger.parameters(['canaryBps'], at);
  return { canaryBps: Number(canaryBps) };
}

export async function networkTiming(ledger: Ledger): Promise<NetworkTiming> {
  const p = await ledger.parameters(TIMES);
  return Object.fromEntries(TIMES.map((name) => [name, Number(p[name])])) as unknown as NetworkTiming;
}

/** @param at when the epoch was closed, in seconds: everyone settles it by the same parameters */
export async function settlementParameters(ledger: Ledger, at: number): Promise<SettlementParameters> {
  const p = await ledger.parameters(
    [
      'feeBps',
      'feeValidatorBps',
      'feeBurnBps',
      'stakeCapBps',
      'missedLockBps',
      'rejectedProofBps',
      'releaseBps',
      'rememberEpochs',
      'recallFloorBps',
      'canaryMemory',
      'emissionYearBps',
      'emissionProverBps',
      'emissionValidatorBps',
      'emissionFeeMultipleBps',
      'consensusShareBps',
      'consensusKappaBps',
      'bondPenaltyBps',
      'bondAlphaBps',
    ],
    at,
  );
  return {
    feeBps: Number(p.feeBps),
    feeValidatorBps: Number(p.feeValidatorBps),
    feeBurnBps: Number(p.feeBurnBps),
    stakeCapBps: Number(p.stakeCapBps),
    missedLockBps: Number(p.missedLockBps),
    rejectedProofBps: Number(p.rejectedProofBps),
    releaseBps: Number(p.releaseBps),
    treasury: ledger.contracts.treasury,
    burn: BURN_ACCOUNT,
    rememberEpochs: Number(p.rememberEpochs),
    recallFloorBps: Number(p.recallFloorBps),
    canaryMemory: Number(p.canaryMemory),
    emission: {
      cap: (await ledger.emission()).cap,
      yearBps: Number(p.emissionYearBps),
      proverBps: Number(p.emissionProverBps),
      validatorBps: Number(p.emissionValidatorBps),
      feeMultipleBps: Number(p.emissionFeeMultipleBps),
    },
    consensus: {
      shareBps: Number(p.consensusShareBps),
      kappaBps: Number(p.consensusKappaBps),
      bondPenaltyBps: Number(p.bondPenaltyBps),
      bondAlphaBps: Number(p.bondAlphaBps),
    },
  };
}
