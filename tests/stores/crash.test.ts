import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openFileBlobs, openJournal, openPglite } from '@dsperse/network/store';
import { afterAll, describe, expect, it } from 'vitest';

const root = await mkdtemp(join(tmpdir(), 'dsperse-crash-'));
afterAll(() => rm(root, { recursive: true, force: true }));
const WRITER = fileURLToPath(new URL('./crash-writer.mjs', import.meta.url));

/** Lets a process write, kills it after a while, and returns what it had acknowledged. */
async function writeAndKill(kind: string, place: string, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, kind, place], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  const ended = new Promise<NodeJS.Signals | null>((done) => child.once('close', (_code, signal) => done(signal)));
  child.stderr.on('data', (piece) => {
    errors += piece;
  });
  const ready = new Promise<void>((done, failed) => {
    child.stdout.on('data', (piece) => {
      out += piece;
      if (out.startsWith('ready\n')) done();
    });
    ended.then(() => failed(new Error(`The writer ended by itself: ${errors}`)), failed);
  });
  await ready;
  await new Promise((done) => setTimeout(done, afterMs));
  child.kill('SIGKILL');
  if ((await ended) !== 'SIGKILL') throw new Error(`The writer ended by itself: ${errors}`);
  return out.split('\n').slice(1, -1);
}

const moments = (times: number) => Array.from({ length: times }, () => 20 + Math.random() * 250);

describe('a process that is killed at any moment while it writes', () => {
  it('loses no acknowledged blob, and leaves none half-written', async () => {
    const place = join(root, 'blobs');
    const acknowledged: string[] = [];
    for (const afterMs of moments(5)) {
      acknowledged.push(...(await writeAndKill('blobs', place, afterMs)));
      const store = await openFileBlobs({ directory: place });
      for (const digest of acknowledged) expect(await store.get(digest), `${digest} after ${afterMs} ms`).toBeDefined();
      const names = await readdir(join(place, 'sha256'), { recursive: true, withFileTypes: true });
      for (const entry of names.filter((each) => each.isFile())) await store.get(`sha256:${entry.name}`);
      expect(await readdir(join(place, 'quarantine'))).toEqual([]);
    }
    expect(acknowledged.length).toBeGreaterThan(0);
  });

  it('loses no acknowledged record of a journal that is compacted all the time', async () => {
    const place = join(root, 'journal');
    let total = 0;
    for (const afterMs of moments(5)) {
      const acknowledged = (await writeAndKill('journal', place, afterMs)).map(Number);
      total += acknowledged.length;
      const journal = await openJournal<{ n: number }>(place);
      await journal.close();
      const there = new Set(journal.records.map(({ n }) => n));
      // A compaction keeps the last 40, so the last 40 that were acknowledged are there.
      const missing = acknowledged.slice(-40).filter((n) => !there.has(n));
      expect(missing, `after ${afterMs} ms`).toEqual([]);
    }
    expect(total).toBeGreaterThan(0);
  });

  it('loses no committed transaction of PGlite, and keeps none by halves', async () => {
    const place = join(root, 'pglite');
    const acknowledged: number[] = [];
    for (const afterMs of moments(3)) {
      acknowledged.push(...(await writeAndKill('pglite', place, afterMs)).map(Number));
      const store = await openPglite({ directory: place });
      const t = (await store.query<{ n: number }>('select n from t order by n')).map(({ n }) => n);
      const u = (await store.query<{ n: number }>('select n from u order by n')).map(({ n }) => n);
      await store.close();
      expect(u).toEqual(t);
      const there = new Set(t);
      expect(acknowledged.filter((n) => !there.has(n)), `after ${afterMs} ms`).toEqual([]); // biome-ignore format: one line
    }
    expect(acknowledged.length).toBeGreaterThan(0);
  });
});
