import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Contacts } from './contacts.js';

const [a, b] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`] as const;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-contacts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const open = () => Contacts.open(join(directory, 'validator', 'contacts.json'));

test('a gateway was there where it answered all the time, and not where a pause could have been an outage', async () => {
  const contacts = await open();
  for (let at = 100_000; at <= 150_000; at += 5_000) contacts.note(a, at);
  for (let at = 161_000; at <= 200_000; at += 8_000) contacts.note(a, at);
  expect(contacts.wasThere(a, 100_000, 150_000)).toBe(true);
  expect(contacts.wasThere(a.toUpperCase().replace('X', 'x') as typeof a, 161_000, 190_000)).toBe(true);
  expect(contacts.wasThere(a, 99_999, 120_000)).toBe(false);
  expect(contacts.wasThere(a, 140_000, 150_001)).toBe(false);
  expect(contacts.wasThere(a, 140_000, 170_000)).toBe(false);
  expect(contacts.wasThere(b, 110_000, 120_000)).toBe(false);
  // A clock that was set back makes no stretch longer than it was.
  contacts.note(a, 50_000);
  expect(contacts.wasThere(a, 50_000, 60_000)).toBe(false);
});

test('after a restart what was seen before is known, and the time between is not', async () => {
  const before = await open();
  for (let at = 100_000; at <= 150_000; at += 5_000) before.note(a, at);
  await before.save();
  // Written a moment ago: this is lost with a crash.
  before.note(a, 155_000);
  await before.save();
  const after = await open();
  expect(after.wasThere(a, 100_000, 150_000)).toBe(true);
  expect(after.wasThere(a, 100_000, 155_000)).toBe(false);
  after.note(a, 170_000);
  expect(after.wasThere(a, 140_000, 170_000)).toBe(false);
  await after.save(true);
  expect((await open()).wasThere(a, 170_000, 170_000)).toBe(true);
  expect(readdirSync(join(directory, 'validator'))).toEqual(['contacts.json']);
});

test('a damaged file is said to be one', async () => {
  const contacts = await open();
  contacts.note(a, 1);
  await contacts.save();
  writeFileSync(join(directory, 'validator', 'contacts.json'), '[{"gateway":"no"}]');
  await expect(open()).rejects.toMatchObject({ code: 'damaged-artifact' });
});
