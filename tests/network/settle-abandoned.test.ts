import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ParameterName, parameterDefault } from '@dsperse/contracts';
import { type EpochRefusal, hashMessage, type Order, signMessage, toJson } from '@dsperse/network/messages';
import { emptyState, type ValidatorStake } from '@dsperse/network/scoring';
import { type Address, type Hex, zeroAddress } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildTrace } from '../../packages/network/src/roles/gateway/build-trace.js';
import { claimDuties, takeClaim, takeTestimonies } from '../../packages/network/src/roles/gateway/claims.js';
import type { GatewayContext } from '../../packages/network/src/roles/gateway/gateway-context.js';
import { EpochRunner } from '../../packages/network/src/roles/gateway/run-epochs.js';
import { MIGRATIONS } from '../../packages/network/src/roles/gateway/schema.js';
import { rootOf } from '../../packages/network/src/roles/peer/epoch-document.js';
import { json, migrate, openFileBlobs, openSql, type SqlStore } from '../../packages/network/src/store/index.js';
import { abandonedOrder, addressOf, type ClaimParts, claimOf, lower, testimonyOn } from './claimed-order.js';
import {
  accountOf,
  documentOf,
  gateway,
  network,
  prover,
  requester,
  type SmallProgram,
  smallProgram,
  thief,
  word,
} from './small-order.js';

const EXIT_AT = 3_000;
/** Half of the time to cancel. */
const CLAIMABLE_AT = EXIT_AT - 200;
const validators = [21, 22, 23, 24].map(accountOf);
const stakes: ValidatorStake[] = validators.map((v) => ({ operator: addressOf(v), account: addressOf(v), stake: 10n }));
const PARAMETERS: Partial<Record<ParameterName, bigint>> = {
  exitSeconds: 900n,
  cancelSeconds: 400n,
  epochOrdersMax: 4n,
  epochSeconds: 10n,
};

let directory: string;
let sql: SqlStore;
let program: SmallProgram;
let g: GatewayContext;
let runner: EpochRunner;
let nowMs: number;
let chain: {
  head: { last: number; next: number; root: Hex };
  states: Map<Hex, string>;
  posted: Map<number, { root: Hex }>;
  settled: Hex[];
};
let made: ReturnType<typeof abandonedOrder>;
let another: ReturnType<typeof abandonedOrder>;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-abandoned-'));
  [program, sql] = await Promise.all([smallProgram('standard'), openSql({ directory: join(directory, 'database') })]);
  await migrate(sql, MIGRATIONS);
  await sql.execute('insert into programs (fingerprint, document, publisher, created_ms) values ($1, $2, $3, 1)', [
    program.fingerprint,
    json(toJson(documentOf(program))),
    addressOf(requester),
  ]);
  [made, another] = [12, 13].map((k) => abandonedOrder(program.fingerprint, word(k)));
}, 120_000);
afterAll(async () => {
  program.kernels.close();
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const table of ['claims', 'testimonies', 'orders', 'epochs', 'leases', 'events', 'epoch_refusals']) {
    await sql.script(`delete from ${table}`);
  }
  nowMs = CLAIMABLE_AT * 1000;
  chain = {
    head: { last: -1, next: 1, root: emptyState().root },
    states: new Map(),
    posted: new Map(),
    settled: [],
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const blobs = await openFileBlobs({ directory: join(directory, 'blobs') });
  await blobs.put(program.key);
  g = {
    ...{ sql, network, log, blobs, holder: 'here', identity: { account: gateway } },
    timing: async () => ({
      ...{ epochSeconds: 10, commitSeconds: 5, clockSkewSeconds: 5 },
      ...{ collectSeconds: 30, collectSecondsMax: 60, exitMarginSeconds: 30 },
    }),
    ledger: {
      network,
      contracts: { treasury: zeroAddress },
      now: async () => Math.floor(nowMs / 1000),
      parameters: async (of: readonly ParameterName[]) =>
        Object.fromEntries(of.map((n) => [n, PARAMETERS[n] ?? parameterDefault(n)])),
      emission: async () => ({ cap: 10n ** 27n, minted: 0n, closedAt: 0 }),
      validators: async () => stakes,
      settlementHead: async () => chain.head,
      electorate: async () => stakes.map(({ operator, stake }) => ({ operator, stake })),
      committeeSeats: async () => 64,
      stakeOf: async (_: unknown, operator: Address) => ({ owner: operator, active: 1n, toPool: false }),
      order: async (id: Hex) => ({
        ...{ state: chain.states.get(id) ?? 'reserved', reserved: made.order.budget },
        ...{ deadline: 2_000, exitAt: EXIT_AT },
      }),
      postEpoch: async ({ epoch, root }: { epoch: number; root: Hex }) => {
        chain.posted.set(epoch, { root });
        chain.head = { last: epoch, next: epoch + 1, root };
      },
      epoch: async (epoch: number) => {
        const posted = chain.posted.get(epoch);
        return posted && { epoch, ...posted, postedAt: 1, finalAt: 2, cancelled: false };
      },
      settleOrders: async (_: number, leaves: readonly { leaf: { order: Hex } }[]) => {
        for (const { leaf } of leaves) {
          chain.settled.push(leaf.order);
          chain.states.set(leaf.order, 'settled');
        }
      },
      penalise: async () => {},
      claim: async () => {},
    },
    nowMs: () => nowMs,
  } as unknown as GatewayContext;
  runner = new EpochRunner(g);
});

