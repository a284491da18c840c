import fc from 'fast-check';
import { type Address, concatHex, type Hex, keccak256, numberToHex, pad, toHex } from 'viem';
import { describe, expect, it } from 'vitest';
import {
  canaryAllowance,
  committeeOf,
  hashLeaf,
  isCanary,
  judgeByCommittee,
  judgeQuorum,
  merkleRoot,
  ONE,
  recallScoreBps,
  runYuma,
  verifyLeaf,
  weightedMedian,
} from './index.js';

const address = (k: number) => pad(numberToHex(k), { size: 20 }) as Address;
const validatorsOf = (stakes: (number | bigint)[]) =>
  stakes.map((stake, k) => ({ operator: address(k + 1), stake: BigInt(stake) }));
const votesOf = (votes: (boolean | undefined)[]) =>
  votes.flatMap((accepted, k) => (accepted === undefined ? [] : [{ validator: address(k + 1), accepted }]));

describe('judgeQuorum', () => {
  const judge = (stakes: (number | bigint)[], votes: (boolean | undefined)[]) =>
    judgeQuorum(votesOf(votes), validatorsOf(stakes));
  it('needs more than two thirds to accept, more than one third to reject', () => {
    expect(judge([1, 1, 1], [true, true, undefined])).toMatchObject({ decision: 'undecided', acceptable: true });
    expect(judge([1, 1, 1], [true, true, false])).toMatchObject({ decision: 'undecided', acceptable: false });
    expect(judge([1, 1, 1], [true, true, true]).decision).toBe('accepted');
    expect(judge([2n * 10n ** 30n + 1n, 10n ** 30n], [true, undefined]).decision).toBe('accepted');
    expect(judge([2n * 10n ** 30n, 10n ** 30n], [true, undefined]).decision).toBe('undecided');
    expect(judge([10n ** 30n + 1n, 2n * 10n ** 30n - 1n], [false, true])).toMatchObject({
      decision: 'rejected',
      convicted: false,
    });
    expect(judge([2, 1], [false, undefined])).toMatchObject({ decision: 'rejected', convicted: false });
    expect(judge([3, 1], [false, undefined]).convicted).toBe(true);
    expect(judgeQuorum([], []).decision).toBe('undecided');
  });
  it('ignores strangers, repetitions and whoever says both', () => {
    const validators = validatorsOf([1, 1, 1]);
    const strangers = [1, 2, 3].map((k) => ({ validator: address(k + 90), accepted: true }));
    expect(judgeQuorum(strangers, validators).accepting).toBe(0n);
    const repeated = [1, 1, 1].map((k) => ({ validator: address(k), accepted: true }));
    expect(judgeQuorum(repeated, validators).accepting).toBe(1n);
    const both = [...votesOf([true, true, true]), { validator: address(1), accepted: false }];
    expect(judgeQuorum(both, validators)).toMatchObject({
      accepting: 2n,
      rejecting: 0n,
      decision: 'undecided',
      acceptable: false,
    });
  });
  it('never accepts and rejects, and does not depend on the order', () => {
    const entry = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.constantFrom(true, false, undefined));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
        const validators = validatorsOf(entries.map(([stake]) => stake));
        const votes = votesOf(entries.map(([, vote]) => vote));
        const result = judgeQuorum(votes, validators);
        expect(judgeQuorum([...votes].reverse(), [...validators].reverse())).toEqual(result);
        if (result.decision === 'accepted') expect(3n * result.rejecting < result.total).toBe(true);
        if (result.decision === 'rejected') expect(result.acceptable).toBe(false);
      }),
    );
  });
});

describe('leaves', () => {
  const leaf = {
    kind: 3,
    operator: address(0xabc),
    role: 2,
    cumulative: 5n,
    evidence: pad('0x09', { size: 32 }),
  } as const;
  it('are hashed twice over four words', () => {
    const words = concatHex([
      toHex(3, { size: 32 }),
      toHex((2n << 160n) | 0xabcn, { size: 32 }),
      toHex(5, { size: 32 }),
      leaf.evidence,
    ]);
    expect(hashLeaf(leaf)).toBe(keccak256(keccak256(words)));
  });
  it('form a tree of sorted pairs', () => {
    const other = { kind: 2, account: address(1), cumulative: 1n } as const;
    const [a, b] = [hashLeaf(leaf), hashLeaf(other)].sort();
    expect(merkleRoot([leaf, other])).toBe(keccak256(concatHex([a, b])));
    expect(merkleRoot([other, leaf])).toBe(merkleRoot([leaf, other]));
    expect(verifyLeaf(merkleRoot([leaf, other]), leaf, [hashLeaf(other)])).toBe(true);
    expect(merkleRoot([])).toBe(pad('0x', { size: 32 }));
  });
});

