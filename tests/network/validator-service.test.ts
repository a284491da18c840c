import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SliceProof } from '@dsperse/core/verify';
import type { Ledger } from '@dsperse/network/chain';
import {
  type Appeal,
  commitmentOf,
  type Duty,
  digestOfBytes,
  type EpochRoot,
  encodeBundle,
  isSignedBy,
  type Receipt,
  type Signed,
  sealingContext,
  signMessage,
  type VerdictCommit,
  type VerdictMessage,
} from '@dsperse/network/messages';
import { createLogger, type Service } from '@dsperse/network/node';
import { type AttemptTrace, type EpochTrace, emptyState, endingDigest, settleEpoch } from '@dsperse/network/scoring';
import { seal } from '@dsperse/network/transport';
import { type Hex, zeroHash } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { settlementParameters } from '../../packages/network/src/chain/network-parameters.js';
import { type EpochDocument, epochDocumentSchema } from '../../packages/network/src/roles/peer/epoch-document.js';
import { checkAppeal } from '../../packages/network/src/roles/validator/check-appeal.js';
import { type CaseRequest, checkCase, openCaseKey } from '../../packages/network/src/roles/validator/check-case.js';
import { createValidator } from '../../packages/network/src/roles/validator/validator.js';
import { wrongProof } from './dishonest-provers.js';
import { type Asked, FakeGateway, identity, jsonOf, metrics, until } from './fake-gateway.js';
import {
  accountOf,
  appealFor,
  caseOf,
  gateway,
  jobOf,
  lockOf,
  network,
  proveJob,
  prover,
  type SmallOrder,
  type SmallProgram,
  sealOf,
  smallOrder,
  smallProgram,
  thief,
} from './small-order.js';

const KEY = 5;
const me = accountOf(KEY);
const address = me.address.toLowerCase() as Hex;
const never = new AbortController().signal;
const nowSeconds = () => Math.floor(Date.now() / 1000);

let program: SmallProgram;
let order: SmallOrder;
let proven: SliceProof;
beforeAll(async () => {
  program = await smallProgram();
  order = smallOrder(program, { deadline: nowSeconds() + 3600 });
  proven = await proveJob(program, jobOf(program, order, 0));
});
afterAll(() => program.kernels.close());

let directory: string;
let fake: FakeGateway;
let services: Service[];
let duties: Duty[];
let request: CaseRequest;
let commits: Signed<VerdictCommit>[];
let verdicts: Signed<VerdictMessage>[];
let signatures: Signed<EpochRoot>[];
let epoch: EpochDocument | undefined;
let head: { last: number; next: number; root: Hex };
let cancelled: boolean;
let refusals: unknown[];
let isLate: boolean;
let logged: { msg: string; code?: string; detail?: string }[];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-validator-'));
  fake = new FakeGateway();
  fake.handler = answer;
  services = [];
  duties = [{ kind: 'verify', order: order.id, chunk: 0, attempt: 0 }];
  request = await caseOf(program, order, 0, { proven });
  commits = [];
  verdicts = [];
  signatures = [];
  epoch = undefined;
  head = { last: 0, next: 1, root: zeroHash };
  cancelled = false;
  refusals = [];
  isLate = false;
  active = stakes;
  logged = [];
});
afterEach(async () => {
  for (const service of services) await service.stop();
  rmSync(directory, { recursive: true, force: true });
});

