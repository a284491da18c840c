import { json, migrate, type SqlStore, StoreError } from '@dsperse/network/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What every SqlStore must do. `open` opens one more store on the same database, or none where only one process may. */
export function sqlSuite(name: string, open: () => Promise<SqlStore>, shared: boolean): void {
  describe(`SqlStore: ${name}`, () => {
    let store: SqlStore;
    beforeAll(async () => {
      store = await open();
      await store.script(`create table thing (id bigint primary key, amount numeric(78, 0), body jsonb, raw bytea,
        words text[], ok boolean, name text unique)`);
    });
    afterAll(() => store?.close());

    it('gives back what it was given', async () => {
      const amount = 2n ** 200n + 1n;
      const now = Date.now();
      const body = { list: [1, 'two', null], amount: 5n };
      const raw = new Uint8Array([0, 1, 255]);
      const words = ['a "quoted", \\word', '{}', 'NULL', ''];
      const params = [now, amount, json(body), raw, words, true, 'x'] as const;
      expect(await store.execute('insert into thing values ($1, $2, $3, $4, $5, $6, $7)', params)).toBe(1);
      const [row] = await store.query<Record<string, unknown>>('select * from thing where id = $1', [now]);
      expect({ ...row, raw: [...(row.raw as Uint8Array)] }).toEqual({
        id: now,
        amount: amount.toString(),
        body: { list: [1, 'two', null], amount: '5' },
        raw: [0, 1, 255],
        words,
        ok: true,
        name: 'x',
      });
      expect(await store.query('select count(*) as n, sum(amount) as total from thing')).toEqual([
        { n: 1, total: amount.toString() },
      ]);
      expect(await store.query('select id from thing where id = any($1)', [[now, 7n]])).toHaveLength(1);
      expect(await store.query('select array[1::bigint, null] as a, array[1.5] as b')).toEqual([
        { a: [1, null], b: ['1.5'] },
      ]);
      const jsonList = await store.query('select $1::jsonb as j, $2::jsonb as k', [json([1, 2]), json('text')]);
      expect(jsonList).toEqual([{ j: [1, 2], k: 'text' }]);
    });

    it('refuses a bigint that a number cannot hold', async () => {
      await expect(store.query('select 9007199254740993::bigint as big')).rejects.toMatchObject({
        code: 'unsafe-integer',
      });
      expect(await store.query('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('says what went wrong with the SQLSTATE', async () => {
      await store.execute(`insert into thing (id, name) values (1, 'taken')`);
      const twice = store.execute(`insert into thing (id, name) values (2, 'taken')`);
      const expected = { name: 'StoreError', code: '23505', retryable: false, constraint: 'thing_name_key' };
      await expect(twice).rejects.toMatchObject(expected);
      await expect(store.query('selekt')).rejects.toMatchObject({ code: '42601', retryable: false });
    });

    it('does all of a transaction or nothing', async () => {
      await store.transaction(async (tx) => {
        await tx.execute('insert into thing (id) values (10)');
        await tx.execute('insert into thing (id) values (11)');
      });
      const own = new Error('changed my mind');
      const failing = store.transaction(async (tx) => {
        await tx.execute('insert into thing (id) values (12)');
        throw own;
      });
      await expect(failing).rejects.toBe(own);
      expect(await store.query('select id from thing where id between 10 and 12 order by id')).toEqual([
        { id: 10 },
        { id: 11 },
      ]);
    });

    it('does not take a transaction for committed in which a failure was swallowed', async () => {
      const swallowing = store.transaction(async (tx) => {
        await tx.execute('insert into thing (id) values (20)');
        await tx.query('select 1/0').catch(() => {});
      });
      await expect(swallowing).rejects.toBeInstanceOf(StoreError);
      expect(await store.query('select id from thing where id = 20')).toEqual([]);
    });

    it('refuses its own use within its transaction', async () => {
      const nested = store.transaction(() => store.query('select 1'));
      await expect(nested).rejects.toMatchObject({ code: 'nested-use' });
      expect(await store.query('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('adds up under concurrent read-modify-write', async () => {
      await store.script('create table counter (n bigint); insert into counter values (0)');
      const bump = () =>
        store.transaction(async (tx) => {
          const [{ n }] = await tx.query<{ n: number }>('select n from counter');
          await tx.execute('update counter set n = $1', [n + 1]);
        });
      await Promise.all(Array.from({ length: 4 }, bump));
      await Promise.all(Array.from({ length: 4 }, bump));
      expect(await store.query('select n from counter')).toEqual([{ n: 8 }]);
    });

    it('notifies listeners, in a transaction when it commits', async () => {
      const heard: string[] = [];
      const stop = await store.listen('news', (payload) => heard.push(payload));
      await store.notify('news', 'one');
      await store.notify('other', 'no');
      await store
        .transaction(async (tx) => {
          await tx.notify('news', 'never');
          throw new Error('no');
        })
        .catch(() => {});
      await store.transaction((tx) => tx.notify('news', 'two'));
      await expect.poll(() => heard).toEqual(['one', 'two']);
      await stop();
      await store.notify('news', 'three');
      await store.query('select 1');
      await new Promise((done) => setTimeout(done, 50));
      expect(heard).toEqual(['one', 'two']);
      await expect(store.listen('no; drop', () => {})).rejects.toMatchObject({ code: 'bad-channel' });
    });

    it('migrates once, and refuses what does not fit', async () => {
      const list = [
        { id: '1', sql: 'create table m1 (a int); insert into m1 values (1)' },
        { id: '2', sql: 'create table m2 (a int)' },
      ];
      const others = shared ? await Promise.all([open(), open()]) : [];
      const ran = await Promise.all([store, ...others].map((each) => migrate(each, list)));
      expect(ran.flat().sort()).toEqual(['1', '2']);
      await Promise.all(others.map((each) => each.close()));
      expect(await migrate(store, list)).toEqual([]);
      const failing = [...list, { id: '3', sql: 'create table m3 (a int); selekt' }];
      await expect(migrate(store, failing)).rejects.toMatchObject({ code: '42601' });
      await expect(store.query('select * from m3')).rejects.toMatchObject({ code: '42P01' });
      await expect(migrate(store, [list[0]])).rejects.toMatchObject({ code: 'schema-newer' });
      const changed = [{ id: '1', sql: 'create table other (a int)' }, list[1]];
      await expect(migrate(store, changed)).rejects.toMatchObject({ code: 'migration-changed' });
      expect(await migrate(store, [{ id: 'a', sql: 'create table m4 (a int)' }], 'elsewhere')).toEqual(['a']);
      expect(await store.query('select count(*) as n from m1')).toEqual([{ n: 1 }]);
    });

    it('says that it is closed', async () => {
      if (!shared) await store.close();
      const other = shared ? await open() : store;
      await other.close();
      await expect(other.query('select 1')).rejects.toMatchObject({ code: 'closed' });
      await other.close();
    });
  });
}
