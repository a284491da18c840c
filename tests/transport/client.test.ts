/** The client against servers that are late, wrong, full, or come back. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { NodeClient, type NodeClientOptions } from '../../packages/network/src/transport/client/node-client.js';
import { MemoryNonceLedger } from '../../packages/network/src/transport/request/nonces.js';
import { network, node, saidSchema, signer, startServer } from './test-server.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A server that answers as it is told, and a client of it. */
async function serve(
  answer: (incoming: IncomingMessage, outgoing: ServerResponse, count: number) => void,
  options: Partial<NodeClientOptions> = {},
) {
  let count = 0;
  const server: Server = createServer((incoming, outgoing) => answer(incoming, outgoing, ++count));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: new NodeClient({ baseUrl, ...options }), count: () => count };
}

const ok = z.object({ ok: z.boolean() });
const json = (outgoing: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}) =>
  outgoing.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));

test('what may succeed later is tried again, where twice is as once', async () => {
  const { client, count } = await serve((_, outgoing, n) =>
    n % 3 === 0 ? json(outgoing, 200, { ok: true }) : json(outgoing, 503, { error: { code: 'unavailable' } }),
  );
  expect(await client.get('/', ok)).toEqual({ ok: true });
  expect(count()).toBe(3);
  await expect(client.post('/', {}, ok)).rejects.toMatchObject({ code: 'unavailable', status: 503, retryable: true });
  expect(count()).toBe(4);
  expect(await client.post('/', {}, ok, { idempotent: true })).toEqual({ ok: true });
});

test('retries are bounded, and what is refused for good is not repeated', async () => {
  const full = await serve((_, outgoing) => json(outgoing, 502, {}), { maxRetries: 2 });
  await expect(full.client.get('/', ok)).rejects.toMatchObject({ code: 'http-502' });
  expect(full.count()).toBe(3);
  const refused = await serve((_, outgoing) => json(outgoing, 403, { error: { code: 'no', message: 'm', hint: 'h' } }));
  await expect(refused.client.get('/', ok)).rejects.toMatchObject({
    code: 'no',
    message: 'm',
    hint: 'h',
    retryable: false,
  });
  expect(refused.count()).toBe(1);
});

test('a rate limit is waited for, by POST too', async () => {
  const { client } = await serve((_, outgoing, n) =>
    n === 1
      ? json(outgoing, 429, { error: { code: 'rate-limited' } }, { 'retry-after': '1' })
      : json(outgoing, 200, { ok: true }),
  );
  const startedAt = performance.now();
  expect(await client.post('/', {}, ok)).toEqual({ ok: true });
  expect(performance.now() - startedAt).toBeGreaterThan(990);
});

test('a wait that is longer than all repetitions together is left to the caller', async () => {
  const { client, count } = await serve((_, outgoing) =>
    json(outgoing, 429, { error: { code: 'settlement-behind' } }, { 'retry-after': '600' }),
  );
  const startedAt = performance.now();
  await expect(client.get('/', ok)).rejects.toMatchObject({ code: 'settlement-behind', status: 429, retryable: true });
  expect(count()).toBe(1);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test('large, late, broken, wrong and redirected answers are errors', async () => {
  const { client } = await serve(
    ({ url }, outgoing) => {
      if (url === '/large') outgoing.end('x'.repeat(2000));
      else if (url === '/endless') {
        const timer = setInterval(() => outgoing.write('x'.repeat(500)), 5);
        outgoing.on('close', () => clearInterval(timer));
      } else if (url === '/broken')
        outgoing.writeHead(200, { 'content-length': 100 }).write('{', () => outgoing.destroy());
      else if (url === '/moved') outgoing.writeHead(302, { location: '/large' }).end();
      else if (url === '/wrong') json(outgoing, 200, { ok: 1 });
      else if (url === '/text') outgoing.end('hello');
      else if (url === '/deep') outgoing.end('['.repeat(500) + ']'.repeat(500));
    },
    { maxResponseBytes: 1000, timeoutMs: 200, maxRetries: 0 },
  );
  const code = (path: string) => client.get(path, ok).catch((error) => [error.name, error.code, error.retryable]);
  expect(await code('/large')).toEqual(['TransportError', 'too-large', false]);
  expect(await code('/endless')).toEqual(['TransportError', 'too-large', false]);
  expect(await code('/broken')).toEqual(['TransportError', 'unreachable', true]);
  expect(await code('/moved')).toEqual(['TransportError', 'unreachable', true]);
  expect(await code('/wrong')).toEqual(['TransportError', 'bad-response', false]);
  expect(await code('/text')).toEqual(['TransportError', 'bad-response', false]);
  expect(await code('/deep')).toEqual(['TransportError', 'bad-response', false]);
  expect(await code('/never')).toEqual(['TransportError', 'timeout', true]);
  const aborted = client.get('/never', ok, { signal: AbortSignal.timeout(20) });
  await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
  const nobody = new NodeClient({ baseUrl: 'http://127.0.0.1:1', maxRetries: 0 });
  await expect(nobody.get('/', ok)).rejects.toMatchObject({ code: 'unreachable', retryable: true });
});

test.each(['', 'ftp://a', 'http://a:b@c', 'http://a/?x', 'file:///etc'])('%j is no address of a node', (baseUrl) => {
  expect(() => new NodeClient({ baseUrl })).toThrow(expect.objectContaining({ code: 'bad-url' }));
});

test('no path leads to another host', async () => {
  const client = new NodeClient({ baseUrl: 'http://127.0.0.1:1', maxRetries: 0 });
  for (const path of ['//b.example/x', 'http://b.example/', 'x']) {
    await expect(client.get(path, ok)).rejects.toMatchObject({ code: 'bad-path' });
  }
});

test.each([-3_600_000, -100_000, 100_000, 3_600_000])('a clock that is off by %d ms is corrected', async (offMs) => {
  const running = await startServer();
  ends.push(() => running.server.close(100));
  const client = running.clientOf({ clock: () => Date.now() + offMs });
  const said = await client.post('/v1/echo', { name: 'a', amount: 1n }, saidSchema);
  expect(said.sender).toBe(signer.address);
  expect(Math.abs(client.clockOffsetMs + offMs)).toBeLessThan(2000);
  const before = running.logged.length;
  await client.post('/v1/echo', { name: 'a', amount: 1n }, saidSchema);
  expect(running.logged.length).toBe(before + 1);
});

test('a node that refuses every time for its clock is asked twice, no more', async () => {
  const { client, count } = await serve(
    (_, outgoing) => json(outgoing, 401, { error: { code: 'clock-skew' } }, { 'x-dsperse-time': String(Date.now()) }),
    { signer, network, audience: node.address },
  );
  await expect(client.get('/', ok)).rejects.toMatchObject({ code: 'clock-skew' });
  expect(count()).toBe(2);
});

test('a full replay guard is a refusal that passes', async () => {
  const nonces = new MemoryNonceLedger(Date.now, 1);
  const running = await startServer({ nonces });
  ends.push(() => running.server.close(100));
  const client = running.clientOf({ maxRetries: 0 });
  const post = () => client.post('/v1/echo', { name: 'a', amount: 1n }, saidSchema);
  await post();
  await expect(post()).rejects.toMatchObject({ code: 'replay-guard-full', status: 503, retryable: true });
});
