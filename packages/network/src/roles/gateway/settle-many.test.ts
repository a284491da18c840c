import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Hex, numberToHex, pad } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { hashMessage, type NetworkId, type Order, signMessage, toJson } from '../../messages/index.js';
import { emptyState } from '../../scoring/index.js';
import { json, migrate, openFileBlobs, openSql, type SqlStore } from '../../store/index.js';
import { buildTrace } from './build-trace.js';
import type { GatewayContext } from './gateway-context.js';
import { EpochRunner } from './run-epochs.js';
import { MIGRATIONS } from './schema.js';

const ORDERS = 700;
const nowMs = 2_000_000;
const word = (k: number): Hex => pad(numberToHex(k), { size: 32 });
const [requester, gateway] = [1, 2].map((k) => privateKeyToAccount(word(k)));
const network: NetworkId = { chainId: 1, market: `0x${'11'.repeat(20)}`, settlement: `0x${'22'.repeat(20)}` };
const PARAMETERS: Record<string, bigint> = {
  epochOrdersMax: 10_000n,
  stakeCapBps: 10_000n,
  rememberEpochs: 8n,
  recallFloorBps: 5_000n,
  canaryMemory: 20n,
  consensusKappaBps: 5_000n,
  bondAlphaBps: 1_000n,
  feeBps: 1_000n,
  feeValidatorBps: 5_000n,
  feeBurnBps: 2_500n,
};

let directory: string;
let sql: SqlStore;
let ids: Hex[];
let g: GatewayContext;
/** Most lookups of orders on the chain that were under way together. */
let most = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-settle-many-'));
  sql = await openSql({ directory: join(directory, 'database') });
  await migrate(sql, MIGRATIONS);
  ids = [];
  for (let k = 0; k < ORDERS; k++) {
    const message: Order = {
      ...{ requester: requester.address, gateway: gateway.address, fingerprint: word(10), inputCommitment: word(11) },
      ...{ priceMin: 1n, priceMax: 2n, rampSeconds: 1, budget: 100n, deadline: 5_000, salt: word(k) },
    };
    const id = hashMessage(network, 'Order', message);
    ids.push(id);
    await sql.execute(
      `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
         budget, created_ms, ended_ms) values ($1, $2, $3, 'k', 'f', 'failed', true, 'd', 's', 5000, 100, 1, $4)`,
      [
        id,
        requester.address.toLowerCase(),
        json(toJson(await signMessage(requester, network, 'Order', message))),
        1_000_000 + k,
      ],
    );
  }
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  most = 0;
  let running = 0;
  const later = async <T>(value: T): Promise<T> => {
    running++;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return value;
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  g = {
    sql,
    network,
    log,
    blobs: await openFileBlobs({ directory: join(directory, 'blobs') }),
    holder: 'here',
    identity: { account: gateway },
    timing: async () => ({ epochSeconds: 10, clockSkewSeconds: 5, exitMarginSeconds: 30 }),
    ledger: {
      network,
      contracts: { treasury: `0x${'33'.repeat(20)}` },
      now: async () => nowMs / 1000,
      parameters: async (of: readonly string[]) => Object.fromEntries(of.map((n) => [n, PARAMETERS[n] ?? 0n])),
      emission: async () => ({ cap: 10n ** 27n, minted: 0n, closedAt: 0 }),
      validators: async () => [],
      settlementHead: async () => ({ last: -1, next: 1, root: emptyState().root }),
      electorate: () => later([]),
      committeeSeats: async () => 64,
      order: () => later({ state: 'reserved', reserved: 100n, deadline: 5_000, exitAt: 9_000 }),
    },
    nowMs: () => nowMs,
  } as unknown as GatewayContext;
});

test('an epoch takes all orders that wait, up to the network’s bound; the chain is asked for many together', async () => {
  await new EpochRunner(g).advance();
  const [epoch, ...others] = await sql.query<{ epoch: number; state: string }>('select epoch, state from epochs');
  expect(others).toEqual([]);
  expect(epoch).toEqual({ epoch: 1, state: 'collecting' });
  const [{ n }] = await sql.query<{ n: number }>('select count(*)::int as n from orders where epoch = 1');
  expect(n).toBe(ORDERS);
  expect(most).toBeGreaterThan(20);
  expect(most).toBeLessThanOrEqual(100);
}, 120_000);

test('a trace has the first orders that fit into its bytes, one at least', async () => {
  const orders = async (bytes: number) =>
    (await buildTrace(g, 1, ids.slice(0, 20), emptyState(), { mostBytes: bytes })).orders;
  const all = await orders(1 << 20);
  expect(all.map((o) => o.id)).toEqual(ids.slice(0, 20));
  const some = await orders(6_000);
  expect(some.length).toBeGreaterThan(2);
  expect(some).toEqual(all.slice(0, some.length));
  expect(some.length).toBeLessThan(20);
  expect(await orders(1)).toEqual(all.slice(0, 1));
});
