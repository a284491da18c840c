/** What this requester's orders cost, by gateway: kept beside its open orders, and weighed against what gateways quote. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '@dsperse/network/node';
import type { OrderResult, PaidPrice } from '@dsperse/sdk';
import type { Address } from 'viem';
import { z } from 'zod';

const KEPT = 200;
const schema = z.array(
  z.object({
    gateway: z.string().regex(/^0x[0-9a-f]{40}$/),
    /** Decimal token units per million work units. */
    unitPrice: z.string().regex(/^\d{1,78}$/),
  }),
);

const fileIn = (data: string): string => join(data, 'paid-prices.json');

/** The oldest first; none where the file is missing or damaged: it only helps to choose. */
export function readPaidPrices(data: string): PaidPrice[] {
  const path = fileIn(data);
  if (!existsSync(path)) return [];
  try {
    const rows = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return rows.map(({ gateway, unitPrice }) => ({ gateway: gateway as Address, unitPrice: BigInt(unitPrice) }));
  } catch {
    return [];
  }
}

/** Of an order that was delivered and verified: the price is that of its certificate. */
export async function keepPaidPrice(data: string, gateway: Address, result: OrderResult): Promise<void> {
  const work = result.view.chunks.reduce((sum, { workUnits }) => sum + BigInt(workUnits), 0n);
  if (result.verdict !== 'accepted' || work === 0n) return;
  const paid = { gateway: gateway.toLowerCase() as Address, unitPrice: (result.spent * 1_000_000n + work - 1n) / work };
  const rows = [...readPaidPrices(data), paid].slice(-KEPT);
  const text = JSON.stringify(rows.map((row) => ({ ...row, unitPrice: row.unitPrice.toString() })));
  await writePrivateFile(fileIn(data), `${text}\n`);
}