describe('canaries and committees', () => {
  const seedOf = (k: number): Hex => keccak256(toHex(k));
  it('come at about the governed rate, by a secret', () => {
    const duties = Array.from({ length: 2_000 }, (_, chunk) => ({ order: seedOf(1), chunk, attempt: 0 }));
    const drawn = (seed: Hex, rateBps: number) => duties.filter((duty) => isCanary(seed, duty, rateBps));
    const found = drawn(seedOf(2), 1_000);
    expect(found.length).toBeGreaterThan(150);
    expect(found.length).toBeLessThan(250);
    expect(found.length).toBeLessThanOrEqual(canaryAllowance(2_000, 1_000));
    expect(drawn(seedOf(2), 1_000)).toEqual(found);
    expect(drawn(seedOf(3), 1_000)).not.toEqual(found);
    expect(drawn(seedOf(2), 0)).toEqual([]);
  });
  it('score recall above a floor', () => {
    expect(recallScoreBps(undefined, 8_000)).toBe(10_000n);
    expect(recallScoreBps('', 8_000)).toBe(10_000n);
    expect(recallScoreBps('1111111110', 8_000)).toBe(5_000n);
    expect(recallScoreBps('1111011110', 8_000)).toBe(0n);
    expect(recallScoreBps('0', 8_000)).toBe(0n);
  });
  it('seats validators by their stake, so that all can check it', () => {
    const stakes = [...Array(20).fill(30), ...Array(20).fill(9), 0];
    const validators = validatorsOf(stakes);
    const duty = (k: number) => ({ order: seedOf(k), chunk: 0, attempt: 0 });
    const held = new Map<string, number>();
    for (let k = 0; k < 1_000; k++) {
      const committee = committeeOf(duty(k), validators, 16) as Map<string, bigint>;
      expect(committeeOf(duty(k), [...validators].reverse(), 16)).toEqual(new Map([...committee].reverse()));
      for (const [operator, seats] of committee) held.set(operator, (held.get(operator) ?? 0) + Number(seats));
    }
    const total = 20 * 30 + 20 * 9;
    validators.forEach(({ operator }, k) => {
      const expected = (16 * 1_000 * stakes[k]) / total;
      expect(Math.abs((held.get(operator) ?? 0) - expected)).toBeLessThan(90);
    });
    expect(held.has(address(41))).toBe(false);
    expect(committeeOf(duty(1), validators, 40)).toBeUndefined();
    // A tenth more stake of one changes few seats.
    const moved = validators.map((v, k) => (k === 0 ? { ...v, stake: 33n } : v));
    const [before, after] = [validators, moved].map((v) => committeeOf(duty(3), v, 16) as Map<string, bigint>);
    const same = [...before.keys()].filter((key) => after.has(key));
    expect(same.length).toBeGreaterThanOrEqual(before.size - 2);
  });
  it('a committee accepts alone, and convicts nobody', () => {
    const validators = validatorsOf(Array(9).fill(1));
    const committee = new Map([address(1), address(2), address(3)].map((operator) => [operator.toLowerCase(), 1n]));
    const judge = (votes: (boolean | undefined)[]) => judgeByCommittee(votesOf(votes), validators, committee);
    expect(judge([true, true, true])).toMatchObject({ decision: 'accepted', by: 'committee' });
    expect(judge([true, true, undefined])).toMatchObject({ decision: 'undecided', by: 'all' });
    expect(judge([false, false, false])).toMatchObject({ decision: 'undecided', convicted: false, by: 'all' });
    const rest = Array(6).fill(true);
    expect(judge([false, false, ...rest, true])).toMatchObject({ decision: 'accepted', by: 'all', accepting: 7n });
    expect(judge([undefined, undefined, undefined, ...rest])).toMatchObject({ decision: 'undecided' });
  });
});

