import type { Hex } from 'viem';
import { expect, test } from 'vitest';
import type { Ledger } from '../../chain/ledger.js';
import type { Logger, Metrics } from '../../node/index.js';
import { UnsettledOrders } from './watch-settlement.js';

const id = (k: number): Hex => `0x${k.toString(16).padStart(64, '0')}`;

test('a prover is told once of an order that others are settled without, and of one that was taken back', async () => {
  const states: Record<Hex, string> = { [id(1)]: 'reserved', [id(2)]: 'reserved', [id(3)]: 'reserved' };
  let [now, last] = [1_000, 0];
  const told: unknown[] = [];
  const counted: string[] = [];
  const ledger = {
    order: async (order: Hex) => ({ state: states[order], deadline: 1_000, exitAt: 10_000 }),
    now: async () => now,
    settlementHead: async () => ({ last }),
    parameters: async () => ({ settleGraceSeconds: 10n, exitSeconds: 9_000n, cancelSeconds: 4_000n }),
    epoch: async (n: number) => ({ postedAt: 1_000 + 100 * n, finalAt: 1_050 + 100 * n, cancelled: false }),
  } as unknown as Ledger;
  const log = { warn: (fields: object) => void told.push(fields) } as unknown as Logger;
  const counter = () => ({ inc: ({ outcome }: { outcome: string }) => void counted.push(outcome) });
  const settled: Hex[] = [];
  const metrics = { counter } as unknown as Metrics;
  const orders = new UnsettledOrders(ledger, log, metrics, { onSettled: (order) => void settled.push(order) });
  for (const k of [1, 2, 3, 1]) orders.add(id(k), 'a gateway');
  await orders.look();
  [now, last] = [1_261, 2];
  states[id(2)] = 'settled';
  await orders.look();
  expect([told, orders.size]).toEqual([[], 2]);
  expect(settled).toEqual([id(2)]);
  [now, last] = [1_360, 3];
  await orders.look();
  await orders.look();
  expect(told).toEqual([1, 3].map((k) => ({ order: id(k), gateway: 'a gateway', outcome: 'left-out' })));
  states[id(3)] = 'exited';
  await orders.look();
  expect(counted).toEqual(['left-out', 'left-out', 'exited']);
  expect(orders.size).toBe(1);
  expect(settled).toEqual([id(2)]);
});
