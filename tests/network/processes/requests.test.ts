/** What strangers and requesters may try at a gateway's interface, and that others are answered meanwhile. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { GATEWAY } from '@dsperse/network/local';
import { commitInput, encodeBundle, sealingContext, signMessage, toJson } from '@dsperse/network/messages';
import { NodeClient, seal, signRequest, TransportError } from '@dsperse/network/transport';
import { draftOrder, sealOrder } from '@dsperse/sdk';
import { bytesToHex, type Hex } from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readBooks } from './conservation.js';
import { PRICE, settled, startTestNetwork, type TestNetwork } from './test-network.js';

const nothing = z.unknown();
const BODY_LIMIT = 1 << 20;
let network: TestNetwork;
let requester: PrivateKeyAccount;
beforeAll(async () => {
  network = await startTestNetwork({
    provers: 1,
    validators: 1,
    settings: (name) =>
      name === GATEWAY
        ? {
            'gateway.maxBodyBytes': BODY_LIMIT,
            'gateway.maxBlobBytes': 2 * BODY_LIMIT,
            'gateway.keyRequestsPerSecond': 20,
            'gateway.keyBurst': 100,
            'gateway.addressRequestsPerSecond': 40,
            'gateway.addressBurst': 400,
          }
        : {},
  });
  requester = network.keys.get('requester')?.account as PrivateKeyAccount;
}, 120_000);
afterAll(() => network?.remove());

const stranger = privateKeyToAccount(generatePrivateKey());
const clientOf = (signer: PrivateKeyAccount, change: Partial<ConstructorParameters<typeof NodeClient>[0]> = {}) =>
  new NodeClient({
    baseUrl: network.gatewayUrl,
    signer,
    network: network.ledger.network,
    audience: network.client.gateway.address,
    maxRetries: 0,
    ...change,
  });

interface Answered {
  readonly status: number;
  readonly code: string | undefined;
}

/** A request as it is, from another address of this machine where `from` says so. */
function raw(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: Uint8Array | string = '',
  from = '127.0.0.1',
): Promise<Answered> {
  const { hostname, port } = new URL(network.gatewayUrl);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, method, path, headers, localAddress: from, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        let code: string | undefined;
        try {
          code = JSON.parse(Buffer.concat(pieces).toString()).error?.code;
        } catch {
          code = undefined;
        }
        resolve({ status: response.statusCode as number, code });
      });
    });
    request.end(body);
  });
}

async function signed(
  method: string,
  path: string,
  body: Uint8Array,
  change: { audience?: Hex; clock?: () => number } = {},
) {
  const audience = change.audience ?? network.client.gateway.address;
  const request = { audience, method, path, body };
  return signRequest(requester, network.ledger.network, request, change.clock ?? Date.now);
}

const jsonHeaders = (authorization: string) => ({ authorization, 'content-type': 'application/json' });
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(toJson(value)));
const quoteBody = () =>
  text({
    fingerprint: network.program.fingerprint,
    priceMin: PRICE.min,
    priceMax: PRICE.max,
    rampSeconds: 30,
    deadlineSeconds: 60,
  });

/** A signed order, as it is posted. */
async function posted(k: number, budget?: bigint, deadlineSeconds = 60, signer = requester) {
  const { program, client, ledger } = network;
  const inputs = program.inputs(k);
  const terms = { price: PRICE, deadlineSeconds, ...(budget === undefined ? {} : { budget }) };
  const now = Math.floor(Date.now() / 1000);
  const drafted = await draftOrder(
    signer,
    ledger.network,
    client.gateway.address,
    program.document,
    inputs,
    terms,
    now,
  );
  return { id: drafted.id, document: sealOrder(drafted, inputs, client.gateway.encryptionKey) };
}

