/** Final outputs at the gateway: from the prover that proves them to validators and the requester, whoever cheats. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicCommitment } from '@dsperse/core/verify';
import {
  type ChunkProof,
  canonicalBytes,
  decodeBundle,
  digestAsBytes32,
  digestOfBytes,
  encodeBundle,
  hashMessage,
  ROLE,
  type Signed,
  sealingContext,
  signMessage,
  type TensorBundle,
  toJson,
} from '@dsperse/network/messages';
import { json, migrate, openSql, type SqlStore } from '@dsperse/network/store';
import { open, seal, sealingKeys } from '@dsperse/network/transport';
import { bytesToHex, type Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openBlob } from '../../packages/network/src/roles/gateway/gateway-blobs.js';
import { GATEWAY_DEFAULTS, type GatewayContext } from '../../packages/network/src/roles/gateway/gateway-context.js';
import { valuesOf } from '../../packages/network/src/roles/gateway/order-answers.js';
import { loadAttempt, loadOrder, type OrderRow } from '../../packages/network/src/roles/gateway/order-rows.js';
import { MIGRATIONS } from '../../packages/network/src/roles/gateway/schema.js';
import { sweep } from '../../packages/network/src/roles/gateway/sweep.js';
import { takeOutputs } from '../../packages/network/src/roles/gateway/take-outputs.js';
import { valuesFor } from '../../packages/network/src/roles/gateway/take-verdicts.js';
import { takeDelivery, takeLock } from '../../packages/network/src/roles/gateway/take-work.js';
import type { ProvenChunk } from '../../packages/network/src/roles/prover/prove-chunk.js';
import { type CaseRequest, checkCase, openCaseKey } from '../../packages/network/src/roles/validator/check-case.js';
import { identity } from './fake-gateway.js';
import {
  accountOf,
  caseOf,
  documentOf,
  jobOf,
  lockOf,
  network,
  proveJob,
  prover,
  requester,
  type SmallOrder,
  type SmallProgram,
  sealOf,
  smallOrder,
  smallProgram,
  thief,
} from './small-order.js';

const NO_SALT = '0'.repeat(64);
const CHUNK = 1;
const now = 2_000_000;
const lower = (address: string) => address.toLowerCase() as Hex;
const [sender, other, validator] = [prover.address, thief.address, accountOf(21).address].map(lower);
const [validatorKeys, replyKeys] = [sealingKeys(), sealingKeys()];

let program: SmallProgram;
let order: SmallOrder;
let proven: ProvenChunk;
let directory: string;
let sql: SqlStore;
let name: string;
const blobs = new Map<string, Uint8Array>();

/** Gateways on one database: each has its own key. */
const gatewayOf = (k: number) =>
  ({
    sql,
    network,
    identity: identity(k),
    settings: GATEWAY_DEFAULTS,
    blobs: {
      put: async (bytes: Uint8Array) => {
        blobs.set(digestOfBytes(bytes), bytes.slice());
        return digestOfBytes(bytes);
      },
      get: async (digest: string) => blobs.get(digest),
      has: async (digest: string) => blobs.has(digest),
      read: async (digest: string) => blobs.get(digest),
      delete: async (digest: string) => void blobs.delete(digest),
    },
    ledger: { balanceOf: async () => 1n, stakeOf: async () => ({ active: 1n }), electorate: async () => [] },
    judging: async () => ({ canaryBps: 0 }),
    policy: async () => ({ verifySeconds: 1 }),
    timing: async () => ({ lockGraceSeconds: 1, commitSeconds: 1, clockSkewSeconds: 1 }),
    provers: async () => ({ rate: { weightBps: 1_000, maxStepBps: 1_000 } }),
    metrics: { deliveries: { inc() {} } },
    requireRoom: async () => {},
    wake: () => {},
    nowMs: () => now,
  }) as unknown as GatewayContext;
let g: GatewayContext;

