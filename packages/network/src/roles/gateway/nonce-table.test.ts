import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, openSql, type SqlStore } from '../../store/index.js';
import { NonceTable } from './nonce-table.js';
import { MIGRATIONS } from './schema.js';

let directory: string;
let sql: SqlStore;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-nonces-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 60_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});

test('a nonce counts once, also where requests come together', async () => {
  const table = new NonceTable(sql);
  const [a, b] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`] as const;
  const n = (i: number) => `0x${String(i).padStart(64, '0')}` as const;
  const first = table.use(a, n(0), 100);
  const together = [table.use(a, n(1), 100), table.use(a, n(1), 100), table.use(b, n(1), 100), table.use(a, n(0), 100)];
  expect(await first).toBe(true);
  expect(await Promise.all(together)).toEqual([true, false, true, false]);
  expect(await table.use(a.toUpperCase().replace('X', 'x') as `0x${string}`, n(1), 100)).toBe(false);
  expect(await new NonceTable(sql).use(b, n(1), 100)).toBe(false);
});