describe('requests', () => {
  it('are taken once: a replayed one is refused', async () => {
    const body = quoteBody();
    const headers = jsonHeaders(await signed('POST', '/v1/quotes', body));
    expect((await raw('POST', '/v1/quotes', headers, body)).status).toBe(200);
    expect(await raw('POST', '/v1/quotes', headers, body)).toEqual({ status: 401, code: 'replayed' });
  });

  it('are for this node, now, with this body, or refused', async () => {
    const body = quoteBody();
    const post = (authorization: string, bytes = body) => raw('POST', '/v1/quotes', jsonHeaders(authorization), bytes);
    const other = await signed('POST', '/v1/quotes', body, { audience: stranger.address });
    expect(await post(other)).toEqual({ status: 401, code: 'wrong-audience' });
    const old = await signed('POST', '/v1/quotes', body, { clock: () => Date.now() - 70_000 });
    expect(await post(old)).toEqual({ status: 401, code: 'expired' });
    const early = await signed('POST', '/v1/quotes', body, { clock: () => Date.now() + 300_000 });
    expect(await post(early)).toEqual({ status: 401, code: 'clock-skew' });
    const changed = text({ ...JSON.parse(new TextDecoder().decode(body)), rampSeconds: 31 });
    const right = await signed('POST', '/v1/quotes', body);
    expect(await post(right, changed)).toEqual({ status: 401, code: 'bad-signature' });
    const elsewhere = await signed('POST', '/v1/orders', body);
    expect(await post(elsewhere)).toEqual({ status: 401, code: 'bad-signature' });
    expect(await raw('POST', '/v1/quotes', { 'content-type': 'application/json' }, body)).toEqual({
      status: 401,
      code: 'unsigned',
    });
  });

  it('with oversized or malformed bodies are refused, and the node goes on', async () => {
    const post = async (body: Uint8Array) =>
      raw('POST', '/v1/quotes', jsonHeaders(await signed('POST', '/v1/quotes', body)), body);
    expect((await post(new Uint8Array(BODY_LIMIT * 2).fill(32))).status).toBe(413);
    for (const bad of ['', '{', '[]', 'null', '{"a":1}', `${'['.repeat(50_000)}`, '{"__proto__":{"x":1}}', '\u0000']) {
      const answer = await post(new TextEncoder().encode(bad));
      expect(answer.status, bad.slice(0, 20)).toBeGreaterThanOrEqual(400);
      expect(answer.status, bad.slice(0, 20)).toBeLessThan(500);
    }
    const bytes = new Uint8Array(100);
    const path = `/v1/blobs/sha256:${'00'.repeat(32)}`;
    const client = clientOf(requester);
    await expect(client.putBytes(path, bytes, { digest: `sha256:${'00'.repeat(32)}` })).rejects.toMatchObject({
      status: 400,
      code: 'digest-mismatch',
    });
    const large = new Uint8Array(3 * BODY_LIMIT);
    await expect(client.putBytes(path, large)).rejects.toThrow(TransportError);
    for (const odd of ['/v1/blobs/..%2f..%2f..%2fetc%2fpasswd', '/v1/blobs/sha256:xyz', '/../../etc/passwd', '/v1/%']) {
      const { status } = await raw('GET', odd, { authorization: await signed('GET', odd, new Uint8Array(0)) });
      expect([400, 404]).toContain(status);
    }
    expect((await raw('GET', '/health')).status).toBe(200);
  });

  it('of others about somebody’s order are refused', async () => {
    const handle = await network.order(1);
    const client = clientOf(stranger);
    await expect(client.get(`/v1/orders/${handle.id}`, nothing)).rejects.toMatchObject({ status: 404 });
    await expect(client.getBytes(`/v1/orders/${handle.id}/values`, 1 << 20)).rejects.toMatchObject({ status: 404 });
    const cancel = await signMessage(stranger, network.ledger.network, 'Cancel', {
      order: handle.id,
      issuedAt: Math.floor(Date.now() / 1000),
    });
    await expect(client.post(`/v1/orders/${handle.id}/cancel`, toJson(cancel), nothing)).rejects.toMatchObject({
      status: 404,
    });
    await expect(
      clientOf(requester).post(`/v1/orders/${handle.id}/cancel`, toJson(cancel), nothing),
    ).rejects.toMatchObject({ status: 403, code: 'bad-signature' });
    await expect(client.getBytes(`/v1/chunks/${handle.id}/0/boundary`, 1 << 20)).rejects.toMatchObject({ status: 404 });
    await expect(client.get(`/v1/chunks/${handle.id}/0/0`, nothing)).rejects.toMatchObject({ status: 403 });
    await expect(client.get('/v1/duties', nothing)).rejects.toMatchObject({ status: 403, code: 'not-a-validator' });
    await expect(client.put(`/v1/endpoints/${requester.address.toLowerCase()}`, {}, nothing)).rejects.toMatchObject({
      status: 400,
    });
    expect((await handle.result({ timeoutMs: 80_000 })).verdict).toBe('accepted');
    await settled(network, handle);
  });

  it('in floods are held off, while others are answered', async () => {
    const other = clientOf(stranger);
    const answers = async () => {
      const began = performance.now();
      await other.post('/v1/quotes', JSON.parse(new TextDecoder().decode(quoteBody())), nothing);
      return performance.now() - began;
    };
    // One key asks as often as it can, from an address of its own.
    const path = `/v1/orders/0x${'00'.repeat(32)}`;
    const one = async () => {
      const authorization = await signed('GET', path, new Uint8Array(0));
      return raw('GET', path, { authorization }, '', '127.0.0.3').then(
        ({ status }) => status,
        () => 0,
      );
    };
    const statuses: number[] = [];
    for (let round = 0; round < 20; round++) statuses.push(...(await Promise.all(Array.from({ length: 32 }, one))));
    expect(statuses).toContain(429);
    await answers();
    // One address sends what nobody signed.
    const garbage = () =>
      raw('POST', '/v1/quotes', jsonHeaders('DSperse bm9uc2Vuc2U'), '{}', '127.0.0.2').then(
        ({ status }) => status,
        () => 0,
      );
    const refused: number[] = [];
    for (let round = 0; round < 40; round++) refused.push(...(await Promise.all(Array.from({ length: 40 }, garbage))));
    expect(refused).toContain(429);
    expect(refused.every((status) => status !== 200)).toBe(true);
    expect(await answers()).toBeLessThan(5_000);
  });
});

