import { connect } from 'node:net';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { digestOfBytes } from '../../packages/network/src/messages/canonical.js';
import { signRequest } from '../../packages/network/src/transport/request/sign-request.js';
import {
  createServer,
  type NodeServer,
  type ServerOptions,
} from '../../packages/network/src/transport/server/create-server.js';
import { Refusal } from '../../packages/network/src/transport/server/refusal.js';
import { jsonRoute } from '../../packages/network/src/transport/server/route.js';
import { network, node, saidSchema, signer, startServer, testRoutes } from './test-server.js';

const started: NodeServer[] = [];
async function start(options: Partial<ServerOptions> = {}) {
  const running = await startServer(options);
  started.push(running.server);
  return running;
}
afterEach(async () => {
  for (const server of started.splice(0)) await server.close(200);
});

const GOOD = { name: 'a', amount: 5n };

/** A signed POST /v1/echo of the text, by hand. */
async function post(
  url: string,
  text: string | Uint8Array,
  changed: { signed?: string; path?: string; type?: string } = {},
) {
  const body = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const path = changed.path ?? '/v1/echo';
  const request = { audience: node.address, method: 'POST', path: changed.signed ?? path, body };
  const authorization = await signRequest(signer, network, request);
  const headers = { authorization, 'content-type': changed.type ?? 'application/json' };
  const response = await fetch(url + path, { method: 'POST', headers, body: Buffer.from(body) });
  return { status: response.status, ...((await response.json()) as { error?: { code: string; message: string } }) };
}

/** What the server writes to a connection that says this, until it is closed or the time is over. */
function raw(port: number, pieces: (string | number)[], waitMs = 3000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const timer = setTimeout(() => socket.destroy(), waitMs);
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    (async () => {
      for (const piece of pieces) {
        if (typeof piece === 'number') await new Promise((done) => setTimeout(done, piece));
        else if (!socket.destroyed) socket.write(piece);
      }
    })();
  });
}

test('a signed request is answered, with bigints both ways, and logged without secrets', async () => {
  const { client, logged } = await start();
  const said = await client.post('/v1/echo', GOOD, saidSchema, { query: { x: 'hidden' } });
  expect(said).toEqual({ sender: signer.address, ...GOOD });
  expect(logged.length).toBe(1);
  expect(logged[0]).toContain('"route":"/v1/echo"');
  expect(logged[0]).toContain(signer.address);
  expect(logged[0]).not.toMatch(/DSperse |hidden|amount/);
});

test('what was not signed so is refused', async () => {
  const { url, clientOf } = await start();
  const text = '{"name":"a","amount":"5"}';
  expect((await post(url, text)).status).toBe(200);
  expect((await post(url, text, { signed: '/v1/echo?x=1' })).error?.code).toBe('bad-signature');
  expect((await post(url, text, { signed: '/v1/echo', path: '/v1/echo?x=1' })).error?.code).toBe('bad-signature');
  const other = clientOf({ audience: signer.address });
  await expect(other.post('/v1/echo', GOOD, saidSchema)).rejects.toMatchObject({ code: 'wrong-audience', status: 401 });
  const unsigned = clientOf({ signer: undefined });
  await expect(unsigned.post('/v1/echo', GOOD, saidSchema)).rejects.toMatchObject({ code: 'unsigned', status: 401 });
});

test('a request that is sent twice counts once, and a body cannot be exchanged', async () => {
  const { url } = await start();
  const body = '{"name":"a","amount":"5"}';
  const request = { audience: node.address, method: 'POST', path: '/v1/echo', body: new TextEncoder().encode(body) };
  const authorization = await signRequest(signer, network, request);
  const send = async (text: string) => {
    const headers = { authorization, 'content-type': 'application/json' };
    const response = await fetch(`${url}/v1/echo`, { method: 'POST', headers, body: text });
    return ((await response.json()) as { error?: { code: string } }).error?.code;
  };
  expect(await send(body.replace('5', '6'))).toBe('bad-signature');
  expect(await send(body)).toBeUndefined();
  expect(await send(body)).toBe('replayed');
});

