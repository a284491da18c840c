import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Hex, zeroHash } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { OnChainEpoch, SettlementHead } from '../../chain/ledger.js';
import { settlementParameters } from '../../chain/network-parameters.js';
import { type NetworkId, signMessage, toJson } from '../../messages/index.js';
import { emptyState, settleEpoch } from '../../scoring/index.js';
import { json, migrate, openFileBlobs, openSql, type SqlStore } from '../../store/index.js';
import { type EpochDocument, rootOf } from '../peer/epoch-document.js';
import type { GatewayContext } from './gateway-context.js';
import { EpochRunner } from './run-epochs.js';
import { MIGRATIONS } from './schema.js';

const word = (k: number): Hex => `0x${k.toString(16).padStart(64, '0')}`;
const accounts = [1, 2, 3, 4].map((k) => privateKeyToAccount(word(k)));
const names = accounts.map((a) => a.address.toLowerCase() as Hex).sort();
const validators = names.map((operator) => ({ operator, account: operator, stake: 100n }));
const network: NetworkId = { chainId: 1, market: `0x${'11'.repeat(20)}`, settlement: `0x${'22'.repeat(20)}` };
const PARAMETERS: Record<string, bigint> = {
  feeBps: 1_000n,
  feeValidatorBps: 5_000n,
  feeBurnBps: 2_500n,
  stakeCapBps: 10_000n,
  missedLockBps: 10_000n,
  rejectedProofBps: 20_000n,
  releaseBps: 1_000n,
  rememberEpochs: 100n,
  skippedEpochsMax: 2n,
  epochOrdersMax: 1n,
  recallFloorBps: 5_000n,
  canaryMemory: 20n,
  consensusShareBps: 1_000n,
  consensusKappaBps: 5_000n,
  bondPenaltyBps: 10_000n,
  bondAlphaBps: 1_000n,
  canaryBps: 500n,
  epochSeconds: 10n,
  commitSeconds: 5n,
  clockSkewSeconds: 300n,
  emissionYearBps: 1_000n,
  emissionProverBps: 6_000n,
  emissionValidatorBps: 3_000n,
  emissionFeeMultipleBps: 8_000n,
};

/** An epoch without orders: emission alone is settled. */
const documentOf = (epoch: number, previous = emptyState()): EpochDocument => ({
  epoch,
  trace: {
    epoch,
    closedAt: 1_000 * epoch,
    validators,
    electorates: [],
    provers: [],
    orders: [],
    endings: [],
    canaries: [],
    abandoned: [],
    weights: { commits: [], reveals: [] },
  },
  previous,
});

let directory: string;
let sql: SqlStore;
let head: SettlementHead;
let posted: Map<number, OnChainEpoch>;
let sent: number[];
let g: GatewayContext;
let runner: EpochRunner;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-adopt-'));
  sql = await openSql({ directory: join(directory, 'database') });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  await sql.script('delete from epochs; delete from orders; delete from events; delete from leases');
  head = { last: -1, next: 1, root: zeroHash };
  posted = new Map();
  sent = [];
  const quiet = () => {};
  g = {
    sql,
    blobs: await openFileBlobs({ directory: join(directory, 'blobs') }),
    network,
    holder: 'here',
    identity: { account: accounts[0] },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    timing: async () => ({
      epochSeconds: 10,
      commitSeconds: 5,
      clockSkewSeconds: 300,
      collectSeconds: 30,
      exitMarginSeconds: 30,
    }),
    ledger: {
      network,
      contracts: { treasury: `0x${'33'.repeat(20)}` },
      now: async () => 10_000,
      parameters: async (of: readonly string[]) => Object.fromEntries(of.map((n) => [n, PARAMETERS[n] ?? 0n])),
      emission: async () => ({ cap: 10n ** 27n, minted: 0n, closedAt: 0 }),
      validators: async () => validators,
      settlementHead: async () => head,
      epoch: async (n: number) => posted.get(n),
      settleOrders: async () => {},
      penalise: async () => {},
      claim: async () => {},
      postEpoch: async (message: { epoch: number }) => void sent.push(message.epoch),
    },
    nowMs: () => 10_000_000,
  } as unknown as GatewayContext;
  runner = new EpochRunner(g);
});

