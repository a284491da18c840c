import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { abandonedOrder, claimOf } from '../../../../../tests/network/claimed-order.js';
import { word } from '../../../../../tests/network/small-order.js';
import { DeliveredWork } from './delivered-work.js';

const DAY_MS = 24 * 3_600_000;
const made = abandonedOrder('44'.repeat(32));
const another = abandonedOrder('44'.repeat(32), word(13));

let directory: string;
let delivered: DeliveredWork;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-delivered-'));
  delivered = await DeliveredWork.open(join(directory, 'delivered'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));
const folderOf = ({ id }: { id: string }) => join(directory, 'delivered', id);

test('what was delivered is there after a restart, by its order, until it is forgotten', async () => {
  const work = [
    await claimOf(made),
    await claimOf(made, { lock: { chunk: 1 } }),
    await claimOf(made, { lock: { attempt: 1 } }),
  ];
  const other = await claimOf(another);
  for (const one of [...work, other, work[0]]) await delivered.keep(one);
  delivered = await DeliveredWork.open(join(directory, 'delivered'));
  const found = await delivered.of(made.id);
  expect(found).toHaveLength(3);
  expect(found).toEqual(expect.arrayContaining(work));
  expect(await delivered.of(another.id)).toEqual([other]);
  expect(await delivered.of(word(99))).toEqual([]);
  await delivered.forget(made.id);
  await delivered.forget(word(99));
  expect(await delivered.of(made.id)).toEqual([]);
  expect(await delivered.of(another.id)).toEqual([other]);
  expect(await readdir(join(directory, 'delivered'))).toEqual([another.id]);
});

test('is read by its owner alone', async () => {
  await delivered.keep(await claimOf(made));
  for (const path of [join(directory, 'delivered'), folderOf(made), join(folderOf(made), '0-0.json')]) {
    expect((await stat(path)).mode & 0o077).toBe(0);
  }
});

test('damaged and partial files are passed over, and the rest is there', async () => {
  const whole = await claimOf(made, { lock: { chunk: 5 } });
  for (let chunk = 0; chunk < 4; chunk++) await delivered.keep(await claimOf(made, { lock: { chunk } }));
  await delivered.keep(whole);
  const path = (name: string) => join(folderOf(made), name);
  const text = await readFile(path('5-0.json'), 'utf8');
  await truncate(path('0-0.json'), 0);
  await writeFile(path('1-0.json'), text.slice(0, text.length / 2));
  // JSON, but no claim.
  await writeFile(path('2-0.json'), '{"order":{}}');
  await rm(path('3-0.json'));
  await mkdir(path('3-0.json'));
  await writeFile(path('.00.partial'), text.slice(0, 100));
  expect(await delivered.of(made.id)).toEqual([whole]);
});

test('a folder that cannot be read has nothing, and takes nothing down', async () => {
  await writeFile(folderOf(made), 'no folder');
  expect(await delivered.of(made.id)).toEqual([]);
  await expect(delivered.keep(await claimOf(made))).rejects.toThrow();
});

test('what is older than any reserve goes when it is opened, and nothing else', async () => {
  await delivered.keep(await claimOf(made));
  await delivered.keep(await claimOf(another));
  const now = Date.now();
  const age = (folder: { id: string }, ms: number) => utimes(folderOf(folder), new Date(now - ms), new Date(now - ms));
  await age(made, 90 * DAY_MS + 1_000);
  await age(another, 90 * DAY_MS - 1_000);
  delivered = await DeliveredWork.open(join(directory, 'delivered'), now);
  expect(await delivered.of(made.id)).toEqual([]);
  expect(await delivered.of(another.id)).toHaveLength(1);
});

test('what is no order is no path', async () => {
  await writeFile(join(directory, 'other'), 'kept');
  for (const id of ['../other', '', '.', `${made.id}/../../other`, made.id.slice(2)]) {
    await expect(delivered.of(id as never)).rejects.toThrow('is no order');
    await expect(delivered.forget(id as never)).rejects.toThrow('is no order');
  }
  expect(await readFile(join(directory, 'other'), 'utf8')).toBe('kept');
  // However it is spelt.
  await delivered.keep(await claimOf(made));
  expect(await delivered.of(`0x${made.id.slice(2).toUpperCase()}`)).toHaveLength(1);
});
