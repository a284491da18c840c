import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Leaf, merkleRoot } from '@dsperse/network/scoring';
import type { ChainAccess } from '@dsperse/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchSettlement } from './epoch-settlement.js';

const account = `0x${'aa'.repeat(20)}` as const;
const leaves: Leaf[] = [
  { kind: 2, account, cumulative: 7n },
  { kind: 4, validator: account, answered: 2, answers: '10' },
];
const root = merkleRoot(leaves);
const settlement = {
  epoch: 1,
  root,
  leaves: [
    { kind: 2, account, cumulative: '7' },
    { kind: 4, validator: account, answered: 2, answers: '10' },
  ],
  orders: [],
  credits: [],
  penalties: [] as unknown[],
  state: {
    epoch: 1,
    root,
    closedAt: 1,
    credits: [],
    penalties: [],
    orders: [],
    minted: '0',
    recalls: [],
    consensus: { commits: [], provers: [], bonds: [] },
  },
  totals: { spent: '0', provers: '0', validators: '0', burned: '0', treasury: '0', minted: '0', penalties: '0' },
};
let given: unknown = { state: 'settled', settlement };
let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(given));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

const chain = (posted: string) => ({ read: async () => ({ root: posted, postedAt: 5n }) }) as unknown as ChainAccess;

test('leaves of every kind are read where they have the root of the chain', async () => {
  expect(await fetchSettlement(url, chain(root), 1)).toMatchObject({ epoch: 1, postedAt: 5, leaves });
  await expect(fetchSettlement(url, chain(`0x${'00'.repeat(32)}`), 1)).rejects.toThrow('not the one that stands');
});

test('what is malformed, or blames somebody without a leaf, is refused', async () => {
  given = { state: 'settled', settlement: { ...settlement, leaves: [{ kind: 2, account, cumulative: 'x' }] } };
  await expect(fetchSettlement(url, chain(root), 1)).rejects.toMatchObject({ code: 'bad-response' });
  const evidence = `0x${'11'.repeat(32)}`;
  const penalty = { operator: account, role: 1, cumulative: '1', evidence, rise: '1', items: [] };
  given = { state: 'settled', settlement: { ...settlement, penalties: [penalty] } };
  await expect(fetchSettlement(url, chain(root), 1)).rejects.toThrow('none of its leaves');
});
