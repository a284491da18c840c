import type { Hex } from 'viem';
import { beforeEach, expect, test } from 'vitest';
import { abandonedOrder, claimOf } from '../../../../../tests/network/claimed-order.js';
import { word } from '../../../../../tests/network/small-order.js';
import type { Appeal } from '../../messages/index.js';
import type { Logger } from '../../node/index.js';
import type { GatewayLink } from '../peer/gateway-link.js';
import { type Claimant, claimWork, type TakenClaims } from './claim-work.js';
import type { DeliveredWork } from './delivered-work.js';

const made = abandonedOrder('44'.repeat(32));
const another = abandonedOrder('44'.repeat(32), word(13));

let work: Map<Hex, Appeal[]>;
let taken: TakenClaims;
beforeEach(async () => {
  work = new Map([
    [made.id, [await claimOf(made), await claimOf(made, { lock: { chunk: 1 } })]],
    [another.id, [await claimOf(another)]],
  ]);
  taken = new Map();
});

/** A gateway, and what it was sent. */
function gateway(refuses: (claim: Appeal) => boolean = () => false) {
  const sent: Appeal[] = [];
  const signals: unknown[] = [];
  const link = {
    url: 'https://gateway.example',
    post: async (path: string, claim: Appeal, _: unknown, options: { signal: unknown; idempotent: boolean }) => {
      expect([path, options.idempotent]).toEqual(['/v1/claims', true]);
      signals.push(options.signal);
      sent.push(claim);
      if (refuses(claim)) throw new Error('refused');
      return {};
    },
  } as unknown as GatewayLink;
  return { link, sent, signals };
}
const stopping = new AbortController();
const claim = (order: Hex, ...gateways: { readonly link: GatewayLink }[]) => {
  const claimant: Claimant = {
    links: gateways.map(({ link }) => link),
    delivered: { of: async (id: Hex) => work.get(id) ?? [] } as unknown as DeliveredWork,
    log: { debug() {} } as unknown as Logger,
    signal: stopping.signal,
  };
  return claimWork(claimant, taken, order);
};

test('all that was delivered of an order is sent to every gateway, once', async () => {
  const [a, b] = [gateway(), gateway()];
  expect(await claim(made.id, a, b)).toBe(true);
  for (const { sent, signals } of [a, b]) {
    expect(sent).toEqual(work.get(made.id));
    expect(new Set(signals)).toEqual(new Set([stopping.signal]));
  }
  expect(await claim(made.id, a, b)).toBe(true);
  expect([a.sent.length, b.sent.length]).toEqual([2, 2]);
  expect(await claim(another.id, a, b)).toBe(true);
  expect(a.sent.slice(2)).toEqual(work.get(another.id));
});

test('again to those that have not taken all of it, whatever the others did', async () => {
  let isAway = true;
  const [away, partly] = [gateway(() => isAway), gateway((c) => isAway && c.lock.message.chunk === 1)];
  expect(await claim(made.id, away, partly)).toBe(false);
  expect(await claim(made.id, away, partly)).toBe(false);
  expect(new Set(partly.sent.map((c) => c.lock.message.chunk))).toEqual(new Set([0, 1]));
  const there = gateway();
  expect(await claim(made.id, away, there)).toBe(true);
  isAway = false;
  const before = [away.sent.length, partly.sent.length];
  expect(await claim(made.id, away, partly, there)).toBe(true);
  expect([away.sent.length - before[0], partly.sent.length - before[1], there.sent.length]).toEqual([2, 2, 2]);
});

test('where nothing is left of what was delivered nobody has it', async () => {
  const there = gateway();
  work.clear();
  expect(await claim(made.id, there)).toBe(false);
  expect(there.sent).toEqual([]);
  // It may have been away for this look alone.
  work.set(made.id, [await claimOf(made)]);
  expect(await claim(made.id, there)).toBe(true);
});

test('without other gateways nobody has it', async () => {
  expect(await claim(made.id)).toBe(false);
});