test('a read that is sent twice is answered once, and leaves no nonce in the shared ledger', async () => {
  const used: string[] = [];
  const nonces = { use: async (_: string, nonce: string) => used.push(nonce) > 0 };
  const { url } = await start({ nonces });
  const body = new Uint8Array(0);
  const path = `/v1/blobs/${digestOfBytes(body)}`;
  const authorization = await signRequest(signer, network, { audience: node.address, method: 'GET', path, body });
  const codes = [];
  for (let i = 0; i < 2; i++) {
    const response = await fetch(url + path, { headers: { authorization } });
    codes.push(((await response.json()) as { error: { code: string } }).error.code);
  }
  expect(codes).toEqual(['unknown-blob', 'replayed']);
  expect(used).toEqual([]);
});

test.each([
  ['not JSON', '{', 'not-json'],
  ['an open string', '{"name":"a\\"', 'not-json'],
  ['unknown keys', '{"name":"a","amount":"5","x":1}', 'bad-request'],
  ['a prototype', '{"name":"a","amount":"5","__proto__":{"x":1}}', 'bad-request'],
  ['a missing key', '{"name":"a"}', 'bad-request'],
  ['a wrong type', '{"name":1,"amount":"5"}', 'bad-request'],
  ['deep nesting', '['.repeat(900) + ']'.repeat(900), 'too-deep'],
  ['many values', `[${'1,'.repeat(100)}1]`, 'too-many-values'],
  ['nothing', '', 'not-json'],
])('%s is refused', async (_, text, code) => {
  const { url } = await start();
  const answer = await post(url, text);
  expect([answer.status, answer.error?.code]).toEqual([400, code]);
  expect(answer.error?.message).toBeTruthy();
});

test('bytes that are no UTF-8, other types and unexpected queries are refused', async () => {
  const { url } = await start();
  expect((await post(url, Uint8Array.of(0x22, 0xff, 0x22))).error?.code).toBe('not-utf8');
  expect((await post(url, '{}', { type: 'text/plain' })).status).toBe(415);
  expect((await post(url, '{}', { path: '/v1/echo?y=1' })).error?.code).toBe('bad-request');
  expect((await post(url, '{}', { path: '/v1/echo?x=1&x=2' })).error?.code).toBe('bad-request');
});

test('large bodies are refused: announced, chunked, and on upload', async () => {
  const { url, port, client } = await start();
  expect(await post(url, ' '.repeat(2001))).toMatchObject({ status: 413, error: { code: 'too-large' } });
  const authorization = await signRequest(signer, network, {
    audience: node.address,
    method: 'POST',
    path: '/v1/echo',
    body: new Uint8Array(0),
  });
  const head = `POST /v1/echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nauthorization: ${authorization}\r\n`;
  const chunk = `${(1500).toString(16)}\r\n${'x'.repeat(1500)}\r\n`;
  const answer = await raw(port, [`${head}transfer-encoding: chunked\r\n\r\n`, chunk, 20, chunk, 20, chunk]);
  expect(answer).toMatch(/^HTTP\/1.1 413/);
  expect(answer).toContain('connection: close');
  const bytes = new Uint8Array(300_001);
  await expect(client.putBytes(`/v1/blobs/${digestOfBytes(bytes)}`, bytes)).rejects.toMatchObject({ status: 413 });
});