function answer(asked: Asked) {
  const { path } = asked;
  if (path === '/v1/duties') return { json: { duties } };
  if (path === `/v1/chunks/${order.id}/0/0`) return { json: request.document };
  if (path === `/v1/chunks/${order.id}/0/0/values`) {
    const key = identity(KEY).encryptionKey.publicKey;
    return { bytes: seal(key, encodeBundle(order.values), sealingContext.values(order.id, address)) };
  }
  if (path === `/v1/programs/${program.fingerprint}`) {
    const slices = program.slices.map((s, index) => ({
      index,
      package: digestOfBytes(new Uint8Array([index])),
      packageBytes: 1,
      workUnits: s.workUnits,
      inputs: s.inputs,
      outputs: s.outputs,
    }));
    const key = digestOfBytes(program.key);
    const { fingerprint, outputs } = program;
    const names = { name: 'small', inputs: ['x'], outputs };
    const format = 'dsperse-network-program/1';
    return { json: { format, fingerprint, protocolVersion: 1, key, keyBytes: program.key.length, ...names, slices } };
  }
  if (path === `/v1/blobs/${digestOfBytes(program.key)}`) return { bytes: program.key };
  if (path.startsWith('/v1/blobs/')) {
    const isProof = path === `/v1/blobs/${request.document.delivery.proof.proof}`;
    return isProof && request.proof ? { bytes: request.proof } : undefined;
  }
  if (path === '/v1/commits') {
    commits.push(...(jsonOf(asked) as { commits: Signed<VerdictCommit>[] }).commits);
    duties = duties.filter((d) => d.kind !== 'verify');
    return { json: {} };
  }
  if (path === '/v1/verdicts') {
    verdicts.push(...(jsonOf(asked) as { verdicts: Signed<VerdictMessage>[] }).verdicts);
    duties = duties.filter((d) => d.kind !== 'reveal');
    return { json: isLate ? { late: [{ order: order.id, chunk: 0, attempt: 0 }] } : {} };
  }
  if (path === '/v1/epochs/1' && asked.method === 'PUT') return { json: {} };
  if (path === '/v1/epochs/1' && epoch) return { json: epoch };
  if (path === '/v1/epochs/1/refusals') {
    refusals.push(jsonOf(asked));
    return { json: {} };
  }
  if (path === '/v1/epochs/1/signatures') {
    const signed = jsonOf(asked) as Signed<EpochRoot>;
    const { spent, minted } = signed.message;
    signatures.push({ ...signed, message: { ...signed.message, spent: BigInt(spent), minted: BigInt(minted) } });
    duties = [];
    return { json: {} };
  }
  return undefined;
}

const PARAMETERS: Record<string, bigint> = {
  feeBps: 1_000n,
  feeValidatorBps: 5_000n,
  feeBurnBps: 2_500n,
  stakeCapBps: 10_000n,
  missedLockBps: 10_000n,
  rejectedProofBps: 20_000n,
  releaseBps: 1_000n,
  rememberEpochs: 100n,
  recallFloorBps: 5_000n,
  canaryMemory: 20n,
  consensusShareBps: 1_000n,
  consensusKappaBps: 5_000n,
  bondPenaltyBps: 10_000n,
  bondAlphaBps: 1_000n,
  canaryBps: 500n,
  shareCapBps: 10_000n,
  lockFloorSeconds: 10n,
  lockMultipleBps: 30_000n,
  verifySeconds: 10n,
  collateralBps: 0n,
  collateralMin: 1n,
  clockSkewSeconds: 300n,
  epochOrdersMax: 1n,
  emissionYearBps: 1_000n,
  emissionProverBps: 6_000n,
  emissionValidatorBps: 3_000n,
  emissionFeeMultipleBps: 8_000n,
};
const stakes = [{ operator: address, account: address, stake: 10n }];
/** Those of when the order was reserved; `active` are those of now. */
const electorate = stakes.map(({ operator, stake }) => ({ operator, stake }));
let active = stakes;
let looksAtOrder = 0;
const ledger = {
  network,
  contracts: { treasury: accountOf(20).address },
  now: async () => nowSeconds(),
  parameters: async (names: readonly string[]) => Object.fromEntries(names.map((n) => [n, PARAMETERS[n] ?? 0n])),
  order: async () => {
    looksAtOrder++;
    return { state: 'reserved', reserved: order.order.budget, cancelRequested: false, exitAt: 2 ** 40 };
  },
  stakeOf: async () => ({ owner: prover.address, toPool: false, active: 100n }),
  validators: async () => active,
  electorate: async () => electorate,
  committeeSeats: async () => 64,
  settlementHead: async () => head,
  emission: async () => ({ cap: 10n ** 27n, minted: 0n, closedAt: 0 }),
  epoch: async (n: number) => ({ epoch: n, root: zeroHash, postedAt: 0, finalAt: 0, cancelled }),
} as unknown as Ledger;

