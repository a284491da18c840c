import { type Hex, numberToHex, pad } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  commitmentOf,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  type Lock,
  type NetworkId,
  type Order,
  signMessage,
} from '../messages/index.js';
import { networkParameters } from '../simulation/network-parameters.js';
import {
  type AbandonedTrace,
  type ClaimedChunk,
  checkTrace,
  claimableAt,
  claimsCloseAt,
  claimWindow,
  type EpochTrace,
  emptyState,
  type FaultCode,
  settleEpoch,
  type TraceContext,
} from './index.js';

const word = (k: number) => pad(numberToHex(k), { size: 32 }) as Hex;
const keyOf = (k: number) => privateKeyToAccount(word(k));
const lower = <H extends Hex>(hex: H) => hex.toLowerCase() as H;
const [requester, prover, second, ...validators] = [1, 2, 3, 4, 5, 6].map(keyOf);
const network: NetworkId = { chainId: 31337, market: keyOf(7).address, settlement: keyOf(8).address };
const stakes = validators.map((v) => ({ operator: lower(v.address), account: lower(v.address), stake: 10n }));
const fingerprint = word(10);
const order: Order = {
  requester: requester.address,
  gateway: keyOf(9).address,
  fingerprint,
  inputCommitment: word(11),
  priceMin: 100n,
  priceMax: 200n,
  rampSeconds: 100,
  budget: 1_000n,
  deadline: 2_000,
  salt: word(12),
};
const id = lower(hashMessage(network, 'Order', order));
const EXIT_AT = 3_000;
const WINDOW = 200;
const CLOSED_AT = claimableAt(EXIT_AT, WINDOW);
const WORK = [1_000_000, 2_000_000, 1_000_000];

interface Claim {
  readonly by?: typeof prover;
  readonly lock?: Partial<Lock>;
  /** Another than the one that is shown. */
  readonly provenFor?: Partial<Lock>;
  readonly statement?: Partial<ClaimedChunk['proof']['statement']>;
  readonly accepted?: readonly boolean[];
  readonly workUnits?: number;
}

/** A chunk with every signature in order; by default the first two slices. */
async function claimOf(claim: Claim = {}): Promise<ClaimedChunk> {
  const { by = prover, accepted = [true, true, true] } = claim;
  const terms = { price: 450n, collateral: 1_000n, deadline: 1_200 };
  const lock: Lock = { order: id, chunk: 0, attempt: 0, prover: lower(by.address), ...terms, ...claim.lock };
  const statement = {
    ...{ fingerprint: fingerprint.slice(2), index: 0, count: 2, nonce: id.slice(2), prover: lower(by.address) },
    ...{ commitments: {}, ...claim.statement },
  };
  const proof = {
    mark: word(20),
    lock: hashMessage(network, 'Lock', { ...lock, ...claim.provenFor }),
    ...{ statement, proof: `sha256:${'0'.repeat(64)}`, proofBytes: 1 },
  };
  const { chunk, attempt } = lock;
  const at = { order: id, chunk, attempt };
  const proofDigest = digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  const votes = await Promise.all(
    accepted.map(async (isAccepted, k) => {
      const validator = lower(validators[k].address);
      const verdict = { ...at, proofDigest, accepted: isAccepted, validator, salt: word(30 + k) };
      const commit = { ...at, validator, commitment: commitmentOf(verdict) };
      return {
        commit: await signMessage(validators[k], network, 'VerdictCommit', commit),
        verdict: await signMessage(validators[k], network, 'Verdict', verdict),
      };
    }),
  );
  return {
    lock: await signMessage(by, network, 'Lock', lock),
    receipt: await signMessage(by, network, 'Receipt', { ...at, prover: lower(by.address), proofDigest }),
    proof,
    workUnits: claim.workUnits ?? 3_000_000,
    commits: votes.map((v) => v.commit),
    verdicts: votes.map((v) => v.verdict),
  };
}
const secondClaim = (change: Claim = {}) =>
  claimOf({
    by: second,
    ...change,
    lock: { chunk: 1, price: 150n, ...change.lock },
    statement: { index: 2, count: undefined, ...change.statement },
    workUnits: 1_000_000,
  });

async function traceOf(claims: readonly ClaimedChunk[], change: Partial<AbandonedTrace> = {}): Promise<EpochTrace> {
  const signed = await signMessage(requester, network, 'Order', order);
  return {
    ...{ epoch: 1, closedAt: CLOSED_AT, validators: stakes, electorates: [stakes] },
    provers: [prover, second].map((p) => ({ operator: lower(p.address), account: lower(p.address) })),
    ...{ orders: [], endings: [], canaries: [], weights: { commits: [], reveals: [] } },
    abandoned: [{ id, order: signed, electorate: 0, committeeSeats: 64, claims, ...change }],
  };
}

