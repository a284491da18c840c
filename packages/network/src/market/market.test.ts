import fc from 'fast-check';
import { type Address, numberToHex, pad } from 'viem';
import { describe, expect, it } from 'vitest';
import {
  type ChunkDemand,
  checkCurve,
  chunkPrice,
  chunkSlices,
  clearBatch,
  earliestTimeFor,
  lockCollateral,
  lockDeadline,
  type MarketPolicy,
  matchChunk,
  type Offer,
  priceAt,
  quote,
  updateRate,
} from './index.js';

const policy: MarketPolicy = {
  shareCapBps: 5_000,
  lockFloorSeconds: 30,
  lockMultipleBps: 30_000,
  verifySeconds: 10,
  collateralBps: 20_000,
  collateralMin: 5n,
};
const address = (k: number) => pad(numberToHex(k), { size: 20 }) as Address;
const offer = (k: number, rest: Partial<Offer> = {}): Offer => ({
  address: address(k),
  ask: 10n,
  capacity: 2,
  inFlight: 0,
  workInFlight: 0,
  measuredRate: 1_000_000,
  freeStake: 10n ** 18n,
  failures: 0,
  workOfOrder: 0,
  ...rest,
});
const demand = (rest: Partial<ChunkDemand> = {}): ChunkDemand => ({
  order: pad('0x77', { size: 32 }),
  chunk: 0,
  attempt: 0,
  workUnits: 10_000_000,
  orderWorkUnits: 40_000_000,
  curve: { priceMin: 10n, priceMax: 110n, rampSeconds: 100 },
  startedAt: 1_000,
  orderDeadline: 2_000,
  failedBy: [],
  ...rest,
});
const addresses = (found: readonly { address: Address }[]) => found.map((c) => c.address);

describe('chunkSlices', () => {
  const works = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 60 });
  const plan = fc.record({
    targetWorkUnits: fc.integer({ min: 1, max: 3_000_000 }),
    maxChunks: fc.integer({ min: 1, max: 40 }),
  });

  it('covers every slice once, in order, in as many chunks as planned', () => {
    fc.assert(
      fc.property(works, plan, (work, p) => {
        const slices = work.map((workUnits, index) => ({ index, workUnits }));
        const chunks = chunkSlices(slices, p);
        expect(chunks.flatMap((c) => c.slices)).toEqual(slices.map((s) => s.index));
        expect(chunks.map((c) => c.index)).toEqual(chunks.map((_, k) => k));
        for (const c of chunks) expect(c.workUnits).toBe(c.slices.reduce((n, k) => n + work[k], 0));
        const total = work.reduce((a, b) => a + b, 0);
        expect(chunks.length).toBe(
          Math.min(Math.max(1, Math.ceil(total / p.targetWorkUnits)), p.maxChunks, work.length),
        );
      }),
    );
  });

  it('makes the largest chunk as small as any division does', () => {
    const least = (work: number[], parts: number): number => {
      if (parts === 1) return work.reduce((a, b) => a + b, 0);
      let best = Number.POSITIVE_INFINITY;
      for (let k = 1; k <= work.length - parts + 1; k++) {
        const first = work.slice(0, k).reduce((a, b) => a + b, 0);
        best = Math.min(best, Math.max(first, least(work.slice(k), parts - 1)));
      }
      return best;
    };
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 5 }),
        (work, maxChunks) => {
          const slices = work.map((workUnits, index) => ({ index, workUnits }));
          const chunks = chunkSlices(slices, { targetWorkUnits: 1, maxChunks });
          expect(Math.max(...chunks.map((c) => c.workUnits))).toBe(least(work, chunks.length));
        },
      ),
    );
  });

  it('divides equal slices equally, and refuses work that is none', () => {
    const slices = Array.from({ length: 12 }, (_, index) => ({ index, workUnits: 5 }));
    expect(chunkSlices(slices, { targetWorkUnits: 20, maxChunks: 9 }).map((c) => c.workUnits)).toEqual([20, 20, 20]);
    expect(() => chunkSlices([{ index: 0, workUnits: 0 }], { targetWorkUnits: 1, maxChunks: 1 })).toThrow(/work units/);
    expect(() => chunkSlices([slices[0], slices[2]], { targetWorkUnits: 1, maxChunks: 1 })).toThrow(/neighbour/);
  });

  it('makes no chunk that one proof cannot hold, and cuts no other', () => {
    const most = fc.integer({ min: 1, max: 1_500_000 });
    fc.assert(
      fc.property(works, plan, most, (work, p, limit) => {
        const slices = work.map((workUnits, index) => ({ index, workUnits }));
        const sum = (index: number, count: number) => work.slice(index, index + count).reduce((a, b) => a + b, 0);
        const isProvable = (index: number, count: number) => sum(index, count) <= limit;
        const chunks = chunkSlices(slices, { ...p, isProvable });
        expect(chunks.flatMap((c) => c.slices)).toEqual(slices.map((s) => s.index));
        expect(chunks.map((c) => c.index)).toEqual(chunks.map((_, k) => k));
        for (const c of chunks) {
          expect(c.workUnits).toBe(sum(c.slices[0], c.slices.length));
          expect(c.slices.length === 1 || c.workUnits <= limit).toBe(true);
        }
        const fits = chunkSlices(slices, p).filter((c) => c.workUnits <= limit);
        for (const { slices: whole } of fits) expect(chunks.map((c) => c.slices)).toContainEqual(whole);
      }),
    );
  });
});

