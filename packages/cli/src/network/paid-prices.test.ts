import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OrderResult } from '@dsperse/sdk';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepPaidPrice, readPaidPrices } from './paid-prices.js';

const GATEWAY = `0x${'Ab'.repeat(20)}` as const;
const resultOf = (spent: bigint, workUnits: number[], verdict = 'accepted') =>
  ({ verdict, spent, view: { chunks: workUnits.map((w) => ({ workUnits: w })) } }) as unknown as OrderResult;
let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'dsperse-paid-'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

it('keeps what an accepted order cost for a million work units, rounded up, the latest at the end', async () => {
  await keepPaidPrice(data, GATEWAY, resultOf(7n, [1_000_000, 1_000_000]));
  await keepPaidPrice(data, GATEWAY, resultOf(10n, [500_000]));
  const gateway = GATEWAY.toLowerCase();
  expect(readPaidPrices(data)).toEqual([
    { gateway, unitPrice: 4n },
    { gateway, unitPrice: 20n },
  ]);
});

it('keeps nothing of orders that were not delivered, and no more than two hundred', async () => {
  await keepPaidPrice(data, GATEWAY, resultOf(7n, [1_000_000], 'undecided'));
  await keepPaidPrice(data, GATEWAY, resultOf(0n, []));
  expect(readPaidPrices(data)).toEqual([]);
  const rows = Array.from({ length: 200 }, (_, k) => ({ gateway: GATEWAY.toLowerCase(), unitPrice: String(k) }));
  writeFileSync(join(data, 'paid-prices.json'), JSON.stringify(rows));
  await keepPaidPrice(data, GATEWAY, resultOf(999n, [1_000_000]));
  const kept = readPaidPrices(data).map(({ unitPrice }) => unitPrice);
  expect([kept.length, kept[0], kept.at(-1)]).toEqual([200, 1n, 999n]);
});

it.each(['', '{', '[{"gateway":"x","unitPrice":"1"}]', '[{"gateway":"0x00","unitPrice":-1}]'])(
  'does without a damaged file: %s',
  (text) => {
    writeFileSync(join(data, 'paid-prices.json'), text);
    expect(readPaidPrices(data)).toEqual([]);
  },
);
