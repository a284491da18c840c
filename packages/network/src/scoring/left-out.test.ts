import { expect, test } from 'vitest';
import { epochsSettledSince, LEFT_OUT_EPOCHS } from './left-out.js';

const posted = (postedAt: number, cancelled = false) => ({ postedAt, finalAt: postedAt + 100, cancelled });
const count = (time: number, now: number, epochs: Record<number, ReturnType<typeof posted>>) =>
  epochsSettledSince(time, {
    now,
    last: Math.max(0, ...Object.keys(epochs).map(Number)),
    graceSeconds: 50,
    epoch: async (n) => epochs[n],
  });

test('epochs count that were posted since, were not cancelled, and have had their time', async () => {
  const epochs = { 1: posted(900), 2: posted(1_000), 3: posted(1_001), 5: posted(1_200, true), 6: posted(1_300) };
  expect(await count(1_000, 1_150, epochs)).toBe(0);
  expect(await count(1_000, 1_151, epochs)).toBe(1);
  expect(await count(1_000, 1_449, epochs)).toBe(1);
  expect(await count(1_000, 1_450, epochs)).toBe(2);
  expect(await count(999, 1_450, epochs)).toBe(LEFT_OUT_EPOCHS);
  expect(await count(0, 9_999, epochs)).toBe(LEFT_OUT_EPOCHS);
  expect(await count(0, 9_999, {})).toBe(0);
});
