import { type Hex, numberToHex, pad } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  commitmentOf,
  type Delegation,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  type Lock,
  type NetworkId,
  type Order,
  signMessage,
  type VerdictMessage,
} from '../messages/index.js';
import { canaryMark, checkTrace, type EpochTrace, emptyState, endingDigest, type TraceContext } from './index.js';

const word = (k: number) => pad(numberToHex(k), { size: 32 }) as Hex;
const keyOf = (k: number) => privateKeyToAccount(word(k));
const [requester, prover, gateway, ...validators] = [1, 2, 3, 4, 5, 6].map(keyOf);
const network: NetworkId = { chainId: 31337, market: keyOf(7).address, settlement: keyOf(8).address };
const stakes = validators.map((v) => ({ operator: v.address, account: v.address, stake: 10n }));

const order: Order = {
  requester: requester.address,
  gateway: gateway.address,
  fingerprint: word(10),
  inputCommitment: word(11),
  priceMin: 100n,
  priceMax: 200n,
  rampSeconds: 100,
  budget: 1_000n,
  deadline: 2_000,
  salt: word(12),
};
const id = hashMessage(network, 'Order', order);

async function verdictOf(k: number, change: Partial<VerdictMessage> = {}) {
  const v = validators[k];
  const verdict: VerdictMessage = {
    ...{ order: id, chunk: 0, attempt: 0, proofDigest: word(13), accepted: true, validator: v.address, salt: word(14) },
    ...change,
  };
  const { order: o, chunk, attempt, validator } = verdict;
  return {
    commit: await signMessage(v, network, 'VerdictCommit', {
      order: o,
      chunk,
      attempt,
      validator,
      commitment: commitmentOf(verdict),
    }),
    verdict: await signMessage(v, network, 'Verdict', verdict),
  };
}

async function traceOf(
  change: { lock?: Partial<Lock>; order?: Partial<Order>; workUnits?: number } = {},
): Promise<EpochTrace> {
  const at = { order: id, chunk: 0, attempt: 0 };
  const terms = { price: 450n, collateral: 1_000n, deadline: 1_200 };
  const votes = await Promise.all([0, 1, 2].map((k) => verdictOf(k)));
  return {
    epoch: 1,
    closedAt: 1_500,
    validators: stakes,
    electorates: [stakes],
    provers: [{ operator: prover.address, account: prover.address }],
    endings: [],
    abandoned: [],
    canaries: [],
    weights: { commits: [], reveals: [] },
    orders: [
      {
        id,
        order: await signMessage(requester, network, 'Order', { ...order, ...change.order }),
        outcome: 'delivered',
        endedAt: 1_400,
        electorate: 0,
        committeeSeats: 64,
        chunks: [
          {
            index: 0,
            slices: [0, 1],
            workUnits: change.workUnits ?? 3_000_000,
            offeredAt: 1_000,
            attempts: [
              {
                lock: await signMessage(prover, network, 'Lock', {
                  ...at,
                  prover: prover.address,
                  ...terms,
                  ...change.lock,
                }),
                lockedAt: 1_050,
                receipt: await signMessage(prover, network, 'Receipt', {
                  ...at,
                  prover: prover.address,
                  proofDigest: word(13),
                }),
                acknowledgement: await signMessage(gateway, network, 'Acknowledgement', {
                  ...{ ...at, proofDigest: word(13), gateway: gateway.address, receivedAt: 1_100 },
                }),
                commits: votes.map((v) => v.commit),
                verdicts: votes.map((v) => v.verdict),
              },
            ],
          },
        ],
      },
    ],
  };
}