const settled = async (document: EpochDocument) =>
  settleEpoch(document.trace, await settlementParameters(g.ledger, document.trace.closedAt), document.previous);

/** As the chain has it when another gateway posted it. */
async function post(document: EpochDocument): Promise<void> {
  const { epoch } = document;
  const { root } = await settled(document);
  posted.set(epoch, { epoch, root, postedAt: 1, finalAt: 2, cancelled: false });
  head = { last: epoch, next: epoch + 1, root };
}
const rows = () => sql.query<{ epoch: number; state: string }>('select epoch, state from epochs order by epoch');

test('an epoch that only another database has is taken over from more than a third of the validators, and built upon', async () => {
  const document = documentOf(1);
  await post(document);
  await runner.advance();
  expect(runner.adoption.duties()).toEqual([{ kind: 'document', epoch: 1 }]);
  await runner.adoption.offer(names[0], document);
  await runner.adoption.offer(names[0], document);
  expect(await rows()).toEqual([]);
  await runner.adoption.offer(names[1], document);
  expect(await rows()).toEqual([{ epoch: 1, state: 'posted' }]);
  await runner.advance();
  expect(await rows()).toEqual([{ epoch: 1, state: 'settled' }]);
  await runner.advance();
  expect(runner.adoption.duties()).toEqual([]);
  // Others can claim from it, and look how it came about.
  expect(await runner.document(1)).toEqual(document);
  const { settlement } = await runner.settlement(1);
  expect(settlement).toEqual(await settled(document));
});

test('what does not have the root of the chain is refused, whoever says it', async () => {
  await post(documentOf(1));
  const other = { ...documentOf(1), trace: { ...documentOf(1).trace, closedAt: 999 } };
  for (const name of names) {
    await expect(runner.adoption.offer(name, other)).rejects.toMatchObject({ code: 'other-root' });
  }
  expect(await rows()).toEqual([]);
});

test('a remembered order that is not in the root is not taken from a third of the validators', async () => {
  const document = documentOf(1);
  await post(document);
  const lie = { ...document, previous: { ...emptyState(), orders: [{ id: word(9), epoch: 0 }] } };
  expect((await settled(lie)).root).toBe((await settled(document)).root);
  await runner.adoption.offer(names[0], lie);
  await runner.adoption.offer(names[1], document);
  await runner.adoption.offer(names[2], document);
  expect((await runner.settlement(1)).settlement.state.orders).toEqual([]);
});

test('an epoch that was signed and never posted is posted from here, once validators have signed it again', async () => {
  const document = documentOf(1);
  await runner.adoption.offer(names[0], document);
  await runner.adoption.offer(names[1], document);
  expect(await rows()).toEqual([{ epoch: 1, state: 'collecting' }]);
  const told = await sql.query<{ kind: string }>(`select kind from events where topic = 'validators'`);
  expect(told).toEqual([{ kind: 'epoch' }]);
  const message = rootOf(document, await settled(document));
  for (const account of accounts.slice(0, 3)) {
    const signed = await signMessage(account, network, 'EpochRoot', message);
    await runner.takeSignature(account.address.toLowerCase() as Hex, 1, signed);
  }
  await runner.advance();
  expect(sent).toEqual([1]);
});

test('one that the chain has gone on without is refused', async () => {
  await post(documentOf(1));
  await expect(runner.adoption.offer(names[0], documentOf(2))).rejects.toMatchObject({ code: 'void-epoch' });
  const next = documentOf(2, (await settled(documentOf(1))).state);
  await expect(runner.adoption.offer(names[0], next)).resolves.toBeUndefined();
});

