import fc from 'fast-check';
import { type Address, type Hex, numberToHex, pad, zeroAddress } from 'viem';
import { describe, expect, it } from 'vitest';
import { type Signed, type WeightReveal, weightCommitmentOf } from '../messages/index.js';
import {
  areWeights,
  consensusLeaves,
  type EpochTrace,
  emptyConsensus,
  emptyState,
  hashLeaf,
  ONE,
  reachConsensus,
  type SettlementParameters,
  settleEpoch,
  WEIGHT_MAX,
  weighDeliveries,
} from './index.js';

const word = (k: number) => pad(numberToHex(k), { size: 32 }) as Hex;
const address = (k: number) => pad(numberToHex(k), { size: 20 }) as Address;
const sign = <M>(message: M): Signed<M> => ({ message, signature: '0x' });
const PROVERS = [20, 21, 22].map(address);
const VALIDATORS = [1, 2, 3, 4].map((k) => ({ operator: address(k), account: address(k + 100), stake: 100n }));
const stakes = new Map(VALIDATORS.map(({ operator, stake }) => [operator as string, stake]));
const yuma = { shareBps: 2_000, kappaBps: 5_000, bondPenaltyBps: 10_000, bondAlphaBps: 1_000 };
const revealOf = (k: number, weights: Record<number, number>): WeightReveal => {
  const listed = Object.entries(weights).sort(([a], [b]) => Number(a) - Number(b));
  return {
    validator: address(k),
    provers: listed.map(([prover]) => address(Number(prover))),
    weights: listed.map(([, weight]) => weight),
    salt: word(k),
  };
};
const half = Math.floor(WEIGHT_MAX / 2);
const honest = (k: number) => revealOf(k, { 20: WEIGHT_MAX, 21: half });
const friends = (k: number) => revealOf(k, { 22: WEIGHT_MAX });
const shares = (map: ReadonlyMap<string, bigint>) =>
  Object.fromEntries([...map].map(([key, share]) => [Number(BigInt(key)), Number((share * 1_000n) / ONE)]));

describe('weights of what was seen', () => {
  const seen = (prover: number, workUnits: number, marginMs: number) => {
    return { prover: address(prover), workUnits, marginMs };
  };

  it('count work in full a floor before its deadline, in part behind, and not at all at its end', () => {
    const deliveries = [seen(21, 100, 30_000), seen(20, 100, 5_000), seen(22, 100, 0), seen(23, 100, -1)];
    expect(weighDeliveries(deliveries, 10)).toEqual({
      provers: [address(20), address(21)],
      weights: [half, WEIGHT_MAX],
    });
    expect(weighDeliveries([], 10)).toBeUndefined();
    expect(weighDeliveries([seen(22, 100, 0)], 10)).toBeUndefined();
  });

  it('are the same for one prover and for two that share its work, and always well formed', () => {
    const some = fc.array(
      fc.record({
        prover: fc.integer({ min: 20, max: 24 }),
        workUnits: fc.integer({ min: 0, max: 10 ** 12 }),
        marginMs: fc.integer({ min: -10_000, max: 30_000 }),
      }),
    );
    fc.assert(
      fc.property(some, (list) => {
        const weighed = weighDeliveries(
          list.map(({ prover, ...rest }) => ({ prover: address(prover), ...rest })),
          10,
        );
        if (weighed) expect(areWeights(weighed)).toBe(true);
        const split = weighDeliveries(
          list.map(({ prover, ...rest }, k) => ({
            prover: prover === 20 && k % 2 ? address(99) : address(prover),
            ...rest,
          })),
          10,
        );
        const sum = (of: typeof weighed, among: number[]) =>
          among.reduce((n, p) => n + (of?.weights[of.provers.indexOf(address(p))] ?? 0), 0);
        const rest = sum(weighed, [21, 22, 23, 24]);
        const restSplit = sum(split, [21, 22, 23, 24]);
        if (!weighed || !split || rest === 0) return;
        const [one, two] = [sum(weighed, [20]) / rest, sum(split, [20, 99]) / restSplit];
        expect(Math.abs(one - two) / (one + 1)).toBeLessThan(0.05 + 20 / Math.min(rest, restSplit));
      }),
    );
  });

  it('are refused in any other order, with none, a zero, or none at the most', () => {
    const good = { provers: [address(20), address(21)], weights: [1, WEIGHT_MAX] };
    expect(areWeights(good)).toBe(true);
    for (const bad of [
      { provers: [], weights: [] },
      { ...good, weights: [1] },
      { ...good, weights: [0, WEIGHT_MAX] },
      { ...good, weights: [1, 2] },
      { ...good, weights: [1, WEIGHT_MAX + 1] },
      { ...good, weights: [0.5, WEIGHT_MAX] },
      { ...good, provers: [address(21), address(20)] },
      { ...good, provers: [address(20), address(20)] },
      { ...good, provers: [address(20), address(0xabcd).toUpperCase() as Address] },
    ]) {
      expect(areWeights(bad)).toBe(false);
    }
  });

  it('are bound to who commits to them, and to every part', () => {
    const reveal = honest(1);
    const commitment = weightCommitmentOf(reveal);
    expect(weightCommitmentOf({ ...reveal, validator: address(2) })).not.toBe(commitment);
    expect(weightCommitmentOf({ ...reveal, salt: word(9) })).not.toBe(commitment);
    expect(weightCommitmentOf({ ...reveal, weights: [1, WEIGHT_MAX] })).not.toBe(commitment);
    expect(weightCommitmentOf({ ...reveal, provers: [address(20), address(23)] })).not.toBe(commitment);
  });
});

