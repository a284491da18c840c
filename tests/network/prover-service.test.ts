import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeSlicePackage } from '@dsperse/core/prove';
import { publicCommitment } from '@dsperse/core/verify';
import type { Ledger } from '@dsperse/network/chain';
import {
  type Appeal,
  appealSchema,
  type Delivery,
  decodeBundle,
  digestOfBytes,
  encodeBundle,
  isSignedBy,
  type Lock,
  type Offer,
  type Signed,
  sealingContext,
  signMessage,
} from '@dsperse/network/messages';
import { type Service, silentLogger } from '@dsperse/network/node';
import { open, seal } from '@dsperse/network/transport';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ProveChunk } from '../../packages/network/src/roles/prover/prove-chunk.js';
import { createProver, type ProverSettings } from '../../packages/network/src/roles/prover/prover.js';
import { checkAppeal } from '../../packages/network/src/roles/validator/check-appeal.js';
import { checkCase, openCaseKey } from '../../packages/network/src/roles/validator/check-case.js';
import { otherOutputs, vanishing } from './dishonest-provers.js';
import { type Asked, FakeGateway, identity, jsonOf, metrics, refusal, until } from './fake-gateway.js';
import {
  caseOf,
  gateway as gatewayAccount,
  network,
  outputsOf,
  proveJob,
  prover as proverAccount,
  requester,
  type SmallOrder,
  type SmallProgram,
  smallOrder,
  smallProgram,
} from './small-order.js';

const KEY = 2;
let program: SmallProgram;
let order: SmallOrder;
let blobs: Map<string, Uint8Array>;
let digests: string[];
beforeAll(async () => {
  program = await smallProgram();
  order = smallOrder(program);
  const encoded = program.slices.map((s) => encodeSlicePackage(s));
  digests = encoded.map(digestOfBytes);
  blobs = new Map([program.key, ...encoded].map((bytes) => [digestOfBytes(bytes), bytes]));
});
afterAll(() => program.kernels.close());

let directory: string;
let fake: FakeGateway;
let services: Service[];
let offers: Offer[];
let locks: Signed<Lock>[];
/** What is offered. */
let chunk: number;
let uploads: Map<string, Uint8Array>;
let deliveries: Delivery[];
let releases: { attempt: number; reason: string }[];
let state: 'reserved' | 'none';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-prover-'));
  fake = new FakeGateway();
  fake.handler = answer;
  services = [];
  chunk = 0;
  offers = [offer()];
  locks = [];
  uploads = new Map();
  deliveries = [];
  releases = [];
  state = 'reserved';
});
afterEach(async () => {
  for (const service of services) await service.stop();
  rmSync(directory, { recursive: true, force: true });
});

const path = () => `/v1/chunks/${order.id}/${chunk}`;
function offer(change: Partial<Offer> = {}): Offer {
  const { slices, workUnits } = order.manifest.chunks[chunk];
  const now = Math.floor(Date.now() / 1000);
  return {
    order: order.id,
    chunk,
    attempt: 0,
    fingerprint: program.fingerprint,
    slices,
    workUnits,
    price: 10n ** 15n,
    collateral: 5n,
    deadline: now + 60,
    standsUntilMs: Date.now() + 10_000,
    ...change,
  };
}

const sliceDocument = (index: number) => ({
  index,
  package: digests[index],
  packageBytes: blobs.get(digests[index])?.length,
  workUnits: program.slices[index].workUnits,
  inputs: program.slices[index].inputs,
  outputs: program.slices[index].outputs,
});

function programDocument() {
  const { fingerprint, key, outputs } = program;
  const slices = program.slices.map((_, index) => sliceDocument(index));
  const names = { name: 'small', inputs: ['x'], outputs };
  const format = 'dsperse-network-program/1';
  return { format, fingerprint, protocolVersion: 1, key: digestOfBytes(key), keyBytes: key.length, ...names, slices };
}

