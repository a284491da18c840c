import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memoryResult } from './measure-load.js';
import type { MemorySample, NetworkResults } from './network-results.js';
import { memoryTable } from './network-tables.js';
import { placeLoad } from './place-load.js';
import { lastFaults, Standstill, stillAfterMs } from './standstill.js';

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

test('a load that stands still ends soon, and says what its orders wait for', async () => {
  let placed = 0;
  let aborted = 0;
  const view = {
    state: 'running',
    chunks: [
      { state: 'locked', attempts: [{ outcome: 'missed', reason: 'late' }, {}] },
      { state: 'waiting', attempts: [] },
    ],
  };
  const standing = {
    order: async () => {
      const isFirst = placed++ === 0;
      return {
        ended: ({ signal }: { signal: AbortSignal }) =>
          isFirst
            ? Promise.resolve({ state: 'delivered', chunks: [{ state: 'accepted' }] })
            : new Promise((_, reject) =>
                signal.addEventListener('abort', () => {
                  aborted++;
                  reject(new Error('aborted'));
                }),
              ),
        view: async () => {
          if (placed > 3) return view;
          throw new Error('silent');
        },
      };
    },
  } as never;
  const load = { client: standing, program, orders: 9, seconds: 60, stillMs: () => 500 };
  const faults = async () => ['an order is tried again: no database'];
  const error = await placeLoad({ ...load, atOnce: 3, faults }).catch((e) => e);
  expect(error).toBeInstanceOf(Standstill);
  expect(error.message).toMatch(/^no order has ended for \d+ s, 3 are open/);
  expect(error.message).toContain('orders: 3 running; chunks: 3 locked, 3 waiting; attempts: 3 missed: late, 3 open');
  expect(error.message).toContain('no database');
  expect(aborted).toBe(3);
});

test('a standstill is a minute, or much longer than orders took', () => {
  expect(stillAfterMs([])).toBe(60_000);
  expect(stillAfterMs([100, 200, 300])).toBe(60_000);
  expect(stillAfterMs([9_000, 10_000, 11_000])).toBe(200_000);
});

test('the last faults of a log are found, each once; what is no fault is none', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dsperse-faults-'));
  try {
    const file = join(directory, 'log.jsonl');
    expect(await lastFaults(file)).toEqual([]);
    const line = (level: string | number, msg: string, more = {}) => JSON.stringify({ level, msg, ...more });
    const lines = [
      '{"level":50,"msg":"cu',
      line(50, 'oldest'),
      line('info', 'all is well'),
      line(40, 'an order is tried again', { error: 'no database' }),
      line('warn', 'again'),
      line('warn', 'again'),
      line('error', 'last', { why: 'gone' }),
    ];
    await writeFile(file, lines.join('\n'));
    expect(await lastFaults(file)).toEqual(['an order is tried again: no database', 'again', 'last: gone']);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('what there is of the memory is told of as many orders as there were', () => {
  const samples = [10, 20, 30, 40].map((orders) => ({ orders, rssBytes: orders * 100 }));
  expect(memoryResult('PGlite', 40, 2, samples)).toMatchObject({ orders: 40, earlyBytes: 2000, lateBytes: 4000 });
  expect(memoryResult('PGlite', 3, 1, [])).toMatchObject({ earlyBytes: 0, lateBytes: 0 });
});

test('the table of the memory says what was looked at, of two quarters', () => {
  const samples = [1, 2, 3, 4, 5, 6, 7, 8].map((k) => ({ orders: 10 * k, rssBytes: k * 1e6 }));
  const table = (s: readonly MemorySample[]) => {
    return memoryTable({ memory: [memoryResult('PGlite', 80, 9, s)] } as unknown as NetworkResults);
  };
  expect(table(samples)).toContain('| resident, median | 3.5 MB | 7.5 MB |');
  expect(table(samples).split('\n')).toHaveLength(3);
  const heaps = [9, 9, 7, 5, 9, 9, 6, 8];
  const more = samples.map((s, i) => ({
    ...s,
    seconds: i < 4 ? i : 2 * i,
    heapBytes: heaps[i] * 1e6,
    databaseBytes: 4e6,
  }));
  expect(table(more).split('\n').slice(3)).toEqual([
    '| JavaScript heap, least | 5.0 MB | 6.0 MB |',
    '| files of the database, median | 4.0 MB | 4.0 MB |',
    '| orders a second | 10.0 | 5.00 |',
  ]);
  const parts = more.map((s, i) => ({
    ...s,
    rssBytes: (i + 21) * 1e6,
    heapHeldBytes: 9e6,
    externalBytes: (i + 2) * 1e6,
    databaseMemoryBytes: i * 1e6,
    inferenceBytes: 1e6,
    rows: 10 * i,
    tableRows: { epochs: 5, orders: 1_000 * i, events: 9_000 },
    tableBytes: { epochs: i * 1e6, catalog: 8e6, nonces: 9e5 },
  }));
  expect(table(parts).split('\n').slice(3, -1)).toEqual([
    '| JavaScript heap, least | 5.0 MB | 6.0 MB |',
    '| held for it, garbage and free places included, median | 9.0 MB | 9.0 MB |',
    '| buffers outside of it, median | 2.0 MB | 2.0 MB |',
    '| WebAssembly memory of the database, most | 3.0 MB | 7.0 MB |',
    '| inference thread, median | 1.0 MB | 1.0 MB |',
    '| resident besides all of these, median | 9.0 MB | 9.0 MB |',
    '| files of the database, median | 4.0 MB | 4.0 MB |',
    '| rows of its tables after a sweep, median | 25 | 65 |',
    '| rows of `events`, median | 9 000 | 9 000 |',
    '| rows of `orders`, median | 2 500 | 6 500 |',
    '| table `catalog` with indices, median | 8.0 MB | 8.0 MB |',
    '| table `epochs` with indices, median | 2.5 MB | 6.5 MB |',
  ]);
});
