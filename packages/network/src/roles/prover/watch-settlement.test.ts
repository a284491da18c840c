import type { Hex } from 'viem';
import { describe, expect, it, test } from 'vitest';
import type { Ledger } from '../../chain/ledger.js';
import type { Logger, Metrics } from '../../node/index.js';
import { type UnsettledActions, UnsettledOrders } from './watch-settlement.js';

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

describe('an order that its gateway abandoned', () => {
  const EXIT_AT = 10_000;
  /** Half of the time to cancel. */
  const CLAIMABLE_AT = EXIT_AT - 2_000;
  const TIMES = { exitSeconds: 9_000n, cancelSeconds: 4_000n };

  function watch(actions: UnsettledActions = {}, times = TIMES) {
    const chain = { now: CLAIMABLE_AT, states: new Map<Hex, string>(), exitAt: EXIT_AT, isAway: false };
    const told: unknown[] = [];
    const ledger = {
      order: async (order: Hex) => {
        if (chain.isAway) throw new Error('the chain is away');
        return { state: chain.states.get(order) ?? 'reserved', deadline: 20_000, exitAt: chain.exitAt };
      },
      now: async () => chain.now,
      parameters: async () => ({ settleGraceSeconds: 10n, ...times }),
    } as unknown as Ledger;
    const log = { warn: ({ order, outcome }: { order: Hex; outcome: string }) => void told.push([order, outcome]) };
    const metrics = { counter: () => ({ inc() {} }) } as unknown as Metrics;
    const orders = new UnsettledOrders(ledger, log as unknown as Logger, metrics, actions);
    return { chain, told, orders };
  }

  it('is claimed from when it may be, with every look until the chain has settled it', async () => {
    const claimed: Hex[] = [];
    const ended: [string, Hex][] = [];
    const { chain, orders } = watch({
      claim: async (order) => claimed.push(order) > 0,
      onSettled: (order) => void ended.push(['settled', order]),
      onLost: (order) => void ended.push(['lost', order]),
    });
    for (const k of [1, 2]) orders.add(id(k), 'a gateway');
    chain.now = CLAIMABLE_AT - 1;
    await orders.look();
    expect(claimed).toEqual([]);
    chain.now = CLAIMABLE_AT;
    await orders.look();
    expect(claimed).toEqual([id(1), id(2)]);
    // Another gateway may have come meanwhile.
    await orders.look();
    expect(claimed).toEqual([id(1), id(2), id(1), id(2)]);
    expect(ended).toEqual([]);
    chain.states.set(id(1), 'settled').set(id(2), 'exited');
    await orders.look();
    await orders.look();
    expect(claimed).toHaveLength(4);
    expect(ended).toEqual([
      ['settled', id(1)],
      ['lost', id(2)],
    ]);
    expect(orders.size).toBe(0);
  });

  it('is said to be claimed once, when a gateway has the claim', async () => {
    let isTaken = false;
    const { told, orders } = watch({ claim: async () => isTaken });
    orders.add(id(1), 'a gateway');
    await orders.look();
    expect(told).toEqual([]);
    isTaken = true;
    await orders.look();
    await orders.look();
    expect(told).toEqual([[id(1), 'claimed']]);
  });

  it('is neither claimed nor forgotten while the chain has lost its reserve', async () => {
    const claimed: Hex[] = [];
    const { chain, orders } = watch({ claim: async (order) => claimed.push(order) > 0 });
    orders.add(id(1), 'a gateway');
    chain.states.set(id(1), 'none');
    await orders.look();
    expect([claimed, orders.size]).toEqual([[], 1]);
    chain.states.clear();
    await orders.look();
    expect(claimed).toEqual([id(1)]);
  });

  it('comes earlier where it was cancelled', async () => {
    const claimed: Hex[] = [];
    const { chain, orders } = watch({ claim: async (order) => claimed.push(order) > 0 });
    orders.add(id(1), 'a gateway');
    chain.now = CLAIMABLE_AT - 1_000;
    await orders.look();
    expect(claimed).toEqual([]);
    chain.exitAt = EXIT_AT - 1_000;
    await orders.look();
    expect(claimed).toEqual([id(1)]);
  });

  it('stays where the chain is away, or where it cannot be claimed', async () => {
    let isBroken = true;
    const { chain, orders } = watch({ claim: async () => (isBroken ? Promise.reject(new Error('no disk')) : true) });
    for (const k of [1, 2]) orders.add(id(k), 'a gateway');
    chain.isAway = true;
    await expect(orders.look()).rejects.toThrow('away');
    chain.isAway = false;
    await expect(orders.look()).rejects.toThrow('no disk');
    expect(orders.size).toBe(2);
    isBroken = false;
    await orders.look();
    expect(orders.size).toBe(2);
  });

  it('is looked for often enough to be claimed in time, and not more often', async () => {
    const pause = async (cancelSeconds: bigint) => {
      const { chain, orders } = watch({}, { ...TIMES, cancelSeconds });
      chain.now = 0;
      orders.add(id(1), 'a gateway');
      return orders.look();
    };
    // A sixteenth of the time in which claims are taken, from a second to a minute.
    expect(await Promise.all([4_000n, 1_920n, 800n, 64n, 32n, 8n].map(pause))).toEqual([
      60_000, 60_000, 25_000, 2_000, 1_000, 1_000,
    ]);
    expect(await watch({}, { ...TIMES, cancelSeconds: 8n }).orders.look()).toBe(60_000);
  });
});