const context: TraceContext = {
  network,
  previous: emptyState(),
  market: { lockFloorSeconds: 20, verifySeconds: 100, collateralBps: 20_000, collateralMin: 5n },
  validators: stakes,
  electorates: new Map([[id, stakes]]),
  committeeSeats: new Map([[id, 64]]),
  reserves: new Map([[id, { amount: 1_000n, at: 990, exitAt: EXIT_AT }]]),
  claimWindowSeconds: WINDOW,
  programs: new Map([[fingerprint, WORK]]),
  proverAccounts: new Map(
    [prover, second].map((p) => [lower(p.address), { account: lower(p.address), toPool: false }]),
  ),
  canaryBps: 500,
  clockSkewSeconds: 5,
};
const codes = async (trace: EpochTrace, against: Partial<TraceContext> = {}): Promise<FaultCode[]> =>
  (await checkTrace(trace, { ...context, ...against })).map((fault) => fault.code);

describe('when an order is taken for abandoned', () => {
  it('half of the shorter time that its gateway had, before its reserve returns', () => {
    expect(claimWindow({ exitSeconds: 900n, cancelSeconds: 401n })).toBe(200);
    expect(claimWindow({ exitSeconds: 300n, cancelSeconds: 401n })).toBe(150);
    expect([claimableAt(3_000, 200), claimsCloseAt(3_000, 200)]).toEqual([2_800, 2_900]);
  });

  it('not a second earlier', async () => {
    const trace = await traceOf([await claimOf()]);
    expect(await codes(trace)).toEqual([]);
    expect(await codes({ ...trace, closedAt: CLOSED_AT - 1 })).toEqual(['not-abandoned']);
  });

  it('only where the chain has its reserve, for its requester, and it was not settled', async () => {
    const trace = await traceOf([await claimOf()]);
    expect(await codes(trace, { reserves: new Map() })).toEqual(['not-reserved', 'not-abandoned']);
    const settled = { ...emptyState(), orders: [{ id, epoch: 0 }] };
    expect(await codes(trace, { previous: settled })).toContain('settled-before');
    expect(await codes({ ...trace, abandoned: [...trace.abandoned, ...trace.abandoned] })).toContain('duplicate');
    const forged = {
      ...trace.abandoned[0].order,
      signature: (await signMessage(prover, network, 'Order', order)).signature,
    };
    expect(await codes(await traceOf([await claimOf()], { order: forged }))).toEqual(['bad-signature']);
    expect(await codes(await traceOf([await claimOf()], { id: word(99) }))).toContain('wrong-order-id');
  });

  it('as those judged it who had stake when it was reserved', async () => {
    const trace = await traceOf([await claimOf()]);
    expect(await codes({ ...trace, electorates: [stakes.slice(1)] })).toContain('wrong-snapshot');
    expect(await codes(await traceOf([await claimOf()], { committeeSeats: 2 }))).toContain('wrong-snapshot');
  });
});

describe('what may be claimed', () => {
  it('chunks that more than two thirds of the stake accepted', async () => {
    expect(await codes(await traceOf([await claimOf(), await secondClaim()]))).toEqual([]);
    expect(await codes(await traceOf([]))).toEqual(['not-accepted']);
    const two = await traceOf([await claimOf({ accepted: [true, true] })]);
    expect(await codes(two)).toEqual(['not-accepted']);
    expect(await codes(await traceOf([await claimOf({ accepted: [false, false, false] })]))).toEqual(['not-accepted']);
  });

  it('not twice, neither chunks nor slices', async () => {
    const first = await claimOf();
    const again = await claimOf({ by: second, lock: { attempt: 1, price: 1n } });
    expect(await codes(await traceOf([first, again]))).toEqual(['duplicate', 'wrong-work']);
    const overlapping = await secondClaim({ statement: { index: 1 }, lock: { price: 1n } });
    expect(await codes(await traceOf([first, { ...overlapping, workUnits: 2_000_000 }]))).toEqual(['wrong-work']);
  });

  it('for the price of the lock that validators saw with the proof', async () => {
    const dearer = await claimOf({ lock: { price: 500n }, provenFor: { price: 450n } });
    expect(await codes(await traceOf([dearer]))).toEqual(['wrong-subject']);
    // The curve's end is a bound of its own, should validators have been blind.
    expect(await codes(await traceOf([await claimOf({ lock: { price: 601n } })]))).toEqual(['price-above-curve']);
    const both = [await claimOf({ lock: { price: 600n } }), await secondClaim({ lock: { price: 200n } })];
    expect(await codes(await traceOf(both))).toEqual([]);
    const reserves = new Map([[id, { amount: 1_000n, at: 990, exitAt: EXIT_AT }]]);
    const small = await signMessage(requester, network, 'Order', { ...order, budget: 799n });
    expect(await codes(await traceOf(both, { order: small }), { reserves })).toContain('over-budget');
  });

  it('work of its slices, as the program says it', async () => {
    expect(await codes(await traceOf([await claimOf({ workUnits: 2_999_999 })]))).toEqual(['wrong-work']);
    const beyond = await claimOf({ statement: { index: 2 } });
    expect(await codes(await traceOf([beyond]))).toContain('wrong-work');
    expect(await codes(await traceOf([await claimOf()]), { programs: new Map() })).toContain('wrong-work');
  });

  it("a prover's own work, whose account is told", async () => {
    const trace = await traceOf([await claimOf()]);
    expect(await codes({ ...trace, provers: [] })).toEqual(['unknown-prover']);
    const stolen = { ...trace.provers[0], account: lower(second.address) };
    expect(await codes({ ...trace, provers: [stolen] })).toContain('unknown-prover');
  });

  it.each<[string, Claim['statement']]>([
    ['another program', { fingerprint: word(11).slice(2) }],
    ['another order', { nonce: word(11).slice(2) }],
    ['another prover', { prover: lower(second.address) }],
  ])('no proof of %s', async (_, statement) => {
    expect(await codes(await traceOf([await claimOf({ statement })]))).toEqual(['wrong-subject']);
  });
});

