import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sqlSuite } from '../../../../tests/stores/sql-suite.js';
import { openSql } from './open-sql.js';
import { openPglite } from './pglite.js';

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