test('nothing is computed of a document with too many orders, of another time, or of one who is no validator', async () => {
  const document = documentOf(1);
  const asked = vi.spyOn(g.ledger, 'parameters');
  const settles = () => asked.mock.calls.some(([of]) => of.includes('feeBps'));
  const order = { id: word(5) } as EpochDocument['trace']['orders'][0];
  const large = { ...document, trace: { ...document.trace, orders: [order, order] } };
  await expect(runner.adoption.offer(names[0], large)).rejects.toMatchObject({ code: 'too-many-orders' });
  await expect(runner.adoption.offer(names[0], documentOf(1_000))).rejects.toMatchObject({ code: 'void-epoch' });
  const stranger: Hex = `0x${'99'.repeat(20)}`;
  await expect(runner.adoption.offer(stranger, document)).rejects.toMatchObject({ code: 'not-a-validator' });
  expect(settles()).toBe(false);
  await runner.adoption.offer(names[0], document);
  expect(settles()).toBe(true);
  // The same once more is not computed again.
  asked.mockClear();
  await runner.adoption.offer(names[0], document);
  expect(settles()).toBe(false);
});

test('what a validator said last counts, and one that says many things pushes out nobody', async () => {
  const other = (k: number) => ({ ...documentOf(1), trace: { ...documentOf(1).trace, closedAt: 500 + k } });
  await runner.adoption.offer(names[1], documentOf(1));
  for (let k = 0; k < 20; k++) await runner.adoption.offer(names[0], other(k));
  // It took back its word: alone it is not more than a third.
  await runner.adoption.offer(names[2], other(0));
  expect(await rows()).toEqual([]);
  await runner.adoption.offer(names[0], documentOf(1));
  expect(await runner.document(1)).toEqual(documentOf(1));
});

test('a number that the chain would not take is refused', async () => {
  await expect(runner.adoption.offer(names[0], documentOf(3))).resolves.toBeUndefined();
  await expect(runner.adoption.offer(names[0], documentOf(4))).rejects.toMatchObject({ code: 'void-epoch' });
});

test('a signed proposal that another epoch came before is proposed anew, not posted', async () => {
  const document = documentOf(2);
  for (const name of names.slice(0, 2)) await runner.adoption.offer(name, document);
  const message = rootOf(document, await settled(document));
  for (const account of accounts) {
    const signed = await signMessage(account, network, 'EpochRoot', message);
    await runner.takeSignature(account.address.toLowerCase() as Hex, 2, signed);
  }
  await post(documentOf(1));
  await runner.advance();
  expect(sent).toEqual([]);
  expect(await rows()).toEqual([{ epoch: 2, state: 'abandoned' }]);
});

