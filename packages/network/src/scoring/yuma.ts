/**
 * Yuma consensus on what no proof decides (latency, availability), in exact integers.
 *
 * Shares are fixed-point numbers with ONE = 10^18; every product is divided by ONE and rounded down. Stake and weights
 * come as any non-negative integers and are normalised here. For validators i and subjects j:
 *
 *   C_j   the largest w of column j such that validators with at least `kappa` of the stake give j w or more
 *   W'_ij = min(W_ij, C_j)                                     clipped weights
 *   R_j   = sum_i S_i W'_ij, I = R / sum R                     incentive
 *   V_ij  = (1 - beta) W_ij + beta W'_ij                       weights that bonds follow
 *   dB_ij = S_i V_ij / sum_k S_k V_kj                          instant bonds
 *   B_ij  = alpha dB_ij + (1 - alpha) B_ij(before), columns normalised
 *   D_i   = sum_j B_ij I_j, normalised                         dividends
 *
 * Source: Yuma Consensus, docs.learnbittensor.org/yuma-consensus, and the epoch of opentensor/subtensor.
 */
import { InputError } from '@dsperse/core/verify';

export const ONE = 10n ** 18n;

export interface YumaParameters {
  /** Share of the stake that must stand behind a weight. */
  readonly kappaBps: number;
  /** How far bonds follow clipped weights instead of what the validator said (beta). */
  readonly bondPenaltyBps: number;
  /** Weight of the new bonds in the moving average (alpha). */
  readonly bondAlphaBps: number;
}

export interface YumaResult {
  /** C of every subject. */
  readonly consensus: readonly bigint[];
  /** I of every subject; sums to ONE up to rounding, or is all zero. */
  readonly incentive: readonly bigint[];
  /** D of every validator; as incentive. */
  readonly dividends: readonly bigint[];
  /** Share of its weights that was not clipped, of every validator. */
  readonly trust: readonly bigint[];
  /** B by validator and subject: the next epoch's `bonds`. */
  readonly bonds: readonly (readonly bigint[])[];
}

const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n);
const bps = (value: number) => (ONE * BigInt(value)) / 10_000n;

/** Shares of ONE, rounded down; all zero where the sum is. */
export function normalise(values: readonly bigint[]): bigint[] {
  const total = sum(values);
  return values.map((value) => (total === 0n ? 0n : (value * ONE) / total));
}

/**
 * The largest score that holders of at least `share` (of ONE) of the stake give or exceed; 0 where nobody has stake.
 * Stake is any non-negative integers, so that the comparison is exact.
 */
export function weightedMedian(stake: readonly bigint[], scores: readonly bigint[], share: bigint): bigint {
  const held = scores.map((score, k) => ({ score, stake: stake[k] })).filter((entry) => entry.stake > 0n);
  const total = sum(held.map((entry) => entry.stake));
  held.sort((a, b) => (a.score > b.score ? -1 : a.score < b.score ? 1 : 0));
  let behind = 0n;
  for (const entry of held) {
    behind += entry.stake;
    if (behind * ONE >= share * total) return entry.score;
  }
  return 0n;
}

function checkShape(stake: readonly bigint[], matrix: readonly (readonly bigint[])[], name: string): number {
  const columns = matrix[0]?.length ?? 0;
  const isRegular = matrix.length === stake.length && matrix.every((row) => row.length === columns);
  if (!isRegular || matrix.some((row) => row.some((value) => value < 0n)) || stake.some((value) => value < 0n)) {
    throw new InputError('bad-matrix', `${name} do not fit the stake`, 'one row for each validator, none negative');
  }
  return columns;
}

function columnNormalised(matrix: readonly (readonly bigint[])[], columns: number): bigint[][] {
  const result = matrix.map(() => new Array<bigint>(columns).fill(0n));
  for (let j = 0; j < columns; j++) {
    normalise(matrix.map((row) => row[j])).forEach((value, i) => {
      result[i][j] = value;
    });
  }
  return result;
}

/**
 * @param weights by validator and subject, any scale
 * @param before bonds of the last epoch; undefined in the first, in which the instant bonds count in full
 * @throws InputError where shapes do not fit
 */
export function runYuma(
  stake: readonly bigint[],
  weights: readonly (readonly bigint[])[],
  before: readonly (readonly bigint[])[] | undefined,
  parameters: YumaParameters,
): YumaResult {
  const columns = checkShape(stake, weights, 'weights');
  if (before && checkShape(stake, before, 'bonds') !== columns) {
    throw new InputError('bad-matrix', 'bonds do not fit the weights', 'one column for each subject');
  }
  const shares = normalise(stake);
  const rows = weights.map(normalise);
  const indices = Array.from({ length: columns }, (_, j) => j);
  const column = (matrix: readonly (readonly bigint[])[], j: number) => matrix.map((row) => row[j]);
  const consensus = indices.map((j) => weightedMedian(stake, column(rows, j), bps(parameters.kappaBps)));
  const clipped = rows.map((row) => row.map((weight, j) => (weight < consensus[j] ? weight : consensus[j])));
  const ranks = indices.map((j) => sum(clipped.map((row, i) => (shares[i] * row[j]) / ONE)));
  const incentive = normalise(ranks);
  const beta = bps(parameters.bondPenaltyBps);
  const followed = rows.map((row, i) =>
    row.map((weight, j) => (shares[i] * (((ONE - beta) * weight + beta * clipped[i][j]) / ONE)) / ONE),
  );
  const instant = columnNormalised(followed, columns);
  const alpha = bps(parameters.bondAlphaBps);
  const averaged = before
    ? instant.map((row, i) => row.map((bond, j) => (alpha * bond + (ONE - alpha) * before[i][j]) / ONE))
    : instant;
  const bonds = columnNormalised(averaged, columns);
  const dividends = normalise(bonds.map((row) => sum(row.map((bond, j) => (bond * incentive[j]) / ONE))));
  return { consensus, incentive, dividends, trust: clipped.map(sum), bonds };
}