async function claim(of: typeof made, parts: ClaimParts = {}, by: readonly PrivateKeyAccount[] = validators) {
  const shown = await claimOf(of, parts);
  await takeClaim(g, addressOf(parts.by ?? prover), shown);
  for (const v of by) {
    await takeTestimonies(g, addressOf(v), { testimonies: [await testimonyOn(shown, v)], none: [] });
  }
}
/** Until others of the order would have come too. */
const wait = () => {
  nowMs += 26_000;
};
const epochs = () => sql.query<{ epoch: number; state: string }>('select epoch, state from epochs order by epoch');
const claimsOf = async ({ id }: typeof made) =>
  (await sql.query<{ epoch: number | null }>('select epoch from claims where order_id = $1', [id])).map((r) => r.epoch);
const abandonedIn = async (epoch: number) => (await runner.document(epoch)).trace.abandoned.map(({ id }) => id);
const refuse = (k: number, orders: Hex[], epoch = 1) =>
  runner.takeRefusal(addressOf(validators[k]), epoch, { code: 'unclaimed', orders } as EpochRefusal);
async function sign(epoch: number): Promise<void> {
  const document = await runner.document(epoch);
  const { settlement } = await runner.settlement(epoch);
  for (const v of validators) {
    const signed = await signMessage(v, network, 'EpochRoot', rootOf(document, settlement));
    await runner.takeSignature(addressOf(v), epoch, signed);
  }
}
/** An order of this gateway that ended. */
async function ownOrder(k: number): Promise<Hex> {
  const message: Order = { ...made.order, gateway: addressOf(gateway), salt: word(1_000 + k) };
  const id = lower(hashMessage(network, 'Order', message));
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
       budget, created_ms, ended_ms) values ($1, $2, $3, 'k', 'f', 'failed', true, 'd', 's', 2000, 1, 1, $4)`,
    [id, addressOf(requester), json(toJson(await signMessage(requester, network, 'Order', message))), 1_000 + k],
  );
  return id;
}

test('an epoch of abandoned orders alone is proposed, signed, posted and settled; then the claims are gone', async () => {
  await claim(made);
  await claim(made, { by: thief, lock: { chunk: 1, price: 50n } });
  // Others of the order may come yet.
  await runner.advance();
  expect(await epochs()).toEqual([]);
  wait();
  await runner.advance();
  expect(await epochs()).toEqual([{ epoch: 1, state: 'collecting' }]);
  expect(await claimsOf(made)).toEqual([1, 1]);
  const { trace } = await runner.document(1);
  expect([trace.orders, trace.abandoned.map(({ id }) => id)]).toEqual([[], [made.id]]);
  expect(trace.abandoned[0].claims.map(({ workUnits }) => workUnits)).toEqual(
    program.slices.slice(0, 2).map(({ workUnits }) => workUnits),
  );
  expect((await runner.settlement(1)).settlement.orders).toMatchObject([{ id: made.id, spent: 500n }]);
  const told = await sql.query(`select kind, data from events where topic = 'validators'`);
  expect(told).toEqual([{ kind: 'epoch', data: { epoch: 1 } }]);
  await sign(1);
  await runner.advance();
  await runner.advance();
  expect(await epochs()).toEqual([{ epoch: 1, state: 'settled' }]);
  expect(chain.settled).toEqual([made.id]);
  expect(await claimsOf(made)).toEqual([]);
});

test('without one that may be settled none is proposed', async () => {
  await claim(made, {}, validators.slice(0, 2));
  wait();
  await runner.advance();
  expect(await epochs()).toEqual([]);
  expect(await claimsOf(made)).toEqual([null]);
});

test('one that a third of the stake does not sign for is left out, and the rest is settled', async () => {
  await claim(made);
  await claim(another);
  wait();
  await runner.advance();
  expect((await abandonedIn(1)).sort()).toEqual([made.id, another.id].sort());
  // A quarter of the stake, of a strange order too, and another one by another quarter.
  await refuse(0, [made.id, word(7)]);
  await refuse(1, [another.id]);
  await runner.advance();
  expect(await epochs()).toEqual([{ epoch: 1, state: 'collecting' }]);
  expect(
    await sql.query('select validator, order_id from epoch_refusals order by order_id = $1 desc', [made.id]),
  ).toEqual([
    { validator: addressOf(validators[0]), order_id: made.id },
    { validator: addressOf(validators[1]), order_id: another.id },
  ]);
  await refuse(1, [made.id]);
  await runner.advance();
  expect(await epochs()).toEqual([{ epoch: 1, state: 'abandoned' }]);
  expect([await claimsOf(made), await claimsOf(another)]).toEqual([[null], [null]]);
  await runner.advance();
  expect(await abandonedIn(2)).toEqual([another.id]);
  expect([await claimsOf(made), await claimsOf(another)]).toEqual([[null], [2]]);
  await sign(2);
  await runner.advance();
  await runner.advance();
  expect(chain.settled).toEqual([another.id]);
  expect([await claimsOf(made), await claimsOf(another)]).toEqual([[null], []]);
});

test('a refusal names it once, however many claims of it there are', async () => {
  for (const chunk of [0, 1, 2]) await claim(made, { lock: { chunk } });
  wait();
  await runner.advance();
  await refuse(0, [made.id, made.id]);
  expect(await sql.query('select order_id from epoch_refusals')).toEqual([{ order_id: made.id }]);
});

test('one that was refused is tried again, however often, before its reserve returns', async () => {
  await claim(made);
  wait();
  await runner.advance();
  let epoch = 1;
  // Until claims close validators may miss others of the order.
  for (; nowMs < (EXIT_AT - 100) * 1000; epoch++) {
    for (const k of [0, 1]) await refuse(k, [made.id], epoch);
    await runner.advance();
    await runner.advance();
    expect((await epochs()).filter(({ state }) => state !== 'abandoned')).toEqual([]);
    wait();
    await runner.advance();
    expect(await abandonedIn(epoch + 1)).toEqual([made.id]);
  }
  expect(epoch).toBe(4);
  await sign(epoch);
  await runner.advance();
  await runner.advance();
  expect(chain.settled).toEqual([made.id]);
});

test('an epoch that is proposed anew has it again', async () => {
  await claim(made);
  wait();
  await runner.advance();
  nowMs += 31_000;
  await runner.advance();
  expect(await epochs()).toEqual([{ epoch: 1, state: 'abandoned' }]);
  expect(await claimsOf(made)).toEqual([null]);
  await runner.advance();
  expect(await abandonedIn(2)).toEqual([made.id]);
});

test('it is not posted where the reserve is gone, or about to return', async () => {
  await claim(made);
  wait();
  await runner.advance();
  await sign(1);
  nowMs = (EXIT_AT - 29) * 1000;
  await runner.advance();
  expect(await epochs()).toEqual([{ epoch: 1, state: 'abandoned' }]);
  expect(chain.posted.size).toBe(0);
});

test('one that would not be signed is set aside, and holds up nothing else', async () => {
  // Its lock is dearer than the curve: a majority of validators would have been blind.
  await claim(made, { lock: { price: 10n ** 11n } });
  await claim(another);
  wait();
  await runner.advance();
  expect(await epochs()).toEqual([]);
  await runner.advance();
  expect(await abandonedIn(1)).toEqual([another.id]);
  expect([await claimsOf(made), await claimsOf(another)]).toEqual([[null], [1]]);
});

test('beside own orders it has its part of the epoch, and does not take theirs', async () => {
  const own = [];
  for (const k of [1, 2, 3, 4, 5]) own.push(await ownOrder(k));
  await claim(made);
  wait();
  await runner.advance();
  const { trace } = await runner.document(1);
  expect(trace.orders.map(({ id }) => id)).toEqual(own.slice(0, 2));
  expect(trace.abandoned.map(({ id }) => id)).toEqual([made.id]);
  const waiting = await sql.query<{ n: number }>('select count(*)::int as n from orders where epoch is null');
  expect(waiting).toEqual([{ n: 3 }]);
});

test('they are bounded in bytes as own orders are, one at least', async () => {
  for (const of of [made, another]) await claim(of);
  wait();
  const abandoned = async (mostBytes: number) =>
    (await buildTrace(g, 1, [], emptyState(), { mostAbandoned: 9, mostBytes })).abandoned;
  const all = await abandoned(1 << 20);
  expect(all).toHaveLength(2);
  expect(await abandoned(1)).toEqual(all.slice(0, 1));
  expect((await buildTrace(g, 1, [], emptyState(), { mostAbandoned: 1 })).abandoned).toEqual(all.slice(0, 1));
  expect((await buildTrace(g, 1, [], emptyState(), { mostAbandoned: 9, aside: [all[0].id] })).abandoned).toEqual([
    all[1],
  ]);
  expect((await buildTrace(g, 1, [], emptyState())).abandoned).toEqual([]);
});

test('one that another gateway settles is in its epoch here too: nobody is asked about it any more', async () => {
  await claim(made, {}, validators.slice(0, 3));
  await claim(another, {}, validators.slice(0, 2));
  wait();
  await runner.advance();
  const document = await runner.document(1);
  await sql.script('delete from epochs; update claims set epoch = null');
  const askedOf = async () => (await claimDuties(sql, addressOf(validators[3]))).length;
  expect(await askedOf()).toBe(2);
  for (const v of validators.slice(0, 2)) await runner.adoption.offer(addressOf(v), document);
  expect([await claimsOf(made), await claimsOf(another)]).toEqual([[1], [null]]);
  expect(await askedOf()).toBe(1);
  // It came to nothing: then it is settled from here.
  nowMs += 31_000;
  await runner.advance();
  expect(await epochs()).toEqual([{ epoch: 1, state: 'abandoned' }]);
  expect(await claimsOf(made)).toEqual([null]);
  await runner.advance();
  expect(await abandonedIn(2)).toEqual([made.id]);
  expect(await askedOf()).toBe(1);
});
