import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inPieces } from '../../../../tests/stores/blob-suite.js';
import { cachedBlobs } from './cached-blobs.js';
import { digestOf } from './digest.js';

const root = await mkdtemp(join(tmpdir(), 'dsperse-cache-'));
afterAll(() => rm(root, { recursive: true, force: true }));
let count = 0;

function remote(sizes: number[]) {
  const blobs = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
  const byDigest = new Map(blobs.map((bytes) => [digestOf(bytes), bytes]));
  const fetched: string[] = [];
  const store = async (digest: string) => {
    fetched.push(digest);
    await new Promise((done) => setTimeout(done, 2));
    const bytes = byDigest.get(digest);
    return bytes && inPieces(bytes, 64);
  };
  return { digests: [...byDigest.keys()], blobs, fetched, store, directory: join(root, `${count++}`) };
}

async function onDisk(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((f) => f.isFile() && f.name !== 'lock')
    .map((f) => stat(join(f.parentPath, f.name)).then((s) => s.size, () => 0)); // biome-ignore format: one line
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

describe('cached blobs', () => {
  it('fetches once for all who ask, and evicts what was not used for longest', async () => {
    const { digests, blobs, fetched, store, directory } = remote([400, 400, 400]);
    const cache = await cachedBlobs({ store, directory, maxBytes: 1000 });
    const [a, b, c] = digests;
    const got = await Promise.all([cache.get(a), cache.get(a), cache.get(a)]);
    expect(got).toEqual([blobs[0], blobs[0], blobs[0]]);
    expect(fetched).toEqual([a]);
    await cache.get(b);
    await cache.get(a);
    await cache.get(c);
    expect([a, b, c].map((d) => cache.has(d))).toEqual([true, false, true]);
    expect(cache.bytesUsed).toBe(800);
    expect(await onDisk(directory)).toBe(800);
    await cache.close();
  });

  it('remembers what it holds and the order of use over a restart', async () => {
    const { digests, fetched, store, directory } = remote([400, 400, 400]);
    const [a, b, c] = digests;
    const first = await cachedBlobs({ store, directory, maxBytes: 1000 });
    await expect(cachedBlobs({ store, directory, maxBytes: 1000 })).rejects.toMatchObject({ code: 'in-use' });
    for (const digest of [a, b]) await first.get(digest);
    await new Promise((done) => setTimeout(done, 20));
    await first.get(a);
    await first.close();
    await writeFile(join(directory, 'partial', 'left-by-a-crash'), new Uint8Array(5000));
    const second = await cachedBlobs({ store, directory, maxBytes: 1000 });
    expect(second.bytesUsed).toBe(800);
    await second.get(c);
    expect([a, b, c].map((d) => second.has(d))).toEqual([true, false, true]);
    expect(fetched).toEqual([a, b, c]);
    expect(await onDisk(directory)).toBe(800);
    await second.close();
    const smaller = await cachedBlobs({ store, directory, maxBytes: 500 });
    expect(smaller.bytesUsed).toBe(400);
    await smaller.close();
  });

  it('never evicts what is in use', async () => {
    const { digests, blobs, store, directory } = remote([600, 600, 1200]);
    const [a, b, tooLarge] = digests;
    const cache = await cachedBlobs({ store, directory, maxBytes: 1000 });
    await cache.use(a, async (blob) => {
      await expect(cache.get(b)).rejects.toMatchObject({ code: 'cache-full', retryable: true });
      expect(await blob.bytes()).toEqual(blobs[0]);
      expect((await stat(blob.path)).size).toBe(blob.size);
    });
    await expect(cache.get(tooLarge)).rejects.toMatchObject({ code: 'blob-too-large' });
    expect(cache.bytesUsed).toBe(0);
    expect(await cache.get(b)).toEqual(blobs[1]);
    expect(await onDisk(directory)).toBe(600);
    await cache.close();
  });

  it('keeps neither what is wrong nor what is damaged', async () => {
    const { digests, blobs, store, directory } = remote([300]);
    const wrong = await cachedBlobs({ store: async () => new Uint8Array(300), directory, maxBytes: 1000 });
    await expect(wrong.get(digests[0])).rejects.toMatchObject({ code: 'digest-mismatch' });
    expect(wrong.bytesUsed).toBe(0);
    await expect(wrong.get('sha256:../../x')).rejects.toMatchObject({ code: 'bad-digest' });
    await wrong.close();
    const cache = await cachedBlobs({ store, directory, maxBytes: 1000 });
    await cache.use(digests[0], ({ path }) => writeFile(path, 'spoilt'));
    await expect(cache.get(digests[0])).rejects.toMatchObject({ code: 'blob-damaged' });
    expect(await cache.get(digests[0])).toEqual(blobs[0]);
    const missing = digestOf(new Uint8Array([9, 9]));
    await expect(cache.get(missing)).rejects.toMatchObject({ code: 'blob-missing' });
    expect(cache.bytesUsed).toBe(300);
    await cache.close();
  });

  it('stays within its bound under a crowd', async () => {
    const { digests, blobs, store, directory } = remote(Array.from({ length: 20 }, (_, i) => 100 + i * 10));
    const cache = await cachedBlobs({ store, directory, maxBytes: 1500 });
    let most = 0;
    const one = async (seed: number) => {
      for (let i = 0; i < 25; i++) {
        const n = (seed * 7 + i * i * 3 + i) % digests.length;
        const bytes = await cache.get(digests[n]);
        if (bytes.length !== blobs[n].length) throw new Error('another blob');
        most = Math.max(most, cache.bytesUsed);
      }
    };
    await Promise.all([one(1), one(2), one(3)]);
    expect(most).toBeLessThanOrEqual(1500);
    expect(await onDisk(directory)).toBe(cache.bytesUsed);
    await cache.close();
  });
});