test('a proposal of ours whose number another gateway took is proposed anew upon the other', async () => {
  const ours = { ...documentOf(1), trace: { ...documentOf(1).trace, closedAt: 500 } };
  for (const name of names.slice(0, 2)) await runner.adoption.offer(name, ours);
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
       budget, created_ms, epoch) values ('mine', 'r', '{}', 'k', 'f', 'delivered', true, 'd', 's', 1, 1, 1, 1)`,
  );
  await post(documentOf(1));
  await runner.advance();
  expect(await rows()).toEqual([{ epoch: 1, state: 'abandoned' }]);
  expect(await sql.query('select epoch from orders')).toEqual([{ epoch: null }]);
  await runner.advance();
  expect(runner.adoption.duties()).toEqual([{ kind: 'document', epoch: 1 }]);
  for (const name of names.slice(0, 2)) await runner.adoption.offer(name, documentOf(1));
  expect(await rows()).toEqual([{ epoch: 1, state: 'posted' }]);
});

test('orders for which a third of the validators does not sign are left out, and the rest is settled without them', async () => {
  const document = documentOf(1);
  for (const name of names.slice(0, 2)) await runner.adoption.offer(name, document);
  const [bad, good] = [word(8), word(9)];
  const terms = { priceMin: 1n, priceMax: 1n, rampSeconds: 1, budget: 9n, deadline: 1 };
  const [requester, gateway] = [names[3], accounts[0].address];
  const message = { requester, gateway, fingerprint: word(1), inputCommitment: word(2), ...terms, salt: word(3) };
  for (const id of [bad, good]) {
    await sql.execute(
      `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
         budget, created_ms, ended_ms, epoch)
       values ($1, 'r', $2, 'k', 'f', 'delivered', true, 'd', 's', 1, 1, 1, 1, 1)`,
      [id, json({ message: toJson(message), signature: `0x${'00'.repeat(65)}` })],
    );
  }
  const refuse = (k: number, orders: Hex[]) => runner.takeRefusal(names[k], 1, { code: 'foreign-verdict', orders });
  // A quarter of the stake, of a strange order too; and another order by another quarter.
  await refuse(0, [bad, word(7)]);
  await refuse(1, [good]);
  await runner.advance();
  expect(await rows()).toEqual([{ epoch: 1, state: 'collecting' }]);
  // It thinks better of it.
  await refuse(1, [bad]);
  const waiting: Hex[] = [];
  Object.assign(g.ledger, {
    order: async (id: Hex) => {
      waiting.push(id);
      return { state: 'settled', exitAt: 0 };
    },
  });
  await runner.advance();
  expect(await rows()).toEqual([{ epoch: 1, state: 'abandoned' }]);
  expect(await sql.query('select * from epoch_refusals')).toEqual([]);
  // Only the other one is looked at for the next epoch.
  await runner.advance();
  expect(waiting).toEqual([good]);
});

test('a missed lock of which a third of the validators saw a proof in time is excused, and its order goes into the next epoch', async () => {
  const document = documentOf(1);
  for (const name of names.slice(0, 2)) await runner.adoption.offer(name, document);
  const id = word(8);
  const terms = { priceMin: 1n, priceMax: 1n, rampSeconds: 1, budget: 9n, deadline: 1 };
  const [requester, gateway] = [names[3], accounts[0].address];
  const message = { requester, gateway, fingerprint: word(1), inputCommitment: word(2), ...terms, salt: word(3) };
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
       budget, created_ms, ended_ms, epoch) values ($1, 'r', $2, 'k', 'f', 'expired', true, 'd', 's', 1, 1, 1, 1, 1)`,
    [id, json({ message: toJson(message), signature: `0x${'00'.repeat(65)}` })],
  );
  for (const attempt of [0, 1]) {
    await sql.execute(
      `insert into attempts (order_id, idx, attempt, prover, lock, locked_ms, price, collateral, deadline, work_units, outcome)
       values ($1, 0, $2, 'p', '{}', 1, 1, 1, 1, 1, 'missed')`,
      [id, attempt],
    );
  }
  const key = { order: id, chunk: 0, attempt: 1 };
  const refuse = (k: number, appealed: (typeof key)[]) =>
    runner.takeRefusal(names[k], 1, { code: 'appealed', orders: [id], appealed });
  const excused = () => sql.query('select attempt, excused from attempts order by attempt');
  // Of an attempt that there is not, and of the other one by one validator alone.
  await refuse(0, [key, { ...key, attempt: 0 }, { ...key, attempt: 7 }]);
  await runner.advance();
  expect(await rows()).toEqual([{ epoch: 1, state: 'collecting' }]);
  await refuse(1, [key]);
  await runner.advance();
  expect(await rows()).toEqual([{ epoch: 1, state: 'abandoned' }]);
  expect(await excused()).toEqual([
    { attempt: 0, excused: false },
    { attempt: 1, excused: true },
  ]);
  expect(await sql.query('select * from epoch_appeals')).toEqual([]);
  const looked: Hex[] = [];
  const order = async (of: Hex) => ({ state: looked.push(of) > 0 ? 'settled' : '', exitAt: 0 });
  Object.assign(g.ledger, { order });
  await runner.advance();
  expect(looked).toEqual([id]);
});
