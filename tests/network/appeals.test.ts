/** Appeals, as a gateway takes them and a validator looks at them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SliceProof } from '@dsperse/core/verify';
import { type Appeal, digestOfBytes, type Lock } from '@dsperse/network/messages';
import { migrate, openSql, type SqlStore } from '@dsperse/network/store';
import type { Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { appealDuties, appealOf, takeAppeal } from '../../packages/network/src/roles/gateway/appeals.js';
import type { GatewayContext } from '../../packages/network/src/roles/gateway/gateway-context.js';
import { MIGRATIONS } from '../../packages/network/src/roles/gateway/schema.js';
import { type AppealRequest, checkAppeal } from '../../packages/network/src/roles/validator/check-appeal.js';
import {
  accountOf,
  appealFor,
  jobOf,
  lockOf,
  network,
  proveJob,
  prover,
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
let honest: AppealRequest;
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
  honest = await appealFor(program, order, 1, { proven });
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
  const terms = { ...lockOf(order, 1, lock), prover: lower(by.address) };
  return (await appealFor(program, order, 1, { proven: of, lock: terms, by })).appeal;
}
const look = (appeal: Appeal, change: Partial<AppealRequest> = {}) => checkAppeal({ ...honest, appeal, ...change });
const taken = async (appeal: Appeal, by = sender) =>
  takeAppeal(g, by, appeal).then(
    () => 'taken',
    (error) => error.code,
  );

it('holds with a proof of this order, by the prover that had the lock', async () => {
  expect(checkAppeal(honest)).toEqual({ accepted: true });
});

it('does not hold with a proof that is wrong, stolen, of another order, or of nothing that was signed', async () => {
  const code = (outcome: ReturnType<typeof look>) => ('code' in outcome ? outcome.code : JSON.stringify(outcome));
  const flipped = { ...proven, proof: proven.proof.map((byte, k) => (k === 50 ? byte ^ 1 : byte)) };
  expect(look(await appealWith(flipped), { proof: flipped.proof })).toMatchObject({ accepted: false });
  expect(code(look(await appealWith(proven, {}, accountOf(9))))).toBe('prover');
  const nonce = 'ab'.repeat(32);
  expect(code(look(await appealWith({ ...proven, statement: { ...proven.statement, nonce } })))).toBe('nonce');
  const other = { ...proven, statement: { ...proven.statement, nonce } };
  const { appeal } = honest;
  const mixed = { ...appeal, delivery: { ...appeal.delivery, proof: (await appealWith(other)).delivery.proof } };
  expect(code(look(mixed))).toBe('receipt');
  const lock = { ...appeal.lock, message: { ...appeal.lock.message, deadline: 9_999 } };
  expect(code(look({ ...appeal, lock }))).toBe('lock-signature');
  expect(code(look(appeal, { attempt: 1 }))).toBe('lock');
  expect(code(look(appeal, { maxProofBytes: 10 }))).toBe('proof-too-large');
  expect(code(look(appeal, { proof: proven.proof.subarray(1) }))).toBe('proof-length');
});

it('is open where what it rests on is not to be had', async () => {
  const onChain = { state: 'settled', reserved: 0n, cancelRequested: false, deadline: 0, exitAt: 0 } as const;
  for (const lacking of [{ proof: undefined }, { key: undefined }, { values: new Map() }, { onChain }]) {
    expect(checkAppeal({ ...honest, ...lacking })).toHaveProperty('abstain');
  }
});

it('is passed on by a gateway that knows nothing of the order, for an hour', async () => {
  const { appeal } = honest;
  expect(await taken(appeal)).toBe('taken');
  expect(await taken(appeal)).toBe('taken');
  expect(await appealDuties(g)).toEqual([{ kind: 'appeal', order: order.id, chunk: 1, attempt: 0 }]);
  expect(look(await appealOf(g, order.id, 1, 0))).toEqual({ accepted: true });
  await expect(appealOf(g, order.id, 1, 1)).rejects.toMatchObject({ code: 'unknown-case' });
  nowMs += 3_700_000;
  expect(await appealDuties(g)).toEqual([]);
});

it('is not taken of others, late, without stake, reserve or proof, nor without end', async () => {
  const { appeal } = honest;
  expect(await taken(appeal, lower(accountOf(9).address))).toBe('bad-appeal');
  expect(await taken({ ...appeal, order: { ...appeal.order, signature: appeal.lock.signature } })).toBe('bad-appeal');
  stake = 0n;
  expect(await taken(appeal)).toBe('no-stake');
  stake = 1n;
  nowMs = 4_001_001;
  expect(await taken(appeal)).toBe('late');
  nowMs = 4_000_999;
  state = 'settled';
  expect(await taken(appeal)).toBe('not-reserved');
  state = 'reserved';
  blobs.clear();
  expect(await taken(appeal)).toBe('missing-blobs');
  blobs.add(digestOfBytes(proven.proof));
  const codes: string[] = [];
  for (let attempt = 0; attempt < 17; attempt++) codes.push(await taken(await appealWith(proven, { attempt })));
  expect(codes).toEqual([...Array(16).fill('taken'), 'too-many']);
});
