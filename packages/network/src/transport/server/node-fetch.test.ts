import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeClient } from '../index.js';
import { nodeFetch } from './node-fetch.js';

let server: Server;
let url: string;
beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url === '/moved') return response.writeHead(302, { location: '/whole' }).end();
    if (request.url === '/nothing') return response.writeHead(204).end();
    if (request.url === '/echo') return request.pipe(response);
    if (request.url === '/large') return response.end(Buffer.alloc(1 << 20, 7));
    response.setHeader('x-kind', 'pieces');
    response.write('first');
    if (request.url === '/cut') return setTimeout(() => response.destroy(), 50);
    if (request.url === '/whole') response.end(' and last');
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const client = () => new NodeClient({ baseUrl: url, fetch: nodeFetch, maxRetries: 0 });
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('answers come whole, with status and headers', async () => {
  expect(text(await client().getBytes('/whole', 100))).toBe('first and last');
  const large = await client().getBytes('/large', 1 << 20);
  expect(Buffer.alloc(1 << 20, 7).equals(large)).toBe(true);
  const { status, headers } = await nodeFetch(`${url}/whole`, {});
  expect([status, headers.get('X-Kind'), headers.get('x-none')]).toEqual([200, 'pieces', null]);
});

test('bodies are sent, as bytes and as text', async () => {
  for (const body of ['grüße', new TextEncoder().encode('grüße')]) {
    const { body: answer } = await nodeFetch(`${url}/echo`, { method: 'POST', body: body as string });
    const { value } = (await answer?.getReader().read()) ?? {};
    expect(text(value as Uint8Array)).toBe('grüße');
  }
});

test('an answer without a body has none, and its connection is used again', async () => {
  for (const method of ['HEAD', 'GET']) {
    expect((await nodeFetch(`${url}/nothing`, { method })).body).toBeNull();
  }
  expect(await client().has('/large')).toBe(true);
});

test('a redirect, a cut connection and a larger answer than allowed are errors', async () => {
  await expect(nodeFetch(`${url}/moved`, {})).rejects.toThrow('redirect');
  await expect(client().getBytes('/cut', 100)).rejects.toMatchObject({ code: 'unreachable', retryable: true });
  await expect(client().getBytes('/large', 1 << 16)).rejects.toMatchObject({ code: 'too-large' });
  await expect(nodeFetch('http://127.0.0.1:1/', {})).rejects.toThrow();
});

test('the signal ends it, before the answer and in the midst of its body', async () => {
  await expect(nodeFetch(`${url}/open`, { signal: AbortSignal.abort() })).rejects.toThrow();
  const ending = new AbortController();
  const reading = client().getBytes('/open', 100, { signal: ending.signal });
  setTimeout(() => ending.abort(), 50);
  await expect(reading).rejects.toMatchObject({ code: 'aborted' });
  await expect(client().getBytes('/open', 100, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'timeout' });
});
