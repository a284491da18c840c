import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Hex, hexToBytes } from 'viem';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { commitmentOf, type NetworkId, ROLE, signMessage } from '../../messages/index.js';
import { identityOf, makeEndpoint } from '../../node/index.js';
import { committeeOf, type ValidatorStake } from '../../scoring/index.js';
import { json, migrate, openSql, type SqlStore } from '../../store/index.js';
import { keepDelegations } from './delegations.js';
import { EventLog, tellJudges, toldTo, topicOf } from './event-log.js';
import type { GatewayContext } from './gateway-context.js';
import { judgeChunk } from './judge-chunk.js';
import { putEndpoint } from './operators.js';
import { loadAttempt, loadChunk } from './order-rows.js';
import { gatewayRoutes } from './routes.js';
import { MIGRATIONS } from './schema.js';
import { dutiesOf, takeCommits, takeVerdicts, withCase } from './take-verdicts.js';

const SEATS = 4;
const word = (k: number): Hex => `0x${k.toString(16).padStart(64, '0')}`;
const network: NetworkId = { chainId: 1, market: `0x${'11'.repeat(20)}`, settlement: `0x${'22'.repeat(20)}` };
const accounts = new Map<string, PrivateKeyAccount>(
  Array.from({ length: 12 }, (_, k) => privateKeyToAccount(word(k + 1))).map((a) => [a.address.toLowerCase(), a]),
);
const validators: ValidatorStake[] = [...accounts.keys()]
  .sort()
  .map((operator) => ({ operator: operator as Hex, account: operator as Hex, stake: 100n }));
const key = { order: word(77), chunk: 0, attempt: 0 };
const seats = committeeOf(key, validators, SEATS) as Map<string, bigint>;
const inside = [...accounts.keys()].filter((v) => seats.has(v));
const outside = [...accounts.keys()].filter((v) => !seats.has(v));

let directory: string;
let sql: SqlStore;
let now = 1_000_000;
/** Those who had staked when the order was reserved. */
let electorate: readonly ValidatorStake[] = validators;
/** Those who have stake now. */
let active: readonly ValidatorStake[] = validators;
const woken: Hex[] = [];
const gateways = [30, 31].map((k) => identityOf(hexToBytes(word(k))));
const g = (identity = gateways[0]) =>
  ({
    sql,
    network,
    identity,
    ledger: {
      electorate: async () => electorate,
      committeeSeats: async () => SEATS,
      validators: async () => active,
      stakeOf: async () => ({ active: 0n }),
    },
    judging: async () => ({ canaryBps: 0 }),
    timing: async () => ({ commitSeconds: 1, epochSeconds: 1, clockSkewSeconds: 1 }),
    settings: { tickMs: 1_000 },
    metrics: { attempts: { inc() {} } },
    wake: (order: Hex) => woken.push(order),
    nowMs: () => now,
  }) as unknown as GatewayContext;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-judges-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});

const lock = {
  message: { ...key, prover: word(9).slice(0, 42), price: '1', collateral: '1', deadline: 2_000 },
  signature: `0x${'00'.repeat(65)}`,
};
const receipt = { message: { ...key, prover: word(9).slice(0, 42), proofDigest: word(5) }, signature: lock.signature };

const proof = {
  lock: word(6),
  statement: {
    fingerprint: '0'.repeat(64),
    index: 0,
    nonce: key.order.slice(2),
    prover: lock.message.prover,
    commitments: {},
  },
  proof: `sha256:${'0'.repeat(64)}`,
  proofBytes: 1,
};

