import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyState } from '../../scoring/index.js';
import type { EpochDocument } from '../peer/epoch-document.js';
import { SignedEpochs } from './signed-epochs.js';

const HOUR = 3_600_000;
const documentOf = (epoch: number): EpochDocument => ({
  epoch,
  trace: {
    epoch,
    closedAt: 1,
    validators: [],
    electorates: [],
    provers: [],
    orders: [],
    endings: [],
    abandoned: [],
    canaries: [],
    weights: { commits: [], reveals: [] },
  },
  previous: emptyState(),
});

test('those go first that were signed first, none of a day but many, and not those of low numbers', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dsperse-signed-'));
  try {
    const signed = await SignedEpochs.open(directory);
    const kept = async (from: number, to: number) => {
      const found: number[] = [];
      for (let n = from; n <= to; n++) if (await signed.get(n)) found.push(n);
      return found;
    };
    let now = 1_000 * HOUR;
    for (let n = 101; n <= 120; n++) await signed.keep(documentOf(n), now);
    // A lower number, signed later, and all of the same day.
    await signed.keep(documentOf(5), ++now);
    expect((await kept(1, 200)).length).toBe(21);
    now += 25 * HOUR;
    await signed.keep(documentOf(121), now);
    expect(await kept(1, 200)).toEqual([5, 115, 116, 117, 118, 119, 120, 121]);
    for (let n = 200; n < 270; n++) await signed.keep(documentOf(n), ++now);
    expect(await kept(1, 300)).toEqual(Array.from({ length: 64 }, (_, k) => 206 + k));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('one that another version wrote is as if it were not kept', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dsperse-signed-'));
  try {
    const signed = await SignedEpochs.open(directory);
    await signed.keep(documentOf(3), HOUR);
    expect(await signed.get(3)).toEqual(documentOf(3));
    const { trace, ...rest } = JSON.parse(await readFile(join(directory, '3.json'), 'utf8'));
    await writeFile(join(directory, '3.json'), JSON.stringify({ ...rest, trace: { ...trace, weights: undefined } }));
    expect(await signed.get(3)).toBeUndefined();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
