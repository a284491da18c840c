import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { Counts, TokenBuckets } from './rate-limit.js';
import { addressKey, remoteAddress } from './remote-address.js';

test('a bucket lets a burst through, then its rate', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ perSecond: 2, burst: 3 }, 10, () => nowMs);
  expect([buckets.take('a', 1), buckets.take('a', 1), buckets.take('a', 1)]).toEqual([0, 0, 0]);
  expect(buckets.take('a', 1)).toBe(0.5);
  expect(buckets.take('b', 1)).toBe(0);
  nowMs = 500;
  expect(buckets.take('a', 1)).toBe(0);
  expect(buckets.take('a', 1)).toBe(0.5);
  nowMs = 100_000;
  expect([1, 2, 3, 4].map(() => buckets.take('a', 1) === 0)).toEqual([true, true, true, false]);
});

test('charges make a key wait, for at most two bursts', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ perSecond: 1, burst: 4 }, 10, () => nowMs);
  for (let i = 0; i < 100; i++) buckets.charge('a', 3);
  expect(buckets.take('a', 1)).toBe(5);
  nowMs = 5000;
  expect(buckets.take('a', 1)).toBe(0);
});

test('what costs more than a burst passes with a full bucket only', () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 4 }, 10, () => 0);
  expect(buckets.take('a', 9)).toBe(0);
  expect(buckets.take('a', 9)).toBe(9);
});

test('of many keys the one used longest ago is forgotten', () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, 3, () => 0);
  for (const key of ['a', 'b', 'c']) buckets.take(key, 1);
  expect(buckets.take('a', 1)).toBe(1);
  for (let i = 0; i < 2; i++) buckets.take(`x${i}`, 1);
  expect(buckets.size).toBe(3);
  expect(buckets.take('a', 1)).toBe(1);
  expect(buckets.take('b', 1)).toBe(0);
});

test('counts hold at most so many, and give each back once', () => {
  const counts = new Counts(2);
  const [first, second] = [counts.take('a'), counts.take('a')];
  expect([counts.take('a'), typeof counts.take('b')]).toEqual([undefined, 'function']);
  first!();
  first!();
  expect(typeof counts.take('a')).toBe('function');
  expect(counts.take('a')).toBeUndefined();
  second!();
  expect(typeof counts.take('a')).toBe('function');
});

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('the key of %s is %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});

test('x-forwarded-for counts only as far as proxies are trusted', () => {
  const incoming = (header?: string) =>
    ({ socket: { remoteAddress: '10.0.0.9' }, headers: { 'x-forwarded-for': header } }) as unknown as IncomingMessage;
  const header = '1.1.1.1, 2.2.2.2, 3.3.3.3';
  expect([0, 1, 2, 9].map((n) => remoteAddress(incoming(header), n))).toEqual([
    '10.0.0.9',
    '3.3.3.3',
    '2.2.2.2',
    '10.0.0.9',
  ]);
  expect([incoming(), incoming('nonsense')].map((i) => remoteAddress(i, 1))).toEqual(['10.0.0.9', '10.0.0.9']);
});
