/** An order is computed while the chain takes its reserve: nothing of that is told before it is there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicCommitment } from '@dsperse/core/verify';
import { digestOfBytes, encodeBundle, signMessage, toJson } from '@dsperse/network/messages';
import type { Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ActivationPool } from '../../packages/network/src/roles/gateway/activation-pool.js';
import { OrderRunner } from '../../packages/network/src/roles/gateway/advance-order.js';
import { GATEWAY_DEFAULTS, type GatewayContext } from '../../packages/network/src/roles/gateway/gateway-context.js';
import type { ActivationListener } from '../../packages/network/src/roles/gateway/run-activations.js';
import { MIGRATIONS } from '../../packages/network/src/roles/gateway/schema.js';
import { json, migrate, openSql, type SqlStore } from '../../packages/network/src/store/index.js';
import {
  documentOf,
  gateway,
  network,
  requester,
  type SmallProgram,
  smallOrder,
  smallProgram,
  word,
} from './small-order.js';

let program: SmallProgram;
let sql: SqlStore;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-early-'));
  [program, sql] = await Promise.all([smallProgram('standard'), openSql({ directory })]);
  await migrate(sql, MIGRATIONS);
  await sql.execute('insert into programs (fingerprint, document, publisher, created_ms) values ($1, $2, $3, 1)', [
    program.fingerprint,
    json(toJson(documentOf(program))),
    requester.address,
  ]);
}, 120_000);
afterAll(async () => {
  program.kernels.close();
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => sql.script('delete from orders; delete from events; delete from blobs'));

const salt = '09'.repeat(32);
const inputOf = () => encodeBundle(new Map([...program.inputs].map(([name, values]) => [name, { values, salt }])));

async function addOrder(k: number): Promise<Hex> {
  const { order, id } = smallOrder(program, { salt: word(k) });
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, input_digest, secret, deadline, budget,
       created_ms) values ($1, $2, $3, $4, $5, 'received', $6, $7, 5000, 1, 1)`,
    [
      id,
      order.requester,
      json(toJson(await signMessage(requester, network, 'Order', order))),
      word(5),
      program.fingerprint,
      digestOfBytes(inputOf()),
      '03'.repeat(32),
    ],
  );
  return id;
}

interface Run {
  readonly listener: ActivationListener;
  finish(): void;
  fail(error: Error): void;
}

/** A gateway whose chain and inference answer when they are told to. */
function start(chunkWorkUnits = 1) {
  const runs: Run[] = [];
  const reserves: { take(): void; refuse(error: Error): void }[] = [];
  const blobs = new Map<string, Uint8Array>([
    [digestOfBytes(program.key), program.key],
    [digestOfBytes(inputOf()), inputOf()],
  ]);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const g = {
    sql,
    network,
    holder: 'this',
    identity: { account: gateway },
    settings: { ...GATEWAY_DEFAULTS, chunkWorkUnits },
    blobs: {
      get: async (digest: string) => blobs.get(digest),
      put: async (bytes: Uint8Array) => {
        blobs.set(digestOfBytes(bytes), bytes);
        return digestOfBytes(bytes);
      },
    },
    ledger: {
      reserve: () =>
        new Promise<void>((take, refuse) => {
          reserves.push({ take, refuse });
        }),
      order: async () => ({ state: 'none' }),
      stakeOf: async () => ({ active: 0n }),
    },
    timing: async () => ({ lockGraceSeconds: 1, judgingGraceSeconds: 1 }),
    policy: async () => ({
      shareCapBps: 10_000,
      lockFloorSeconds: 1,
      lockMultipleBps: 10_000,
      verifySeconds: 1,
      collateralBps: 0,
      collateralMin: 1n,
    }),
    provers: async () => ({ restSeconds: 1, failureWindowSeconds: 1 }),
    metrics: { orders: { inc() {} } },
    log,
    wake() {},
    nowMs: () => 2_000_000,
  } as unknown as GatewayContext;
  const pool = {
    run: (_job: unknown, _packages: unknown, listener: ActivationListener) =>
      new Promise((resolve, reject) => {
        const finish = () => resolve({ commitments: { x: '1'.repeat(64) }, values: new Uint8Array(3) });
        runs.push({ listener, finish, fail: reject });
      }),
  } as unknown as ActivationPool;
  return { runs, reserves, runner: new OrderRunner(g, pool) };
}

