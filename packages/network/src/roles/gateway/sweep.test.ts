import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, openSql, type SqlStore } from '../../store/index.js';
import { GATEWAY_DEFAULTS, type GatewayContext } from './gateway-context.js';
import { measureTables } from './gateway-metrics.js';
import { MIGRATIONS } from './schema.js';
import { sweep } from './sweep.js';

let directory: string;
let sql: SqlStore;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-sweep-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});

test('the room of nonces that have expired is used again', async () => {
  const g = { sql, settings: GATEWAY_DEFAULTS, nowMs: () => 2_000 } as unknown as GatewayContext;
  const sizes: number[] = [];
  for (let round = 0; round < 6; round++) {
    await sql.execute(
      `insert into nonces select 'sender', md5($1::text || i::text), $2 from generate_series(1, 3000) i`,
      [String(round), round === 5 ? 3_000 : 1_000],
    );
    await sweep(g);
    const [{ bytes }] = await sql.query<{ bytes: number }>(`select pg_relation_size('nonces')::bigint as bytes`);
    sizes.push(bytes);
  }
  expect(sizes[4]).toBeLessThanOrEqual(sizes[1]);
  const [{ left }] = await sql.query<{ left: number }>('select count(*)::int as left from nonces');
  expect(left).toBe(3_000);
}, 120_000);

test('the room of the database’s log is used again', async () => {
  const g = { sql, settings: GATEWAY_DEFAULTS, nowMs: () => 2_000 } as unknown as GatewayContext;
  const segments: number[] = [];
  for (let round = 0; round < 4; round++) {
    // About two segments of log each time.
    for (let i = 0; i < 4; i++) {
      await sql.execute(
        `insert into nonces select 'log', repeat(md5(i::text), 40) || $1, 1000 from generate_series(1, 5000) i`,
        [`${round} ${i}`],
      );
    }
    await sweep(g);
    const [{ n }] = await sql.query<{ n: number }>('select count(*)::int as n from pg_ls_waldir()');
    segments.push(n);
  }
  expect(segments[3]).toBeLessThanOrEqual(segments[1] + 1);
}, 120_000);