beforeAll(async () => {
  program = await smallProgram('standard');
  [name] = program.outputs;
  order = smallOrder(program);
  proven = await proveJob(program, jobOf(program, order, CHUNK));
  directory = mkdtempSync(join(tmpdir(), 'dsperse-outputs-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
  await sql.execute(`insert into programs (fingerprint, document, publisher, created_ms) values ($1, $2, 'p', 1)`, [
    program.fingerprint,
    json(toJson(documentOf(program))),
  ]);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await program.kernels.close();
  rmSync(directory, { recursive: true, force: true });
});

/** An order of two chunks, the second of which our prover is offered. */
beforeEach(async () => {
  blobs.clear();
  await sql.script('delete from orders; delete from blobs; delete from events; delete from operators');
  g = gatewayOf(5);
  const values = encodeBundle(new Map([['x', order.values.get('x') as { values: Int32Array; salt: string }]]));
  blobs.set(digestOfBytes(program.key), program.key);
  blobs.set(digestOfBytes(values), values);
  const { manifest, id } = order;
  await sql.execute(
    `insert into orders (id, requester, signed, reply_key, fingerprint, state, input_digest, secret, deadline, budget,
       created_ms, manifest, seal, values_digest, started_at)
     values ($1, $2, $3, $4, $5, 'running', 'd', $6, 5000, 1, 1, $7, $8, $9, 1000)`,
    [
      id,
      lower(requester.address),
      json(toJson(await signMessage(requester, network, 'Order', order.order))),
      bytesToHex(replyKeys.publicKey),
      program.fingerprint,
      'ab'.repeat(32),
      json(toJson(manifest)),
      json(toJson(await sealOf(manifest))),
      digestOfBytes(values),
    ],
  );
  for (const { index, slices, workUnits } of manifest.chunks) {
    await sql.execute(
      `insert into chunks (order_id, idx, slices, work_units, state) values ($1, $2, $3, $4, 'accepted')`,
      [id, index, json(slices), workUnits],
    );
  }
  for (const [address, role, k] of [
    [validator, ROLE.validator, 21],
    [sender, ROLE.prover, 2],
    [other, ROLE.prover, 4],
  ] as const) {
    const record = await signMessage(accountOf(k), network, 'Endpoint', {
      operator: address,
      roles: role,
      url: '',
      encryptionKey: bytesToHex(validatorKeys.publicKey),
      capability: `0x${'00'.repeat(32)}`,
      sequence: 1,
      issuedAt: 1,
      expiresAt: 5_000,
    });
    const capability = { protocolVersion: 1, workUnitsPerSecond: 1, capacity: 1, ask: '1', memoryBytes: 1, cores: 1 };
    await sql.execute(
      `insert into operators (address, endpoint, sequence, roles, ask, capacity, rate, seen_ms)
       values ($1, $2, 1, $3, 1, 1, 1, 1)`,
      [address, json(toJson({ record, capability })), role],
    );
  }
  await offer(sender, 0);
});

/** The second chunk is offered, and locked. */
async function offer(to: Hex, attempt: number) {
  const lock = lockOf(order, CHUNK, { attempt, prover: to });
  const { workUnits, slices } = order.manifest.chunks[CHUNK];
  const { price, collateral, deadline } = lock;
  const terms = { fingerprint: program.fingerprint, slices, workUnits, price, collateral, deadline };
  const offered = { order: order.id, chunk: CHUNK, attempt, ...terms, standsUntilMs: now };
  await sql.execute(
    `update chunks set state = 'offered', attempt = $3, offered_to = $4, offer = $5, offer_until_ms = $6
     where order_id = $1 and idx = $2`,
    [order.id, CHUNK, attempt, to, json(toJson(offered)), now],
  );
  const signed = await signMessage(to === sender ? prover : thief, network, 'Lock', lock);
  return takeLock(g, to, signed as Signed<typeof lock>);
}

const tensorsOf = (values: ReadonlyMap<string, Int32Array> = proven.outputs as ReadonlyMap<string, Int32Array>) =>
  new Map([...values].map(([n, integers]) => [n, { values: integers, salt: NO_SALT }]));
const changed = (): ReadonlyMap<string, Int32Array> =>
  new Map([...(proven.outputs ?? [])].map(([n, integers]) => [n, integers.map((x) => x ^ 1)]));

interface Sent {
  readonly bundle?: TensorBundle;
  readonly bytes?: Uint8Array;
  readonly by?: Hex;
  readonly attempt?: number;
  /** The attempt that it is sealed for. */
  readonly sealedFor?: number;
  readonly to?: GatewayContext;
  readonly chunk?: number;
  readonly length?: number;
}

/** What a prover sends to a gateway. */
async function send(what: Sent = {}): Promise<void> {
  const { by = sender, attempt = 0, sealedFor = attempt, to = g, chunk = CHUNK } = what;
  const bytes = what.bytes ?? encodeBundle(what.bundle ?? tensorsOf());
  const context = sealingContext.outputs(order.id, chunk, sealedFor, by);
  const sealed = seal(to.identity.encryptionKey.publicKey, bytes, context);
  const { length = sealed.length } = what;
  const chunks = (async function* () {
    for (let at = 0; at < sealed.length; at += 1_000) yield sealed.subarray(at, at + 1_000);
  })();
  await takeOutputs(to, by, { order: order.id, chunk, attempt }, { chunks, length });
}

async function deliver(
  what: { by?: Hex; attempt?: number; to?: GatewayContext; of?: ProvenChunk; price?: bigint } = {},
) {
  const { by = sender, attempt = 0, to = g, of = proven } = what;
  const digest = digestOfBytes(of.proof);
  blobs.set(digest, of.proof);
  const held = lockOf(order, CHUNK, { attempt, prover: by });
  const lock = hashMessage(network, 'Lock', { ...held, price: what.price ?? held.price });
  const proof: ChunkProof = { lock, statement: { ...of.statement }, proof: digest, proofBytes: of.proof.length };
  const proofDigest = digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  const message = { order: order.id, chunk: CHUNK, attempt, prover: by, proofDigest };
  const receipt = await signMessage(by === sender ? prover : thief, network, 'Receipt', message);
  return takeDelivery(to, by, order.id, CHUNK, { receipt, proof });
}

const shown = async (attempt = 0, chunk = CHUNK) => {
  const sealed = await valuesFor(g, validator, { order: order.id, chunk, attempt });
  return decodeBundle(open(validatorKeys.secretKey, sealed, sealingContext.values(order.id, validator)));
};
const judged = (request: CaseRequest, values: TensorBundle) =>
  checkCase({ ...request, key: openCaseKey(program.key), values });
const end = (attempt: number, outcome: string) =>
  sql.execute('update attempts set outcome = $3 where order_id = $1 and idx = 1 and attempt = $2', [
    order.id,
    attempt,
    outcome,
  ]);
const received = async (): Promise<TensorBundle> => {
  await sql.execute(`update chunks set state = 'accepted' where order_id = $1`, [order.id]);
  const sealed = await valuesOf(g, (await loadOrder(sql, order.id)) as OrderRow);
  return decodeBundle(open(replyKeys.secretKey, sealed, sealingContext.values(order.id, lower(requester.address))));
};
const refused = (code: string) => expect.objectContaining({ code });

describe('outputs of a chunk', () => {
  it('are asked for with the lock of the chunk that makes them', async () => {
    await end(0, 'released');
    expect(await offer(sender, 1)).toMatchObject({ outputs: [name] });
  });

  it('go to validators, and with the input to the requester once all is accepted', async () => {
    await send();
    await deliver();
    const values = await shown();
    // The chunk reads none of the input; the one that does is judged by it.
    expect([...values.keys()]).toEqual([name]);
    expect(values.get(name)?.values).toEqual(program.values.get(name));
    expect(await shown(0, 0)).toEqual(new Map([['x', order.values.get('x')]]));
    // Several who ask at the same time get the same.
    expect(await Promise.all([shown(), shown(), shown(0, 0)])).toEqual([values, values, await shown(0, 0)]);
    const request = await caseOf(program, order, CHUNK, { proven });
    expect(await judged(request, values)).toEqual({ accepted: true });
    await end(0, 'accepted');
    expect(await received()).toEqual(new Map([['x', order.values.get('x')], ...values]));
  });

  it('are missing before they are sent, and the receipt is not taken then', async () => {
    await expect(deliver()).rejects.toEqual(refused('missing-blobs'));
    await send();
    // Verdicts on it would be about another price.
    await expect(deliver({ price: 1n })).rejects.toEqual(refused('bad-statement'));
    expect(await deliver()).toMatchObject({ message: { order: order.id, chunk: CHUNK, attempt: 0 } });
  });

  it('are what the statement commits to: another’s are refused, and can be put right', async () => {
    await send({ bundle: tensorsOf(changed()) });
    await expect(deliver()).rejects.toEqual(refused('bad-outputs'));
    await send();
    await deliver();
    expect((await shown()).get(name)?.values).toEqual(program.values.get(name));
  });

  it('that a prover signs for and did not prove go to validators as it sent them, who reject its proof', async () => {
    const lied = changed();
    const commitments = { ...proven.statement.commitments };
    for (const [n, values] of lied) commitments[n] = publicCommitment(values);
    const liar = { ...proven, statement: { ...proven.statement, commitments } };
    await send({ bundle: tensorsOf(lied) });
    await deliver({ of: liar });
    const request = await caseOf(program, order, CHUNK, { proven: liar });
    expect(await judged(request, await shown())).toMatchObject({ accepted: false });
  });

  it('that a gateway changes convict nobody', async () => {
    await send();
    await deliver();
    const values = new Map([...(await shown()), ...tensorsOf(changed())]);
    const request = await caseOf(program, order, CHUNK, { proven });
    expect(await judged(request, values)).toMatchObject({ abstain: 'values' });
    values.delete(name);
    expect(await judged(request, values)).toMatchObject({ abstain: 'missing-values' });
  });

  it('stand once they are delivered: nothing that is sent later takes their place', async () => {
    await send();
    const first = await deliver();
    await send({ bundle: tensorsOf(changed()) });
    expect((await deliver()).signature).toBe(first.signature);
    expect((await shown()).get(name)?.values).toEqual(program.values.get(name));
  });

  it('are those of their attempt, and of the accepted one for the requester', async () => {
    await send({ bundle: tensorsOf(changed()) });
    await end(0, 'rejected');
    await offer(other, 1);
    await expect(send({ by: other, attempt: 1, sealedFor: 0 })).rejects.toEqual(refused('not-sealed'));
    await send({ by: other, attempt: 1 });
    await end(1, 'accepted');
    const right = program.values.get(name);
    expect((await received()).get(name)?.values).toEqual(right);
    expect((await shown(1)).get(name)?.values).toEqual(right);
    expect((await shown(0)).get(name)?.values).not.toEqual(right);
    await expect(send()).rejects.toEqual(refused('lock-ended'));
  });

  it('are taken by any gateway on the database, sealed to its own key', async () => {
    const partner = gatewayOf(6);
    await expect(send({ to: { ...partner, identity: g.identity } as GatewayContext })).resolves.toBeUndefined();
    await send({ to: partner });
    await deliver({ to: partner });
    expect((await shown()).get(name)?.values).toEqual(program.values.get(name));
  });

  it('are taken from the holder of the lock alone, whole, and nothing else in their place', async () => {
    await expect(send({ by: other })).rejects.toEqual(refused('no-lock'));
    await expect(send({ attempt: 3 })).rejects.toEqual(refused('no-lock'));
    await expect(send({ chunk: 0 })).rejects.toEqual(refused('no-lock'));
    await expect(send({ bundle: new Map() })).rejects.toEqual(refused('bad-outputs'));
    await expect(send({ bundle: new Map([[name, { salt: NO_SALT }]]) })).rejects.toEqual(refused('bad-outputs'));
    const [values] = [...tensorsOf().values()];
    const short = { ...values, values: values.values.slice(1) };
    await expect(send({ bundle: new Map([[name, short]]) })).rejects.toEqual(refused('bad-outputs'));
    const more: TensorBundle = new Map([...tensorsOf(), ['z', { values: new Int32Array(0), salt: NO_SALT }] as const]);
    await expect(send({ bundle: more })).rejects.toSatisfy((e: { code: string }) =>
      ['bad-outputs', 'too-large'].includes(e.code),
    );
    await expect(send({ bytes: new Uint8Array(40) })).rejects.toEqual(refused('bad-bundle'));
    await expect(send({ bytes: new Uint8Array(100_000) })).rejects.toEqual(refused('too-large'));
    await expect(send({ bytes: new Uint8Array(100_000), length: 10 })).rejects.toEqual(refused('too-large'));
    await expect(send({ length: 1 << 29 })).rejects.toEqual(refused('too-large'));
    expect((await loadAttempt(sql, order.id, CHUNK, 0))?.outputs).toBeUndefined();
    expect([...blobs.keys()]).toHaveLength(2);
  });

  it('the longest that there can be are taken', async () => {
    const extreme = new Map([...changed()].map(([n, values]) => [n, values.map(() => 2 ** 31 - 1)]));
    await expect(send({ bundle: tensorsOf(extreme) })).resolves.toBeUndefined();
  });

  it('are nobody’s to fetch by digest, are counted as their prover’s, and go with the order', async () => {
    await send();
    const digest = (await loadAttempt(sql, order.id, CHUNK, 0))?.outputs?.digest ?? '';
    // With a salt that the prover does not know: it cannot have put the same bytes there before.
    expect(digest).not.toBe(digestOfBytes(encodeBundle(tensorsOf())));
    await expect(openBlob(g, digest)).rejects.toEqual(refused('unknown-blob'));
    const rows = await sql.query('select kind, owner, order_id, bytes from blobs where digest = $1', [digest]);
    expect(rows).toEqual([{ kind: 'private', owner: sender, order_id: order.id, bytes: blobs.get(digest)?.length }]);
    await sql.execute(`update orders set state = 'settled', ended_ms = 1`);
    await sweep({ ...g, nowMs: () => now + 2 * GATEWAY_DEFAULTS.retainMs } as GatewayContext);
    expect(blobs.has(digest)).toBe(false);
  });

  it('that are too many for the room of their prover are refused, and the lock stays', async () => {
    const full = { ...g, settings: { ...GATEWAY_DEFAULTS, maxBytesPerOwner: 10 } } as GatewayContext;
    await expect(send({ to: full })).rejects.toEqual(refused('too-large'));
    await send();
    await deliver();
  });
});