describe('consensus', () => {
  const reach = (reveals: WeightReveal[], before = emptyConsensus) =>
    reachConsensus(stakes, { commits: [], reveals }, before, yuma);

  it('ranks provers as most of the stake does, and pays those who said so', () => {
    const { incentive, dividends } = reach([honest(1), honest(2), honest(3), friends(4)]);
    expect(shares(incentive)).toEqual({ 20: 666, 21: 333, 22: 0 });
    expect(shares(dividends)).toEqual({ 1: 333, 2: 333, 3: 333, 4: 0 });
  });

  it('is nothing where less than half of all stake agrees, whoever is left out', () => {
    const before = reach([honest(1), honest(2), honest(3)]).state;
    const { incentive, dividends, state } = reach([friends(4)], before);
    expect([incentive.size, dividends.size]).toEqual([0, 0]);
    expect(state.bonds).toEqual(before.bonds);
    // Half is enough: so half alone can decide.
    expect(shares(reach([friends(3), friends(4)]).incentive)).toEqual({ 22: 999 + 1 });
  });

  it('pays who was right early: bonds of an epoch move a tenth of the way', () => {
    const first = reach([honest(1), honest(2), honest(3)]);
    const second = reach([honest(1), honest(2), honest(3), honest(4)], first.state);
    expect(shares(second.dividends)[4]).toBe(25);
    expect(shares(second.dividends)[1]).toBe(324);
    let { state } = second;
    for (let k = 0; k < 40; k++) ({ state } = reach([honest(1), honest(2), honest(3), honest(4)], state));
    expect(shares(reach([1, 2, 3, 4].map(honest), state).dividends)[4]).toBeGreaterThan(245);
  });

  it('copying what was revealed last loses where provers change', () => {
    const changing = (epoch: number) => (k: number) =>
      revealOf(k, { [20 + (epoch % 3)]: WEIGHT_MAX, [20 + ((epoch + 1) % 3)]: half });
    let state = emptyConsensus;
    const earned = new Map<number, number>();
    for (let epoch = 0; epoch < 12; epoch++) {
      const said = [1, 2, 3].map(changing(epoch));
      const copied = epoch === 0 ? [] : [{ ...changing(epoch - 1)(4), validator: address(4) }];
      const result = reach([...said, ...copied], state);
      ({ state } = result);
      for (const [k, share] of Object.entries(shares(result.dividends))) {
        earned.set(Number(k), (earned.get(Number(k)) ?? 0) + share);
      }
    }
    expect(earned.get(4)).toBeLessThan(0.5 * (earned.get(1) as number));
  });

  it('keeps commitments and bonds in a leaf, in any order of the reveals', () => {
    const commits = [2, 1].map((k) => sign({ epoch: 0, validator: address(k), commitment: word(k) }));
    const weights = { commits, reveals: [honest(1), friends(2), honest(3)] };
    const { state } = reachConsensus(stakes, weights, emptyConsensus, yuma);
    const turned = { commits: [...commits].reverse(), reveals: [...weights.reveals].reverse() };
    expect(reachConsensus(stakes, turned, emptyConsensus, yuma).state).toEqual(state);
    expect(state.commits.map(({ validator }) => validator)).toEqual([address(1), address(2)]);
    const [leaf] = consensusLeaves(3, state);
    const [other] = consensusLeaves(3, { ...state, commits: state.commits.slice(1) });
    expect(leaf.kind).toBe(5);
    expect(hashLeaf(leaf)).not.toBe(hashLeaf(other));
    expect(consensusLeaves(3, emptyConsensus)).toEqual([]);
  });
});