async function answer(asked: Asked) {
  const { method, path: at } = asked;
  if (at === '/v1/work') return { json: { offers, locks } };
  if (at === `${path()}/lock`) {
    const lock = jsonOf(asked) as Signed<Lock>;
    offers = [];
    if (!locks.some((l) => l.signature === lock.signature)) locks.push(lock);
    const slices = order.manifest.chunks[chunk].slices.map(sliceDocument);
    const names = outputsOf(program, order, chunk);
    const outputs = names.length > 0 ? { outputs: names } : {};
    return { json: { order: await signMessage(requester, network, 'Order', order.order), slices, ...outputs } };
  }
  if (at === `/v1/programs/${program.fingerprint}`) {
    return { json: programDocument() };
  }
  if (at === `${path()}/boundary`) {
    const context = sealingContext.boundary(order.id, chunk, proverAccount.address);
    const key = identity(KEY).encryptionKey.publicKey;
    return { bytes: seal(key, encodeBundle(order.boundaryOf(chunk)), context) };
  }
  if (at.startsWith(`${path()}/0/outputs/`)) return { json: {} };
  if (at === `${path()}/release`) {
    releases.push(jsonOf(asked) as { attempt: number; reason: string });
    offers = [];
    locks = [];
    return { json: {} };
  }
  if (at === `${path()}/receipt`) {
    const delivery = jsonOf(asked) as Delivery;
    deliveries.push(delivery);
    locks = [];
    const { message } = delivery.receipt;
    return {
      json: await signMessage(gatewayAccount, network, 'Acknowledgement', {
        order: message.order,
        chunk: message.chunk,
        attempt: message.attempt,
        proofDigest: message.proofDigest,
        gateway: gatewayAccount.address,
        receivedAt: 1,
      }),
    };
  }
  if (at.startsWith('/v1/blobs/')) {
    const digest = at.slice('/v1/blobs/'.length);
    if (method === 'GET') return blobs.has(digest) ? { bytes: blobs.get(digest) } : refusal(404, 'unknown-blob');
    uploads.set(digest, asked.body.slice());
    return { json: {} };
  }
  return undefined;
}

const ledger = {
  network,
  order: async () => ({ state, reserved: 10n ** 18n, cancelRequested: false, exitAt: 2 ** 40 }),
  stakeOf: async () => ({ owner: proverAccount.address, toPool: false, active: 1_000n }),
} as unknown as Ledger;

async function start(
  prove?: ProveChunk,
  settings: Partial<ProverSettings> = {},
  others: readonly FakeGateway[] = [],
): Promise<Service> {
  const service = createProver({
    identity: identity(KEY),
    network,
    ledger,
    links: [fake, ...others].map((gateway) => gateway.link(KEY, ['prover'])),
    settings: {
      ask: 1n,
      capacity: 1,
      workers: 1,
      maxMemoryBytes: 1 << 28,
      cacheBytes: 1 << 28,
      allowPrograms: [],
      denyPrograms: [],
      pollMs: 30,
      stopGraceMs: 2_000,
      ...settings,
    },
    capability: { workUnitsPerSecond: 1e9 },
    dataDirectory: directory,
    log: silentLogger(),
    metrics: metrics(),
    prove: prove ?? ((job) => proveJob(program, job)),
  });
  services.push(service);
  await service.start();
  return service;
}

it('takes an offer, and delivers what a validator accepts', async () => {
  await start();
  await until(() => deliveries.length === 1, 'the delivery');
  const [{ receipt, proof }] = deliveries;
  expect(isSignedBy(network, 'Receipt', receipt, proverAccount.address)).toBe(true);
  const { statement, proof: digest, proofBytes } = proof;
  expect(statement).toMatchObject({ index: 0, count: 2 });
  expect([...uploads].map(([at, bytes]) => [at, bytes.length])).toEqual([[digest, proofBytes]]);
  const proven = { statement, proof: uploads.get(digest) as Uint8Array };
  expect(await checkCase(await caseOf(program, order, 0, { proven }))).toEqual({ accepted: true });
});

