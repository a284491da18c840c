/**
 * What no proof decides: how far before its deadline a proof was there. Every validator measures it by its own clock, against
 * the deadline that the prover signed, and says it as weights of provers; Yuma consensus makes one ranking of them, and pays
 * validators for having said early what others come to say. A ranking moves a governed share of an emission and nothing else.
 *
 * Weights are committed to in the trace of one epoch, which stands on the chain before they are revealed in the next.
 */
import { type Address, keccak256 } from 'viem';
import { canonicalBytes } from '../messages/canonical.js';
import type { WeightReveal } from '../messages/index.js';
import type { ConsensusParameters, ConsensusState, EpochTrace, Leaf } from './types.js';
import { ONE, runYuma } from './yuma.js';

/** Of a weight, and of a bond as it is kept: 16 bits. */
export const WEIGHT_MAX = 65_535;
/** Provers that a validator can give weights to. */
export const WEIGHTS_MAX = 1_024;

export const emptyConsensus: ConsensusState = { commits: [], provers: [], bonds: [] };

/** An accepted proof, as one validator saw it. */
export interface SeenDelivery {
  readonly prover: Address;
  readonly workUnits: number;
  /** From its being there to the deadline of its lock, in milliseconds of the validator's clock. */
  readonly marginMs: number;
}

/**
 * Each prover's work, counted in full where a proof was there `lockFloorSeconds` (what every lock has at least) before its
 * deadline, and for nothing where it came at its end. Linear in the work: splitting a prover in two changes nothing.
 * @returns undefined where there is nothing to weigh
 */
export function weighDeliveries(
  deliveries: readonly SeenDelivery[],
  lockFloorSeconds: number,
): Pick<WeightReveal, 'provers' | 'weights'> | undefined {
  const full = BigInt(Math.max(1, Math.floor(lockFloorSeconds * 1000)));
  const scores = new Map<string, bigint>();
  for (const { prover, workUnits, marginMs } of deliveries) {
    const margin = BigInt(Math.max(0, Math.floor(marginMs)));
    const key = prover.toLowerCase();
    scores.set(key, (scores.get(key) ?? 0n) + BigInt(workUnits) * (margin < full ? margin : full));
  }
  const byScore = [...scores].sort(([p, a], [q, b]) => (a > b ? -1 : a < b ? 1 : p < q ? -1 : 1));
  const most = byScore[0]?.[1] ?? 0n;
  if (most === 0n) return undefined;
  const weighed = byScore
    .slice(0, WEIGHTS_MAX)
    .map(([prover, score]): [string, number] => [prover, Number((score * BigInt(WEIGHT_MAX)) / most)])
    .filter(([, weight]) => weight > 0)
    .sort(([p], [q]) => (p < q ? -1 : 1));
  return { provers: weighed.map(([prover]) => prover as Address), weights: weighed.map(([, weight]) => weight) };
}

/** Whether weights are as `weighDeliveries` gives them: no two ways to say one thing. */
export function areWeights({ provers, weights }: Pick<WeightReveal, 'provers' | 'weights'>): boolean {
  return (
    provers.length === weights.length &&
    provers.length > 0 &&
    provers.length <= WEIGHTS_MAX &&
    provers.every((prover, k) => prover === prover.toLowerCase() && (k === 0 || provers[k - 1] < prover)) &&
    weights.every((weight) => Number.isSafeInteger(weight) && weight > 0 && weight <= WEIGHT_MAX) &&
    Math.max(...weights) === WEIGHT_MAX
  );
}

export interface Consensus {
  /** Of `ONE`, by prover in lower case; empty where too little stake agreed on anything. */
  readonly incentive: ReadonlyMap<string, bigint>;
  /** Of `ONE`, by validator in lower case. */
  readonly dividends: ReadonlyMap<string, bigint>;
  readonly state: ConsensusState;
}

/**
 * All stake counts in the median, also that of validators which revealed nothing: so leaving reveals out makes nobody's
 * weights count for more.
 * @param stakes by validator in lower case, capped as for rewards
 */
export function reachConsensus(
  stakes: ReadonlyMap<string, bigint>,
  weights: EpochTrace['weights'],
  before: ConsensusState,
  parameters: ConsensusParameters,
): Consensus {
  const validators = [...stakes.keys()].sort();
  const said = new Map<string, ReadonlyMap<string, number>>();
  for (const { validator, provers, weights: of } of weights.reveals) {
    said.set(validator.toLowerCase(), new Map(provers.map((prover, k) => [prover.toLowerCase(), of[k]])));
  }
  const provers = [...new Set([...said.values()].flatMap((row) => [...row.keys()]))].sort();
  const commits = weights.commits
    .map(({ message }) => ({ validator: message.validator.toLowerCase() as Address, commitment: message.commitment }))
    .sort((a, b) => (a.validator < b.validator ? -1 : 1));
  const held = new Map<string, ReadonlyMap<string, number>>(
    before.bonds.map(({ validator, values }) => [
      validator,
      new Map(before.provers.map((p, k) => [p as string, values[k]])),
    ]),
  );
  const bondOf = (validator: string, prover: string) =>
    (BigInt(held.get(validator)?.get(prover) ?? 0) * ONE) / BigInt(WEIGHT_MAX);
  const result = runYuma(
    validators.map((key) => stakes.get(key) ?? 0n),
    validators.map((key) => provers.map((prover) => BigInt(said.get(key)?.get(prover) ?? 0))),
    held.size === 0 ? undefined : validators.map((key) => provers.map((prover) => bondOf(key, prover))),
    parameters,
  );
  const incentive = new Map(provers.map((prover, k) => [prover, result.incentive[k]]));
  if (result.incentive.every((share) => share === 0n)) {
    return { incentive: new Map(), dividends: new Map(), state: { ...before, commits } };
  }
  const bonds = validators.flatMap((key, i) => {
    const values = result.bonds[i].map((bond) => Number((bond * BigInt(WEIGHT_MAX)) / ONE));
    return values.some((value) => value > 0) ? [{ validator: key as Address, values }] : [];
  });
  return {
    incentive,
    dividends: new Map(validators.map((key, i) => [key, result.dividends[i]])),
    state: { commits, provers: provers as Address[], bonds },
  };
}

/** Binds the next epoch to commitments and bonds; nothing where there are none. */
export function consensusLeaves(epoch: number, state: ConsensusState): Extract<Leaf, { kind: 5 }>[] {
  if (state.commits.length === 0 && state.bonds.length === 0) return [];
  return [{ kind: 5, epoch, digest: keccak256(canonicalBytes(state)) }];
}
