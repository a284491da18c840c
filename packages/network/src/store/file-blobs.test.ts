import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { blobSuite } from '../../../../tests/stores/blob-suite.js';
import { openFileBlobs } from './file-blobs.js';

const root = await mkdtemp(join(tmpdir(), 'dsperse-blobs-'));
afterAll(() => rm(root, { recursive: true, force: true }));

blobSuite('files', async () => {
  const directory = join(root, 'suite');
  const store = await openFileBlobs({ directory });
  return {
    store,
    damage: async (digest) => {
      const bytes = await readFile(store.path(digest));
      bytes[bytes.length >> 1] ^= 1;
      await writeFile(store.path(digest), bytes);
    },
    stored: async () => {
      const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((f) => f.isFile());
      return files.map((f) => join(f.parentPath, f.name)).filter((path) => !path.includes('/quarantine/'));
    },
  };
});

it('puts a damaged blob aside and tells of it', async () => {
  const told: string[] = [];
  const store = await openFileBlobs({ directory: join(root, 'aside'), onDamaged: (...all) => told.push(...all) });
  const digest = await store.put(new Uint8Array([1, 2, 3]));
  await writeFile(store.path(digest), 'spoilt');
  await expect(store.get(digest)).rejects.toMatchObject({ code: 'blob-damaged' });
  expect(told[0]).toBe(digest);
  expect(await readFile(told[1], 'utf8')).toBe('spoilt');
  expect(await store.has(digest)).toBe(false);
});

it('removes what a dead process left unfinished, but not what another is writing', async () => {
  const directory = join(root, 'left');
  await openFileBlobs({ directory });
  const [old, young] = ['old', 'young'].map((name) => join(directory, 'partial', name));
  await writeFile(old, 'x');
  await writeFile(young, 'x');
  await utimes(old, 0, 0);
  await openFileBlobs({ directory });
  expect(await readdir(join(directory, 'partial'))).toEqual(['young']);
  expect((await stat(directory)).mode & 0o077).toBe(0);
});