describe('Yuma consensus', () => {
  // Vectors of the weighted median: test_math_weighted_median(_col) in opentensor/subtensor,
  // pallets/subtensor/src/tests. Stake and scores in hundredths; the share that must stand behind a score is kappa.
  const median = (stake: number[], scores: number[], kappa: number) =>
    Number(weightedMedian(stake.map(BigInt), scores.map(BigInt), (ONE * BigInt(kappa)) / 100n));
  it('takes the median of the published vectors', () => {
    expect(median([], [], 51)).toBe(0);
    expect(median([51], [100], 51)).toBe(100);
    expect(median([49, 51], [50, 100], 51)).toBe(100);
    expect(median([51, 49], [50, 100], 51)).toBe(50);
    expect(median([49, 0, 51], [50, 70, 100], 51)).toBe(100);
    expect(median([49, 1, 50], [50, 70, 100], 51)).toBe(70);
    expect(median([49, 51, 0], [50, 70, 100], 51)).toBe(70);
    expect(median([0, 49, 0, 51, 0], [50, 50, 100, 100, 50], 51)).toBe(100);
    expect(median([20, 20, 20, 20, 20], [80, 20, 100, 60, 40], 51)).toBe(60);
    expect(median(Array(10).fill(10), [80, 80, 20, 20, 100, 100, 60, 60, 40, 40], 51)).toBe(60);
    const rows = (stake: number[], matrix: number[][], kappa: number) =>
      [0, 1, 2].map((j) =>
        median(
          stake,
          matrix.map((row) => row[j]),
          kappa,
        ),
      );
    const first = [
      [0, 10, 0],
      [0, 20, 40],
      [0, 30, 10],
      [0, 40, 50],
    ];
    expect(rows([0, 75, 25, 0], first, 24)).toEqual([0, 30, 40]);
    expect(rows([0, 75, 25, 0], first, 26)).toEqual([0, 20, 40]);
    expect(rows([0, 75, 25, 0], first, 76)).toEqual([0, 20, 10]);
    const second = [
      [0, 10, 0],
      [0, 20, 40],
      [0, 30, 10],
      [0, 0, 50],
    ];
    expect(rows([0, 30, 20, 50], second, 51)).toEqual([0, 0, 40]);
  });

  const half = { kappaBps: 5_000, bondPenaltyBps: 10_000, bondAlphaBps: 1_000 };
  it('clips a cabal at what the majority says (reckoned by hand)', () => {
    // Stake 60 : 40; the minority gives all to the second subject, the majority 3/4 : 1/4.
    const result = runYuma(
      [60n, 40n],
      [
        [3n, 1n],
        [0n, 1n],
      ],
      undefined,
      half,
    );
    const share = (numerator: bigint, denominator: bigint) => (ONE * numerator) / denominator;
    expect(result.consensus).toEqual([share(3n, 4n), share(1n, 4n)]);
    // R = (0.6 * 0.75, 0.6 * 0.25 + 0.4 * 0.25) = (0.45, 0.25)
    expect(result.incentive).toEqual([share(45n, 70n), share(25n, 70n)]);
    expect(result.trust).toEqual([ONE, share(1n, 4n)]);
    // Bonds: the first subject wholly the majority's, the second 0.15 : 0.10.
    expect(result.bonds).toEqual([
      [ONE, share(3n, 5n)],
      [0n, share(2n, 5n)],
    ]);
    // D = 45/70 + 0.6 * 25/70 = 60/70 and 0.4 * 25/70 = 10/70, of 70.
    const near = (value: bigint, wanted: bigint) => expect(value >= wanted - 3n && value <= wanted + 3n).toBe(true);
    near(result.dividends[0], share(6n, 7n));
    near(result.dividends[1], share(1n, 7n));
  });

  it('moves bonds by alpha', () => {
    const before = [
      [ONE, 0n],
      [0n, ONE],
    ];
    const { bonds } = runYuma(
      [1n, 1n],
      [
        [1n, 1n],
        [1n, 1n],
      ],
      before,
      half,
    );
    expect(bonds).toEqual([
      [(ONE * 95n) / 100n, (ONE * 5n) / 100n],
      [(ONE * 5n) / 100n, (ONE * 95n) / 100n],
    ]);
  });

  it('gives no more than ONE, whatever comes, and does not depend on the order of validators', () => {
    const value = fc.bigInt({ min: 0n, max: 10n ** 20n });
    const rows = fc.array(fc.tuple(value, fc.array(value, { minLength: 3, maxLength: 3 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(rows, (entries) => {
        const result = runYuma(
          entries.map(([s]) => s),
          entries.map(([, w]) => w),
          undefined,
          half,
        );
        for (const list of [result.incentive, result.dividends]) {
          const total = list.reduce((a, b) => a + b, 0n);
          expect(total === 0n || (total <= ONE && total >= ONE - 10n)).toBe(true);
        }
        const back = [...entries].reverse();
        const reversed = runYuma(
          back.map(([s]) => s),
          back.map(([, w]) => w),
          undefined,
          half,
        );
        expect(reversed.consensus).toEqual(result.consensus);
        expect([...reversed.dividends].reverse()).toEqual(result.dividends);
      }),
    );
    expect(() => runYuma([1n], [], undefined, half)).toThrow(/fit/);
  });
});
