import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlSuite } from '../../../../tests/stores/sql-suite.js';
import { findPostgres, startPostgres, type TestPostgres } from '../../../../tests/stores/start-postgres.js';
import { openPostgres } from './postgres.js';
import { StoreError } from './store-error.js';

const found = await findPostgres();
const reason = 'reason' in found ? found.reason : '';

describe.skipIf(reason !== '')(`PostgreSQL${reason && ` (skipped: ${reason})`}`, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    if ('bin' in found) server = await startPostgres(found.bin);
  });
  afterAll(() => server?.remove());

  sqlSuite('PostgreSQL', () => openPostgres({ url: server.url }), true);

  it('ends a statement that takes too long', async () => {
    const store = await openPostgres({ url: server.url, statementTimeoutMs: 200 });
    await expect(store.query('select pg_sleep(5)')).rejects.toMatchObject({ code: '57014', retryable: true });
    const [{ long }] = await store.transaction(
      (tx) => tx.query<{ long: string }>(`select pg_sleep(0.4)::text as long`),
      {
        statementTimeoutMs: 3000,
      },
    );
    expect(long).toBe('');
    await store.close();
  });

  it('fails retryably while the server is away, and recovers', async () => {
    const store = await openPostgres({ url: server.url, connectTimeoutMs: 1000 });
    await store.script('create table load (id bigint primary key)');
    let gaps = 0;
    const heard: string[] = [];
    await store.listen(
      'load',
      (payload) => heard.push(payload),
      () => gaps++,
    );
    const acknowledged: number[] = [];
    const wrong: unknown[] = [];
    let failures = 0;
    let next = 0;
    let loading = true;
    const worker = async () => {
      while (loading) {
        const id = next++;
        try {
          if (id % 2) await store.execute('insert into load values ($1)', [id]);
          else
            await store.transaction(async (tx) => {
              await tx.query('select count(*) from load where id = $1', [id]);
              await new Promise((done) => setTimeout(done, 1));
              await tx.execute('insert into load values ($1)', [id]);
            });
          acknowledged.push(id);
        } catch (error) {
          failures++;
          if (!(error instanceof StoreError && error.retryable)) wrong.push(error);
          await new Promise((done) => setTimeout(done, 10));
        }
      }
    };
    const workers = Array.from({ length: 6 }, worker);
    for (const how of ['fast', 'immediate'] as const) {
      const before = acknowledged.length;
      await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(before + 20);
      await server.stop(how);
      await expect(openPostgres({ url: server.url })).rejects.toMatchObject({ retryable: true });
      await new Promise((done) => setTimeout(done, 1500));
      await server.start();
      const back = acknowledged.length;
      await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(back + 20);
      await expect.poll(() => gaps, { timeout: 10_000 }).toBe(how === 'fast' ? 1 : 2);
    }
    loading = false;
    await Promise.all(workers);
    expect(wrong).toEqual([]);
    expect(failures).toBeGreaterThan(0);
    await store.notify('load', 'again');
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['again']);
    const rows = await store.query<{ id: number }>('select id from load');
    const there = new Set(rows.map(({ id }) => id));
    expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
    await store.close();
  });
});