describe('the price curve', () => {
  it('rises from the lowest to the highest price and never falls', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 24n });
    fc.assert(
      fc.property(amount, amount, fc.nat(10_000), fc.nat(20_000), fc.nat(20_000), (low, span, rampSeconds, a, b) => {
        const curve = { priceMin: low, priceMax: low + span, rampSeconds };
        const [early, late] = [Math.min(a, b), Math.max(a, b)];
        expect(priceAt(curve, 500, early) <= priceAt(curve, 500, late)).toBe(true);
        expect(priceAt(curve, 500, 500 + rampSeconds)).toBe(curve.priceMax);
        expect(priceAt(curve, 500, 499)).toBe(curve.priceMin);
      }),
    );
  });

  it('pays an ask at the first second that it says, and not a second before', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 1_000n }),
        fc.bigInt({ min: 0n, max: 1_000n }),
        fc.integer({ min: 1, max: 300 }),
        fc.bigInt({ min: 0n, max: 2_500n }),
        (low, span, rampSeconds, ask) => {
          const curve = { priceMin: low, priceMax: low + span, rampSeconds };
          const at = earliestTimeFor(curve, 100, ask);
          if (at === undefined) expect(ask > curve.priceMax).toBe(true);
          else {
            expect(priceAt(curve, 100, at) >= ask).toBe(true);
            if (at > 100) expect(priceAt(curve, 100, at - 1) < ask).toBe(true);
          }
        },
      ),
    );
  });

  it('rounds a chunk down and refuses a falling curve', () => {
    expect(chunkPrice(3n, 1_500_000)).toBe(4n);
    expect(() => checkCurve({ priceMin: 2n, priceMax: 1n, rampSeconds: 1 })).toThrow(/falls/);
  });
});