const until = async (isDone: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 400 && !(await isDone()); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await isDone()).toBe(true);
};
const stateOf = async (id: Hex) => {
  const [row] = await sql.query<{ state: string; manifest: { startedAt: number } | null }>(
    'select state, manifest from orders where id = $1',
    [id],
  );
  return row;
};
const told = async () => (await sql.query('select 1 from chunks where boundary_digest is not null')).length;

it('tells chunks and manifest once the order has begun, of one inference', async () => {
  const id = await addOrder(1);
  const { runs, reserves, runner } = start();
  const advancing = runner.advance(id);
  await until(() => runs.length === 1 && reserves.length === 1);
  const telling = runs[0].listener.chunk(0, new Uint8Array(2));
  runs[0].finish();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await stateOf(id)).toEqual({ state: 'received', manifest: null });
  reserves[0].take();
  await advancing;
  await telling;
  await until(async () => (await stateOf(id)).manifest !== null);
  expect(await stateOf(id)).toMatchObject({ state: 'running', manifest: { startedAt: 2_000 } });
  expect(await told()).toBe(1);
  await runner.advance(id);
  expect(runs).toHaveLength(1);
});

it('an order of one chunk has its manifest once it has begun: nothing is inferred', async () => {
  const id = await addOrder(1);
  const { runs, reserves, runner } = start(GATEWAY_DEFAULTS.chunkWorkUnits);
  const advancing = runner.advance(id);
  await until(() => reserves.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([await stateOf(id), await told()]).toEqual([{ state: 'received', manifest: null }, 0]);
  reserves[0].take();
  await advancing;
  await until(async () => (await stateOf(id)).manifest !== null);
  const commitments = { x: publicCommitment(program.inputs.get('x') as Int32Array) };
  expect((await stateOf(id)).manifest).toMatchObject({
    startedAt: 2_000,
    chunks: [{ slices: [0, 1, 2] }],
    commitments,
  });
  expect(await told()).toBe(1);
  expect(runs).toEqual([]);
});

it('tells nothing of an order that is refused, and computes no other one of its requester so early', async () => {
  const id = await addOrder(1);
  const { runs, reserves, runner } = start();
  const advancing = runner.advance(id);
  await until(() => runs.length === 1 && reserves.length === 1);
  const telling = runs[0].listener.chunk(0, new Uint8Array(2));
  runs[0].finish();
  const { LedgerError } = await import('../../packages/network/src/chain/ledger.js');
  reserves[0].refuse(new LedgerError('refused', 'no deposit', false));
  await expect(telling).rejects.toThrow();
  await advancing;
  expect(await stateOf(id)).toEqual({ state: 'failed', manifest: null });
  const next = await addOrder(2);
  const second = runner.advance(next);
  await until(() => reserves.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(runs).toHaveLength(1);
  // It is computed as soon as it is paid for, and those after it early again.
  reserves[1].take();
  await second;
  await runner.advance(next);
  await until(() => runs.length === 2);
  const third = runner.advance(await addOrder(3));
  await until(() => runs.length === 3 && reserves.length === 3);
  reserves[2].take();
  await third;
});

it('an inference that fails early ends the order when it has begun', async () => {
  const id = await addOrder(1);
  const { runs, reserves, runner } = start();
  const advancing = runner.advance(id);
  await until(() => runs.length === 1 && reserves.length === 1);
  const { ActivationError } = await import('../../packages/network/src/roles/gateway/activation-pool.js');
  runs[0].fail(new ActivationError('out-of-range', 'a value is outside'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await stateOf(id)).state).toBe('received');
  reserves[0].take();
  await advancing;
  await until(async () => (await stateOf(id)).state === 'failed');
});
