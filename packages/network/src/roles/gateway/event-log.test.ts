import { expect, test } from 'vitest';
import type { SqlStore } from '../../store/index.js';
import { EventLog } from './event-log.js';

interface Row {
  readonly seq: number;
  readonly kind: string;
  readonly data: unknown;
}

/** A database whose answers are what stood there when it was asked, and come when they are let go. */
function slowStore() {
  const rows: Row[] = [];
  const asked: (() => void)[] = [];
  let notify: (topic: string) => void = () => {};
  const sql = {
    query: (_: string, [, after]: [string, number]) => {
      const found = rows.filter((r) => r.seq > after);
      return new Promise<Row[]>((resolve) => {
        asked.push(() => resolve(found));
      });
    },
    listen: async (_: string, onNotification: (topic: string) => void) => {
      notify = onNotification;
      return async () => {};
    },
  } as unknown as SqlStore;
  const add = (isTold = true) => {
    rows.push({ seq: rows.length + 1, kind: 'k', data: {} });
    if (isTold) notify('t');
  };
  return { sql, asked, add, notify: () => notify('t') };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

function follower(log: EventLog, signal: AbortSignal): string[] {
  const seen: string[] = [];
  (async () => {
    for await (const event of log.follow('t', 0, signal)) seen.push(event.id as string);
  })();
  return seen;
}

test('followers that are woken together read once', async () => {
  const { sql, asked, add } = slowStore();
  const log = new EventLog(sql);
  await log.start();
  const ending = new AbortController();
  const seen = [1, 2, 3].map(() => follower(log, ending.signal));
  await turn();
  expect(asked).toHaveLength(1);
  asked[0]();
  await turn();
  add();
  await turn();
  expect(asked).toHaveLength(2);
  asked[1]();
  await turn();
  // Each looks again, for what may have come meanwhile: together.
  for (const ids of seen) expect(ids).toEqual(['1']);
  expect(asked.length).toBeLessThanOrEqual(3);
  ending.abort();
});

test('whoever comes after an event does not join a reading from before it', async () => {
  const { sql, asked, add } = slowStore();
  const log = new EventLog(sql);
  await log.start();
  const ending = new AbortController();
  const early = follower(log, ending.signal);
  await turn();
  add();
  const late = follower(log, ending.signal);
  await turn();
  expect(asked).toHaveLength(2);
  asked[1]();
  await turn();
  expect(late).toEqual(['1']);
  asked[0]();
  await turn();
  // Woken while it read: it reads again.
  asked[2]();
  await turn();
  expect(early).toEqual(['1']);
  ending.abort();
});

test('whoever joins between an event and its notification is woken by it', async () => {
  const { sql, asked, add, notify } = slowStore();
  const log = new EventLog(sql);
  await log.start();
  const ending = new AbortController();
  const early = follower(log, ending.signal);
  await turn();
  add(false);
  const late = follower(log, ending.signal);
  await turn();
  expect(asked).toHaveLength(1);
  notify();
  asked[0]();
  await turn();
  for (const answer of asked.slice(1)) answer();
  await turn();
  expect([early, late]).toEqual([['1'], ['1']]);
  ending.abort();
});
