import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isDelegatedTo, type NetworkId } from '../../messages/index.js';
import { migrate, openSql, type SqlStore } from '../../store/index.js';
import { actsFor, delegationOf, keepDelegations } from './delegations.js';
import { MIGRATIONS } from './schema.js';

const [a, b, c] = ['11', '22', '33'].map((byte) => privateKeyToAccount(`0x${byte.repeat(32)}`));
const network: NetworkId = { chainId: 1, market: a.address, settlement: b.address };
const DAY = 24 * 3_600_000;
let directory: string;
let sql: SqlStore;
let now = 1_000 * DAY;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-delegations-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});

const as = (account: typeof a) => ({ sql, network, identity: { account }, nowMs: () => now }) as never;

test('gateways on one database act for each other, and for nobody else, as they sign it', async () => {
  await keepDelegations(as(a));
  expect(await actsFor(as(a), a.address)).toBe(true);
  expect(await actsFor(as(b), a.address)).toBe(false);
  await keepDelegations(as(b));
  // The first one has not seen the second one yet.
  expect(await actsFor(as(b), a.address)).toBe(false);
  await keepDelegations(as(a));
  expect(await actsFor(as(b), a.address)).toBe(true);
  expect(await actsFor(as(a), b.address)).toBe(true);
  expect(await actsFor(as(c), a.address)).toBe(false);
  const signed = await delegationOf({ sql }, a.address, b.address);
  const seconds = now / 1000;
  expect(isDelegatedTo(network, a.address, b.address, signed, seconds + 29 * 86_400)).toBe(true);
  expect(isDelegatedTo(network, b.address, a.address, signed, seconds)).toBe(false);
  // Signed anew in time, and not before.
  now += 14 * DAY;
  await keepDelegations(as(b));
  await keepDelegations(as(a));
  expect(await delegationOf({ sql }, a.address, b.address)).toEqual(signed);
  now += 2 * DAY;
  await keepDelegations(as(a));
  const later = await delegationOf({ sql }, a.address, b.address);
  expect(later?.message.until).toBe(now / 1000 + 30 * 86_400);
});
