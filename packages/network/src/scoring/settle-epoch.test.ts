import fc from 'fast-check';
import { type Address, type Hex, numberToHex, pad, zeroAddress } from 'viem';
import { describe, expect, it } from 'vitest';
import type { Signed } from '../messages/index.js';
import {
  type AttemptTrace,
  type ChunkTrace,
  committeeOf,
  type EpochTrace,
  emissionOf,
  emptyState,
  explainPenalty,
  judgeAttempt,
  leafProofs,
  leafWords,
  mintableOf,
  type OrderTrace,
  PROVER_ROLE,
  type SettlementParameters,
  settleEpoch,
  verifyLeaf,
} from './index.js';

const word = (k: number) => pad(numberToHex(k), { size: 32 }) as Hex;
const address = (k: number) => pad(numberToHex(k), { size: 20 }) as Address;
const sign = <M>(message: M): Signed<M> => ({ message, signature: '0x' });
const TREASURY = address(0xaaaa);
const parameters: SettlementParameters = {
  feeBps: 1_000,
  feeValidatorBps: 7_000,
  feeBurnBps: 1_000,
  stakeCapBps: 4_000,
  recallFloorBps: 8_000,
  canaryMemory: 4,
  missedLockBps: 5_000,
  rejectedProofBps: 20_000,
  releaseBps: 2_500,
  treasury: TREASURY,
  burn: zeroAddress,
  rememberEpochs: 10,
  emission: { cap: 0n, yearBps: 0, proverBps: 0, validatorBps: 0, feeMultipleBps: 0 },
  consensus: { shareBps: 2_000, kappaBps: 5_000, bondPenaltyBps: 10_000, bondAlphaBps: 1_000 },
};
const minting: SettlementParameters = {
  ...parameters,
  emission: {
    // A thousandth of it in the 2,000 seconds of an epoch.
    cap: 1_576_800n * 10n ** 10n,
    yearBps: 1_000,
    proverBps: 5_000,
    validatorBps: 3_000,
    feeMultipleBps: 9_999,
  },
};
const VALIDATORS = [1, 2, 3, 4].map((k) => ({ operator: address(k), account: address(k + 100), stake: 100n }));

interface Plan {
  prover: number;
  price: bigint;
  kind: 'verdicts' | 'missed' | 'released' | 'late';
  /** What each validator says; undefined: nothing. */
  votes: (boolean | undefined)[];
}
function attemptOf(order: Hex, chunk: number, attempt: number, plan: Plan): AttemptTrace {
  const at = { order, chunk, attempt };
  const lock = sign({ ...at, prover: address(plan.prover), price: plan.price, collateral: 1_000n, deadline: 200 });
  const base = { lock, lockedAt: 100, commits: [], verdicts: [] };
  if (plan.kind === 'missed') return base;
  if (plan.kind === 'released')
    return { ...base, release: { at: 150, reason: 'given-back', attested: false, signature: word(0) } };
  const proofDigest = word(7);
  const verdicts = plan.votes.flatMap((accepted, k) =>
    accepted === undefined ? [] : [sign({ ...at, proofDigest, accepted, validator: address(k + 1), salt: word(0) })],
  );
  const receivedAt = plan.kind === 'late' ? 201 : 190;
  return {
    ...base,
    receipt: sign({ ...at, prover: address(plan.prover), proofDigest }),
    acknowledgement: sign({ ...at, proofDigest, gateway: address(9), receivedAt }),
    verdicts,
  };
}
function orderOf(k: number, chunks: Plan[][], outcome: OrderTrace['outcome'] = 'expired'): OrderTrace {
  const id = word(k);
  const order = sign({
    requester: address(50),
    gateway: address(51),
    fingerprint: word(1),
    inputCommitment: word(2),
    priceMin: 0n,
    priceMax: 10n ** 12n,
    rampSeconds: 0,
    budget: 10n ** 15n,
    deadline: 900,
    salt: word(3),
  });
  const traces = chunks.map(
    (attempts, index): ChunkTrace => ({
      index,
      slices: [index],
      workUnits: 1_000_003,
      offeredAt: 90,
      attempts: attempts.map((plan, attempt) => attemptOf(id, index, attempt, plan)),
    }),
  );
  return { id, order, outcome, endedAt: 1_000, electorate: 0, committeeSeats: 64, chunks: traces };
}
const traceOf = (orders: OrderTrace[], rest: Partial<EpochTrace> = {}): EpochTrace => ({
  epoch: 1,
  closedAt: 2_000,
  validators: VALIDATORS,
  electorates: [rest.validators ?? VALIDATORS],
  provers: [20, 21, 22].map((k) => ({ operator: address(k), account: address(k + 100) })),
  orders,
  endings: [],
  abandoned: [],
  canaries: [],
  weights: { commits: [], reveals: [] },
  ...rest,
});
const YES = [true, true, true, undefined];
const plan = (rest: Partial<Plan> = {}): Plan => ({ prover: 20, price: 1_000n, kind: 'verdicts', votes: YES, ...rest });
const riseOf = (settled: ReturnType<typeof settleEpoch>, account: Address) =>
  settled.credits.find((c) => c.account === account)?.rise ?? 0n;