/** A chunk whose proof has come, which nobody has judged. */
beforeEach(async () => {
  woken.length = 0;
  electorate = validators;
  active = validators;
  await sql.script('delete from orders; delete from events; delete from operators');
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, input_digest, secret, deadline, budget,
       created_ms, manifest, seal) values ($1, 'r', '{}', 'k', 'f', 'running', 'd', 's', 2000, 1, 1, '{"commitments":{}}', '{}')`,
    [key.order],
  );
  await sql.execute(
    `insert into chunks (order_id, idx, slices, work_units, state) values ($1, 0, '[0]', 1, 'proven')`,
    [key.order],
  );
  await sql.execute(
    `insert into attempts (order_id, idx, attempt, prover, lock, locked_ms, price, collateral, deadline, work_units,
       delivery, received_ms) values ($1, 0, 0, $2, $3, 1, 1, 1, 2000, 1, $4, $5)`,
    [key.order, lock.message.prover, json(lock), json({ receipt, proof: { mark: word(4), ...proof } }), now],
  );
});

const verdictOf = (validator: string, accepted: boolean) =>
  ({ ...key, validator, proofDigest: word(5), accepted, salt: word(6) }) as Parameters<typeof commitmentOf>[0];

async function commit(validator: string, accepted = true): Promise<void> {
  const message = { ...key, validator: validator as Hex, commitment: commitmentOf(verdictOf(validator, accepted)) };
  const account = accounts.get(validator) as PrivateKeyAccount;
  await takeCommits(g(), validator as Hex, [await signMessage(account, network, 'VerdictCommit', message)]);
}

async function reveal(validator: string, accepted = true): Promise<void> {
  const account = accounts.get(validator) as PrivateKeyAccount;
  await takeVerdicts(g(), validator as Hex, [
    await signMessage(account, network, 'Verdict', verdictOf(validator, accepted)),
  ]);
}

const look = async () =>
  judgeChunk(
    g(),
    { commitments: {} } as never,
    (await loadChunk(sql, key.order, 0)) as never,
    (await loadAttempt(sql, key.order, 0, 0)) as never,
  );

/** What each validator is told on its stream of duties. */
async function toldAll(): Promise<Map<string, string[]>> {
  const log = new EventLog(sql);
  const told = new Map<string, string[]>();
  for (const validator of accounts.keys()) {
    const ending = new AbortController();
    const kinds: string[] = [];
    told.set(validator, kinds);
    setTimeout(() => ending.abort(), 50);
    for await (const e of log.follow(topicOf.validators, 0, ending.signal, (x) => toldTo(g(), validator as Hex, x))) {
      expect(e.data).toEqual(key);
      kinds.push(e.event);
    }
  }
  return told;
}

test('a committee is smaller than all validators, and its seats are unlike their stakes', () => {
  expect(inside.length).toBeGreaterThan(1);
  expect(outside.length).toBeGreaterThan(inside.length);
});

test('a proof is to be verified by the committee: no event and no duty reaches anybody else', async () => {
  await sql.transaction((tx) => tellJudges(tx, key, now));
  const told = await toldAll();
  for (const v of inside) expect(told.get(v)).toEqual(['verify']);
  for (const v of outside) expect(told.get(v)).toEqual([]);
  for (const v of inside)
    expect(await dutiesOf(g(), v as Hex)).toEqual([
      { kind: 'verify', ...key },
      { kind: 'weights', epoch: 0 },
    ]);
  for (const v of outside) expect(await dutiesOf(g(), v as Hex)).toEqual([{ kind: 'weights', epoch: 0 }]);
});

test('the order is looked at when more than two thirds of the seats have committed, and when they have revealed', async () => {
  const weight = (voted: readonly string[]) => voted.reduce((n, v) => n + (seats.get(v) ?? 0n), 0n);
  const all = weight(inside);
  for (const [k, v] of inside.entries()) {
    await commit(v);
    expect(woken.length > 0).toBe(3n * weight(inside.slice(0, k + 1)) > 2n * all);
  }
  woken.length = 0;
  await look();
  for (const [k, v] of inside.entries()) {
    await reveal(v);
    expect(woken.length > 0).toBe(3n * weight(inside.slice(0, k + 1)) > 2n * all);
  }
  await look();
  expect(await loadAttempt(sql, key.order, 0, 0)).toMatchObject({ outcome: 'accepted' });
});

test('commitments of others than the committee bring nothing on', async () => {
  for (const v of outside) await commit(v);
  expect(woken).toEqual([]);
  now += 60_000;
  await look();
  expect(await loadAttempt(sql, key.order, 0, 0)).toMatchObject({ revealingMs: undefined });
});

test('what the committee does not accept everybody is asked about', async () => {
  for (const v of inside) await commit(v, false);
  await look();
  for (const v of inside) await reveal(v, false);
  await look();
  const told = await toldAll();
  for (const v of outside) expect(told.get(v)).toEqual(['reveal', 'verify']);
  for (const v of outside)
    expect(await dutiesOf(g(), v as Hex)).toEqual([
      { kind: 'verify', ...key },
      { kind: 'weights', epoch: 0 },
    ]);
  woken.length = 0;
  for (const v of outside) await commit(v, false);
  expect(woken.length).toBeGreaterThan(0);
  await look();
  for (const v of outside) await reveal(v, false);
  await look();
  expect(await loadAttempt(sql, key.order, 0, 0)).toMatchObject({ outcome: 'rejected' });
});

test('a validator that came after the order was reserved is not asked, and changes nothing', async () => {
  const [late, ...few] = [...accounts.keys()].sort().slice(0, 4);
  electorate = few.map((operator) => ({ operator: operator as Hex, account: operator as Hex, stake: 100n }));
  expect(await dutiesOf(g(), late as Hex)).toEqual([{ kind: 'weights', epoch: 0 }]);
  for (const v of few) await commit(v);
  await commit(late, false);
  await look();
  for (const v of few) await reveal(v);
  await reveal(late, false);
  await look();
  expect(await loadAttempt(sql, key.order, 0, 0)).toMatchObject({ outcome: 'accepted' });
});

test('where the chain lost the reserve nothing is decided until it has it again', async () => {
  for (const v of inside) await commit(v);
  await look();
  for (const v of inside) await reveal(v);
  electorate = [];
  await look();
  expect(await loadAttempt(sql, key.order, 0, 0)).toMatchObject({ outcome: undefined });
  electorate = validators;
  await look();
  expect(await loadAttempt(sql, key.order, 0, 0)).toMatchObject({ outcome: 'accepted' });
});

test('a validator that lost its stake meanwhile judges what was reserved before, and nothing else', async () => {
  const context = { ...g(), settings: { maxBlobBytes: 1, maxOrderBytes: 1 } } as unknown as GatewayContext;
  const routes = gatewayRoutes(context, undefined as never, undefined as never, undefined as never);
  const isHeard = (path: string, by: string) =>
    Promise.resolve(routes.find((r) => r.path === path && r.method === 'POST')?.admits?.(by as Hex, 1)).then(
      () => true,
      (error) => error.code,
    );
  const [gone, ...rest] = inside;
  const announce = (address: string) =>
    sql.execute(
      `insert into operators (address, endpoint, sequence, roles, ask, capacity, rate, seen_ms)
       values ($1, '{}', 1, $2, 0, 1, 1, 1)`,
      [address, ROLE.validator],
    );
  await announce(gone);
  await commit(gone);
  active = validators.filter(({ operator }) => operator !== gone);
  for (const path of ['/v1/commits', '/v1/verdicts']) expect(await isHeard(path, gone)).toBe(true);
  for (const path of ['/v1/weights/commits', '/v1/epochs/{epoch}/refusals']) {
    expect(await isHeard(path, gone)).toBe('not-a-validator');
  }
  // It may have been started anew meanwhile.
  const announced = async (address: string) => {
    const index = [...accounts.keys()].indexOf(address);
    const identity = identityOf(hexToBytes(word(index + 1)));
    const capability = { protocolVersion: 1, workUnitsPerSecond: 1, capacity: 1, ask: 0n, memoryBytes: 1, cores: 1 };
    const nowSeconds = Math.floor(now / 1000);
    const record = { network, identity, roles: ['validator'] as const, capability, sequence: 2, nowSeconds, url: '' };
    return putEndpoint(g(), address as Hex, await makeEndpoint(record)).then(
      () => true,
      (error) => error.code,
    );
  };
  expect(await announced(gone)).toBe(true);
  active = active.filter(({ operator }) => operator !== outside[0]);
  electorate = validators.filter(({ operator }) => operator !== outside[0]);
  expect(await announced(outside[0])).toBe('no-stake');
  electorate = validators;
  for (const v of rest) await commit(v);
  await look();
  expect(await dutiesOf(g(), gone as Hex, false)).toEqual([{ kind: 'reveal', ...key }]);
  await reveal(gone);
  for (const v of rest) await reveal(v);
  await look();
  expect(await loadAttempt(sql, key.order, 0, 0)).toMatchObject({ outcome: 'accepted' });
  const counted = await sql.query('select 1 from verdicts where validator = $1 and accepted', [gone]);
  expect(counted).toHaveLength(1);
  // One that was none when the order was reserved, one that never announced itself, and any once the order has ended.
  const [stranger, late] = outside;
  active = validators.filter(({ operator }) => operator !== gone && operator !== stranger && operator !== late);
  electorate = validators.filter(({ operator }) => operator !== late);
  await announce(late);
  expect(await isHeard('/v1/verdicts', late)).toBe('not-a-validator');
  expect(await isHeard('/v1/verdicts', stranger)).toBe('not-a-validator');
  await sql.execute(`update orders set state = 'delivered'`);
  expect(await isHeard('/v1/verdicts', gone)).toBe('not-a-validator');
});

test('a proof is announced with its case, until it has ended', async () => {
  const address = word(9).slice(0, 42) as Hex;
  const [own, other] = gateways.map(({ account }) => account.address.toLowerCase() as Hex);
  const message = {
    ...{ requester: address, gateway: own, fingerprint: word(1), inputCommitment: word(2), priceMin: '1' },
    ...{ priceMax: '1', rampSeconds: 1, budget: '1', deadline: 2_000, salt: word(3) },
  };
  const { signature } = lock;
  const manifest = { order: key.order, fingerprint: '0'.repeat(64), startedAt: 1, chunks: [], commitments: {} };
  await sql.execute('update orders set signed = $1, manifest = $2, seal = $3', [
    json({ message, signature }),
    json(manifest),
    json({ message: { order: key.order, digest: word(4), gateway: own }, signature }),
  ]);
  const event = { id: '1', event: 'verify', data: { ...key, proof: proof.proof } };
  const [told, again] = await Promise.all([withCase(g(), event), withCase(g(), event)]);
  expect(told).toMatchObject({ ...event, data: { ...event.data, case: { manifest, delivery: { proof } } } });
  expect(again).toEqual(told);
  const serving = async (by = gateways[0]) =>
    ((await withCase(g(by), event)).data as { case: { serving?: unknown } }).case.serving;
  expect([await serving(), await serving(gateways[1])]).toEqual([undefined, undefined]);
  // On one database another one gives it too, and shows that it may.
  await keepDelegations(g(gateways[1]));
  await keepDelegations(g());
  expect(await serving()).toBeUndefined();
  expect(await serving(gateways[1])).toMatchObject({ message: { gateway: own, to: other } });
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, k) => [`t${k}`, '1'.repeat(64)]));
  await sql.execute(`update orders set manifest = jsonb_set(manifest, '{commitments}', $1)`, [json(many)]);
  expect(await withCase(g(), event)).toEqual(event);
  await sql.execute(`update orders set manifest = $1`, [json(manifest)]);
  await sql.execute(`update attempts set outcome = 'accepted'`);
  expect(await withCase(g(), event)).toEqual(event);
  await sql.script('delete from orders');
  expect(await withCase(g(), event)).toEqual(event);
});