const context: TraceContext = {
  network,
  previous: emptyState(),
  market: { lockFloorSeconds: 20, verifySeconds: 100, collateralBps: 20_000, collateralMin: 5n },
  validators: stakes,
  electorates: new Map([[id.toLowerCase() as Hex, stakes]]),
  committeeSeats: new Map([[id.toLowerCase() as Hex, 64]]),
  reserves: new Map([[id.toLowerCase() as Hex, { amount: 1_000n, at: 990, exitAt: 3_000 }]]),
  programs: new Map([[word(10), [1_000_000, 2_000_000]]]),
  proverAccounts: new Map([[prover.address.toLowerCase(), { account: prover.address.toLowerCase(), toPool: false }]]),
  canaryBps: 500,
  claimWindowSeconds: 100,
  clockSkewSeconds: 5,
};
/** With what the gateway signs of it. */
async function sealed(trace: EpochTrace, by = gateway): Promise<EpochTrace> {
  const endings = trace.orders.map(async (o) => {
    const message = { order: o.id, digest: endingDigest(o, trace), gateway: by.address };
    return { ended: await signMessage(by, network, 'Ended', message) };
  });
  return { ...trace, endings: await Promise.all(endings) };
}
const codesOf = async (trace: EpochTrace) => (await checkTrace(trace, context)).map((f) => f.code);
const codes = async (trace: EpochTrace, changed: Partial<TraceContext> = {}) =>
  (await checkTrace(await sealed(trace), { ...context, ...changed })).map((f) => f.code);
type Attempt = EpochTrace['orders'][0]['chunks'][0]['attempts'][0];
function withAttempt(trace: EpochTrace, change: (attempt: Attempt) => Partial<Attempt>): EpochTrace {
  const [only] = trace.orders;
  const attempts = only.chunks[0].attempts.map((a) => ({ ...a, ...change(a) }));
  return { ...trace, orders: [{ ...only, chunks: [{ ...only.chunks[0], attempts }] }] };
}

