import { expect, test } from 'vitest';
import { memoryResult } from './measure-load.js';
import { placeLoad } from './place-load.js';

const program = { fingerprint: 'f', keyBytes: new Uint8Array(), inputs: new Map() } as never;
const client = (state: string) =>
  ({
    order: async () => ({ ended: async () => ({ state: 'delivered', chunks: [{ state }, { state }] }) }),
  }) as never;

test('so many orders are placed, and no more once it is to end', async () => {
  const load = { client: client('accepted'), program, atOnce: 4, seconds: 60 };
  expect(await placeLoad({ ...load, orders: 10 })).toMatchObject({ orders: 10, chunks: 20 });
  let done = 0;
  const ended = await placeLoad({
    ...load,
    orders: 1_000,
    onOrder: (n) => {
      done = n;
    },
    isEnding: () => done >= 5,
  });
  // Those that were placed already are waited for.
  expect(ended.orders).toBeGreaterThanOrEqual(5);
  expect(ended.orders).toBeLessThan(5 + load.atOnce);
});

test('an order that is not delivered is no measurement', async () => {
  const load = { client: client('waiting'), program, atOnce: 1, orders: 1, seconds: 60 };
  await expect(placeLoad(load)).rejects.toThrow('an order ended');
});

test('what there is of the memory is told of as many orders as there were', () => {
  const samples = [10, 20, 30, 40].map((orders) => ({ orders, rssBytes: orders * 100 }));
  expect(memoryResult('PGlite', 40, 2, samples)).toMatchObject({ orders: 40, earlyBytes: 2000, lateBytes: 4000 });
  expect(memoryResult('PGlite', 3, 1, [])).toMatchObject({ earlyBytes: 0, lateBytes: 0 });
});
