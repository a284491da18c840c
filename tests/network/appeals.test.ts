/** Appeals, as a gateway takes them and a validator looks at them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SliceProof } from '@dsperse/core/verify';
import { type Appeal, digestOfBytes, type Lock, signMessage } from '@dsperse/network/messages';
import { migrate, openSql, type SqlStore } from '@dsperse/network/store';
import type { Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { appealDuties, appealOf, takeAppeal } from '../../packages/network/src/roles/gateway/appeals.js';
import type { GatewayContext } from '../../packages/network/src/roles/gateway/gateway-context.js';
import { MIGRATIONS } from '../../packages/network/src/roles/gateway/schema.js';
import { type AppealRequest, checkAppeal } from '../../packages/network/src/roles/validator/check-appeal.js';
import { openCaseKey } from '../../packages/network/src/roles/validator/check-case.js';
import {
  accountOf,
  deliveryOf,
  jobOf,
  lockOf,
  network,
  proveJob,
  prover,
  requester,
  type SmallOrder,
  type SmallProgram,
  smallOrder,
  smallProgram,
} from './small-order.js';

const lower = (address: string) => address.toLowerCase() as Hex;
const sender = lower(prover.address);
let program: SmallProgram;
let order: SmallOrder;
let proven: SliceProof;
let directory: string;
let sql: SqlStore;
let nowMs = 3_000_000;
let stake = 1n;
let state = 'reserved';
let blobs: Set<string>;
beforeAll(async () => {
  program = await smallProgram();
  order = smallOrder(program);
  proven = await proveJob(program, jobOf(program, order, 1));
  directory = mkdtempSync(join(tmpdir(), 'dsperse-appeals-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await program.kernels.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  await sql.script('delete from appeals');
  [nowMs, stake, state, blobs] = [3_000_000, 1n, 'reserved', new Set([digestOfBytes(proven.proof)])];
});
const g = {
  get sql() {
    return sql;
  },
  network,
  blobs: { has: async (digest: string) => blobs.has(digest) },
  ledger: { stakeOf: async () => ({ active: stake }), order: async () => ({ state }) },
  timing: async () => ({ lockGraceSeconds: 1 }),
  nowMs: () => nowMs,
} as unknown as GatewayContext;

async function appealWith(of = proven, lock: Partial<Lock> = {}, by = prover): Promise<Appeal> {
  const signed = await signMessage(requester, network, 'Order', order.order);
  const terms = { ...lockOf(order, 1, lock), prover: lower(by.address) };
  const delivery = await deliveryOf(order, 1, of, by);
  const message = { ...delivery.receipt.message, attempt: terms.attempt };
  const receipt = await signMessage(by, network, 'Receipt', message);
  return { order: signed, lock: await signMessage(by, network, 'Lock', terms), delivery: { ...delivery, receipt } };
}
const look = (appeal: Appeal, change: Partial<AppealRequest> = {}) =>
  checkAppeal({
    ...{ order: order.id, chunk: 1, attempt: 0, appeal, network, values: order.values, proof: proven.proof },
    key: openCaseKey(program.key, 'tiny'),
    onChain: { state: 'reserved', reserved: 1n, cancelRequested: false, deadline: 0, exitAt: 2 ** 40 },
    maxProofBytes: 1 << 20,
    ...change,
  });
const taken = async (appeal: Appeal, by = sender) =>
  takeAppeal(g, by, appeal).then(
    () => 'taken',
    (error) => error.code,
  );

it('holds with a proof of this order, by the prover that had the lock', async () => {
  expect(look(await appealWith())).toEqual({ accepted: true });
});

it('does not hold with a proof that is wrong, stolen, of another order, or of nothing that was signed', async () => {
  const code = (outcome: ReturnType<typeof look>) => ('code' in outcome ? outcome.code : JSON.stringify(outcome));
  const flipped = { ...proven, proof: proven.proof.map((byte, k) => (k === 50 ? byte ^ 1 : byte)) };
  expect(look(await appealWith(flipped), { proof: flipped.proof })).toMatchObject({ accepted: false });
  expect(code(look(await appealWith(proven, {}, accountOf(9))))).toBe('prover');
  const nonce = 'ab'.repeat(32);
  expect(code(look(await appealWith({ ...proven, statement: { ...proven.statement, nonce } })))).toBe('nonce');
  const other = { ...proven, statement: { ...proven.statement, nonce } };
  const honest = await appealWith();
  const mixed = { ...honest, delivery: { ...honest.delivery, proof: (await appealWith(other)).delivery.proof } };
  expect(code(look(mixed))).toBe('receipt');
  const lock = { ...honest.lock, message: { ...honest.lock.message, deadline: 9_999 } };
  expect(code(look({ ...honest, lock }))).toBe('lock-signature');
  expect(code(look(honest, { attempt: 1 }))).toBe('lock');
  expect(code(look(honest, { maxProofBytes: 10 }))).toBe('proof-too-large');
  expect(code(look(honest, { proof: proven.proof.subarray(1) }))).toBe('proof-length');
});

it('is open where what it rests on is not to be had', async () => {
  const honest = await appealWith();
  for (const lacking of [{ proof: undefined }, { key: undefined }, { values: new Map() }]) {
    expect(look(honest, lacking)).toHaveProperty('abstain');
  }
  const onChain = { state: 'settled', reserved: 0n, cancelRequested: false, deadline: 0, exitAt: 0 } as const;
  expect(look(honest, { onChain })).toHaveProperty('abstain');
});

it('is passed on by a gateway that knows nothing of the order, for an hour', async () => {
  const honest = await appealWith();
  expect(await taken(honest)).toBe('taken');
  expect(await taken(honest)).toBe('taken');
  expect(await appealDuties(g)).toEqual([{ kind: 'appeal', order: order.id, chunk: 1, attempt: 0 }]);
  expect(look(await appealOf(g, order.id, 1, 0))).toEqual({ accepted: true });
  await expect(appealOf(g, order.id, 1, 1)).rejects.toMatchObject({ code: 'unknown-case' });
  nowMs += 3_700_000;
  expect(await appealDuties(g)).toEqual([]);
});

it('is not taken of others, late, without stake, reserve or proof, nor without end', async () => {
  const honest = await appealWith();
  expect(await taken(honest, lower(accountOf(9).address))).toBe('bad-appeal');
  expect(await taken({ ...honest, order: { ...honest.order, signature: honest.lock.signature } })).toBe('bad-appeal');
  stake = 0n;
  expect(await taken(honest)).toBe('no-stake');
  stake = 1n;
  nowMs = 4_001_001;
  expect(await taken(honest)).toBe('late');
  nowMs = 4_000_999;
  state = 'settled';
  expect(await taken(honest)).toBe('not-reserved');
  state = 'reserved';
  blobs.clear();
  expect(await taken(honest)).toBe('missing-blobs');
  blobs.add(digestOfBytes(proven.proof));
  const codes: string[] = [];
  for (let attempt = 0; attempt < 17; attempt++) codes.push(await taken(await appealWith(proven, { attempt })));
  expect(codes).toEqual([...Array(16).fill('taken'), 'too-many']);
});