test('slow bodies and slow headers end', async () => {
  const { port } = await start({ limits: { headersTimeoutMs: 300, bodyIdleTimeoutMs: 200 } });
  const authorization = await signRequest(signer, network, {
    audience: node.address,
    method: 'POST',
    path: '/v1/echo',
    body: new Uint8Array(0),
  });
  const head = `POST /v1/echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nauthorization: ${authorization}\r\ncontent-length: 900\r\n\r\n`;
  expect(await raw(port, [head, '{'])).toMatch(/^HTTP\/1.1 408[\s\S]*body-timeout/);
  const trickle = Array.from({ length: 20 }, () => ['x', 50]).flat();
  expect(await raw(port, [head, ...trickle])).toMatch(/^HTTP\/1.1 408[\s\S]*body-timeout/);
  expect(await raw(port, ['GET /open/a HTTP/1.1\r\nhost'])).toMatch(/^HTTP\/1.1 408/);
});

test('blobs go up and down by digest', async () => {
  const blobs = new Map<string, Buffer>();
  const { client } = await start({ routes: testRoutes(blobs) });
  const bytes = new Uint8Array(250_000).map((_, i) => i);
  const digest = digestOfBytes(bytes);
  const path = `/v1/blobs/${digest}`;
  expect(await client.has(path)).toBe(false);
  await client.putBytes(path, bytes, { digest });
  expect(await client.has(path)).toBe(true);
  expect(Buffer.compare(await client.getBytes(path, 250_000), bytes)).toBe(0);
  await expect(client.getBytes(path, 249_999)).rejects.toMatchObject({ code: 'too-large' });
  const wrong = `/v1/blobs/${digestOfBytes(new Uint8Array(1))}`;
  await expect(client.putBytes(wrong, bytes)).rejects.toMatchObject({ code: 'bad-signature' });
  const claimed = digestOfBytes(new Uint8Array(1));
  await expect(client.putBytes(wrong, bytes, { digest: claimed })).rejects.toMatchObject({ code: 'digest-mismatch' });
  expect(blobs.size).toBe(1);
});

test('errors are uniform and tell nothing of the inside', async () => {
  const { url, logged } = await start();
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(url + path, { method });
    return [response.status, await response.text()] as const;
  };
  expect(await get('/open/gone')).toEqual([
    410,
    '{"error":{"code":"gone","message":"it is gone","hint":"look elsewhere"}}',
  ]);
  const [bugStatus, bug] = await get('/open/bug');
  expect([bugStatus, JSON.parse(bug).error.code, bug.includes('secret')]).toEqual([500, 'internal', false]);
  expect(logged.some((line) => line.includes('request failed'))).toBe(true);
  const [awayStatus, away] = await get('/open/away');
  expect([awayStatus, JSON.parse(away).error.code, away.includes('secret')]).toEqual([503, 'unavailable', false]);
  expect(JSON.parse((await get('/open/slow'))[1]).error.code).toBe('handler-timeout');
  expect(JSON.parse((await get('/nothing'))[1]).error.code).toBe('not-found');
  expect(JSON.parse((await get('/open/a', 'DELETE'))[1]).error.code).toBe('bad-method');
  expect((await get('/open/a'))[1]).toBe('{"id":"a"}');
});

test('malformed requests do no harm', async () => {
  const { port, url } = await start();
  for (const text of [
    '\0\0\0\r\n\r\n',
    'GET\r\n\r\n',
    'GET /%zz HTTP/1.1\r\nhost: a b\r\n\r\n',
    'GET /open/%ff HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  ]) {
    expect(await raw(port, [text], 500)).toMatch(/^HTTP\/1.1 (400|404|200)/);
  }
  const large = `GET /open/a HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`;
  expect(await raw(port, [large])).toMatch(/^HTTP\/1.1 431/);
  expect((await fetch(`${url}/open/a`)).status).toBe(200);
});

test('floods are held off: by address before the signature, by sender after it', async () => {
  const rates = { perAddress: { perSecond: 1, burst: 10 }, perSender: { perSecond: 1, burst: 5 } };
  const { url, clientOf } = await start({ limits: rates });
  const client = clientOf({ maxRetries: 0 });
  const codes: string[] = [];
  for (let i = 0; i < 8; i++) {
    const code = await client.post('/v1/echo', GOOD, saidSchema).then(
      () => 'ok',
      (error) => error.code,
    );
    codes.push(code);
  }
  expect(codes).toEqual([...Array(5).fill('ok'), ...Array(3).fill('rate-limited')]);
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await fetch(`${url}/open/a`)).status);
  expect(statuses.slice(-3)).toEqual([429, 429, 429]);
  expect(Number((await fetch(`${url}/open/a`)).headers.get('retry-after'))).toBeGreaterThan(0);
});

