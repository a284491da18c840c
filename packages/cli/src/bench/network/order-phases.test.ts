import { expect, test } from 'vitest';
import { orderPhases } from './order-phases.js';

const order = `0x${'11'.repeat(32)}` as const;
const event = (kind: string, atMs: number, chunk?: number) =>
  ({ kind, order, atMs, ...(chunk === undefined ? {} : { chunk }) }) as never;

test('steps add up to the whole, and end with the last chunk', () => {
  const events = [
    event('accepted', 1010),
    event('reserved', 1100),
    event('chunked', 1105),
    event('offered', 1120, 0),
    event('locked', 1150, 0),
    event('offered', 1130, 1),
    event('locked', 1140, 1),
    event('proven', 1500, 0),
    event('proven', 1400, 1),
    event('committed', 1450, 1),
    event('committed', 1600, 0),
    event('verdict', 1650, 0),
    event('verdict', 1480, 1),
    event('delivered', 1660),
  ];
  const phases = orderPhases({ placedMs: 1000, certifiedMs: 1700, events });
  expect(phases).toEqual({
    submitted: 10,
    reserved: 90,
    chunked: 5,
    offered: 25,
    locked: 20,
    proven: 350,
    committed: 100,
    verdict: 50,
    delivered: 10,
    certified: 40,
  });
  expect(Object.values(phases).reduce((a, b) => a + b, 0)).toBe(700);
});

test('a step whose events come before those of the step before it took no time', () => {
  const events = [event('accepted', 1010), event('offered', 1300, 1), event('locked', 1200, 0)];
  const phases = orderPhases({ placedMs: 1000, certifiedMs: 1400, events });
  expect(phases.locked).toBe(0);
  expect(phases.certified).toBe(100);
});
