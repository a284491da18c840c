import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedBlobs, openFileBlobs, openJournal, openPglite, type SqlStore } from '@dsperse/network/store';
import { afterAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = await mkdtemp(join(tmpdir(), 'dsperse-full-'));
const mounted: string[] = [];

/** A file system of its own with little room, or why there is none. */
async function smallDisk(name: string, size: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  mounted.push(path);
  return path;
}

const reason = await smallDisk('probe', '1m').then(
  () => '',
  () => 'a small file system cannot be mounted here',
);

afterAll(async () => {
  // Lazily: a database that has panicked keeps its files open.
  for (const path of mounted) await run('umount', ['-l', path]);
  await rm(root, { recursive: true, force: true });
});

const full = { name: 'StoreError', code: 'disk-full', retryable: true };

describe.skipIf(reason !== '')(`a full disk${reason && ` (skipped: ${reason})`}`, () => {
  it('refuses blobs, leaves nothing half-written, and takes them when there is room', async () => {
    const disk = await smallDisk('blobs', '2m');
    const store = await openFileBlobs({ directory: join(disk, 'blobs') });
    const kept = await store.put(new Uint8Array(1_000_000).fill(1));
    const large = new Uint8Array(1_500_000).fill(2);
    await expect(store.put(large)).rejects.toMatchObject(full);
    expect(await readdir(join(disk, 'blobs', 'partial'))).toEqual([]);
    expect(await store.get(kept)).toHaveLength(1_000_000);
    await store.delete(kept);
    await expect(store.put(large).then((digest) => store.size(digest))).resolves.toBe(1_500_000);
    const cache = await cachedBlobs({ store: async () => large, directory: join(disk, 'cache'), maxBytes: 3_000_000 });
    const digest = await store.put(large);
    await expect(cache.get(digest)).rejects.toMatchObject(full);
    expect(cache.bytesUsed).toBe(0);
    await cache.close();
  });

  it('refuses records of a journal, and goes on when there is room', async () => {
    const disk = await smallDisk('journal', '1m');
    const path = join(disk, 'journal');
    const journal = await openJournal<string>(path);
    await journal.append('first');
    await writeFile(join(disk, 'filler'), new Uint8Array(900_000));
    await expect(journal.append('x'.repeat(500_000))).rejects.toMatchObject(full);
    await expect(journal.compact(['y'.repeat(500_000)])).rejects.toMatchObject(full);
    await journal.append('small');
    await rm(join(disk, 'filler'));
    await journal.append('last');
    await journal.close();
    const again = await openJournal<string>(path);
    expect(again.records).toEqual(['first', 'small', 'last']);
    expect(again.tornBytes).toBe(0);
    await again.close();
  });

  it('loses nothing of the embedded database, which goes on when there is room', async () => {
    const disk = await smallDisk('pglite', '140m');
    const directory = join(disk, 'sql');
    await writeFile(join(disk, 'filler'), new Uint8Array(20_000_000));
    const store = await openPglite({ directory });
    await store.script('create table t (n int primary key, filler text)');
    let gaps = 0;
    const heard: string[] = [];
    await store.listen(
      'news',
      (payload) => heard.push(payload),
      () => gaps++,
    );
    const filler = `insert into t select $1, string_agg(md5(random()::text), '') from generate_series(1, 40000)`;
    let committed = 0;
    const fill = async () => {
      for (;;) {
        await store.execute(filler, [committed + 1]);
        committed++;
      }
    };
    await expect(fill()).rejects.toMatchObject({ name: 'StoreError', retryable: true });
    expect(committed).toBeGreaterThan(0);
    const meanwhile = await Promise.allSettled([store.query('select 1'), store.execute(filler, [0])]);
    for (const each of meanwhile) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ name: 'StoreError', retryable: true });
    }
    await rm(join(disk, 'filler'));
    await store.execute(`insert into t values (-1, 'after')`);
    const numbers = async (from: SqlStore) => (await from.query<{ n: number }>('select n from t')).map(({ n }) => n);
    const expected = expect.arrayContaining([-1, ...Array.from({ length: committed }, (_, i) => i + 1)]);
    expect(await numbers(store)).toEqual(expected);
    await store.notify('news', 'again');
    await expect.poll(() => heard).toEqual(['again']);
    expect(gaps).toBeGreaterThan(0);
    await store.close();
    const again = await openPglite({ directory });
    expect(await numbers(again)).toEqual(expected);
    await again.close();
  });
});
