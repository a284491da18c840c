import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parameterDefault } from '@dsperse/contracts';
import { type Hex, numberToHex, pad } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { hashMessage, type NetworkId, type Order, signMessage, toJson } from '../../messages/index.js';
import { json, migrate, openSql, type SqlStore } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import { TRACE_BYTES } from './build-trace.js';
import type { GatewayContext } from './gateway-context.js';
import { quoteFor } from './order-answers.js';
import { MIGRATIONS } from './schema.js';
import { epochsInTime, hasRoom, noteTraceBytes, readWaiting, SettlementRoom } from './settlement-room.js';
import { submitOrder } from './submit-order.js';

/** Two epochs are posted while a reserve is safe: of two orders each, and two that were abandoned. */
const TERMS = {
  ...{ epochOrdersMax: 4n, epochSeconds: 100n, challengeSeconds: 50n, collectSecondsMax: 10n },
  ...{ exitSeconds: 900n, cancelSeconds: 270n, exitMarginSeconds: 30n },
};
const MOST = 4;
const word = (k: number): Hex => pad(numberToHex(k), { size: 32 });
const [requester, gateway] = [1, 2].map((k) => privateKeyToAccount(word(k)));
const network: NetworkId = { chainId: 1, market: `0x${'11'.repeat(20)}`, settlement: `0x${'22'.repeat(20)}` };

let directory: string;
let sql: SqlStore;
let nowMs = 1_000_000;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-settlement-room-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => sql.script('delete from orders; delete from epochs'));

const said: string[] = [];
const log = {
  debug() {},
  info: (_: object, m: string) => said.push(m),
  warn: (_: object, m: string) => said.push(m),
  error() {},
};
const roomOn = () =>
  new SettlementRoom({ sql, ledger: { parameters: async () => TERMS } as never, log, nowMs: () => nowMs });
/** Whether it has room, as counted anew. */
async function takes(room: SettlementRoom): Promise<boolean> {
  nowMs += 10_000;
  return room.require().then(
    () => true,
    (error) => {
      expect(error).toBeInstanceOf(Refusal);
      expect(error).toMatchObject({
        status: 429,
        code: 'settlement-behind',
        hint: expect.stringContaining('another gateway'),
      });
      expect(error.options.retryAfterSeconds).toBeGreaterThan(0);
      return false;
    },
  );
}