const order = (id: string, state: string, reserved: boolean, endedMs: number | null) =>
  sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
       budget, created_ms, ended_ms) values ($1, 'r', '{}', 'k', 'f', $2, $3, 'd', 's', 1, 1, 1, $4)`,
    [id, state, reserved, endedMs],
  );

test('an order is forgotten with its blobs and events once it is settled and old, and no other is', async () => {
  const deleted: string[] = [];
  const blobs = { delete: async (digest: string) => void deleted.push(digest) };
  const settings = { ...GATEWAY_DEFAULTS, retainMs: 1_000 };
  const g = { sql, blobs, settings, nowMs: () => 10_000 } as unknown as GatewayContext;
  for (let i = 0; i < 1_200; i++) await order(`old${i}`, 'settled', true, 5);
  await order('unsettled', 'delivered', true, 5);
  await order('fresh', 'settled', true, 9_500);
  await order('open', 'running', true, null);
  for (const id of ['old7', 'unsettled', 'fresh', 'open']) {
    await sql.execute(`insert into events (topic, kind, data, at_ms) values ($1, 'accepted', '{}', 5)`, [
      `order:${id}`,
    ]);
    await sql.execute(
      `insert into blobs (digest, kind, bytes, owner, order_id, created_ms) values ($1, 'proof', 1, 'o', $2, 5)`,
      [`proof of ${id}`, id],
    );
  }
  await sql.execute(`insert into events (topic, kind, data, at_ms) values ('validators', 'verify', '{}', 5)`);
  await sweep(g);
  const left = async (text: string) => (await sql.query<{ x: string }>(text)).map((r) => r.x);
  expect(await left('select id as x from orders order by id')).toEqual(['fresh', 'open', 'unsettled']);
  expect(await left('select topic as x from events order by topic')).toEqual([
    'order:fresh',
    'order:open',
    'order:unsettled',
  ]);
  expect(deleted).toEqual(['proof of old7']);
});

test('proposals that came to nothing are forgotten once a later epoch is settled; their numbers are not given again', async () => {
  const deleted: string[] = [];
  const blobs = { delete: async (digest: string) => void deleted.push(digest) };
  const day = 24 * 3_600_000;
  const g = { sql, blobs, settings: GATEWAY_DEFAULTS, nowMs: () => 100 * day } as unknown as GatewayContext;
  const epoch = (n: number, state: string, createdMs: number) =>
    sql.query(
      `with e as (insert into epochs (epoch, state, document_digest, root, message, settlement, created_ms)
         values ($1, $2, $3, 'r', '{}', '{}', $4))
       insert into blobs (digest, kind, bytes, owner, created_ms) values ($3, 'private', 1, 'o', 1)`,
      [n, state, `trace ${n}`, createdMs],
    );
  await epoch(1, 'settled', 1);
  await epoch(2, 'abandoned', 99 * day);
  await epoch(3, 'settled', 99 * day);
  await epoch(4, 'abandoned', 99 * day);
  await sweep(g);
  const rows = await sql.query<{ epoch: number }>('select epoch from epochs order by epoch');
  // The leaves of the last that were settled stay: claims are made on them.
  expect(rows.map((r) => r.epoch)).toEqual([1, 3, 4]);
  expect(deleted.filter((d) => d.startsWith('trace')).sort()).toEqual(['trace 1', 'trace 2']);
  for (const table of [
    'epoch_refusals (epoch, validator, order_id)',
    'epoch_appeals (epoch, validator, order_id, idx, attempt)',
  ]) {
    const more = table.startsWith('epoch_appeals') ? ', 0, 0' : '';
    await sql.script(`insert into ${table} values (9, 'v', 'o'${more}), (11, 'v', 'o'${more})`);
  }
  await epoch(11, 'settled', 99 * day);
  await sweep(g);
  const left = async (table: string) =>
    (await sql.query<{ epoch: number }>(`select epoch from ${table} order by epoch`)).map((r) => r.epoch);
  expect(await left('epochs')).toEqual([3, 11]);
  expect(await left('epoch_refusals')).toEqual([11]);
  expect(await left('epoch_appeals')).toEqual([11]);
});

test('of chunks that were filled long ago, or before many others, nothing stays', async () => {
  const g = { sql, settings: GATEWAY_DEFAULTS, nowMs: () => 2_000 } as unknown as GatewayContext;
  const fill = (first: number, last: number) =>
    sql.execute(
      `insert into fills (order_id, idx, unit_price, seconds, filled, at_ms)
       select 'o' || i, 0, 1, 1, true, i from generate_series($1::int, $2::int) i`,
      [first, last],
    );
  const kept = async () =>
    (await sql.query('select count(*)::int as n, min(at_ms) as first, max(at_ms) as last from fills'))[0];
  await fill(1, 1_500);
  await sweep(g);
  expect(await kept()).toEqual({ n: 1_500, first: 1, last: 1_500 });
  await fill(1_501, 5_000);
  await sweep(g);
  const { n, first, last } = (await kept()) as { n: number; first: number; last: number };
  // Quotes are made of a thousand.
  expect(n).toBeGreaterThan(1_000);
  expect(n).toBeLessThan(2_500);
  expect([first, last]).toEqual([5_001 - n, 5_000]);
  await sweep({ ...g, nowMs: () => 31 * 24 * 3_600_000 } as GatewayContext);
  expect(await kept()).toEqual({ n: 0, first: null, last: null });
}, 120_000);

test('what the database notes of its own tables takes no more room with each sweep', async () => {
  const g = { sql, settings: GATEWAY_DEFAULTS, nowMs: () => 2_000 } as unknown as GatewayContext;
  const sizes: number[] = [];
  for (let round = 0; round < 24; round++) {
    await sql.script(`
      delete from events where topic like 'noted %';
      insert into events (topic, kind, data, at_ms)
        select 'noted ' || repeat(md5((i + ${round})::text), 4), md5(i::text), jsonb_build_object('a', md5(i::text)), 10000
        from generate_series(1, 1000) i;`);
    await sweep(g);
    sizes.push((await tableSizes()).get('catalog') as number);
  }
  await sql.script(`delete from events where topic like 'noted %'`);
  expect(sizes[23]).toBeLessThanOrEqual(sizes[7] + 16_384);
}, 120_000);

async function tableSizes(): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const rows = { set() {} };
  const bytes = { set: ({ table }: { table: string }, size: number) => void sizes.set(table, size) };
  await measureTables(sql, { tableRows: rows, tableBytes: bytes } as never);
  return sizes;
}

test('every table is told, and the room of passed offers is used again', async () => {
  const g = {
    sql,
    settings: { ...GATEWAY_DEFAULTS, retainMs: 1_000 },
    blobs: {},
    nowMs: () => 10_000,
  } as unknown as GatewayContext;
  const sizes: number[] = [];
  for (let round = 0; round < 5; round++) {
    await order(`passed${round}`, 'settled', true, 5);
    await sql.execute(`insert into passes select $1, i, 0, 'prover' || i from generate_series(1, 3000) i`, [
      `passed${round}`,
    ]);
    await sweep(g);
    sizes.push((await tableSizes()).get('passes') as number);
  }
  expect(sizes[4]).toBeLessThanOrEqual(sizes[1]);
  expect([...(await tableSizes()).keys()]).toEqual(expect.arrayContaining(['orders', 'events', 'epochs', 'catalog']));
}, 120_000);

test('a reserve that was mined after its order had ended is settled with it; what cannot be is left', async () => {
  const now = 50_000_000;
  const chain: Record<string, { state: string; exitAt: number }> = {
    late: { state: 'reserved', exitAt: now },
    leaving: { state: 'reserved', exitAt: now / 1000 + 60 },
    never: { state: 'none', exitAt: 0 },
    ended: { state: 'exited', exitAt: 0 },
  };
  for (const id of Object.keys(chain)) await order(id, 'expired', false, now - 1_000);
  await order('long-ago', 'expired', false, now - 3_600_000);
  const asked: string[] = [];
  const ledger = {
    order: async (id: string) => {
      asked.push(id);
      return chain[id];
    },
  };
  const log = { warn() {} };
  await sweep({ sql, ledger, log, settings: GATEWAY_DEFAULTS, nowMs: () => now } as unknown as GatewayContext);
  expect(asked.sort()).toEqual(Object.keys(chain).sort());
  const rows = await sql.query<{ id: string }>('select id from orders where reserved and ended_ms = $1', [now - 1_000]);
  expect(rows).toEqual([{ id: 'late' }]);
});
