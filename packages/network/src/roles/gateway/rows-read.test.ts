import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hex } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyState } from '../../scoring/index.js';
import { migrate, openSql, type SqlStore } from '../../store/index.js';
import { putSecret } from './gateway-blobs.js';
import { GATEWAY_DEFAULTS, type GatewayContext } from './gateway-context.js';
import { type GatewayMetrics, measureUnsettled } from './gateway-metrics.js';
import { standingOffers } from './operators.js';
import { EpochRunner } from './run-epochs.js';
import { MIGRATIONS } from './schema.js';
import { readWaiting } from './settlement-room.js';
import { sweep } from './sweep.js';
import { dutiesOf } from './take-verdicts.js';

/** Orders that ended and are settled, each with two blobs and three events; and as many epochs. */
const KEPT = 4_000;
/** In all tables together: those that hold one row for each node, or for each name. */
const FEW = 100;
const nowMs = 1_000_000_000;
const prover: Hex = `0x${'01'.repeat(20)}`;

let directory: string;
let sql: SqlStore;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-rows-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
  await sql.script(`
    insert into operators (address, endpoint, sequence, roles, ask, capacity, rate, seen_ms)
      values ('${prover}', '{}', 1, 1, 1, 4, 1, ${nowMs});
    insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
        budget, created_ms, ended_ms, epoch)
      select 'o' || i, 'r' || i % 50, '{}', 'k', 'f', 'settled', true, 'd', 's', 1, 1, ${nowMs}, ${nowMs} - 60000, i / 100
      from generate_series(1, ${KEPT}) i;
    insert into chunks (order_id, idx, slices, work_units, state, offered_to)
      select 'o' || i, 0, '[0]', 1, 'accepted', '${prover}' from generate_series(1, ${KEPT}) i;
    insert into attempts (order_id, idx, attempt, prover, lock, locked_ms, price, collateral, deadline, work_units,
        outcome, ended_ms)
      select 'o' || i, 0, 0, '${prover}', '{}', 1, 1, 1, 1, 1, 'accepted', 1 from generate_series(1, ${KEPT}) i;
    insert into blobs (digest, kind, bytes, owner, order_id, created_ms)
      select 'b' || i, case when i % 2 = 0 then 'proof' else 'private' end, 1, 'r' || i % 50, 'o' || i / 2, 1
      from generate_series(1, ${2 * KEPT}) i;
    insert into events (topic, kind, data, at_ms)
      select 'order:o' || i % ${KEPT}, 'accepted', '{}', 1 from generate_series(1, ${3 * KEPT}) i;
    insert into fills (order_id, idx, unit_price, seconds, filled, at_ms)
      select 'o' || i, 0, 1, 1, true, ${nowMs} from generate_series(1, ${KEPT}) i;
    insert into epochs (epoch, state, document_digest, root, message, settlement, created_ms)
      select i, 'abandoned', 'e' || i, 'r', '{}', '{}', ${nowMs} from generate_series(1, ${KEPT}) i;
    analyze;
  `);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});

const { root } = emptyState(0);
const g = () =>
  ({
    sql,
    holder: 'this',
    settings: GATEWAY_DEFAULTS,
    blobs: { put: async () => `sha256:${'0'.repeat(64)}`, delete: async () => {} },
    ledger: {
      settlementHead: async () => ({ last: KEPT, next: KEPT + 1, root }),
      epoch: async () => undefined,
      emission: async () => ({ closedAt: 0 }),
      parameters: async () => ({ epochOrdersMax: 500n }),
      validators: async () => [],
      stakeOf: async () => ({ active: 1n }),
    },
    provers: async () => ({ failureWindowSeconds: 3_600 }),
    timing: async () => ({ epochSeconds: 10, exitMarginSeconds: 10 }),
    nowMs: () => nowMs,
  }) as unknown as GatewayContext;

const gauge = { set() {} };
const gauges = { unsettledOrders: gauge, unsettledSeconds: gauge } as unknown as GatewayMetrics;

/** Rows that were read one after another, not by an index, in all tables. */
async function rowsRead(work: () => Promise<unknown>): Promise<number> {
  const read = async () => {
    const [{ rows }] = await sql.query<{ rows: number }>(
      'select sum(seq_tup_read)::bigint as rows from pg_stat_user_tables',
    );
    return rows;
  };
  await sql.query('select pg_stat_force_next_flush()');
  const before = await read();
  await work();
  await sql.query('select pg_stat_force_next_flush()');
  return (await read()) - before;
}

test.each<[string, () => Promise<unknown>]>([
  ['settling, each second', () => new EpochRunner(g()).advance()],
  ['what a validator has to do', () => dutiesOf(g(), prover)],
  ['what provers can take, with each offer', () => standingOffers(g())],
  [
    'an input, with each order',
    () => putSecret(g(), `0x${'05'.repeat(32)}`, `0x${'07'.repeat(20)}`, new Uint8Array(3)),
  ],
  ['forgetting, where nothing is old enough', () => sweep(g())],
  ['how far settlement is behind', () => measureUnsettled(sql, gauges, nowMs)],
  ['whether settlement is so far behind that nothing is taken', () => readWaiting(sql)],
])('%s: does not read all that is kept', async (_, work) => {
  expect(await rowsRead(work)).toBeLessThan(FEW);
});

test('rows that are read one after another are counted', async () => {
  expect(await rowsRead(() => sql.query('select count(secret) from orders'))).toBe(KEPT);
});

test('what waits for settlement is told: in no epoch, or in one that is open', async () => {
  const told = async () => {
    const values: number[] = [];
    const gauge = { set: (value: number) => void values.push(value) };
    await measureUnsettled(
      sql,
      { unsettledOrders: gauge, unsettledSeconds: gauge } as unknown as GatewayMetrics,
      nowMs,
    );
    return values;
  };
  expect(await told()).toEqual([0, 0]);
  const order = (id: string, state: string, reserved: boolean, endedMs: number | null, epoch: number | null) =>
    sql.execute(
      `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
         budget, created_ms, ended_ms, epoch) values ($1, 'r', '{}', 'k', 'f', $2, $3, 'd', 's', 1, 1, 1, $4, $5)`,
      [id, state, reserved, endedMs, epoch],
    );
  await order('waits', 'delivered', true, nowMs - 5_000, null);
  await order('returned', 'failed', false, nowMs - 9_000, null);
  await order('runs', 'running', true, null, null);
  expect(await told()).toEqual([1, 5]);
  await sql.execute(
    `insert into epochs (epoch, state, document_digest, root, message, settlement, created_ms)
     values ($1, 'posted', 'd', 'r', '{}', '{}', 1)`,
    [KEPT + 1],
  );
  await order('posted', 'delivered', true, nowMs - 8_000, KEPT + 1);
  expect(await told()).toEqual([2, 8]);
});