describe('what is signed', () => {
  const changed = async (change: (claim: ClaimedChunk) => Promise<Partial<ClaimedChunk>> | Partial<ClaimedChunk>) => {
    const claim = await claimOf();
    return codes(await traceOf([{ ...claim, ...(await change(claim)) }]));
  };
  const forged = { signature: `0x${'11'.repeat(65)}` } as const;

  it('lock, receipt and verdicts', async () => {
    expect(await changed(({ lock }) => ({ lock: { ...lock, ...forged } }))).toEqual(['bad-signature']);
    expect(await changed(({ receipt }) => ({ receipt: { ...receipt, ...forged } }))).toEqual(['bad-signature']);
    expect(await changed(({ verdicts: [v, ...rest] }) => ({ verdicts: [{ ...v, ...forged }, ...rest] }))).toEqual([
      'bad-signature',
    ]);
    expect(await changed(({ commits: [c, ...rest] }) => ({ commits: [{ ...c, ...forged }, ...rest] }))).toEqual([
      'bad-signature',
    ]);
    expect(await changed(() => ({ commits: [] }))).toEqual(Array(3).fill('verdict-without-commitment'));
  });

  it('of one attempt at one order', async () => {
    const other = await claimOf({ lock: { attempt: 1 } });
    expect(await changed(() => ({ receipt: other.receipt }))).toEqual([
      'wrong-subject',
      'wrong-subject',
      'not-accepted',
    ]);
    expect(await changed(() => ({ verdicts: other.verdicts, commits: other.commits }))).toContain('wrong-subject');
    const elsewhere = await claimOf({ lock: { order: word(98) } });
    expect(await codes(await traceOf([elsewhere]))).toContain('wrong-subject');
  });

  it('about this proof', async () => {
    expect(await changed(({ proof }) => ({ proof: { ...proof, proofBytes: 2 } }))).toEqual(['wrong-subject']);
  });
});

describe('what it settles', () => {
  const { settlement } = networkParameters();
  const claims = async () => [await claimOf(), await secondClaim()];

  it('accepted chunks are paid as ever, nobody is penalised, and the rest returns', async () => {
    const trace = await traceOf(await claims());
    const settled = settleEpoch(trace, settlement, emptyState());
    expect(settled.orders).toEqual([
      {
        id,
        spent: 600n,
        delivered: false,
        paid: [
          { chunk: 0, attempt: 0, prover: lower(prover.address), workUnits: 3_000_000, price: 450n },
          { chunk: 1, attempt: 0, prover: lower(second.address), workUnits: 1_000_000, price: 150n },
        ],
      },
    ]);
    expect(settled.penalties).toEqual([]);
    expect(settled.totals.spent).toBe(600n);
    expect(settled.credits.reduce((sum, { rise }) => sum + rise, 0n)).toBe(600n + settled.totals.minted);
    const paid = settled.credits.find(({ account }) => account === lower(prover.address))?.rise ?? 0n;
    expect(paid).toBe(450n - (450n * BigInt(settlement.feeBps)) / 10_000n);
    for (const { account } of stakes) expect(settled.credits.map((c) => c.account)).toContain(account);
    expect(settled.state.orders).toEqual([{ id, epoch: 1 }]);
  });

  it('once', async () => {
    const trace = await traceOf(await claims());
    const { state } = settleEpoch(trace, settlement, emptyState());
    expect(() => settleEpoch({ ...trace, epoch: 2 }, settlement, state)).toThrow(/settled already/);
  });

  it('is the same whichever way it is listed', async () => {
    const [a, b] = await claims();
    const roots = [await traceOf([a, b]), await traceOf([b, a])].map(
      (t) => settleEpoch(t, settlement, emptyState()).root,
    );
    expect(new Set(roots).size).toBe(1);
  });
});
