import { expect, it } from 'vitest';
import type { Offer } from '../../messages/index.js';
import { declineReason, type ProverTerms } from './consider-offer.js';

const offer: Offer = {
  order: `0x${'01'.repeat(32)}`,
  chunk: 0,
  attempt: 0,
  fingerprint: 'ab'.repeat(32),
  slices: [0],
  workUnits: 3_000_000,
  price: 30n,
  collateral: 60n,
  deadline: 1_100,
  standsUntilMs: 1_005_000,
};
const terms: ProverTerms = {
  ask: 10n,
  capacity: 2,
  held: 1,
  workHeld: 1_000_000,
  rate: 100_000,
  freeStake: 60n,
  allow: [],
  deny: [],
};
const NOW_MS = 1_000_000;

it.each<[string | undefined, Partial<Offer>, Partial<ProverTerms>]>([
  [undefined, {}, {}],
  ['stale', { standsUntilMs: NOW_MS }, {}],
  ['price', { price: 29n }, {}],
  ['capacity', {}, { held: 2 }],
  ['collateral', { collateral: 61n }, {}],
  // 40 seconds of work, what is held included.
  [undefined, { deadline: 1_040 }, {}],
  ['time', { deadline: 1_039 }, {}],
  ['program', {}, { deny: [`0x${'AB'.repeat(32)}`] }],
  ['program', {}, { allow: ['cd'.repeat(32)] }],
  [undefined, {}, { allow: ['ab'.repeat(32)] }],
])('%s', (reason, change, changed) => {
  expect(declineReason({ ...offer, ...change }, { ...terms, ...changed }, NOW_MS)).toBe(reason);
});
