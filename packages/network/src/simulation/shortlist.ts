/**
 * The offers that can decide who gets a chunk and for how much: so that one match among thousands of provers costs no
 * more than among a few. `matchChunk` over these gives the same first candidate, at the same price, as over all.
 */
import {
  type ChunkDemand,
  chunkPrice,
  lockCollateral,
  type MarketPolicy,
  type Offer,
  priceAt,
  workSeconds,
} from '../market/index.js';

/**
 * @param book sorted by the ask that `offerOf` gives, lowest first
 * @param chunks cleared together: each needs a candidate, and the next behind them sets the price
 */
export function shortlist<P>(
  demand: ChunkDemand,
  book: readonly P[],
  offerOf: (prover: P) => Offer,
  policy: MarketPolicy,
  now: number,
  chunks = 1,
): Map<P, Offer> {
  const price = priceAt(demand.curve, demand.startedAt, now);
  const dearest = lockCollateral(chunkPrice(price, demand.workUnits), policy);
  const latest = demand.orderDeadline - policy.verifySeconds;
  const failed = new Set<string>(demand.failedBy);
  const needed = chunks + 1;
  const found = new Map<P, Offer>();
  let within = 0;
  let last: bigint | undefined;
  for (const prover of book) {
    const offer = offerOf(prover);
    // All with the same ask stay in the draw.
    if (offer.ask > price || (within >= needed && offer.ask !== last)) break;
    if (offer.inFlight >= offer.capacity || offer.freeStake < dearest || failed.has(offer.address)) continue;
    if (now + workSeconds(demand.workUnits + offer.workInFlight, offer.measuredRate) > latest) continue;
    found.set(prover, offer);
    const isWithin =
      offer.workOfOrder === 0 ||
      (offer.workOfOrder + demand.workUnits) * 10_000 <= demand.orderWorkUnits * policy.shareCapBps;
    if (isWithin) {
      within++;
      last = offer.ask;
    }
  }
  return found;
}
