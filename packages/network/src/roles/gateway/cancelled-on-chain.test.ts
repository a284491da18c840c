import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, openSql, type SqlStore } from '../../store/index.js';
import { OrderRunner } from './advance-order.js';
import { GATEWAY_DEFAULTS, type GatewayContext } from './gateway-context.js';
import { MIGRATIONS } from './schema.js';

let directory: string;
let sql: SqlStore;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-cancelled-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});

const id = `0x${'77'.repeat(32)}` as const;

test('an order that its requester cancelled on the chain ends: its reserve can be taken back before its deadline', async () => {
  let cancelRequested = false;
  let nowMs = 2_000_000;
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const g = {
    ...{ sql, log, holder: 'here', settings: GATEWAY_DEFAULTS, nowMs: () => nowMs },
    timing: async () => ({ lockGraceSeconds: 1, judgingGraceSeconds: 1, verifySeconds: 1 }),
    policy: async () => ({}),
    ledger: { order: async () => ({ state: 'reserved', cancelRequested }) },
    metrics: { orders: { inc() {} } },
  } as unknown as GatewayContext;
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
       budget, created_ms, started_at, manifest, seal)
     values ($1, 'r', '{}', 'k', 'f', 'running', true, 'd', 's', 900000, 9, 1, 1900, '{"commitments":{}}', '{}')`,
    [id],
  );
  await sql.execute(
    `insert into chunks (order_id, idx, slices, work_units, state) values ($1, 0, '[0]', 1, 'accepted'), ($1, 1, '[1]', 1, 'proven')`,
    [id],
  );
  const runner = new OrderRunner(g, {} as never);
  const state = async () => {
    nowMs += 6_000;
    await runner.advance(id);
    await runner.advance(id);
    const [row] = await sql.query<{ state: string }>('select state from orders where id = $1', [id]);
    return row.state;
  };
  expect(await state()).toBe('running');
  cancelRequested = true;
  // What is held is waited for.
  expect(await state()).toBe('running');
  await sql.execute(`update chunks set state = 'waiting', boundary_digest = null where idx = 1`);
  expect(await state()).toBe('cancelled');
});
