import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyState } from '../../scoring/index.js';
import { json, migrate, openSql, type SqlStore } from '../../store/index.js';
import { OrderRunner } from './advance-order.js';
import { buildTrace } from './build-trace.js';
import type { GatewayContext } from './gateway-context.js';
import { loadAttempts } from './order-rows.js';
import { beat, startBeats, wasAway } from './outages.js';
import { MIGRATIONS } from './schema.js';

let directory: string;
let sql: SqlStore;
let now = 1_000_000;
const prover = `0x${'55'.repeat(20)}`;
const g = {
  get sql() {
    return sql;
  },
  holder: 'here',
  identity: { account: privateKeyToAccount(`0x${'67'.repeat(32)}`) },
  network: { chainId: 1, market: prover, settlement: prover },
  log: { warn() {}, info() {}, debug() {} },
  metrics: { attempts: { inc() {} }, orders: { inc() {} } },
  settings: { tickMs: 1_000, silenceMs: 1_000, offerMs: 1_000 },
  ledger: {
    order: async () => ({ state: 'reserved' }),
    validators: async () => [],
    electorate: async () => [],
    committeeSeats: async () => 64,
    stakeOf: async () => ({ owner: prover, active: 0n, toPool: false }),
    parameters: async () => ({ canaryBps: 0n }),
  },
  policy: async () => ({}),
  timing: async () => ({ lockGraceSeconds: 1, judgingGraceSeconds: 15, commitSeconds: 1 }),
  provers: async () => ({ failureWindowSeconds: 60, restSeconds: 5 }),
  nowMs: () => now,
} as unknown as GatewayContext;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-outages-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});

test('a gateway that is there makes no outage; one that comes back does, of the time between', async () => {
  for (; now < 1_020_000; now += 5_000) await beat(g);
  expect(await wasAway(g, 0, 2_000_000)).toBe(false);
  const left = now - 5_000;
  now = 1_060_000;
  await beat(g);
  expect(await wasAway(g, left + 1, left + 2)).toBe(true);
  expect(await wasAway(g, 0, left)).toBe(false);
  expect(await wasAway(g, now, now + 60_000)).toBe(false);
  // Another gateway, whose clock is behind, takes nothing back.
  now -= 4_000;
  await beat({ ...g, holder: 'there', sql } as GatewayContext);
  now += 9_000;
  await beat(g);
  expect(await wasAway(g, 1_060_000, now + 1)).toBe(false);
});

test('an outage that is not over is one', async () => {
  await beat(g);
  const last = now;
  now += 10_000;
  expect(await wasAway(g, last - 1_000, now)).toBe(false);
  now += 1;
  expect(await wasAway(g, last - 1_000, now)).toBe(true);
  // Not for what was over before it began.
  expect(await wasAway(g, last - 1_000, last)).toBe(false);
  now = last;
});

test('a gateway beats by itself, whatever else it waits for, and again after its database was away', async () => {
  let refused = 0;
  let isAway = true;
  const store = {
    transaction: (work: never) => (isAway ? Promise.reject(new Error(`away ${++refused}`)) : sql.transaction(work)),
  };
  const before = now;
  now += 5_000;
  const stop = await startBeats({ ...g, sql: store, nowMs: () => now } as unknown as GatewayContext);
  const seen = async () =>
    (await sql.query<{ until_ms: number }>(`select until_ms from leases where name = 'there'`))[0];
  expect([refused, (await seen()).until_ms]).toEqual([1, before]);
  isAway = false;
  await expect.poll(async () => (await seen()).until_ms, { timeout: 5_000 }).toBe(now);
  await stop();
});

const id = `0x${'77'.repeat(32)}`;
const signature = `0x${'00'.repeat(65)}`;
const order = {
  message: {
    requester: `0x${'66'.repeat(20)}`,
    gateway: `0x${'67'.repeat(20)}`,
    fingerprint: `0x${'44'.repeat(32)}`,
    inputCommitment: `0x${'33'.repeat(32)}`,
    priceMin: '1',
    priceMax: '1',
    rampSeconds: 1,
    budget: '9',
    deadline: 9_000,
    salt: `0x${'22'.repeat(32)}`,
  },
  signature,
};

async function lockedChunk(index: number, lockedMs: number, deadline: number): Promise<void> {
  const lock = {
    message: { order: id, chunk: index, attempt: 0, prover, price: '1', collateral: '1', deadline },
    signature,
  };
  await sql.execute(
    `insert into chunks (order_id, idx, slices, work_units, state, offered_to) values ($1, $2, '[0]', 1, 'locked', $3)`,
    [id, index, prover],
  );
  await sql.execute(
    `insert into attempts (order_id, idx, attempt, prover, lock, locked_ms, price, collateral, deadline, work_units)
     values ($1, $2, 0, $3, $4, $5, 1, 1, $6, 1)`,
    [id, index, prover, json(lock), lockedMs, deadline],
  );
}

test('a lock whose time an outage took a part of is not missed, and its trace says so; another is', async () => {
  now = 2_000_000;
  await beat(g);
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
       budget, created_ms, started_at, manifest, seal)
     values ($1, 'r', $2, 'k', 'f', 'running', true, 'd', 's', 9000, 9, 1, 1900, '{"commitments":{}}', '{}')`,
    [id, json(order)],
  );
  await lockedChunk(0, 1_985_000, 2_010);
  await lockedChunk(1, 2_001_000, 2_010);
  now = 2_060_000;
  await beat(g);
  await lockedChunk(2, 2_060_000, 2_062);
  for (; now < 2_066_000; now += 1_000) await beat(g);
  await new OrderRunner(g, {} as never).advance(id as never);
  const attempts = await loadAttempts(sql, id as never);
  expect(attempts.map((a) => [a.outcome, a.excused])).toEqual([
    ['ended', true],
    ['ended', true],
    ['missed', false],
  ]);
  await sql.execute(`update orders set state = 'expired', ended_ms = $2 where id = $1`, [id, now]);
  const { orders } = await buildTrace(g, 1, [id as never], emptyState());
  expect(orders[0].chunks.map((c) => c.attempts[0].excused)).toEqual([true, true, undefined]);
});