describe('matchChunk', () => {
  it('offers the lowest ask first and pays the next ask or the curve', () => {
    const found = matchChunk(
      demand(),
      [offer(1, { ask: 30n }), offer(2, { ask: 20n }), offer(3, { ask: 61n })],
      policy,
      1_050,
    );
    expect(addresses(found)).toEqual([address(2), address(1)]);
    expect(found.map((c) => c.unitPrice)).toEqual([30n, 60n]);
    expect(found[0].price).toBe(300n);
    expect(found[0].collateral).toBe(600n);
  });

  it('leaves out whoever cannot or may not', () => {
    const offers = [
      offer(1, { ask: 200n }),
      offer(2, { inFlight: 2 }),
      offer(3, { freeStake: 1n }),
      offer(4, { measuredRate: 10_000 }),
      offer(5),
      offer(6),
    ];
    const found = matchChunk(demand({ failedBy: [address(5)] }), offers, policy, 1_200);
    expect(addresses(found)).toEqual([address(6)]);
  });

  it('puts an owner above its share last, unless there is nobody else', () => {
    const greedy = offer(1, { ask: 1n, workOfOrder: 20_000_000 });
    expect(addresses(matchChunk(demand(), [greedy, offer(2)], policy, 1_000))).toEqual([address(2), address(1)]);
    expect(addresses(matchChunk(demand(), [greedy], policy, 1_000))).toEqual([address(1)]);
  });

  it('does not depend on the order of the offers; equal asks are drawn anew for each order', () => {
    const offers = Array.from({ length: 8 }, (_, k) => offer(k + 1));
    fc.assert(
      fc.property(fc.shuffledSubarray(offers, { minLength: 8 }), (shuffled) => {
        expect(matchChunk(demand(), shuffled, policy, 1_000)).toEqual(matchChunk(demand(), offers, policy, 1_000));
      }),
    );
    const firsts = new Set(
      Array.from({ length: 60 }, (_, k) => {
        const order = pad(numberToHex(k + 1), { size: 32 });
        return matchChunk(demand({ order }), offers, policy, 1_000)[0].address;
      }),
    );
    expect(firsts.size).toBe(8);
  });

  it('never pays below the ask or above the curve', () => {
    const asks = fc.array(fc.bigInt({ min: 0n, max: 130n }), { maxLength: 12 });
    fc.assert(
      fc.property(asks, fc.integer({ min: 990, max: 1_200 }), (list, now) => {
        const offers = list.map((ask, k) => offer(k + 1, { ask }));
        for (const c of matchChunk(demand(), offers, policy, now)) {
          expect(c.ask <= c.unitPrice && c.unitPrice <= priceAt(demand().curve, 1_000, now)).toBe(true);
          expect(c.deadline <= demand().orderDeadline - policy.verifySeconds).toBe(true);
        }
      }),
    );
  });
});

describe('clearBatch', () => {
  const asks = [20n, 30n, 40n, 61n];
  const offers = asks.map((ask, k) => offer(k + 1, { ask, capacity: 1 }));
  const batch = (count: number) => Array.from({ length: count }, (_, chunk) => demand({ chunk }));

  it('gives the lowest asks the work, and each the lowest ask that goes away empty, or the curve', () => {
    const two = clearBatch(batch(2), offers, policy, 1_050);
    expect(two.map(({ candidate }) => candidate.address)).toEqual([address(1), address(2)]);
    expect(two.map(({ candidate }) => candidate.unitPrice)).toEqual([40n, 40n]);
    expect(two[0].candidate.collateral).toBe(800n);
    // The curve pays 60: the fourth is above it, and nobody is left.
    const three = clearBatch(batch(5), offers, policy, 1_050);
    expect(three.map(({ candidate }) => candidate.unitPrice)).toEqual([60n, 60n, 60n]);
  });

  it('clears one chunk as matchChunk does', () => {
    expect(clearBatch(batch(1), offers, policy, 1_050)[0].candidate).toEqual(
      matchChunk(demand(), offers, policy, 1_050)[0],
    );
  });

  it('heeds capacity, the share of an order, and who let a chunk pass', () => {
    const big = [offer(1, { ask: 20n, capacity: 9 }), offer(2, { ask: 30n, capacity: 9 })];
    const won = clearBatch(batch(4), big, policy, 1_050).map(({ candidate }) => candidate.address);
    expect(won).toEqual([address(1), address(1), address(2), address(2)]);
    const passed = clearBatch(batch(1), big, policy, 1_050, (_, who) => who === address(1));
    expect(passed[0].candidate.address).toBe(address(2));
    expect(clearBatch(batch(1), big, policy, 1_050, () => true)[0].candidate.address).toBe(address(1));
  });

  it('never pays below the ask or above the curve', () => {
    const list = fc.array(fc.bigInt({ min: 0n, max: 130n }), { maxLength: 12 });
    fc.assert(
      fc.property(list, fc.integer({ min: 990, max: 1_200 }), fc.integer({ min: 1, max: 4 }), (given, now, count) => {
        const book = given.map((ask, k) => offer(k + 1, { ask }));
        for (const { candidate: c } of clearBatch(batch(count), book, policy, now)) {
          expect(c.ask <= c.unitPrice && c.unitPrice <= priceAt(demand().curve, 1_000, now)).toBe(true);
        }
      }),
    );
  });

  it('draws equal asks by rate', () => {
    const rated = Array.from({ length: 8 }, (_, k) => offer(k + 1, { measuredRate: k === 0 ? 2_000_000 : 1_000_000 }));
    const firsts = Array.from({ length: 2_000 }, (_, k) => {
      const order = pad(numberToHex(k + 1), { size: 32 });
      return matchChunk(demand({ order }), rated, policy, 1_000)[0].address;
    });
    const ofFast = firsts.filter((first) => first === address(1)).length / firsts.length;
    expect(ofFast).toBeGreaterThan(0.19);
    expect(ofFast).toBeLessThan(0.27);
  });
});