/** Final outputs as a gateway reads those that were sent to it, one after another. */
const outputsAt = ({ asked, keys }: FakeGateway) =>
  asked
    .filter(({ method, path: at }) => method === 'PUT' && at.includes('/outputs/'))
    .map(({ path: at, body }) => {
      expect(at).toBe(`${path()}/0/outputs/${digestOfBytes(body)}`);
      return decodeBundle(open(keys.secretKey, body, sealingContext.outputs(order.id, 1, 0, proverAccount.address)));
    });

it('sends outputs that no chunk reads before its receipt, which commits to them', async () => {
  chunk = 1;
  offers = [offer()];
  await start();
  await until(() => deliveries.length === 1, 'the delivery');
  const [sent, ...more] = outputsAt(fake);
  expect(more).toEqual([]);
  const [name] = program.outputs;
  expect([...sent.keys()]).toEqual([name]);
  expect(sent.get(name)?.values).toEqual(program.values.get(name));
  const { commitments } = deliveries[0].proof.statement;
  expect(commitments[name]).toBe(publicCommitment(sent.get(name)?.values as Int32Array));
  const paths = fake.asked.map(({ path: at }) => at);
  expect(paths.findIndex((at) => at.includes('/outputs/'))).toBeLessThan(paths.indexOf(`${path()}/receipt`));
});

it('hands outputs, too, to another gateway that has the lock, sealed to that one', async () => {
  chunk = 1;
  offers = [offer()];
  fake.handler = (asked) => (/outputs|receipt/.test(asked.path) ? refusal(503, 'away') : answer(asked));
  const partner = new FakeGateway();
  partner.handler = (asked) => {
    if (asked.path === '/v1/work') return { json: { offers: [], locks } };
    const isEarly = asked.path.endsWith('/receipt') && outputsAt(partner).length === 0;
    return isEarly ? refusal(409, 'missing-blobs') : answer(asked);
  };
  await start(undefined, {}, [partner]);
  await until(() => deliveries.length === 1, 'the delivery', 20_000);
  const [name] = program.outputs;
  expect(outputsAt(partner).map((sent) => sent.get(name)?.values)).toEqual([program.values.get(name)]);
});

it('gives a chunk back whose outputs the gateway does not take', async () => {
  chunk = 1;
  offers = [offer()];
  fake.handler = (asked) => (asked.path.endsWith('/receipt') ? refusal(400, 'bad-outputs') : answer(asked));
  await start(otherOutputs((job) => proveJob(program, job)));
  await until(() => releases.length === 1, 'the release');
  const [name] = program.outputs;
  expect(outputsAt(fake)[0].get(name)?.values).not.toEqual(program.values.get(name));
  expect(deliveries).toEqual([]);
});

it('lets an offer below its ask pass at once', async () => {
  await start(undefined, { ask: 10n ** 30n });
  await until(() => releases.length === 1, 'the release');
  expect(fake.times('POST', /lock$/)).toBe(0);
});

it('lets chunks of several slices pass that its memory does not hold, and takes single ones', async () => {
  const standard = await smallProgram('standard');
  await standard.kernels.close();
  const { fingerprint, key } = standard;
  let offered = { fingerprint, slices: [0, 1] };
  let taken = 0;
  fake.handler = (asked) => {
    if (asked.path === '/v1/work') return { json: { offers: [offer(offered)], locks } };
    if (asked.path === `/v1/programs/${fingerprint}`) {
      return { json: { ...programDocument(), fingerprint, key: digestOfBytes(key), keyBytes: key.length } };
    }
    if (asked.path === `/v1/blobs/${digestOfBytes(key)}`) return { bytes: key };
    if (asked.path.endsWith('/lock')) taken++;
    return asked.path.endsWith('/lock') ? refusal(409, 'taken') : answer(asked);
  };
  await start(undefined, { maxMemoryBytes: 1_000 });
  await until(() => releases.length === 1, 'the release');
  expect(releases).toMatchObject([{ reason: 'no-capacity', detail: 'memory' }]);
  expect(taken).toBe(0);
  offered = { fingerprint, slices: [0] };
  await until(() => taken > 0, 'the lock');
});

