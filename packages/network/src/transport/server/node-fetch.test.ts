import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPublicClient, http } from 'viem';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeClient } from '../index.js';
import { nodeFetch, nodeRpcFetch } from './node-fetch.js';

/** A chain whose number is 7, whose limits of requests are used up at `/rpc/busy`, and which breaks off at `/rpc/cut`. */
async function answerRpc(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const calls = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const answers = calls.map(({ id }: { id: number }) => ({ jsonrpc: '2.0', id, result: '0x7' }));
  if (request.url === '/rpc/busy') response.writeHead(429).end('wait');
  else if (request.url === '/rpc/cut')
    response.writeHead(200, { 'content-length': 99 }).write('[', () => response.destroy());
  else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers));
}

let server: Server;
let url: string;
beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url === '/moved') return response.writeHead(302, { location: '/whole' }).end();
    if (request.url === '/nothing') return response.writeHead(204).end();
    if (request.url === '/echo') return request.pipe(response);
    if (request.url === '/large') return response.end(Buffer.alloc(1 << 20, 7));
    if (request.url?.startsWith('/rpc')) return answerRpc(request, response);
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

test('calls of a chain go by it, several at once, and what a chain answers otherwise is an error', async () => {
  const chain = (path: string, options: { maxResponseBodySize?: number } = {}) => {
    const transport = http(url + path, { batch: true, retryCount: 0, timeout: 300, fetchFn: nodeRpcFetch, ...options });
    return createPublicClient({ transport });
  };
  const { getChainId, getBlockNumber } = chain('/rpc');
  expect(await Promise.all([getChainId(), getBlockNumber({ cacheTime: 0 })])).toEqual([7, 7n]);
  await expect(chain('/rpc/busy').getChainId()).rejects.toMatchObject({ status: 429 });
  await expect(chain('/rpc/cut').getChainId()).rejects.toMatchObject({ name: 'HttpRequestError' });
  await expect(chain('/moved').getChainId()).rejects.toThrow('redirect');
  await expect(chain('/rpc', { maxResponseBodySize: 10 }).getChainId()).rejects.toThrow('exceed');
});

test('a chain that does not answer in time is given up', async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const transport = http(at, { retryCount: 0, timeout: 100, fetchFn: nodeRpcFetch });
  await expect(createPublicClient({ transport }).getChainId()).rejects.toThrow('took too long');
  silent.closeAllConnections();
  silent.close();
});
