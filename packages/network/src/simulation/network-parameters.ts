/** The governed parameters with their defaults, in the form that market and settlement take them. */
import { PARAMETERS, type ParameterName } from '@dsperse/contracts';
import { type Address, zeroAddress } from 'viem';
import type { MarketPolicy } from '../market/index.js';
import type { EmissionParameters, SettlementParameters } from '../scoring/index.js';

export interface NetworkParameters {
  readonly market: MarketPolicy;
  readonly settlement: SettlementParameters;
  readonly epochSeconds: number;
  readonly commitSeconds: number;
  readonly canaryBps: number;
  readonly committeeSeats: number;
  readonly penaltyMaxBps: number;
  readonly proverStakeMin: bigint;
  readonly validatorStakeMin: bigint;
}

export type ParameterValues = Readonly<Partial<Record<ParameterName, bigint>>>;

export const TREASURY: Address = '0x00000000000000000000000000000000000000ff';
export const NO_EMISSION: EmissionParameters = {
  cap: 0n,
  yearBps: 0,
  proverBps: 0,
  validatorBps: 0,
  feeMultipleBps: 0,
};

/** @param changed values other than the defaults */
export function networkParameters(changed: ParameterValues = {}, emission = NO_EMISSION): NetworkParameters {
  const values = new Map<string, bigint>(PARAMETERS.map((p) => [p.name, changed[p.name] ?? p.default]));
  const amount = (name: ParameterName) => values.get(name) as bigint;
  const count = (name: ParameterName) => Number(amount(name));
  return {
    market: {
      shareCapBps: count('shareCapBps'),
      lockFloorSeconds: count('lockFloorSeconds'),
      lockMultipleBps: count('lockMultipleBps'),
      verifySeconds: count('verifySeconds'),
      collateralBps: count('collateralBps'),
      collateralMin: amount('collateralMin'),
    },
    settlement: {
      feeBps: count('feeBps'),
      feeValidatorBps: count('feeValidatorBps'),
      feeBurnBps: count('feeBurnBps'),
      stakeCapBps: count('stakeCapBps'),
      recallFloorBps: count('recallFloorBps'),
      canaryMemory: count('canaryMemory'),
      missedLockBps: count('missedLockBps'),
      rejectedProofBps: count('rejectedProofBps'),
      releaseBps: count('releaseBps'),
      rememberEpochs: count('rememberEpochs'),
      treasury: TREASURY,
      burn: zeroAddress,
      emission,
      consensus: {
        shareBps: count('consensusShareBps'),
        kappaBps: count('consensusKappaBps'),
        bondPenaltyBps: count('bondPenaltyBps'),
        bondAlphaBps: count('bondAlphaBps'),
      },
    },
    epochSeconds: count('epochSeconds'),
    commitSeconds: count('commitSeconds'),
    canaryBps: count('canaryBps'),
    committeeSeats: count('committeeSeats'),
    penaltyMaxBps: count('penaltyMaxBps'),
    proverStakeMin: amount('proverStakeMin'),
    validatorStakeMin: amount('validatorStakeMin'),
  };
}