it('announces itself again where the gateway has forgotten it', async () => {
  let hasForgotten = false;
  fake.handler = (asked) => {
    if (asked.path !== '/v1/work' || hasForgotten) return answer(asked);
    hasForgotten = true;
    return refusal(404, 'unknown-operator');
  };
  await start();
  await until(() => deliveries.length === 1, 'the delivery');
  expect(fake.announced.length).toBe(2);
});

it('takes a lock up again after a crash, without signing another', async () => {
  const first = await start(vanishing());
  await until(() => locks.length === 1, 'the lock');
  const [signed] = locks;
  // A process that dies tells nobody.
  fake.handler = () => refusal(503, 'away');
  await first.stop();
  services = [];
  const before = fake;
  fake = new FakeGateway();
  fake.handler = answer;
  locks = [signed];
  await start();
  await until(() => deliveries.length === 1, 'the delivery');
  const sent = [...before.asked, ...fake.asked].filter((a) => a.path.endsWith('/lock'));
  expect(new Set(sent.map((a) => (jsonOf(a) as Signed<Lock>).signature))).toEqual(new Set([signed.signature]));
  expect(sent.length).toBe(2);
});

it('gives back what it cannot prove, and says why', async () => {
  const broken = order.boundaryOf(0);
  fake.handler = async (asked) => {
    if (!asked.path.endsWith('/boundary')) return answer(asked);
    const context = sealingContext.boundary(order.id, 0, proverAccount.address);
    const wrong = new Map([...broken].slice(1));
    return { bytes: seal(identity(KEY).encryptionKey.publicKey, encodeBundle(wrong), context) };
  };
  await start();
  await until(() => releases.length === 1, 'the release');
  expect(releases[0]).toMatchObject({ attempt: 0, reason: 'boundary-mismatch' });
});

it('does not work for an order that the chain has not reserved', async () => {
  state = 'none';
  await start();
  await until(() => releases.length === 1, 'the release');
  expect(uploads.size).toBe(0);
});

it('hands a proof to another gateway that has the lock, where its own does not acknowledge', async () => {
  fake.handler = (asked) => {
    const isDelivery =
      asked.path.endsWith('/receipt') || (asked.method === 'PUT' && asked.path.startsWith('/v1/blobs'));
    return isDelivery ? refusal(503, 'away') : answer(asked);
  };
  const [stranger, partner] = [new FakeGateway(), new FakeGateway()];
  stranger.handler = ({ path: at }) => {
    if (at === '/v1/work') return { json: { offers: [], locks: [] } };
    return at.endsWith('/receipt') ? refusal(404, 'unknown-order') : undefined;
  };
  partner.handler = (asked) => {
    if (asked.path === '/v1/work') return { json: { offers: [], locks } };
    const { proof } = asked.path.endsWith('/receipt') ? (jsonOf(asked) as Delivery).proof : { proof: '' };
    return proof !== '' && !uploads.has(proof) ? refusal(409, 'missing-blobs') : answer(asked);
  };
  await start(undefined, {}, [stranger, partner]);
  await until(() => deliveries.length === 1, 'the delivery', 20_000);
  const [{ receipt, proof }] = deliveries;
  expect(isSignedBy(network, 'Receipt', receipt, proverAccount.address)).toBe(true);
  expect([...uploads.keys()]).toEqual([proof.proof]);
  // One that does not know the order is asked once, and sent nothing.
  expect([stranger.times('POST', /receipt$/), stranger.times('PUT', /blobs/)]).toEqual([1, 0]);
  // The first is left alone from then on.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const asked = fake.times('PUT', /blobs/);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(fake.times('PUT', /blobs/)).toBe(asked);
  expect(releases).toEqual([]);
});

