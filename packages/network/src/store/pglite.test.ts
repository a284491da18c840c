import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sqlSuite } from '../../../../tests/stores/sql-suite.js';
import { openSql } from './open-sql.js';
import { openPglite } from './pglite.js';
import type { SqlStore } from './sql.js';

const directory = await mkdtemp(join(tmpdir(), 'dsperse-pglite-'));
afterAll(() => rm(directory, { recursive: true, force: true }));

sqlSuite('PGlite', () => openPglite({ directory: join(directory, 'suite') }), false);

it('refuses a second opener and takes over what a dead process left', async () => {
  const at = join(directory, 'twice');
  const store = await openSql({ directory: at });
  await store.script('create table kept (a int); insert into kept values (7)');
  await expect(openPglite({ directory: at })).rejects.toMatchObject({
    name: 'InputError',
    code: 'in-use',
    message: expect.stringContaining('this process'),
  });
  await store.close();
  await writeFile(join(at, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1', place: '', token: 'x' }));
  await expect(openPglite({ directory: at })).rejects.toMatchObject({ code: 'in-use' });
  // Cut off by a power failure: nobody's.
  await writeFile(join(at, 'lock'), '{"pid":');
  const again = await openPglite({ directory: at });
  expect(await again.query('select a from kept')).toEqual([{ a: 7 }]);
  await again.close();
});

it('refuses a URL that is no PostgreSQL', async () => {
  await expect(openSql({ url: 'mysql://x', directory })).rejects.toMatchObject({ code: 'bad-database-url' });
});

describe('statements that PGlite knows', () => {
  const opened = async (work: (sql: SqlStore) => Promise<void>) => {
    const directory = await mkdtemp(join(tmpdir(), 'dsperse-statements-'));
    const sql = await openPglite({ directory });
    try {
      await work(sql);
    } finally {
      await sql.close();
      await rm(directory, { recursive: true, force: true });
    }
  };

  it(
    'see tables as they are after they were changed, by a script or a statement',
    () =>
      opened(async (sql) => {
        await sql.script(`create table t (a integer); insert into t values (1)`);
        expect(await sql.query('select * from t')).toEqual([{ a: 1 }]);
        await sql.script(`alter table t add column b text default 'x'`);
        expect(await sql.query('select * from t')).toEqual([{ a: 1, b: 'x' }]);
        await sql.execute('alter table t drop column a');
        expect(await sql.query('select * from t')).toEqual([{ b: 'x' }]);
      }),
    60_000,
  );

  it(
    'are asked again after they failed, and more of them than are kept',
    () =>
      opened(async (sql) => {
        await sql.script('create table t (a integer primary key)');
        for (let i = 0; i < 2; i++) {
          expect(await sql.execute('insert into t values ($1)', [i])).toBe(1);
          await expect(sql.execute('insert into t values ($1)', [i])).rejects.toMatchObject({ code: '23505' });
          await expect(sql.query('select x from t')).rejects.toMatchObject({ code: '42703' });
        }
        for (let i = 0; i < 600; i++) {
          expect(await sql.query(`select a + ${i % 300} as sum from t where a = $1`, [1])).toEqual([
            { sum: 1 + (i % 300) },
          ]);
        }
        const [{ kept }] = await sql.query<{ kept: number }>(
          'select count(*)::int as kept from pg_prepared_statements',
        );
        expect(kept).toBeLessThan(300);
        await sql.script('alter table t add column b integer');
        await sql.query('select a from t');
        const [{ left }] = await sql.query<{ left: number }>(
          'select count(*)::int as left from pg_prepared_statements',
        );
        expect(left).toBeLessThan(5);
      }),
    60_000,
  );
});
