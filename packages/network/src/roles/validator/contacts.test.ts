import { expect, test } from 'vitest';
import { Contacts } from './contacts.js';

const [a, b] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`] as const;

test('a gateway was there where it answered all the time, and not where a pause could have been an outage', () => {
  const contacts = new Contacts();
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
