import { expect, it } from 'vitest';
import { PhaseClock } from './phase-clock.js';

it('sums up the time in each phase, and counts none outside', () => {
  let now = 0;
  const clock = new PhaseClock(() => now);
  const at = (ms: number, phase: Parameters<typeof clock.enter>[0]): void => {
    now = ms;
    clock.enter(phase);
  };
  at(5, 'execute');
  at(7, 'commit');
  at(10, undefined);
  at(100, 'execute');
  at(101, undefined);
  expect(clock.phases).toEqual({ execute: 3, commit: 3, lookups: 0, contractions: 0, opening: 0, other: 0 });
});