async function start(): Promise<Service> {
  const service = createValidator({
    identity: identity(KEY),
    network,
    ledger,
    links: [fake.link(KEY, ['validator'])],
    settings: { workers: 1, cacheBytes: 1 << 26, pollSeconds: 0.03, preset: 'tiny' },
    dataDirectory: directory,
    log: createLogger({ level: 'debug', format: 'json', to: { write: (line) => void logged.push(JSON.parse(line)) } }),
    metrics: metrics(),
    verify: async ({ keyBytes, ...rest }) => ({
      outcome: await checkCase({ ...rest, key: keyBytes && openCaseKey(keyBytes, 'tiny') }),
      seconds: 0.1,
    }),
    verifyAppeal: async ({ keyBytes, ...rest }) =>
      checkAppeal({ ...rest, key: keyBytes && openCaseKey(keyBytes, 'tiny') }),
  });
  services.push(service);
  await service.start();
  return service;
}
const crash = async (service: Service) => {
  await service.stop();
  services = [];
};
const reveal = () => {
  duties = [{ kind: 'reveal', order: order.id, chunk: 0, attempt: 0 }];
};

describe('verdicts', () => {
  it('are committed to, and revealed when they are asked for', async () => {
    await start();
    await until(() => commits.length === 1, 'the commitment');
    expect(verdicts).toEqual([]);
    expect(isSignedBy(network, 'VerdictCommit', commits[0], address)).toBe(true);
    reveal();
    await until(() => verdicts.length === 1, 'the verdict');
    const [{ message }] = verdicts;
    expect(message).toMatchObject({ accepted: true, validator: address, order: order.id });
    expect(commitmentOf(message)).toBe(commits[0].message.commitment);
    expect(isSignedBy(network, 'Verdict', verdicts[0], address)).toBe(true);
  });

  it('rest on the proof of the case, whichever was announced', async () => {
    const { proof } = request.document.delivery.proof;
    const other = digestOfBytes(new Uint8Array(7));
    for (const announced of [other, proof]) {
      commits = [];
      duties = [{ kind: 'verify', order: order.id, chunk: 0, attempt: 0, proof: announced }];
      const service = await start();
      await until(() => commits.length === 1, 'the commitment');
      await service.stop();
      // As if it had judged nothing yet.
      rmSync(join(directory, 'validator', 'journal'), { recursive: true, force: true });
    }
    expect(fake.times('GET', `/v1/blobs/${other}`)).toBe(1);
    expect(fake.times('GET', `/v1/blobs/${proof}`)).toBe(2);
  });

  it('rest on the case that comes with its event, which is checked like one that was asked for', async () => {
    const path = `/v1/chunks/${order.id}/0/0`;
    const { seal, ...rest } = request.document;
    const key = { kind: 'verify', order: order.id, chunk: 0, attempt: 0 } as const;
    duties = [{ ...key, case: { ...rest, seal: { ...seal, signature: request.document.lock.signature } } }];
    await start();
    await until(
      () => logged.some(({ msg, code }) => msg === 'abstained' && code === 'manifest-seal'),
      'the abstention',
    );
    expect(commits).toEqual([]);
    duties = [{ ...key, case: request.document }];
    await until(() => commits.length === 1, 'the commitment');
    expect(fake.times('GET', path)).toBe(0);
  });

  it('on chunks that come together ask the chain once, and again later', async () => {
    const key = { kind: 'verify', order: order.id, chunk: 0 } as const;
    const before = looksAtOrder;
    // There is no case of the second attempt: it is tried again after two seconds.
    duties = [
      { ...key, attempt: 0 },
      { ...key, attempt: 1 },
    ];
    await start();
    await until(() => commits.length === 1, 'the commitment');
    expect(looksAtOrder).toBe(before + 1);
    duties = [{ ...key, attempt: 1 }];
    await until(() => looksAtOrder === before + 2, 'another look');
  });

  it('on a wrong proof are rejections', async () => {
    const wrong = await wrongProof((job) => proveJob(program, job))(jobOf(program, order, 0), never);
    request = await caseOf(program, order, 0, { proven: wrong });
    await start();
    await until(() => commits.length === 1, 'the commitment');
    reveal();
    await until(() => verdicts.length === 1, 'the verdict');
    expect(verdicts[0].message.accepted).toBe(false);
  });

  it('stay the same over a crash between commitment and reveal, and over a lost commitment', async () => {
    await crash(
      await start().then(async (s) => {
        await until(() => commits.length === 1, 'the commitment');
        return s;
      }),
    );
    // The gateway lost it and asks again.
    duties = [{ kind: 'verify', order: order.id, chunk: 0, attempt: 0 }];
    await start();
    await until(() => commits.length === 2, 'the second commitment');
    expect(commits[1]).toEqual(commits[0]);
    reveal();
    await until(() => verdicts.length === 1, 'the verdict');
    expect(commitmentOf(verdicts[0].message)).toBe(commits[0].message.commitment);
  });

  it('are for the gateway of the order, and for one that shows that it acts for that one', async () => {
    const lower = thief.address.toLowerCase() as Hex;
    const before = order;
    order = smallOrder(program, { deadline: nowSeconds() + 3600, gateway: lower });
    try {
      const found = await caseOf(program, order, 0, { proven: await proveJob(program, jobOf(program, order, 0)) });
      const seal = await sealOf(order.manifest, thief);
      const others = { ...found.document, seal };
      const served = async (by: typeof thief, to: Hex, until = nowSeconds() + 60) => {
        const serving = await signMessage(by, network, 'Delegation', { gateway: lower, to, until });
        return { ...found, document: { ...others, serving } };
      };
      const own = gateway.address.toLowerCase() as Hex;
      for (const wrong of [
        { ...found, document: others },
        await served(gateway, own),
        await served(thief, address),
        await served(thief, own, nowSeconds() - 60),
      ]) {
        request = wrong;
        logged = [];
        duties = [{ kind: 'verify', order: order.id, chunk: 0, attempt: 0 }];
        const service = await start();
        await until(() => logged.some(({ code }) => code === 'other-gateway'), 'the abstention');
        await crash(service);
      }
      expect(commits).toEqual([]);
      request = await served(thief, own);
      const service = await start();
      await until(() => commits.length === 1, 'the commitment');
      await crash(service);
      // What was committed to before is not told to one that only has the case.
      request = { ...found, document: others };
      logged = [];
      reveal();
      const again = await start();
      await until(() => logged.some(({ msg }) => msg.includes('another order')), 'the refusal');
      fake.tell('reveal', { order: order.id, chunk: 0, attempt: 0 });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(verdicts).toEqual([]);
      await crash(again);
      request = await served(thief, own);
      reveal();
      await start();
      await until(() => verdicts.length === 1, 'the verdict');
    } finally {
      order = before;
    }
  });

  it('are never given on a second proof of one attempt', async () => {
    await start();
    await until(() => commits.length === 1, 'the commitment');
    const wrong = await wrongProof((job) => proveJob(program, job))(jobOf(program, order, 0), never);
    request = await caseOf(program, order, 0, { proven: wrong });
    duties = [{ kind: 'verify', order: order.id, chunk: 0, attempt: 0 }];
    const asked = fake.times('GET', `/v1/chunks/${order.id}/0/0`);
    await until(() => fake.times('GET', `/v1/chunks/${order.id}/0/0`) > asked, 'another look');
    await until(() => fake.times('GET', '/v1/duties') > asked + 5, 'some polls');
    expect(commits.length).toBe(1);
  });

  it('wait where a proof is missing, and come when it is there', async () => {
    const { proof } = request;
    request = { ...request, proof: undefined };
    await start();
    await until(() => fake.times('GET', /blobs/) > 1, 'the question for the proof');
    expect(commits).toEqual([]);
    request = { ...request, proof };
    await until(() => commits.length === 1, 'the commitment');
  });
});

