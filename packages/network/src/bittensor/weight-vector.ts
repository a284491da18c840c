/**
 * Shares of work as the vector that `set_weights` of subtensor takes: 16 bits for each neuron, the largest 65,535.
 *
 * Subtensor scales what it is given so that the largest becomes 65,535 (opentensor/subtensor,
 * pallets/subtensor/src/epoch/math.rs, vec_u16_max_upscale_to_u16, called by subnets/weights.rs); a vector that is scaled
 * already is left as it is. It refuses a neuron that appears twice.
 */
import type { Address } from 'viem';
import type { WorkShare } from './work-shares.js';

const U16_MAX = 65_535n;

export interface WeightVector {
  /** Numbers of the neurons, ascending. */
  readonly uids: readonly number[];
  /** 1 to 65,535, in the order of `uids`. */
  readonly weights: readonly number[];
  /** Operators with work but without a neuron. */
  readonly unmapped: readonly Address[];
}

/** The largest becomes 65,535, the others in proportion, halves rounded up; all zero where all are. */
export function maxUpscale(amounts: readonly bigint[]): number[] {
  const most = amounts.reduce((max, amount) => (amount > max ? amount : max), 0n);
  if (most === 0n) return amounts.map(() => 0);
  return amounts.map((amount) => Number((2n * amount * U16_MAX + most) / (2n * most)));
}

/**
 * Weights of the neurons whose operators worked; work of operators with the same neuron is added up. Whoever did less
 * than half of 1/65,535 of what the largest did is left out.
 *
 * @param uids number of the neuron by operator in lower case
 */
export function weightVector(shares: readonly WorkShare[], uids: ReadonlyMap<Address, number>): WeightVector {
  const work = new Map<number, bigint>();
  const unmapped: Address[] = [];
  for (const { operator, workUnits } of shares) {
    const uid = uids.get(operator);
    if (uid === undefined) unmapped.push(operator);
    else work.set(uid, (work.get(uid) ?? 0n) + workUnits);
  }
  const sorted = [...work].sort(([a], [b]) => a - b);
  const scaled = maxUpscale(sorted.map(([, amount]) => amount));
  const entries = sorted.map(([uid], k) => ({ uid, weight: scaled[k] })).filter(({ weight }) => weight > 0);
  return { uids: entries.map(({ uid }) => uid), weights: entries.map(({ weight }) => weight), unmapped };
}