it('goes on with its own gateway where no other one has the lock', async () => {
  let isAway = true;
  fake.handler = (asked) => (isAway && asked.path.endsWith('/receipt') ? refusal(503, 'away') : answer(asked));
  const stranger = new FakeGateway();
  stranger.handler = ({ path: at }) => {
    if (at === '/v1/work') return { json: { offers: [], locks: [] } };
    return at.endsWith('/receipt') ? refusal(404, 'unknown-order') : undefined;
  };
  await start(undefined, {}, [stranger]);
  await until(() => stranger.times('POST', /receipt$/) === 1, 'the question', 20_000);
  expect(deliveries).toEqual([]);
  isAway = false;
  await until(() => deliveries.length === 1, 'the delivery', 20_000);
});

it('shows validators its proof by way of another gateway, where its own refuses or never acknowledges it', async () => {
  const appeals: Appeal[] = [];
  const elsewhere = new FakeGateway();
  elsewhere.handler = (asked) => {
    if (asked.path === '/v1/work') return { json: { offers: [], locks: [] } };
    if (asked.path === '/v1/appeals') appeals.push(jsonOf(asked) as Appeal);
    if (asked.path === '/v1/appeals') return { json: {} };
    return asked.path.endsWith('/receipt') ? refusal(404, 'unknown-order') : answer(asked);
  };
  // Once it says no, once it is silent.
  for (const said of [refusal(409, 'lock-ended'), refusal(503, 'away')]) {
    fake.handler = (asked) => (asked.path.endsWith('/receipt') ? said : answer(asked));
    offers = [offer({ deadline: Math.ceil(Date.now() / 1000) + 4, attempt: appeals.length })];
    const service = await start(undefined, {}, [elsewhere]);
    const before = appeals.length;
    await until(() => appeals.length > before, 'the appeal', 20_000);
    await service.stop();
    services = [];
    locks = [];
    const { lock, delivery, order: signed } = appeals[before];
    const { proof } = delivery.proof;
    const of = { order: order.id, chunk: 0, attempt: Number(lock.message.attempt) };
    const outcome = checkAppeal({
      appeal: appealSchema.parse({ lock, delivery, order: signed }),
      ...{ ...of, network, values: order.values, key: openCaseKey(program.key, 'tiny') },
      proof: uploads.get(proof),
      onChain: { state: 'reserved', reserved: 1n, cancelRequested: false, deadline: 0, exitAt: 2 ** 40 },
      maxProofBytes: 1 << 20,
    });
    expect(outcome).toEqual({ accepted: true });
  }
  expect(deliveries).toEqual([]);
});

it('uploads again what did not arrive', async () => {
  let failures = 0;
  fake.handler = (asked) =>
    asked.method === 'PUT' && asked.path.startsWith('/v1/blobs/') && failures++ < 5
      ? refusal(503, 'storage-unavailable')
      : answer(asked);
  await start();
  await until(() => deliveries.length === 1, 'the delivery', 20_000);
  expect(failures).toBeGreaterThan(5);
});

it('gives up when the deadline has passed, and when the gateway has taken the chunk away', async () => {
  let begun = 0;
  let aborted = 0;
  const slow: ProveChunk = (job, signal) => {
    begun++;
    signal.addEventListener('abort', () => aborted++);
    return vanishing()(job, signal);
  };
  offers = [offer({ deadline: Math.ceil(Date.now() / 1000) + 3 })];
  await start(slow);
  await until(() => aborted === 1, 'the end at the deadline');
  locks = [];
  await until(() => {
    // One that comes while the first is still being put away is let pass.
    if (begun < 2 && offers.length === 0 && locks.length === 0) offers = [offer({ attempt: 1 })];
    return begun === 2;
  }, 'the second lock');
  locks = [];
  fake.tell('released', { order: order.id, chunk: 0, attempt: 1, outcome: 'ended' });
  await until(() => aborted === 2, 'the end by the gateway');
  expect(deliveries).toEqual([]);
});

it('gives back what it holds when it stops', async () => {
  const service = await start(vanishing());
  await until(() => locks.length === 1 && fake.times('GET', /boundary$/) === 1, 'the lock');
  await service.stop();
  services = [];
  expect(releases).toMatchObject([{ attempt: 0, reason: 'stopping' }]);
});