describe('epochs', () => {
  async function traceOf(verdict: Signed<VerdictMessage>, commit: Signed<VerdictCommit>): Promise<EpochTrace> {
    const now = nowSeconds();
    const { order: signed, delivery } = request.document;
    const lock = await signMessage(prover, network, 'Lock', lockOf(order, 0, { deadline: now + 60 }));
    const { proofDigest } = delivery.receipt.message;
    const acknowledgement = { order: order.id, chunk: 0, attempt: 0, proofDigest, receivedAt: now };
    const attempt = {
      lock,
      lockedAt: now - 5,
      receipt: delivery.receipt,
      acknowledgement: await signMessage(gateway, network, 'Acknowledgement', {
        ...acknowledgement,
        gateway: gateway.address.toLowerCase() as Hex,
      }),
      commits: [commit],
      verdicts: [verdict],
    };
    const [first, second] = order.manifest.chunks.map((chunk) => ({ ...chunk, offeredAt: now - 10, attempts: [] }));
    return {
      epoch: 1,
      closedAt: now,
      validators: stakes,
      electorates: [electorate],
      provers: [{ operator: prover.address.toLowerCase() as Hex, account: prover.address.toLowerCase() as Hex }],
      orders: [
        {
          id: order.id,
          order: signed,
          outcome: 'cancelled',
          endedAt: now,
          electorate: 0,
          committeeSeats: 64,
          chunks: [{ ...first, attempts: [attempt] }, second],
        },
      ],
      endings: [],
      abandoned: [],
      canaries: [],
      weights: { commits: [], reveals: [] },
    };
  }

  async function judged(): Promise<EpochTrace> {
    await start();
    await until(() => commits.length === 1, 'the commitment');
    reveal();
    await until(() => verdicts.length === 1, 'the verdict');
    return traceOf(verdicts[0], commits[0]);
  }
  /** As the order's gateway proposes it, whatever it says. */
  const propose = async (trace: EpochTrace) => {
    const ended = trace.orders.map(async (o) => {
      const message = { order: o.id, digest: endingDigest(o, trace), gateway: gateway.address.toLowerCase() as Hex };
      return { ended: await signMessage(gateway, network, 'Ended', message) };
    });
    epoch = { epoch: 1, trace: { ...trace, endings: await Promise.all(ended) }, previous: emptyState() };
    duties = [{ kind: 'epoch', epoch: 1 }];
  };
  /** @param why the code and a part of the detail */
  const refused = async (code?: string, why = '') => {
    await until(() => fake.times('GET', '/v1/epochs/1') > 0, 'the look at the epoch');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(signatures).toEqual([]);
    if (code === undefined) return;
    expect(logged.filter((line) => line.msg === 'the epoch is not signed')).toEqual([
      expect.objectContaining({ code, detail: expect.stringContaining(why) }),
    ]);
  };

  it('are signed with the root that follows from the trace', async () => {
    const trace = await judged();
    await propose(trace);
    await until(() => signatures.length === 1, 'the signature');
    const settled = settleEpoch(trace, await settlementParameters(ledger, trace.closedAt), emptyState());
    expect(signatures[0].message).toEqual({
      epoch: 1,
      previous: zeroHash,
      root: settled.root,
      spent: settled.totals.spent,
      minted: settled.totals.minted,
      leaves: settled.leaves.length,
      closedAt: trace.closedAt,
    });
    expect(settled.totals.spent).toBeGreaterThan(0n);
    expect(settled.totals.minted).toBeGreaterThan(0n);
    expect(isSignedBy(network, 'EpochRoot', signatures[0], address)).toBe(true);
  });

  it('are signed once: another trace only where the chain shows that the first is void', async () => {
    const trace = await judged();
    await propose(trace);
    await until(() => signatures.length === 1, 'the signature');
    const other = { ...trace, closedAt: trace.closedAt + 1 };
    signatures = [];
    await crash(services[0]);
    await start();
    fake.asked.length = 0;
    await propose(other);
    await refused();
    cancelled = true;
    await until(() => signatures.length === 1, 'the signature on the other root');
  });

  const given = () =>
    fake.asked
      .filter((a) => a.method === 'PUT' && a.path === '/v1/epochs/1')
      .map((a) => epochDocumentSchema.parse(jsonOf(a)));

  it('are given, as they were signed, to a gateway that lacks them', async () => {
    const trace = await judged();
    duties = [{ kind: 'document', epoch: 1 }];
    await until(() => fake.times('GET', '/v1/duties') > 3, 'a look at the duties');
    expect(given()).toEqual([]);
    await propose(trace);
    await until(() => signatures.length === 1, 'the signature');
    await crash(services[0]);
    await start();
    duties = [{ kind: 'document', epoch: 1 }];
    await until(() => given().length > 0, 'the document');
    expect(given()[0]).toEqual(epoch);
  });

  it('that nobody posted for a minute are offered to gateways unasked, and signed again for them', async () => {
    await propose(await judged());
    await until(() => signatures.length === 1, 'the signature');
    await crash(services[0]);
    const minutesAgo = Date.now() / 1000 - 120;
    utimesSync(join(directory, 'validator', 'epochs', '1.json'), minutesAgo, minutesAgo);
    await start();
    await until(() => given().length > 0, 'the document');
    signatures = [];
    // The stakes have changed since: what was signed stands.
    stakes[0].stake = 11n;
    duties = [{ kind: 'epoch', epoch: 1 }];
    await until(() => signatures.length === 1, 'the signature again').finally(() => {
      stakes[0].stake = 10n;
    });
    const posted = given().length;
    head = { last: 1, next: 2, root: signatures[0].message.root };
    await crash(services[0]);
    await start();
    await until(() => fake.times('GET', '/v1/duties') > 6, 'looks at the duties');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(given().length).toBe(posted);
  });

  it('are not signed with a verdict that is not ours', async () => {
    const trace = await judged();
    const message = { ...verdicts[0].message, salt: `0x${'77'.repeat(32)}` as Hex };
    const forged = await signMessage(me, network, 'Verdict', message);
    const { order: id, chunk, attempt, validator } = message;
    const commit = await signMessage(me, network, 'VerdictCommit', {
      ...{ order: id, chunk, attempt, validator },
      commitment: commitmentOf(message),
    });
    await propose(await traceOf(forged, commit));
    expect(trace.orders.length).toBe(1);
    await refused();
  });

  it('are not signed where the receipt of a proof that we judged is left out', async () => {
    const trace = await judged();
    const [only] = trace.orders;
    const missed = ({ lock, lockedAt }: AttemptTrace): AttemptTrace => ({ lock, lockedAt, commits: [], verdicts: [] });
    const chunks = only.chunks.map((c) => ({ ...c, attempts: c.attempts.map(missed) }));
    await propose({ ...trace, orders: [{ ...only, chunks }] });
    await refused('foreign-verdict', `${order.id}/0/0 is left out`);
  });

  it('are not signed where an attempt that we judged is left out as a whole', async () => {
    const trace = await judged();
    const [only] = trace.orders;
    await propose({ ...trace, orders: [{ ...only, chunks: only.chunks.map((c) => ({ ...c, attempts: [] })) }] });
    await refused('foreign-verdict', `${order.id}/0/0 is left out`);
    // The gateway can settle the rest without it.
    expect(refusals).toEqual([{ code: 'foreign-verdict', orders: [order.id] }]);
  });

  it('are not signed without our verdict, where the gateway had said that it has it', async () => {
    const trace = await judged();
    const [only] = trace.orders;
    const chunks = only.chunks.map((c) => ({ ...c, attempts: c.attempts.map((a) => ({ ...a, verdicts: [] })) }));
    const without = { ...trace, orders: [{ ...only, chunks }] };
    await until(() => fake.times('POST', '/v1/verdicts') > 0, 'the verdict');
    await propose(without);
    await refused('foreign-verdict', `our verdict on ${order.id}/0/0`);
    // The same after a restart: what was taken stands in the journal.
    await crash(services[0]);
    logged = [];
    fake.asked.length = 0;
    await start();
    await refused('foreign-verdict', `our verdict on ${order.id}/0/0`);
  });

  it('are signed without our verdict where it came too late', async () => {
    isLate = true;
    const trace = await judged();
    const [only] = trace.orders;
    const chunks = only.chunks.map((c) => ({ ...c, attempts: c.attempts.map((a) => ({ ...a, verdicts: [] })) }));
    await propose({ ...trace, orders: [{ ...only, chunks }] });
    await until(() => signatures.length === 1, 'the signature');
  });

  it('are not signed where an order of which we judged proofs is settled at nothing, as if it had never been cut', async () => {
    const trace = await judged();
    await propose({ ...trace, provers: [], orders: [{ ...trace.orders[0], outcome: 'failed', chunks: [] }] });
    await refused('foreign-verdict', `${order.id}/0/0 is left out`);
  });

  it('are not signed where another proof of the attempt stands in the place of that which we judged', async () => {
    const trace = await judged();
    const [only] = trace.orders;
    const [attempt] = only.chunks[0].attempts;
    const other = { ...request.document.delivery.receipt.message, proofDigest: `0x${'66'.repeat(32)}` as Hex };
    const { acknowledgement: _, ...rest } = attempt;
    const receipt = await signMessage(prover, network, 'Receipt', other);
    const swapped: AttemptTrace = { ...rest, receipt, commits: [], verdicts: [] };
    const chunks = only.chunks.map((c, k) => (k === 0 ? { ...c, attempts: [swapped] } : c));
    await propose({ ...trace, orders: [{ ...only, chunks }] });
    await refused('foreign-verdict', `${order.id}/0/0 is left out`);
  });

  it('are not signed where a proof that we verified is called a canary that was seen through', async () => {
    const trace = await judged();
    const [only] = trace.orders;
    const [{ lock, receipt, commits: c, verdicts: v }] = only.chunks[0].attempts;
    const { proof } = request.document.delivery;
    const canary = { lock, receipt: receipt as Signed<Receipt>, proof, salt: zeroHash, commits: c, verdicts: v };
    const others = await Promise.all(
      [6, 7].map((k) => {
        const message = { ...v[0].message, validator: accountOf(k).address, accepted: false };
        return signMessage(accountOf(k), network, 'Verdict', message);
      }),
    );
    const chunks = only.chunks.map((chunk) => ({ ...chunk, attempts: [] }));
    const hidden = { ...trace, orders: [{ ...only, chunks }], canaries: [canary] };
    const all = [
      ...trace.electorates[0],
      ...[6, 7].map((k) => ({ ...trace.electorates[0][0], operator: accountOf(k).address })),
    ];
    await propose({ ...hidden, electorates: [all], canaries: [{ ...canary, verdicts: [...v, ...others] }] });
    await refused('foreign-verdict', `canary of ${order.id}/0/0`);
    logged = [];
    fake.asked.length = 0;
    // Nobody is held to it, and the receipt, which opens no mark, is turned down by the next check.
    await propose(hidden);
    await until(() => logged.some((line) => line.code !== undefined), 'another refusal');
    await refused('no-canary');
  });

  it('are not signed where a missed lock is excused by an outage, and the gateway answered all the time', async () => {
    await start();
    await until(() => commits.length === 1, 'the commitment');
    reveal();
    await until(() => verdicts.length === 1, 'the verdict');
    const trace = await traceOf(verdicts[0], commits[0]);
    const [only] = trace.orders;
    const [first, second] = only.chunks;
    const now = nowSeconds();
    const missed = async (lockedAt: number, deadline: number): Promise<EpochTrace> => {
      const lock = await signMessage(prover, network, 'Lock', lockOf(order, 1, { deadline }));
      const attempt: AttemptTrace = { lock, lockedAt, excused: true, commits: [], verdicts: [] };
      const chunks = [first, { ...second, attempts: [attempt] }];
      return { ...trace, closedAt: nowSeconds(), orders: [{ ...only, endedAt: nowSeconds(), chunks }] };
    };
    await until(() => nowSeconds() >= now + 4, 'some time');
    await propose(await missed(now + 1, now + 1));
    await refused('not-away', `${order.id}/1/0`);
    logged = [];
    signatures = [];
    // What was before this validator ran it cannot say.
    await propose(await missed(now - 5, now + 1));
    await until(() => signatures.length === 1, 'the signature');
  });

  /** Of a lock of the second chunk that its gateway says was missed. */
  async function missedTrace(change: Partial<AttemptTrace> = {}): Promise<EpochTrace> {
    const trace = await traceOf(verdicts[0], commits[0]);
    const [only] = trace.orders;
    const [first, second] = only.chunks;
    const now = nowSeconds();
    const attempt = { lock: appeal.lock, lockedAt: now - 5, commits: [], verdicts: [], ...change };
    const chunks = [first, { ...second, attempts: [attempt] }];
    return { ...trace, closedAt: now, orders: [{ ...only, endedAt: now, chunks }] };
  }
  let appeal: Appeal;
  let shown: Uint8Array;
  /** Shown by its prover, as a gateway passes it on. */
  async function appealed(change: { deadline?: number; proven?: SliceProof } = {}) {
    const { deadline = nowSeconds() + 2, proven: other } = change;
    const second = other ?? (await proveJob(program, jobOf(program, order, 1)));
    shown = second.proof;
    ({ appeal } = await appealFor(program, order, 1, { proven: second, lock: lockOf(order, 1, { deadline }) }));
    fake.handler = (asked) => {
      if (asked.path === `/v1/appeals/${order.id}/1/0`) return { json: appeal };
      if (asked.path === `/v1/blobs/${digestOfBytes(shown)}`) return { bytes: shown };
      return asked.path === `/v1/chunks/${order.id}/1/0/values`
        ? answer({ ...asked, path: `/v1/chunks/${order.id}/0/0/values` })
        : answer(asked);
    };
    await judged();
    duties = [{ kind: 'appeal', order: order.id, chunk: 1, attempt: 0 }];
    await until(() => logged.some(({ msg }) => msg === 'a prover showed a proof of a lock'), 'the look at the appeal');
    await until(() => nowSeconds() > deadline, 'the deadline');
  }

  it('are not signed where a lock is called missed whose prover showed a proof in time, and are where it is excused', async () => {
    await appealed();
    await propose(await missedTrace());
    await refused('appealed', `the lock of ${order.id}/1/0 was not missed`);
    expect(refusals).toEqual([
      { code: 'appealed', orders: [order.id], appealed: [{ order: order.id, chunk: 1, attempt: 0 }] },
    ]);
    // The same after a restart, from the journal.
    await crash(services[0]);
    [logged, refusals] = [[], []];
    fake.asked.length = 0;
    await start();
    await refused('appealed');
    logged = [];
    // The gateway answered all the time, and does not have to have been away.
    await propose(await missedTrace({ excused: true, lockedAt: nowSeconds() - 1 }));
    await until(() => signatures.length === 1, 'the signature');
  });

  it('are signed with a missed lock where the proof that was shown is wrong', async () => {
    const right = await proveJob(program, jobOf(program, order, 1));
    const wrong = { ...right, proof: right.proof.map((byte, k) => (k === 50 ? byte ^ 1 : byte)) };
    await appealed({ proven: wrong });
    expect(logged.find(({ msg }) => msg === 'a prover showed a proof of a lock')).toHaveProperty('why');
    await propose(await missedTrace());
    await until(() => signatures.length === 1, 'the signature');
  });

  it('are signed with a missed lock where the proof was shown too late', async () => {
    await appealed({ deadline: nowSeconds() - 1 });
    await propose(await missedTrace());
    await until(() => signatures.length === 1, 'the signature');
  });

  it('weigh verdicts by the stake of when the order was reserved, and are signed by those of now', async () => {
    const trace = await judged();
    const whale = { operator: accountOf(7).address.toLowerCase() as Hex, account: accountOf(7).address, stake: 1_000n };
    active = [...stakes, { ...whale, account: whale.operator }];
    // What we said would no longer reach the quorum: so it would be a verdict that is not accepted.
    const now = active.map(({ operator, stake }) => ({ operator, stake }));
    await propose({ ...trace, validators: active, electorates: [now] });
    await refused('wrong-snapshot');
    await propose({ ...trace, validators: active });
    await until(() => signatures.length === 1, 'the signature');
  });

  it('are not signed with more orders than the network settles at once', async () => {
    const trace = await judged();
    PARAMETERS.epochOrdersMax = 0n;
    await propose(trace);
    await refused();
    PARAMETERS.epochOrdersMax = 1n;
    await until(() => signatures.length === 1, 'the signature');
  });

  it('are not signed upon a state that the chain does not have', async () => {
    head = { last: 0, next: 1, root: `0x${'99'.repeat(32)}` };
    await propose(await judged());
    await refused();
  });

  it('are not signed where stakes, accounts or work are other than they are', async () => {
    const trace = await judged();
    await propose({ ...trace, validators: [{ ...stakes[0], stake: 11n }] });
    await refused();
    fake.asked.length = 0;
    await propose({ ...trace, electorates: [[{ operator: address, stake: 11n }]] });
    await refused();
    fake.asked.length = 0;
    const [only] = trace.orders;
    const chunks = only.chunks.map((c) => ({ ...c, workUnits: c.workUnits + 1 }));
    await propose({ ...trace, orders: [{ ...only, chunks }] });
    await refused();
  });
});
