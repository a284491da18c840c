import fc from 'fast-check';
import { type Address, numberToHex } from 'viem';
import { describe, expect, it } from 'vitest';
import { type ChunkDemand, type MarketPolicy, matchChunk, type Offer } from '../market/index.js';
import { shortlist } from './shortlist.js';

const policy: MarketPolicy = {
  shareCapBps: 5_000,
  lockFloorSeconds: 10,
  lockMultipleBps: 30_000,
  verifySeconds: 10,
  collateralBps: 20_000,
  collateralMin: 1n,
};
const address = (k: number) => numberToHex(k + 1, { size: 20 }) as Address;
const small = fc.integer({ min: 0, max: 5 });
const offers = fc.array(fc.tuple(small, small, small, small, small, small), { maxLength: 30 }).map((rows) =>
  rows.map(
    ([ask, inFlight, rate, stake, failures, ofOrder], k): Offer => ({
      address: address(k),
      ask: BigInt(ask) * 10n,
      capacity: 3,
      inFlight,
      workInFlight: inFlight * 100,
      measuredRate: rate + 1,
      freeStake: BigInt(stake) * 3_000n,
      failures,
      workOfOrder: ofOrder * 50,
    }),
  ),
);

describe('the shortlist', () => {
  it('decides as all offers do', () => {
    let matched = 0;
    fc.assert(
      fc.property(offers, fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 29 }), (all, now, failed) => {
        const demand: ChunkDemand = {
          order: numberToHex(now, { size: 32 }),
          chunk: 0,
          attempt: 0,
          workUnits: 100,
          orderWorkUnits: 400,
          curve: { priceMin: 0n, priceMax: 60_000_000n, rampSeconds: 100 },
          startedAt: 0,
          orderDeadline: 400,
          failedBy: [address(failed)],
        };
        const scaled = all.map((offer) => ({ ...offer, ask: offer.ask * 1_000_000n }));
        const book = [...scaled].sort((a, b) => (a.ask < b.ask ? -1 : a.ask > b.ask ? 1 : 0));
        const short = shortlist(demand, book, (offer) => offer, policy, now);
        const [first] = matchChunk(demand, scaled, policy, now);
        expect(matchChunk(demand, [...short.values()], policy, now)[0]).toEqual(first);
        if (first) matched++;
      }),
      { numRuns: 500 },
    );
    expect(matched).toBeGreaterThan(100);
  });
});
