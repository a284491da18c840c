import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openJournal } from './journal.js';
import { KeptRecords } from './kept-records.js';

interface Numbered {
  readonly n: number;
  readonly isNeeded: boolean;
}

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-kept-'));
  path = join(directory, 'journal');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function open(lookBytes: number) {
  const journal = await openJournal<Numbered>(path);
  const seen = { looks: 0, held: [...journal.records] };
  const records = new KeptRecords(journal, {
    lookBytes,
    keep(all) {
      seen.looks++;
      return all.filter((r) => r.isNeeded);
    },
    onAppended: (r) => seen.held.push(r),
    onDropped(left) {
      seen.held = [...left];
    },
  });
  return { journal, records, seen };
}
const needed = (records: readonly Numbered[]) => records.filter((r) => r.isNeeded).map((r) => r.n);

it('loses nothing that is appended while others are dropped', async () => {
  const { records, seen } = await open(1);
  const appended: number[] = [];
  for (let round = 0; round < 40; round++) {
    const batch = Array.from({ length: 25 }, (_, i) => 25 * round + i);
    // Also while the journal is being compacted, and without waiting for it.
    const waves = [batch.slice(0, 10), batch.slice(10, 20), batch.slice(20)];
    await Promise.all(
      waves.map(async (wave, k) => {
        for (let i = 0; i < k; i++) await new Promise((resolve) => setImmediate(resolve));
        if (k === 1) await records.compact();
        await Promise.all(wave.map((n) => records.append({ n, isNeeded: n % 3 === 0 })));
      }),
    );
    appended.push(...batch.filter((n) => n % 3 === 0));
  }
  expect(seen.looks).toBeGreaterThan(40);
  expect(needed(seen.held).sort((a, b) => a - b)).toEqual(appended);
  await records.compact();
  await records.close();
  const again = await open(1);
  expect([...new Set(needed(again.seen.held))].sort((a, b) => a - b)).toEqual(appended);
  await again.records.close();
});

it('looks through what it keeps each time that it has doubled, not with each append', async () => {
  const { records, journal, seen } = await open(1_000);
  for (let n = 0; n < 2_000; n++) await records.append({ n, isNeeded: true });
  expect(journal.bytes).toBeGreaterThan(64_000);
  expect(seen.looks).toBeGreaterThanOrEqual(5);
  expect(seen.looks).toBeLessThanOrEqual(12);
  expect(needed(seen.held)).toHaveLength(2_000);
  await records.close();
});

it('stays small where nothing is needed any more', async () => {
  const { records, journal, seen } = await open(1_000);
  for (let n = 0; n < 2_000; n++) await records.append({ n, isNeeded: false });
  expect(journal.bytes).toBeLessThan(4_000);
  expect(seen.held.length).toBeLessThan(60);
  await records.close();
});
