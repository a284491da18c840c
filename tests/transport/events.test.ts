/** Streams of events: resumed, bounded, ended. */
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { ReceivedEvent } from '../../packages/network/src/transport/client/follow-events.js';
import { signRequest } from '../../packages/network/src/transport/request/sign-request.js';
import type { NodeServer, ServerOptions } from '../../packages/network/src/transport/server/create-server.js';
import { encodeEvent } from '../../packages/network/src/transport/server/event-stream.js';
import { network, node, signer, startServer, testRoutes } from './test-server.js';

const started: NodeServer[] = [];
async function start(options: Partial<ServerOptions> = {}) {
  const running = await startServer(options);
  started.push(running.server);
  return running;
}
afterEach(async () => {
  for (const server of started.splice(0)) await server.close(100);
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function take(events: AsyncIterable<ReceivedEvent>, count: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const { data } of events) {
    seen.push((data as { i: number }).i);
    if (seen.length === count) break;
  }
  return seen;
}

test('events come in order, and resume where the client says', async () => {
  const { client } = await start();
  expect(await take(client.events('/v1/events'), 4)).toEqual([1, 2, 3, 4]);
  expect(await take(client.events('/v1/events', { lastEventId: '41' }), 2)).toEqual([42, 43]);
});

test('a stream goes on over a server that stops and comes back: nothing lost, nothing twice', async () => {
  const first = await start();
  let connections = 0;
  let base = first.url;
  // The same client, led to wherever the node is now.
  const client = first.clientOf({ fetch: (url, init) => fetch(url.replace(first.url, base), init) });
  const seen: number[] = [];
  for await (const { data } of client.events('/v1/events', { onOpen: () => connections++ })) {
    seen.push((data as { i: number }).i);
    if (seen.length === 5) {
      const next = await start();
      base = next.url;
      await first.server.close(1000);
    }
    if (seen.length >= 20) break;
  }
  expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(connections).toBeGreaterThanOrEqual(2);
});

test('a reader that takes nothing is dropped, and its maker is told', async () => {
  let made = 0;
  let hasEnded = false;
  const events = async function* () {
    try {
      for (;;) yield { event: 'large', data: 'x'.repeat(200_000 + (made++ % 2)) };
    } finally {
      hasEnded = true;
    }
  };
  const { port, logged } = await start({ routes: testRoutes(undefined, events), limits: { stallMs: 300 } });
  const request = { audience: node.address, method: 'GET', path: '/v1/events', body: new Uint8Array(0) };
  const authorization = await signRequest(signer, network, request);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(`GET /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\n\r\n`);
  for (let i = 0; i < 40 && !hasEnded; i++) await pause(100);
  socket.destroy();
  expect(hasEnded).toBe(true);
  // What waited in memory: the kernel's buffers and one event, not all that could be made in the time.
  expect(made).toBeLessThan(200);
  expect(logged.length).toBe(1);
});

test('heartbeats keep a silent stream open; without them it is connected again', async () => {
  const silent = async function* () {
    await pause(700);
    yield { id: '1', event: 'late', data: { i: 1 } };
  };
  const beating = await start({ routes: testRoutes(undefined, silent), limits: { heartbeatMs: 50 } });
  let opened = 0;
  const options = { idleTimeoutMs: 300, onOpen: () => opened++ };
  expect(await take(beating.client.events('/v1/events', options), 1)).toEqual([1]);
  expect(opened).toBe(1);
  const mute = await start({ routes: testRoutes(undefined, silent) });
  const failing = take(mute.client.events('/v1/events', { ...options, maxFailures: 1 }), 1);
  await expect(failing).rejects.toMatchObject({ code: 'timeout' });
  expect(opened).toBe(3);
});

test('streams of one sender are bounded, and free again when they end', async () => {
  const { clientOf } = await start({ limits: { maxStreams: 2 } });
  const client = clientOf({ maxRetries: 0 });
  const held = [client.events('/v1/events'), client.events('/v1/events')];
  for (const stream of held) await stream.next();
  const third = client.events('/v1/events', { maxFailures: 0 });
  await expect(third.next()).rejects.toMatchObject({ code: 'busy', status: 429 });
  for (const stream of held) await stream.return();
  await pause(50);
  expect(await take(client.events('/v1/events'), 1)).toEqual([1]);
});

test('a stream ends with its signal, and a refusal for good is thrown', async () => {
  const { client, clientOf } = await start();
  const controller = new AbortController();
  let count = 0;
  for await (const _ of client.events('/v1/events', { signal: controller.signal }))
    if (++count === 3) controller.abort();
  expect(count).toBeGreaterThanOrEqual(3);
  const wrong = clientOf({ audience: signer.address });
  await expect(wrong.events('/v1/events').next()).rejects.toMatchObject({ code: 'wrong-audience' });
  const late = clientOf({ clock: () => Date.now() - 3_600_000 });
  expect(await take(late.events('/v1/events'), 1)).toEqual([1]);
});

test('an event that is too large is refused by the client', async () => {
  const huge = async function* () {
    yield { event: 'huge', data: 'x'.repeat(400_000) };
  };
  const { client } = await start({ routes: testRoutes(undefined, huge) });
  await expect(client.events('/v1/events').next()).rejects.toMatchObject({ code: 'too-large', retryable: false });
});

test('closing ends streams with a hint when to come back', async () => {
  const { server, url } = await start();
  const request = { audience: node.address, method: 'GET', path: '/v1/events', body: new Uint8Array(0) };
  const response = await fetch(`${url}/v1/events`, {
    headers: { authorization: await signRequest(signer, network, request) },
  });
  const text = response.text();
  await pause(50);
  const startedAt = performance.now();
  await server.close(5000);
  expect(performance.now() - startedAt).toBeLessThan(2000);
  expect(await text).toMatch(/retry: \d+\n\n$/);
});

test('no field of an event breaks its frame', () => {
  const text = encodeEvent({ id: '1\nevent: x', event: 'a\r\nid: 9', data: { a: 'x\n\ny', b: 3n } });
  expect(text).toBe('id: 1 event: x\nevent: a  id: 9\ndata: {"a":"x\\n\\ny","b":"3"}\n\n');
});