const order = (
  id: string,
  state: string,
  row: { endedMs?: number; epoch?: number; bytes?: number; reserved?: boolean } = {},
) =>
  sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
       budget, created_ms, ended_ms, epoch, trace_bytes) values ($1, 'r', '{}', 'k', 'f', $2, $3, 'd', 's', 1, 1, 1, $4, $5, $6)`,
    [id, state, row.reserved ?? true, row.endedMs ?? null, row.epoch ?? null, row.bytes ?? null],
  );
const epoch = (number: number, state: string) =>
  sql.execute(
    `insert into epochs (epoch, state, document_digest, root, message, settlement, created_ms)
     values ($1, $2, 'd', 'r', '{}', '{}', 1) on conflict (epoch) do update set state = excluded.state`,
    [number, state],
  );

test('as many epochs as are posted before the first reserve can be taken back; one at least', () => {
  expect(epochsInTime(TERMS)).toBe(2);
  // 270 s are too short by one second for a third of 80 s.
  expect(epochsInTime({ ...TERMS, epochSeconds: 70n })).toBe(3);
  expect(epochsInTime({ ...TERMS, epochSeconds: 71n })).toBe(2);
  expect(epochsInTime({ ...TERMS, challengeSeconds: 111n })).toBe(1);
  expect(epochsInTime({ ...TERMS, exitSeconds: 149n })).toBe(1);
  expect(epochsInTime({ ...TERMS, cancelSeconds: 10n })).toBe(1);
});

test('with the parameters that networks start with, three days of orders may wait', () => {
  const usual = Object.fromEntries(
    (Object.keys(TERMS) as (keyof typeof TERMS)[]).map((name) => [name, parameterDefault(name)]),
  ) as typeof TERMS;
  expect(epochsInTime(usual)).toBe(3);
});

test('orders that are open count, by number and by the size of those that ended', () => {
  expect(hasRoom({ open: 1, ended: 2, bytes: 0 }, 2, 4)).toBe(true);
  expect(hasRoom({ open: 2, ended: 2, bytes: 0 }, 2, 4)).toBe(false);
  expect(hasRoom({ open: 0, ended: 3 * 9_800 - 1, bytes: 0 }, 3, 10_000)).toBe(true);
  expect(hasRoom({ open: 0, ended: 3 * 9_800, bytes: 0 }, 3, 10_000)).toBe(false);
  const half = TRACE_BYTES / 2;
  expect(hasRoom({ open: 1, ended: 2, bytes: 2 * half }, 2, 100)).toBe(true);
  expect(hasRoom({ open: 2, ended: 2, bytes: 2 * half }, 2, 100)).toBe(false);
  expect(hasRoom({ open: 0, ended: 2, bytes: 4 * half }, 2, 100)).toBe(false);
});

test('orders are refused while more wait than epochs take in time, and taken again once they are in one', async () => {
  const room = roomOn();
  const other = roomOn();
  for (let k = 0; k < MOST; k++) {
    expect(await takes(room), `${k} wait`).toBe(true);
    await order(`waits ${k}`, 'delivered', { endedMs: 1_000 + k });
  }
  said.length = 0;
  expect([await takes(room), await takes(other)]).toEqual([false, false]);
  expect(await takes(room)).toBe(false);
  expect(said).toHaveLength(2);
  expect(said[0]).toContain('behind');
  // One that was proposed may come back until it is posted.
  await epoch(1, 'collecting');
  await sql.execute(`update orders set epoch = 1 where id in ('waits 0', 'waits 1')`);
  expect(await takes(room)).toBe(false);
  await epoch(1, 'posted');
  expect([await takes(room), await takes(other)]).toEqual([true, true]);
  expect(said[2]).toContain('caught up');
});

test('an order that is open takes a place; one whose reserve went back does not', async () => {
  const room = roomOn();
  for (let k = 0; k < 20; k++) await order(`back ${k}`, 'failed', { endedMs: 1, reserved: false });
  for (const state of ['received', 'reserved', 'running']) await order(state, state);
  expect(await takes(room)).toBe(true);
  await order('last', 'delivered', { endedMs: 2 });
  expect(await takes(room)).toBe(false);
});

test('few orders are too many where their messages fill the epochs', async () => {
  const room = roomOn();
  await order('large', 'delivered', { endedMs: 1, bytes: 2 * TRACE_BYTES - 1 });
  expect(await takes(room)).toBe(true);
  await order('small', 'delivered', { endedMs: 2, bytes: 1 });
  expect(await takes(room)).toBe(false);
});

test('what was taken since the last count is counted', async () => {
  const room = roomOn();
  expect(await takes(room)).toBe(true);
  for (let k = 0; k < MOST; k++) {
    await expect(room.require()).resolves.toBeUndefined();
    room.noteTaken();
  }
  await expect(room.require()).rejects.toMatchObject({ code: 'settlement-behind' });
});

const signedOrder = async (salt: number) => {
  const message: Order = {
    ...{ requester: requester.address.toLowerCase() as Hex, gateway: gateway.address, fingerprint: word(10) },
    ...{ inputCommitment: word(11), priceMin: 1n, priceMax: 2n, rampSeconds: 1, budget: 100n, deadline: 5_000 },
    salt: word(salt),
  };
  return {
    id: hashMessage(network, 'Order', message),
    signed: await signMessage(requester, network, 'Order', message),
  };
};

test('an order and a quote are refused by it; of an order that was taken before the id is said', async () => {
  const room = roomOn();
  const g = {
    ...{ sql, network, log, identity: { account: gateway }, nowMs: () => nowMs },
    requireRoom: async () => {},
    requireSettlement: () => room.require(),
  } as unknown as GatewayContext;
  const terms = { fingerprint: word(10).slice(2), priceMin: 1n, priceMax: 2n, rampSeconds: 1, deadlineSeconds: 60 };
  const [known, fresh] = [await signedOrder(1), await signedOrder(2)];
  const submit = ({ signed }: typeof fresh) =>
    submitOrder(g, signed.message.requester, { order: signed, replyKey: word(3), input: '' } as never);
  // Not behind: it goes on to the program, which nobody published.
  await expect(submit(fresh)).rejects.toMatchObject({ code: 'unknown-program' });
  for (let k = 0; k < MOST; k++) await order(`waits ${k}`, 'delivered', { endedMs: 1_000 + k });
  await order(known.id, 'running');
  nowMs += 10_000;
  await expect(submit(fresh)).rejects.toMatchObject({ code: 'settlement-behind' });
  expect(await submit(known)).toBe(known.id);
  await expect(quoteFor(g, terms)).rejects.toMatchObject({ code: 'settlement-behind' });
});

test('the bytes of an order are those of what is signed in it', async () => {
  const { id, signed } = await signedOrder(4);
  await order(id, 'delivered', { endedMs: 1 });
  await sql.execute('update orders set signed = $2 where id = $1', [id, json(toJson(signed))]);
  const bytes = async () => {
    await noteTraceBytes(sql, id);
    return (await readWaiting(sql)).bytes;
  };
  const alone = await bytes();
  expect(alone).toBeGreaterThanOrEqual(JSON.stringify(toJson(signed)).length);
  await sql.execute(
    `insert into attempts (order_id, idx, attempt, prover, lock, locked_ms, price, collateral, deadline, work_units, delivery)
     values ($1, 0, 0, 'p', $2, 1, 1, 1, 1, 1, $3)`,
    [id, json({ x: 'l'.repeat(1_000) }), json({ receipt: 'r'.repeat(500), proof: 'p', statement: 's'.repeat(50_000) })],
  );
  await sql.execute(`insert into commits (order_id, idx, attempt, validator, signed) values ($1, 0, 0, 'v', $2)`, [
    id,
    json({ x: 'c'.repeat(300) }),
  ]);
  await sql.execute(
    `insert into verdicts (order_id, idx, attempt, validator, accepted, signed) values ($1, 0, 0, 'v', true, $2)`,
    [id, json({ x: 'v'.repeat(400) })],
  );
  const added = (await bytes()) - alone;
  expect(added).toBeGreaterThanOrEqual(2_200);
  expect(added).toBeLessThan(2_300);
});