describe('an emission with a consensus', () => {
  const parameters: SettlementParameters = {
    ...{ feeBps: 1_000, feeValidatorBps: 7_000, feeBurnBps: 1_000, stakeCapBps: 4_000, recallFloorBps: 8_000 },
    ...{ canaryMemory: 4, missedLockBps: 5_000, rejectedProofBps: 20_000, releaseBps: 2_500 },
    treasury: address(0xaaaa),
    burn: zeroAddress,
    rememberEpochs: 10,
    // A thousandth of it in the 2,000 seconds of an epoch.
    emission: {
      cap: 1_576_800n * 10n ** 10n,
      yearBps: 1_000,
      proverBps: 5_000,
      validatorBps: 3_000,
      feeMultipleBps: 9_999,
    },
    consensus: yuma,
  };
  const PRICE = 10n ** 15n;
  function orderOf(k: number, prover: Address): EpochTrace['orders'][number] {
    const id = word(k);
    const at = { order: id, chunk: 0, attempt: 0 };
    const terms = {
      requester: address(50),
      gateway: address(9),
      fingerprint: word(1),
      inputCommitment: word(2),
      salt: word(3),
    };
    const curve = { priceMin: 0n, priceMax: PRICE, rampSeconds: 0, budget: PRICE, deadline: 900 };
    const proofDigest = word(7);
    return {
      id,
      order: sign({ ...terms, ...curve }),
      outcome: 'delivered',
      endedAt: 1_000,
      electorate: 0,
      committeeSeats: 64,
      chunks: [
        {
          index: 0,
          slices: [0],
          workUnits: 1_000_000,
          offeredAt: 90,
          attempts: [
            {
              lock: sign({ ...at, prover, price: PRICE, collateral: 1_000n, deadline: 200 }),
              lockedAt: 100,
              receipt: sign({ ...at, prover, proofDigest }),
              acknowledgement: sign({ ...at, proofDigest, gateway: address(9), receivedAt: 150 }),
              commits: [],
              verdicts: VALIDATORS.map((v) =>
                sign({ ...at, proofDigest, accepted: true, validator: v.operator, salt: word(0) }),
              ),
            },
          ],
        },
      ],
    };
  }
  const settle = (reveals: WeightReveal[], consensus = yuma) =>
    settleEpoch(
      {
        epoch: 1,
        closedAt: 2_000,
        validators: VALIDATORS,
        electorates: [VALIDATORS],
        provers: PROVERS.map((operator, k) => ({ operator, account: address(120 + k) })),
        orders: PROVERS.map((prover, k) => orderOf(k + 1, prover)),
        endings: [],
        abandoned: [],
        canaries: [],
        weights: { commits: [], reveals },
      },
      { ...parameters, consensus },
      emptyState(),
    );
  const riseOf = (settled: ReturnType<typeof settle>, k: number) =>
    settled.credits.find(({ account }) => account === address(k))?.rise ?? 0n;

  it('moves its share by the ranking and nothing else, within the emission', () => {
    const plain = settle([]);
    const ranked = settle([honest(1), honest(2), honest(3), friends(4)]);
    // Half of a thousandth of a hundredth of the cap.
    const pool = 5n * 10n ** 10n;
    // 4/5 by equal work, 1/5 by the consensus.
    const moved = (k: number) => Math.round(Number((10_000n * (riseOf(ranked, k) - riseOf(plain, k))) / pool) / 10);
    const of = (share: number) => Math.round((share - 1 / 3) * 0.2 * 1_000);
    expect([120, 121].map(moved)).toEqual([of(2 / 3), of(1 / 3) + 0]);
    expect(moved(122)).toBe(of(0));
    expect(riseOf(ranked, 104)).toBeLessThan(riseOf(plain, 104));
    expect(riseOf(ranked, 101)).toBeGreaterThan(riseOf(plain, 101));
    expect(ranked.totals.minted <= plain.totals.minted + 10n).toBe(true);
    expect(ranked.totals.spent).toBe(plain.totals.spent);
    const off = settle([honest(1), honest(2), honest(3)], { ...yuma, shareBps: 0 });
    expect(off.credits).toEqual(plain.credits);
  });

  it('gives a prover no more than its fees, whatever validators say', () => {
    const low = { ...parameters, emission: { ...parameters.emission, cap: 10n ** 24n } };
    const settled = settleEpoch(
      {
        epoch: 1,
        closedAt: 2_000,
        validators: VALIDATORS,
        electorates: [VALIDATORS],
        provers: PROVERS.map((operator, k) => ({ operator, account: address(120 + k) })),
        orders: [orderOf(1, PROVERS[2])],
        endings: [],
        abandoned: [],
        canaries: [],
        weights: { commits: [], reveals: [1, 2, 3, 4].map(friends) },
      },
      low,
      emptyState(),
    );
    const lost = (PRICE * 1_000n * 3_000n) / 10n ** 8n;
    const fee = PRICE - (PRICE * 1_000n) / 10_000n;
    expect(riseOf(settled, 122) - fee).toBeLessThanOrEqual((lost * 9_999n) / 10_000n);
  });
});
