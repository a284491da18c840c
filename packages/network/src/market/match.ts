/** Which provers may take a chunk, in which order, and at which price. */
import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem';
import { latestLockDeadline, lockCollateral, lockDeadline, workSeconds } from './deadlines.js';
import { chunkPrice, priceAt } from './price-curve.js';
import type { Candidate, ChunkDemand, MarketPolicy, Offer } from './types.js';

/**
 * Where asks are equal, the lowest of these over the prover's rate goes first. The order's id holds the requester's salt, so
 * no prover can choose an address for it in advance.
 */
export function drawOf(order: Hex, chunk: number, attempt: number, prover: Address): bigint {
  const words = encodeAbiParameters(
    [{ type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }, { type: 'address' }],
    [order, BigInt(chunk), BigInt(attempt), prover.toLowerCase() as Address],
  );
  return BigInt(keccak256(words));
}

/** The most work of one order that one owner gets while others would take it: at least one chunk. */
function isWithinShare(demand: ChunkDemand, offer: Offer, policy: MarketPolicy): boolean {
  if (offer.workOfOrder === 0) return true;
  const after = BigInt(offer.workOfOrder) + BigInt(demand.workUnits);
  return after * 10_000n <= BigInt(demand.orderWorkUnits) * BigInt(policy.shareCapBps);
}

/** Offers with their draw, lowest ask first. */
function byAsk(demand: ChunkDemand, offers: readonly Offer[]): Offer[] {
  return offers
    .map((offer) => ({ offer, draw: drawOf(demand.order, demand.chunk, demand.attempt, offer.address) }))
    .sort((a, b) => {
      if (a.offer.ask !== b.offer.ask) return a.offer.ask < b.offer.ask ? -1 : 1;
      if (a.offer.failures !== b.offer.failures) return a.offer.failures - b.offer.failures;
      // Twice as fast, drawn about twice as often. Whoever says more than it can has shorter deadlines too.
      const [x, y] = [a.draw * BigInt(b.offer.measuredRate), b.draw * BigInt(a.offer.measuredRate)];
      return x < y ? -1 : x > y ? 1 : 0;
    })
    .map(({ offer }) => offer);
}

function etaOf(demand: ChunkDemand, offer: Offer): number {
  return workSeconds(demand.workUnits + offer.workInFlight, offer.measuredRate);
}

/**
 * The provers that may take the chunk now, in the order in which it is to be offered to them: lowest ask first, then
 * fewer failures, then by draw. A prover is left out where its ask is above the curve, it has no capacity, it failed
 * this chunk before, its expected time ends after the last possible deadline, or its free stake is below the
 * collateral. Owners above their share of the order come after all others.
 *
 * The price of a lock is the next higher candidate's ask or the curve, whichever is lower. Who is alone below the curve gets
 * the curve; waiting until it pays the ask behind would let a cartel's ask set everyone's price.
 */
export function matchChunk(
  demand: ChunkDemand,
  offers: readonly Offer[],
  policy: MarketPolicy,
  now: number,
): Candidate[] {
  const offered = priceAt(demand.curve, demand.startedAt, now);
  const latest = latestLockDeadline(demand.orderDeadline, policy);
  const failed = new Set(demand.failedBy.map((address) => address.toLowerCase()));
  const dearest = lockCollateral(chunkPrice(offered, demand.workUnits), policy);
  const able = offers.filter(
    (offer) =>
      offer.ask <= offered &&
      offer.inFlight < offer.capacity &&
      offer.measuredRate >= 1 &&
      !failed.has(offer.address.toLowerCase()) &&
      offer.freeStake >= dearest &&
      now + etaOf(demand, offer) <= latest,
  );
  const within = byAsk(
    demand,
    able.filter((offer) => isWithinShare(demand, offer, policy)),
  );
  const above = byAsk(
    demand,
    able.filter((offer) => !isWithinShare(demand, offer, policy)),
  );
  const terms = (group: readonly Offer[]) =>
    group.map((offer, k): Candidate => {
      const next = group[k + 1]?.ask ?? offered;
      const unitPrice = next < offered ? next : offered;
      const price = chunkPrice(unitPrice, demand.workUnits);
      return {
        address: offer.address,
        ask: offer.ask,
        unitPrice,
        price,
        collateral: lockCollateral(price, policy),
        deadline: lockDeadline({ ...demand, ...offer, now }, policy),
        etaSeconds: etaOf(demand, offer),
      };
    });
  return [...terms(within), ...terms(above)];
}

/** A chunk of a batch and the prover that it is to be offered to. */
export interface Clearing {
  readonly demand: ChunkDemand;
  readonly candidate: Candidate;
}

/**
 * Chunks that wait at the same time, cleared together: each goes to the first of `matchChunk`, after what those before it
 * took. Its price is then the lowest ask that goes away empty, or the curve, whichever is lower; so what a prover gets does
 * not depend on the place of its chunk in the batch. Chunks that nobody can take are left out.
 * @param declines who has let this chunk pass: asked only where all others have too
 */
export function clearBatch(
  demands: readonly ChunkDemand[],
  offers: readonly Offer[],
  policy: MarketPolicy,
  now: number,
  declines: (demand: ChunkDemand, address: Address) => boolean = () => false,
): Clearing[] {
  const book = [...offers];
  const won: Clearing[] = [];
  for (const demand of demands) {
    const candidates = matchChunk(demand, book, policy, now);
    const candidate = candidates.find(({ address }) => !declines(demand, address)) ?? candidates[0];
    if (!candidate) continue;
    won.push({ demand, candidate });
    const k = book.findIndex(({ address }) => address === candidate.address);
    const before = book[k];
    book[k] = {
      ...before,
      inFlight: before.inFlight + 1,
      workInFlight: before.workInFlight + demand.workUnits,
      freeStake:
        before.freeStake -
        lockCollateral(chunkPrice(priceAt(demand.curve, demand.startedAt, now), demand.workUnits), policy),
      workOfOrder: before.workOfOrder + demand.workUnits,
    };
  }
  return won.map(({ demand, candidate }): Clearing => {
    const empty = matchChunk(demand, book, policy, now).filter(
      ({ address, ask }) => address !== candidate.address && ask >= candidate.ask,
    );
    const curve = priceAt(demand.curve, demand.startedAt, now);
    const unitPrice = empty.reduce((least, { ask }) => (ask < least ? ask : least), curve);
    const price = chunkPrice(unitPrice, demand.workUnits);
    return { demand, candidate: { ...candidate, unitPrice, price, collateral: lockCollateral(price, policy) } };
  });
}