test('bad signatures cost more than good ones', async () => {
  const { url } = await start({ limits: { perAddress: { perSecond: 1, burst: 50 } } });
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 5; i++) codes.push((await post(url, '{}', { signed: '/x' })).error?.code);
  expect(codes).toEqual(['bad-signature', 'bad-signature', 'bad-signature', 'rate-limited', 'rate-limited']);
});

test('requests and connections at once are bounded', async () => {
  const { url, port } = await start({ limits: { maxConcurrent: 3, maxConnectionsPerAddress: 12 } });
  const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await fetch(`${url}/open/slow`)).status));
  expect(statuses.filter((status) => status === 429).length).toBe(3);
  const held = await Promise.all(
    Array.from({ length: 30 }, () => raw(port, ['GET /open/a HTTP/1.1\r\nhost: a\r\n\r\n'], 400)),
  );
  expect(held.filter((text) => text.startsWith('HTTP/1.1 200')).length).toBeLessThanOrEqual(12);
});

test('browsers of any origin are let in, without credentials', async () => {
  const { url } = await start();
  const response = await fetch(`${url}/v1/echo`, { method: 'OPTIONS', headers: { origin: 'http://a.example' } });
  expect(response.status).toBe(204);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  expect(response.headers.get('access-control-allow-headers')).toContain('authorization');
  expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('the OpenAPI document says what the routes take', async () => {
  const { url } = await start();
  const document = await (await fetch(`${url}/openapi.json`)).json();
  const schema = { additionalProperties: false, properties: { amount: { type: 'string' } } };
  expect(document).toMatchObject({
    openapi: '3.1.0',
    paths: {
      '/v1/echo': {
        post: { security: [{ signed: [] }], requestBody: { content: { 'application/json': { schema } } } },
      },
      '/open/{id}': { get: { security: [], parameters: [{ name: 'id', in: 'path', required: true }] } },
      '/v1/events': { get: { responses: { 200: { content: { 'text/event-stream': {} } } } } },
    },
  });
});

test('routes that cannot be served are refused at once', () => {
  const route = { method: 'POST', path: '/a', auth: 'open', summary: 'a', handle: () => 1 } as const;
  const info = { title: 'a', version: '1' };
  const loose = jsonRoute({ ...route, request: z.strictObject({ a: z.object({ b: z.string() }) }) });
  const bad = expect.objectContaining({ code: 'bad-route' });
  expect(() => createServer({ routes: [loose], info })).toThrow(bad);
  expect(() => createServer({ routes: [jsonRoute({ ...route, auth: 'signed' })], info })).toThrow(bad);
});

test('closing waits for requests, and cuts off those that take too long', async () => {
  const { server, url } = await start();
  const answer = fetch(`${url}/open/a`);
  await answer;
  const slow = fetch(`${url}/open/slow`).then((response) => response.status);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await server.close(5000);
  expect(await slow).toBe(504);
  await expect(fetch(`${url}/open/a`)).rejects.toThrow();

  const stuck = jsonRoute({
    method: 'GET',
    path: '/stuck',
    auth: 'open',
    summary: 'a',
    handle: () => new Promise(() => undefined),
  });
  const second = await start({ routes: [stuck] });
  const lost = fetch(`${second.url}/stuck`).catch(() => 'cut off');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const startedAt = performance.now();
  await second.server.close(100);
  expect(performance.now() - startedAt).toBeLessThan(2000);
  expect(await lost).toBe('cut off');
});

/** A route for large bodies, with who was asked about before their bodies, and what came through. */
async function largeRoute(limits: Partial<ServerOptions['limits']> = {}) {
  const asked: (number | undefined)[] = [];
  const taken: number[] = [];
  const route = jsonRoute({
    method: 'PUT',
    path: '/v1/large',
    auth: 'signed',
    summary: 'takes much of those that it knows',
    request: z.strictObject({ text: z.string() }),
    response: z.strictObject({}),
    limits: { bodyBytes: 1 << 20 },
    admits: (sender, bytes) => {
      asked.push(bytes);
      if (sender !== signer.address) throw new Refusal(403, 'stranger', 'not known here', '');
    },
    handle: ({ body }) => {
      taken.push(body.text.length);
      return {};
    },
  });
  const running = await start({ routes: [route], limits: { strangerBodyBytes: 1_000, ...limits } });
  const head = async (by: typeof signer, body: Uint8Array, digest?: string) => {
    const request = { audience: node.address, method: 'PUT', path: '/v1/large', body };
    return [
      'PUT /v1/large HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n',
      `authorization: ${await signRequest(by, network, request)}\r\n`,
      digest === undefined ? '' : `content-digest: sha-256=:${digest}:\r\n`,
      `content-length: ${body.length}\r\n\r\n`,
    ].join('');
  };
  return { ...running, asked, taken, head };
}
const base64Of = (bytes: Uint8Array) =>
  Buffer.from(digestOfBytes(bytes).slice('sha256:'.length), 'hex').toString('base64');
const LARGE = new TextEncoder().encode(JSON.stringify({ text: 'x'.repeat(100_000) }));

test('a large body is not read of whom the route does not let in, nor of an unproven sender', async () => {
  const { port, head, asked, taken } = await largeRoute();
  const stranger = privateKeyToAccount(generatePrivateKey());
  // Nothing of the bodies is ever sent: whoever waits for them does not answer in time.
  const began = performance.now();
  expect(await raw(port, [await head(stranger, LARGE, base64Of(LARGE))])).toMatch(
    /^HTTP\/1.1 403[\s\S]*connection: close[\s\S]*stranger/,
  );
  expect(asked).toEqual([LARGE.length]);
  const other = base64Of(new Uint8Array(3));
  expect(await raw(port, [await head(signer, LARGE, other)])).toMatch(/^HTTP\/1.1 401[\s\S]*bad-signature/);
  expect(await raw(port, [await head(signer, LARGE)])).toMatch(/^HTTP\/1.1 413[\s\S]*digest-required/);
  expect(await raw(port, [await head(signer, LARGE, 'x')])).toMatch(/^HTTP\/1.1 400[\s\S]*bad-digest/);
  expect(performance.now() - began).toBeLessThan(10_000);
  const chunked = (await head(signer, LARGE)).replace(/content-length: \d+/, 'transfer-encoding: chunked');
  expect(await raw(port, [chunked])).toMatch(/^HTTP\/1.1 413[\s\S]*digest-required/);
  expect(taken).toEqual([]);
});

test('a large body has to be the one whose digest was signed; a small one needs no header', async () => {
  const { port, head, taken, client } = await largeRoute();
  const swapped = LARGE.slice();
  swapped[20] = 'y'.charCodeAt(0);
  const signed = await head(signer, LARGE, base64Of(LARGE));
  expect(await raw(port, [signed, Buffer.from(swapped).toString('latin1')])).toMatch(
    /^HTTP\/1.1 400[\s\S]*digest-mismatch/,
  );
  expect(taken).toEqual([]);
  await client.put('/v1/large', { text: 'x'.repeat(500_000) }, z.unknown());
  await client.put('/v1/large', { text: 'small' }, z.unknown());
  expect(taken).toEqual([500_000, 5]);
});