const planArb: fc.Arbitrary<Plan> = fc.record({
  prover: fc.constantFrom(20, 21, 22, 23),
  price: fc.bigInt({ min: 0n, max: 10n ** 12n }),
  kind: fc.constantFrom('verdicts', 'verdicts', 'verdicts', 'missed', 'released', 'late'),
  votes: fc.array(fc.constantFrom(true, true, true, false, undefined), { minLength: 4, maxLength: 4 }),
});
const ordersArb = fc.array(fc.array(fc.array(planArb, { maxLength: 3 }), { minLength: 1, maxLength: 3 }), {
  maxLength: 4,
});

describe('settleEpoch', () => {
  it('divides a price between prover, validators that accepted, burn and treasury', () => {
    const settled = settleEpoch(
      traceOf([orderOf(1, [[plan({ price: 1_000_003n })]], 'delivered')]),
      parameters,
      emptyState(),
    );
    expect(settled.orders[0]).toMatchObject({ spent: 1_000_003n, delivered: true });
    expect(riseOf(settled, address(120))).toBe(900_003n);
    for (const k of [101, 102, 103]) expect(riseOf(settled, address(k))).toBe(23_333n);
    expect(riseOf(settled, address(104))).toBe(0n);
    expect(riseOf(settled, zeroAddress)).toBe(10_000n);
    expect(riseOf(settled, TREASURY)).toBe(20_001n);
  });

  it('gives to credits exactly what orders spend, and to nobody without an accepted verdict', () => {
    fc.assert(
      fc.property(ordersArb, (orders) => {
        const trace = traceOf(orders.map((chunks, k) => orderOf(k + 1, chunks)));
        const settled = settleEpoch(trace, parameters, emptyState());
        const spent = settled.orders.reduce((n, o) => n + o.spent, 0n);
        expect(settled.credits.reduce((n, c) => n + c.rise, 0n)).toBe(spent);
        const { provers, validators, burned, treasury } = settled.totals;
        expect(provers + validators + burned + treasury).toBe(spent);
        const accepted = new Set<string>();
        for (const order of trace.orders) {
          for (const chunk of order.chunks) {
            for (const attempt of chunk.attempts) {
              const { result } = judgeAttempt(attempt, order, VALIDATORS);
              if (result === 'accepted') accepted.add(attempt.lock.message.prover);
            }
          }
        }
        for (const { paid } of settled.orders) {
          expect(new Set(paid.map((p) => p.chunk)).size).toBe(paid.length);
          for (const p of paid) expect(accepted.has(p.prover)).toBe(true);
        }
      }),
    );
  });

  it('never lets credits and penalties fall from epoch to epoch', () => {
    fc.assert(
      fc.property(ordersArb, ordersArb, (first, second) => {
        const one = settleEpoch(traceOf(first.map((c, k) => orderOf(k + 1, c))), minting, emptyState());
        const two = settleEpoch(
          traceOf(
            second.map((c, k) => orderOf(k + 50, c)),
            { epoch: 2 },
          ),
          minting,
          one.state,
        );
        const later = new Map(two.state.credits.map((c) => [c.account, c.cumulative]));
        for (const c of one.state.credits) expect((later.get(c.account) ?? -1n) >= c.cumulative).toBe(true);
        for (const p of one.state.penalties) {
          const after = two.state.penalties.find((q) => q.operator === p.operator);
          expect(after !== undefined && after.cumulative >= p.cumulative).toBe(true);
        }
        const total = two.state.credits.reduce((n, c) => n + c.cumulative, 0n);
        expect(total).toBe(one.totals.spent + two.totals.spent + two.state.minted);
      }),
    );
  });

  it('does not depend on the order in which the trace lists things', () => {
    fc.assert(
      fc.property(ordersArb, fc.infiniteStream(fc.nat(1_000)), (orders, stream) => {
        const trace = traceOf(orders.map((chunks, k) => orderOf(k + 1, chunks)));
        const shuffle = <T>(list: readonly T[]): T[] =>
          [...list]
            .map((value) => ({ value, at: stream.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ value }) => value);
        const shuffled: EpochTrace = {
          ...trace,
          validators: shuffle(trace.validators),
          provers: shuffle(trace.provers),
          orders: shuffle(trace.orders).map((order) => ({
            ...order,
            chunks: shuffle(order.chunks).map((chunk) => ({
              ...chunk,
              attempts: shuffle(chunk.attempts).map((attempt) => ({ ...attempt, verdicts: shuffle(attempt.verdicts) })),
            })),
          })),
        };
        expect(settleEpoch(shuffled, minting, emptyState())).toEqual(settleEpoch(trace, minting, emptyState()));
      }),
    );
  });

  it('pays the first accepted attempt only, and penalises what failed before', () => {
    const settled = settleEpoch(
      traceOf([
        orderOf(1, [
          [
            plan({ prover: 20, kind: 'missed' }),
            plan({ prover: 21, votes: [false, false, false, true] }),
            plan({ prover: 22 }),
            plan({ prover: 23 }),
          ],
          [plan({ prover: 22, votes: [false, false, true, true] }), plan({ prover: 23, kind: 'released' })],
        ]),
      ]),
      parameters,
      emptyState(),
    );
    expect(settled.orders[0].paid.map((p) => [p.chunk, p.attempt])).toEqual([[0, 2]]);
    expect(settled.orders[0].delivered).toBe(false);
    const penalties = settled.penalties.map((p) => [Number(p.operator), p.rise, p.items[0].reason]);
    expect(penalties).toEqual([
      [20, 500n, 'missed-lock'],
      [21, 2_000n, 'rejected-proof'],
      [23, 125n, 'late-release'],
    ]);
    const [missed, rejected] = settled.penalties.map((p) => explainPenalty(p, 1, parameters));
    expect(missed.items[0].summary).toContain('1970-01-01T00:03:20Z');
    expect(missed.items[0].reckoning).toContain('50.00 %');
    expect(rejected.items[0].facts).toContainEqual({ label: 'attempt', value: '1' });
  });

  it('blames nobody for a lock that was still running when the order ended, nor for an attested mismatch', () => {
    const order = orderOf(1, [[plan({ kind: 'missed' })], [plan({ kind: 'released' })]], 'cancelled');
    const excused = { at: 150, reason: 'boundary-mismatch', attested: true, signature: word(0) } as const;
    const chunks = [
      order.chunks[0],
      { ...order.chunks[1], attempts: [{ ...order.chunks[1].attempts[0], release: excused }] },
    ];
    expect(settleEpoch(traceOf([{ ...order, endedAt: 200, chunks }]), parameters, emptyState()).penalties).toEqual([]);
    expect(settleEpoch(traceOf([{ ...order, endedAt: 201, chunks }]), parameters, emptyState()).penalties).toHaveLength(
      1,
    );
  });

  it('refuses an order twice, also in a later epoch, and an epoch out of sequence', () => {
    const order = orderOf(1, [[plan()]]);
    expect(() => settleEpoch(traceOf([order, order]), parameters, emptyState())).toThrow(/already/);
    const { state } = settleEpoch(traceOf([order]), parameters, emptyState());
    expect(() => settleEpoch(traceOf([order], { epoch: 2 }), parameters, state)).toThrow(/already/);
    expect(() => settleEpoch(traceOf([]), parameters, state)).toThrow(/follows/);
  });

  it('makes leaves that prove under the root, with pools under role and operator', () => {
    const provers = [{ operator: address(20), account: address(120), toPool: true }];
    const settled = settleEpoch(traceOf([orderOf(1, [[plan()]])], { provers }), parameters, emptyState());
    const pool = settled.leaves.find((leaf) => leaf.kind === 2 && leaf.role === PROVER_ROLE);
    expect(pool).toMatchObject({ account: address(20) });
    const proofs = leafProofs(settled.leaves);
    settled.leaves.forEach((leaf, k) => {
      expect(verifyLeaf(settled.root, leaf, proofs[k])).toBe(true);
      if (leaf.kind === 2)
        expect(verifyLeaf(settled.root, { ...leaf, cumulative: leaf.cumulative + 1n }, proofs[k])).toBe(false);
    });
  });

  /** A canary that the validators of these numbers answer. */
  const canaryOf = (answers: readonly (readonly [number, accepted: boolean])[], chunk = 0) => {
    const at = { order: word(1), chunk, attempt: 9 };
    const lock = { ...at, prover: address(20), price: 1n, collateral: 1n, deadline: 1_000 };
    return {
      lock: sign(lock),
      receipt: sign({ ...at, prover: address(20), proofDigest: word(7) }),
      proof: {
        lock: word(8),
        statement: { fingerprint: '', index: 0, nonce: '', prover: '', commitments: {} },
        proof: '',
        proofBytes: 0,
      },
      salt: word(0),
      commits: [],
      verdicts: answers.map(([k, accepted]) =>
        sign({ ...at, proofDigest: word(7), accepted, validator: address(k), salt: word(0) }),
      ),
    };
  };
  const blindly = [
    [1, true],
    [2, false],
    [3, false],
  ] as const;

  it('gives a validator that accepts a canary nothing, in later epochs too, until it has answered enough rightly', () => {
    const settle = (epoch: number, canaries: ReturnType<typeof canaryOf>[], state = emptyState()) =>
      settleEpoch(traceOf([orderOf(epoch, [[plan({ price: 1_000_000n })]])], { epoch, canaries }), parameters, state);
    const first = settle(1, [canaryOf(blindly)]);
    expect(riseOf(first, address(101))).toBe(0n);
    expect(riseOf(first, address(102))).toBe(35_000n);
    expect(first.state.recalls.map(({ answers }) => answers)).toEqual(['0', '1', '1']);
    const second = settle(2, [], first.state);
    expect(riseOf(second, address(101))).toBe(0n);
    const seen = [
      [1, false],
      [2, false],
    ] as const;
    const right = Array.from({ length: 4 }, (_, chunk) => canaryOf(seen, chunk));
    const third = settle(3, right, second.state);
    expect(third.state.recalls[0]).toEqual({ validator: address(1), answered: 5, answers: '1111' });
    expect(riseOf(third, address(101))).toBeGreaterThan(0n);
    const leaf = third.leaves.find((l) => l.kind === 4 && l.validator === address(1));
    expect(leaf && leafWords(leaf)).toMatchObject({ b: 5n, c: word(0b11111) });
  });

  it('does not take verdicts on another proof, or both at once, for right answers', () => {
    const canary = canaryOf(blindly);
    const other = { ...canary, verdicts: canary.verdicts.map((v) => sign({ ...v.message, proofDigest: word(8) })) };
    expect(settleEpoch(traceOf([], { canaries: [other] }), parameters, emptyState()).state.recalls).toEqual([]);
    const both = canaryOf([
      [1, false],
      [2, false],
      [2, true],
      [3, false],
    ]);
    const { recalls } = settleEpoch(traceOf([], { canaries: [both] }), parameters, emptyState()).state;
    expect(recalls.map(({ answers }) => answers)).toEqual(['1', '0', '1']);
  });

  it('holds nobody to a canary that a third of the stake or less rejects: its prover may not have broken the proof', () => {
    const valid = canaryOf([
      [1, true],
      [2, true],
      [3, true],
      [4, false],
    ]);
    const orders = [orderOf(1, [[plan({ price: 1_000_000n })]])];
    const without = settleEpoch(traceOf(orders), parameters, emptyState());
    expect(settleEpoch(traceOf(orders, { canaries: [valid] }), parameters, emptyState())).toEqual(without);
  });

  it('weighs verdicts by the stake of when the order was reserved, whatever it is at the proposal', () => {
    const orders = [orderOf(1, [[plan({ price: 1_000_000n })]], 'delivered')];
    const settle = (stakes: readonly bigint[], then: readonly bigint[]) => {
      const of = (list: readonly bigint[]) => list.map((stake, k) => ({ ...VALIDATORS[k], stake }));
      const rest = { validators: of(stakes).filter(({ stake }) => stake > 0n), electorates: [of(then)] };
      return settleEpoch(traceOf(orders, rest), parameters, emptyState()).orders[0];
    };
    // Of four, the first three accept.
    const reached = { spent: 1_000_000n, delivered: true };
    expect(settle([1n, 1n, 1n, 1_000n], [100n, 100n, 100n, 100n])).toMatchObject(reached);
    expect(settle([0n, 1n, 0n, 1n], [100n, 100n, 100n, 100n])).toMatchObject(reached);
    expect(settle([100n, 100n, 100n, 100n], [1n, 1n, 1n, 1_000n])).toMatchObject({ spent: 0n, delivered: false });
  });

  it('counts stake up to the cap', () => {
    const orders = [orderOf(1, [[plan({ price: 1_000_000n })]])];
    const validators = VALIDATORS.map((v, k) => ({ ...v, stake: k === 0 ? 700n : 100n }));
    const whale = settleEpoch(traceOf(orders, { validators }), parameters, emptyState());
    expect(riseOf(whale, address(101))).toBe((70_000n * 400n) / 600n);
  });

  it('pays the committee alone where it accepts, and everyone where all have judged', () => {
    const many = Array.from({ length: 40 }, (_, k) => {
      return { operator: address(k + 1), account: address(k + 101), stake: 100n };
    });
    const duty = { order: word(1), chunk: 0, attempt: 0 };
    const committee = committeeOf(duty, many, 8) as Map<string, bigint>;
    const vote = (of: (operator: string) => boolean) =>
      plan({ price: 1_000_000n, votes: many.map(({ operator }) => of(operator)) });
    const settle = (of: (operator: string) => boolean) =>
      settleEpoch(
        traceOf([{ ...orderOf(1, [[vote(of)]]), committeeSeats: 8 }], { validators: many }),
        parameters,
        emptyState(),
      );
    const paidOf = (settled: ReturnType<typeof settle>) =>
      many.filter(({ account }) => riseOf(settled, account) > 0n).map(({ operator }) => operator);
    expect(paidOf(settle(() => true))).toEqual([...committee.keys()].sort());
    // Half of the committee rejects; of all, far more than two thirds accept.
    const half = new Set([...committee.keys()].slice(0, Math.ceil(committee.size / 2)));
    const all = settle((operator) => !half.has(operator));
    expect(paidOf(all)).toHaveLength(40 - half.size);
  });

  it('makes ordering from oneself a loss at any share of the validators and of the work', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1_000n, max: 10n ** 12n }),
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        fc.integer({ min: 0, max: 4 }),
        fc.bigInt({ min: 0n, max: 10n ** 22n }),
        (own, others, validatorsOwned, cap) => {
          const heavy = { ...minting, emission: { ...minting.emission, cap } };
          const mine = new Set([address(120), ...[1, 2, 3, 4].slice(0, validatorsOwned).map((k) => address(k + 100))]);
          const votes = [true, true, true, true];
          const honest = [[plan({ prover: 21, price: others, votes })]];
          const incomeOf = (settled: ReturnType<typeof settleEpoch>) =>
            settled.credits.filter((c) => mine.has(c.account)).reduce((n, c) => n + c.rise, 0n);
          const without = settleEpoch(traceOf([orderOf(1, honest)]), heavy, emptyState());
          const self = orderOf(2, [[plan({ prover: 20, price: own, votes })]]);
          const together = settleEpoch(traceOf([orderOf(1, honest), self]), heavy, emptyState());
          const paid = together.orders[1].spent;
          expect(incomeOf(together) - incomeOf(without) < paid).toBe(true);
        },
      ),
    );
  });

  it('mints within the schedule and the cap', () => {
    const spent = 10n ** 11n;
    let state = emptyState();
    for (let epoch = 1; epoch <= 30; epoch++) {
      // Every third epoch is short, every tenth comes after years.
      const elapsed = epoch % 10 === 0 ? 10 ** 8 : epoch % 3 === 0 ? 1 : 2_000;
      const closedAt = state.closedAt + elapsed;
      const orders = [orderOf(epoch, [[plan({ price: spent, votes: [true, true, true, true] })]])];
      const settled = settleEpoch(traceOf(orders, { epoch, closedAt }), minting, state);
      const emission = emissionOf(state.minted, elapsed, minting.emission);
      // All of it, but for what is lost in dividing it among four validators.
      const most = mintableOf(emission, spent, minting);
      expect(settled.totals.minted <= most && settled.totals.minted > most - 5n).toBe(true);
      expect(emission <= minting.emission.cap - state.minted).toBe(true);
      state = settled.state;
    }
    expect(state.minted > 0n && state.minted < minting.emission.cap).toBe(true);
  });

  it('refuses parameters under which parts are more than the whole', () => {
    const settle = (bad: Partial<SettlementParameters>) => () =>
      settleEpoch(traceOf([]), { ...parameters, ...bad }, emptyState());
    expect(settle({ feeValidatorBps: 9_500 })).toThrow(/feeValidatorBps/);
    expect(settle({ emission: { ...minting.emission, feeMultipleBps: 10_000 } })).toThrow(/feeMultipleBps/);
  });
});

