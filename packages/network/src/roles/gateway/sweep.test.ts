import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, openSql, type SqlStore } from '../../store/index.js';
import { GATEWAY_DEFAULTS, type GatewayContext } from './gateway-context.js';
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
