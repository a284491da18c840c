/** What an order is likely to cost, how long it takes, and the chance that it is filled. */
import { workSeconds } from './deadlines.js';
import { chunkPrice, earliestTimeFor } from './price-curve.js';
import type { MarketPolicy, Offer, PriceCurve } from './types.js';

/** How one chunk of the past went. */
export interface PastOffer {
  /** Per million work units: the price at which it was taken, or the highest that was offered in vain. */
  readonly unitPrice: bigint;
  readonly filled: boolean;
  /** From the first offering to the lock, or to giving up. */
  readonly seconds: number;
}

export interface QuoteTerms {
  readonly curve: PriceCurve;
  /** Work units of each chunk. */
  readonly chunks: readonly number[];
  /** From now to the order's deadline. */
  readonly deadlineSeconds: number;
}

export interface Quote {
  /** What the order is expected to cost in full. */
  readonly price: bigint;
  /** Of that, per million work units. */
  readonly unitPrice: bigint;
  /** To the last receipt; the deadline where the offers cannot do it. */
  readonly seconds: number;
  /** Chance that every chunk is taken in time, by history and standing offers. */
  readonly chanceBps: number;
  /** Past offers that the chance rests on. */
  readonly samples: number;
}

const BPS = 10_000n;

/** Of chunks that filled at this price or a lower one, or did not at this one or a higher one: how many filled in time. */
function filledShare(
  history: readonly PastOffer[],
  unitPrice: bigint,
  latestSeconds: number,
): { filled: bigint; samples: bigint } {
  // A chunk taken at p would have been taken at more; one not taken at p would not have been at less.
  let filled = 0n;
  let samples = 0n;
  for (const past of history) {
    if (past.filled && past.unitPrice <= unitPrice) {
      if (past.seconds <= latestSeconds) filled++;
      samples++;
    } else if (!past.filled && past.unitPrice >= unitPrice) samples++;
  }
  return { filled, samples };
}

interface Plan {
  readonly unitPrice: bigint;
  readonly seconds: number;
}

/** Hands the chunks to the standing offers, each to the one that would be done first at the lowest ask. */
function planByOffers(terms: QuoteTerms, offers: readonly Offer[], policy: MarketPolicy): Plan | undefined {
  const able = offers
    .map((offer) => ({ offer, from: earliestTimeFor(terms.curve, 0, offer.ask) }))
    .filter(
      (entry): entry is { offer: Offer; from: number } =>
        entry.from !== undefined && entry.offer.capacity > 0 && entry.offer.measuredRate >= 1,
    )
    .sort((a, b) => (a.offer.ask < b.offer.ask ? -1 : a.offer.ask > b.offer.ask ? 1 : 0));
  if (able.length === 0) return undefined;
  const work = able.map(({ offer }) => offer.workInFlight);
  const latest = terms.deadlineSeconds - policy.verifySeconds;
  let cost = 0n;
  let weight = 0n;
  let seconds = 0;
  for (const chunk of terms.chunks) {
    let taken = -1;
    let done = 0;
    for (let k = 0; k < able.length && taken < 0; k++) {
      const end = able[k].from + workSeconds(work[k] + chunk, able[k].offer.measuredRate);
      if (end <= latest) {
        taken = k;
        done = end;
      }
    }
    if (taken < 0) return undefined;
    work[taken] += chunk;
    seconds = Math.max(seconds, done);
    const ask = able[taken].offer.ask;
    cost += (ask > terms.curve.priceMin ? ask : terms.curve.priceMin) * BigInt(chunk);
    weight += BigInt(chunk);
  }
  return { unitPrice: weight === 0n ? terms.curve.priceMin : (cost + weight - 1n) / weight, seconds };
}

/**
 * Plain statistics, the same on every machine. Price and time: the chunks handed to the standing offers, cheapest
 * first while they end in time; where those do not suffice, the curve's highest price and the whole time. Chance: the
 * share of comparable past chunks that filled, with Laplace's rule (filled + 1) / (samples + 2); a standing offer that
 * can do the work counts as one more filled sample, its absence as one more unfilled.
 */
export function quote(
  terms: QuoteTerms,
  history: readonly PastOffer[],
  offers: readonly Offer[],
  policy: MarketPolicy,
): Quote {
  const plan = planByOffers(terms, offers, policy);
  const { filled, samples } = filledShare(history, terms.curve.priceMax, terms.deadlineSeconds);
  const unitPrice = plan?.unitPrice ?? terms.curve.priceMax;
  return {
    price: terms.chunks.reduce((sum, work) => sum + chunkPrice(unitPrice, work), 0n),
    unitPrice,
    seconds: plan?.seconds ?? terms.deadlineSeconds,
    chanceBps: Number(((filled + 1n + (plan ? 1n : 0n)) * BPS) / (samples + 3n)),
    samples: Number(samples),
  };
}