describe('a lock that was missed while the gateway was away', () => {
  const judgedAt = (endedAt: number, attempt: AttemptTrace) =>
    judgeAttempt(attempt, { endedAt, committeeSeats: 64 }, VALIDATORS);
  const missed = attemptOf(word(1), 0, 0, { prover: 50, price: 1n, kind: 'missed', votes: [] });
  const late = attemptOf(word(1), 0, 0, { prover: 50, price: 1n, kind: 'late', votes: [] });

  it('costs nothing, and one that was missed while it was there does', () => {
    for (const attempt of [missed, late]) {
      expect(judgedAt(300, attempt).result).toBe('missed');
      expect(judgedAt(300, { ...attempt, excused: true }).result).toBe('excused');
      expect(judgedAt(200, { ...attempt, excused: true }).result).toBe('open');
    }
  });

  it('is no excuse for a proof that is rejected, and takes nothing from one that is accepted', () => {
    const votes = (accepted: boolean) => VALIDATORS.map(() => accepted);
    const rejected = attemptOf(word(1), 0, 0, { prover: 50, price: 1n, kind: 'verdicts', votes: votes(false) });
    const accepted = attemptOf(word(1), 0, 0, { prover: 50, price: 1n, kind: 'verdicts', votes: votes(true) });
    expect(judgedAt(300, { ...rejected, excused: true }).result).toBe('convicted');
    expect(judgedAt(300, { ...accepted, excused: true }).result).toBe('accepted');
  });
});