describe('checkTrace', () => {
  it('finds nothing wrong with an honest trace', async () => {
    expect(await checkTrace(await sealed(await traceOf()), context)).toEqual([]);
  });

  it('names what is wrong with a lock', async () => {
    expect(await codes(await traceOf({ lock: { price: 451n } }))).toEqual(['price-above-curve']);
    expect(await codes(await traceOf({ lock: { collateral: 899n } }))).toEqual(['collateral-too-low']);
    expect(await codes(await traceOf({ lock: { deadline: 1_906 } }))).toEqual(['deadline-too-long']);
    expect(await codes(await traceOf({ lock: { deadline: 1_060 } }))).toContain('deadline-too-short');
    expect(await codes(await traceOf({ lock: { chunk: 1 } }))).toContain('wrong-subject');
  });

  it('takes a release only from the prover, of this lock and this second', async () => {
    const trace = await traceOf();
    const message = { order: id, chunk: 0, attempt: 0, prover: prover.address, at: 1_060 };
    const released = (by: typeof prover, at: number, said = message) =>
      signMessage(by, network, 'Release', said).then(({ signature }): EpochTrace => {
        const [only] = trace.orders;
        const [chunk] = only.chunks;
        const [{ lock, lockedAt }] = chunk.attempts;
        const release = { at, signature, reason: 'given-back' as const, attested: false };
        const attempts = [{ lock, lockedAt, release, commits: [], verdicts: [] }];
        return { ...trace, orders: [{ ...only, outcome: 'cancelled', chunks: [{ ...chunk, attempts }] }] };
      });
    expect(await codes(await released(prover, 1_060))).toEqual([]);
    expect(await codes(await released(gateway, 1_060))).toEqual(['bad-signature']);
    expect(await codes(await released(prover, 1_190))).toEqual(['bad-signature']);
    expect(await codes(await released(prover, 1_060, { ...message, attempt: 1 }))).toEqual(['bad-signature']);
  });

  it('believes neither work, nor reserve, nor validators because the trace says so', async () => {
    const trace = await traceOf();
    expect(await codes(await traceOf({ workUnits: 4_000_000 }))).toContain('wrong-work');
    expect(await codes(trace, { reserves: new Map() })).toEqual(['not-reserved']);
    expect(await codes(trace, { validators: stakes.slice(1) })).toEqual(['wrong-snapshot']);
    const moved = stakes.map((v, k) => ({ ...v, stake: k === 0 ? v.stake + 1n : v.stake }));
    const then = new Map([[id.toLowerCase() as Hex, moved]]);
    expect(await codes(trace, { electorates: then })).toEqual(['wrong-snapshot']);
    expect(await codes(trace, { electorates: new Map() })).toEqual(['wrong-snapshot']);
    const seats = new Map([[id.toLowerCase() as Hex, 65]]);
    expect(await codes(trace, { committeeSeats: seats })).toEqual(['wrong-snapshot']);
    expect(await codes({ ...trace, electorates: [moved] }, { electorates: then })).toEqual([]);
    // Stake that moved since the reserve: the trace has both.
    expect(await codes({ ...trace, validators: moved }, { validators: moved })).toEqual([]);
    expect(await codes(trace, { programs: new Map() })).toContain('wrong-work');
    expect(await codes(trace, { proverAccounts: new Map() })).toEqual(['unknown-prover']);
    const pooled = new Map([[prover.address.toLowerCase(), { account: prover.address.toLowerCase(), toPool: true }]]);
    expect(await codes(trace, { proverAccounts: pooled })).toEqual(['unknown-prover']);
    // Its operator's key would be paid, in place of its owner.
    expect(await codes({ ...trace, provers: [] })).toEqual(['unknown-prover']);
    expect(await codes(await traceOf({ order: { budget: 10_000n } }))).toContain('wrong-order-id');
  });

  it('sees an order twice, here or in an earlier epoch', async () => {
    const trace = await traceOf();
    expect(await codes({ ...trace, orders: [trace.orders[0], trace.orders[0]] })).toEqual(['duplicate']);
    const previous = { ...emptyState(), orders: [{ id, epoch: 0 }] };
    expect(await codes(trace, { previous })).toEqual(['settled-before']);
  });

  it('sees forged, strange and uncommitted verdicts, and a delivery that is none', async () => {
    const trace = await traceOf();
    const forged = withAttempt(trace, ({ verdicts }) => ({
      verdicts: verdicts.map((v, k) => (k === 0 ? { ...v, message: { ...v.message, accepted: false } } : v)),
    }));
    expect(await codes(forged)).toEqual(
      expect.arrayContaining(['bad-signature', 'verdict-without-commitment', 'wrong-outcome']),
    );
    expect(await codes(withAttempt(trace, () => ({ commits: [] })))).toEqual(
      Array(3).fill('verdict-without-commitment'),
    );
    expect(await codes(withAttempt(trace, ({ verdicts }) => ({ verdicts: verdicts.slice(0, 2) })))).toEqual([
      'wrong-outcome',
    ]);
    const paths = (await checkTrace(await sealed(forged), context)).map((f) => f.path);
    expect(paths).toContain('orders[0].chunks[0].attempts[0].verdicts[0]');
  });

  /** A canary of attempt 1, which all three validators reject. */
  async function canaryOf(change: { mark?: Hex; attempt?: number; order?: Hex; accepted?: boolean } = {}) {
    const at = { order: change.order ?? id, chunk: 0, attempt: change.attempt ?? 1 };
    const salt = word(77);
    const mark = change.mark ?? canaryMark({ ...at, prover: prover.address }, salt);
    const statement = { fingerprint: '', index: 0, nonce: '', prover: '', commitments: {} };
    const proof = { mark, lock: word(78), statement, proof: '', proofBytes: 0 };
    const proofDigest = digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
    const by = { ...at, prover: prover.address };
    const lock = { ...by, price: 450n, collateral: 1_000n, deadline: 1_200 };
    const votes = await Promise.all(
      [0, 1, 2].map((k) => verdictOf(k, { ...at, proofDigest, accepted: change.accepted ?? false })),
    );
    return {
      lock: await signMessage(prover, network, 'Lock', lock),
      receipt: await signMessage(prover, network, 'Receipt', { ...by, proofDigest }),
      proof,
      salt,
      commits: votes.map((v) => v.commit),
      verdicts: votes.map((v) => v.verdict),
    };
  }

  it('takes a canary only where its receipt shows that it was one from the start', async () => {
    const trace = await traceOf();
    const canary = await canaryOf();
    expect(await codes({ ...trace, canaries: [canary] })).toEqual([]);
    expect(await codes({ ...trace, canaries: [await canaryOf({ mark: word(5) })] })).toEqual(['no-canary']);
    expect(await codes({ ...trace, canaries: [{ ...canary, salt: word(78) }] })).toEqual(['no-canary']);
    const other = { ...canary, proof: { ...canary.proof, mark: word(6) } };
    expect(await codes({ ...trace, canaries: [other] })).toEqual(['no-canary']);
    expect(await codes({ ...trace, canaries: [canary, canary] })).toEqual(['duplicate']);
    expect(await codes({ ...trace, canaries: [await canaryOf({ attempt: 0 })] })).toEqual(['duplicate']);
    expect(await codes({ ...trace, canaries: [await canaryOf({ order: word(9) })] })).toEqual(['wrong-subject']);
    expect(await codes({ ...trace, canaries: [{ ...canary, commits: [] }] })).toEqual(
      Array(3).fill('verdict-without-commitment'),
    );
  });

  it('lets no forgeries pass for canaries beyond their rate', async () => {
    const trace = await traceOf();
    const canaries = await Promise.all(Array.from({ length: 8 }, (_, k) => canaryOf({ attempt: k + 1 })));
    expect(await codes({ ...trace, canaries })).toEqual(['too-many-canaries']);
    expect(await codes({ ...trace, canaries }, { canaryBps: 3_000 })).toEqual([]);
  });

  it('is settled by the gateway that the requester named alone, and as that gateway says', async () => {
    const trace = await traceOf();
    const own = await sealed(trace);
    const [ending] = own.endings;
    expect(await codesOf({ ...own, endings: [] })).toEqual(['other-gateway', 'duplicate']);
    expect(await codesOf({ ...own, endings: [ending, ending] })).toEqual(['duplicate']);
    // Another gateway that settles it at nothing, in its own name or with what the order's gateway signed of something else.
    const other = keyOf(9);
    const nothing: EpochTrace = { ...trace, orders: [{ ...trace.orders[0], outcome: 'failed', chunks: [] }] };
    expect(await codesOf(await sealed(nothing, other))).toEqual(['other-gateway']);
    expect(await codesOf({ ...nothing, endings: [ending] })).toEqual(['wrong-subject']);
    const forged = {
      ...ending.ended,
      message: { ...ending.ended.message, digest: endingDigest(nothing.orders[0], nothing) },
    };
    expect(await codesOf({ ...nothing, endings: [{ ended: forged }] })).toEqual(['bad-signature']);
    // Its canaries are a part of what the gateway says.
    const canary = await canaryOf();
    const withCanary = await sealed({ ...trace, canaries: [canary] });
    expect(await codesOf(withCanary)).toEqual([]);
    expect(await codesOf({ ...withCanary, canaries: [] })).toEqual(['wrong-subject']);
  });

  it('is settled in the place of its gateway by one to which that gateway delegated, as long as it did', async () => {
    const other = keyOf(9);
    const [{ ended }] = (await sealed(await traceOf(), other)).endings;
    const delegated = async (by: typeof gateway, change: Partial<Delegation> = {}) => {
      const message = { gateway: gateway.address, to: other.address, until: 1_400, ...change };
      const delegation = await signMessage(by, network, 'Delegation', message);
      return codesOf({ ...(await traceOf()), endings: [{ ended, delegation }] });
    };
    expect(await delegated(gateway)).toEqual([]);
    expect(await delegated(gateway, { until: 1_399 })).toEqual(['other-gateway']);
    expect(await delegated(gateway, { to: keyOf(10).address })).toEqual(['other-gateway']);
    expect(await delegated(other)).toEqual(['other-gateway']);
    expect(await delegated(other, { gateway: other.address })).toEqual(['other-gateway']);
  });

  it('does not throw on malformed messages', async () => {
    const trace = await traceOf();
    const broken = withAttempt(trace, ({ lock }) => ({ lock: { ...lock, signature: '0x12' } }));
    expect(await codes(broken)).toEqual(['bad-signature']);
  });
});