describe('a requester', () => {
  it('that submits an order twice, at the same time and later, has one order', async () => {
    const { id, document } = await posted(10);
    const body = toJson(document);
    const submit = () => clientOf(requester).post('/v1/orders', body, z.object({ id: z.string() }));
    const before = await network.ledger.balanceOf(requester.address);
    expect(await Promise.all([submit(), submit(), submit()])).toEqual([{ id }, { id }, { id }]);
    const saved = await network.client.view(id);
    expect(saved.chunks.length === 0 || saved.chunks.length === 4).toBe(true);
    const { budget } = document.order.message;
    await expect.poll(() => network.ledger.balanceOf(requester.address)).toBe(before - budget);
    expect(await submit()).toEqual({ id });
    await expect
      .poll(async () => (await network.client.view(id)).state, { timeout: 90_000, interval: 500 })
      .toBe('settled');
    const { spent } = await network.client.view(id);
    await expect.poll(() => network.ledger.balanceOf(requester.address), { timeout: 10_000 }).toBe(before - spent);
    expect(await submit()).toEqual({ id });
  });

  it('that spends its deposit twice has what is covered run, and nothing else', async () => {
    const free = await network.ledger.balanceOf(requester.address);
    const all = await Promise.all([20, 21, 22].map((k) => posted(k, free)));
    await Promise.all(
      all.map(({ document }) =>
        clientOf(requester)
          .post('/v1/orders', toJson(document), nothing)
          .catch(() => {}),
      ),
    );
    const states = async () =>
      Promise.all(
        all.map(({ id }) =>
          network.client.view(id).then(
            (v) => v.state as string,
            () => 'refused',
          ),
        ),
      );
    await expect
      .poll(async () => (await states()).sort().join(), { timeout: 90_000, interval: 500 })
      .toMatch(/^((failed|refused),){2}settled$/);
    expect(await network.ledger.balanceOf(requester.address)).toBeGreaterThan((free * 9n) / 10n);
  });

  it('that withdraws while its order is being taken loses only the order', async () => {
    const free = await network.ledger.balanceOf(requester.address);
    const { id, document } = await posted(30, free);
    const submitting = clientOf(requester)
      .post('/v1/orders', toJson(document), nothing)
      .catch(() => {});
    const withdrawing = network.client.withdraw(free).then(
      () => true,
      () => false,
    );
    const [, isDrained] = await Promise.all([submitting, withdrawing]);
    const view = await network.client.view(id).catch(() => undefined);
    if (isDrained) {
      if (view)
        await expect
          .poll(async () => (await network.client.view(id)).state, { timeout: 60_000, interval: 500 })
          .toBe('failed');
      expect((await network.ledger.order(id)).state).toBe('none');
      expect(await network.ledger.balanceOf(requester.address)).toBe(0n);
      await network.client.deposit(free);
    } else {
      await expect
        .poll(async () => (await network.client.view(id)).state, { timeout: 90_000, interval: 500 })
        .toBe('settled');
    }
  });

  it('that orders with another’s name, a false input or an impossible one is refused', async () => {
    const { document } = await posted(40);
    const submit = (body: unknown, signer = requester) => clientOf(signer).post('/v1/orders', toJson(body), nothing);
    await expect(submit(document, stranger)).rejects.toMatchObject({ status: 403, code: 'bad-signature' });
    const poor = await posted(41, undefined, 60, stranger);
    await expect(submit(poor.document, stranger)).rejects.toMatchObject({ status: 402, code: 'no-deposit' });
    const sealedElsewhere = { ...document, input: Buffer.from(randomBytes(300)).toString('base64') };
    await expect(submit(sealedElsewhere)).rejects.toMatchObject({ status: 400, code: 'not-sealed' });
    const salt = randomBytes(32);
    const resealed = (values: Int32Array, commitment: Hex) => {
      const bundle = encodeBundle(new Map([['x', { values, salt: salt.toString('hex') }]]));
      const { encryptionKey } = network.client.gateway;
      return Buffer.from(seal(encryptionKey, bundle, sealingContext.input(commitment))).toString('base64');
    };
    const { inputCommitment } = document.order.message;
    const swapped = { ...document, input: resealed(network.program.inputs(9).get('x') as Int32Array, inputCommitment) };
    await expect(submit(swapped)).rejects.toMatchObject({ code: 'bad-input' });
    const impossible = new Int32Array(32).fill(2 ** 30);
    const order = {
      ...document.order.message,
      inputCommitment: commitInput(salt, new Map([['x', impossible]])),
      salt: bytesToHex(randomBytes(32)),
    };
    const signedOrder = await signMessage(requester, network.ledger.network, 'Order', order);
    await expect(
      submit({ ...document, order: signedOrder, input: resealed(impossible, order.inputCommitment) }),
    ).rejects.toMatchObject({ code: 'bad-input' });
  });
});

it('all tokens are where the books say', async () => {
  const handle = await network.order(50);
  await settled(network, handle, 90_000);
  const books = await readBooks(network);
  expect(books.held).toBe(books.supply);
  expect(books.inMarket).toBe(books.free + books.reserved + books.pool);
  expect(books.reserved).toBe(0n);
});
