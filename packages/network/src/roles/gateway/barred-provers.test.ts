import type { Address } from 'viem';
import { expect, it } from 'vitest';
import { barredForGood, barredProvers } from './barred-provers.js';
import type { AttemptRow } from './order-rows.js';

const [one, two, three] = ['0x01', '0x02', '0x03'] as Address[];
const attempt = (
  prover: Address,
  outcome: AttemptRow['outcome'],
  change: { index?: number; endedMs?: number } = {},
) => ({
  index: 0,
  prover,
  outcome,
  endedMs: outcome && 1_000,
  ...change,
});

it('bars from the chunk who gave it back, and from the whole order who let it down', () => {
  const attempts = [
    attempt(one, 'released'),
    attempt(two, 'missed', { index: 1 }),
    attempt(three, 'released', { index: 1 }),
    attempt(three, undefined),
  ];
  expect(barredProvers(0, attempts)).toEqual([one, two]);
});

it('gives those another try, after a rest, that are not dishonest', () => {
  const attempts = [
    attempt(one, 'released'),
    attempt(two, 'missed', { index: 1 }),
    attempt(three, 'rejected', { index: 2 }),
  ];
  expect(barredForGood(0, attempts, 5_900, 5)).toEqual([one, two, three]);
  expect(barredForGood(0, attempts, 6_100, 5)).toEqual([three]);
});

it('lets them rest for longer each time', () => {
  const attempts = [attempt(one, 'released'), attempt(one, 'missed', { endedMs: 20_000 })];
  expect(barredForGood(0, attempts, 29_900, 5)).toEqual([one]);
  expect(barredForGood(0, attempts, 30_100, 5)).toEqual([]);
});

it('bars for good whose statements were of other values', () => {
  expect(barredForGood(0, [attempt(one, 'unlinked')], 1_000_000, 5)).toEqual([one]);
});