describe('terms of a lock', () => {
  const terms = { workUnits: 100, workInFlight: 20, measuredRate: 2, now: 0, orderDeadline: 1_000 };
  it('gives a multiple of the expected time, a floor, and leaves time to verify', () => {
    expect(lockDeadline(terms, policy)).toBe(180);
    expect(lockDeadline({ ...terms, measuredRate: 1_000 }, policy)).toBe(30);
    expect(lockDeadline({ ...terms, orderDeadline: 100 }, policy)).toBe(90);
    expect(() => lockDeadline({ ...terms, measuredRate: 0 }, policy)).toThrow(/rate/);
  });
  it('asks for a collateral', () => {
    expect(lockCollateral(7n, policy)).toBe(14n);
    expect(lockCollateral(1n, policy)).toBe(5n);
    expect(lockCollateral(3n, { ...policy, collateralBps: 3_333, collateralMin: 0n })).toBe(1n);
  });
});

describe('rate', () => {
  const rates = { weightBps: 2_000, maxStepBps: 2_500 };
  it('comes near to a steady rate without ever passing it', () => {
    let rate = updateRate(undefined, { workUnits: 1_000, seconds: 1 }, rates);
    for (let k = 0; k < 60; k++) {
      const next = updateRate(rate, { workUnits: 5_000, seconds: 1 }, rates);
      expect(next >= rate && next <= 5_000).toBe(true);
      rate = next;
    }
    expect(rate).toBe(5_000);
  });
  it('moves by at most a quarter for one receipt', () => {
    expect(updateRate(1_000, { workUnits: 1, seconds: 1_000 }, rates)).toBe(800);
    expect(updateRate(1_000, { workUnits: 10 ** 9, seconds: 1 }, rates)).toBe(1_250);
  });
});

describe('quote', () => {
  const terms = { curve: demand().curve, chunks: [10_000_000, 10_000_000], deadlineSeconds: 300 };
  it('asks the standing offers for price and time', () => {
    const q = quote(terms, [], [offer(1, { ask: 20n }), offer(2, { ask: 90n })], policy);
    expect(q).toMatchObject({ unitPrice: 20n, price: 400n, seconds: 30, samples: 0 });
    expect(q.chanceBps).toBe(6_666);
  });
  it('takes the whole curve and time where nobody can do it', () => {
    const q = quote(terms, [], [offer(1, { ask: 500n })], policy);
    expect(q).toMatchObject({ unitPrice: 110n, seconds: 300, chanceBps: 3_333 });
  });
  it('rises with a history of filled chunks, counts late ones against it', () => {
    const past = (filled: boolean, unitPrice: bigint, seconds = 20) => ({ filled, unitPrice, seconds });
    const filled = Array.from({ length: 27 }, () => past(true, 50n));
    expect(quote(terms, filled, [offer(1)], policy).chanceBps).toBe(9_666);
    expect(
      quote(
        terms,
        filled.map((p) => ({ ...p, seconds: 999 })),
        [offer(1)],
        policy,
      ).chanceBps,
    ).toBe(666);
    expect(quote(terms, [past(false, 50n), past(true, 500n)], [offer(1)], policy).samples).toBe(0);
  });
});
