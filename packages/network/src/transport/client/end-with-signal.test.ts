import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeClient } from '../../transport/index.js';
import { endWithSignal } from './end-with-signal.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let server: Server;
let url: string;
let readers: number;
beforeEach(async () => {
  readers = 0;
  server = createServer((request, response) => {
    readers++;
    if (request.url === '/events') response.setHeader('content-type', 'text/event-stream');
    response.write('first');
    if (request.url === '/whole') response.end(' and last');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
  // For the answer to arrive.
  await new Promise((resolve) => setTimeout(resolve, 200));
}

const fetch = endWithSignal((at, init) => globalThis.fetch(at, init));

it('ends an answer that is being read, also after garbage was collected', async () => {
  const ending = new AbortController();
  const client = new NodeClient({ baseUrl: url, fetch });
  const reading = (async () => {
    for await (const _ of client.events('/events', { signal: ending.signal }));
    return 'ended';
  })();
  await until(() => readers === 1);
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  ending.abort();
  expect(await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 2_000))])).toBe('ended');
});

it('leaves whole answers as they are, and status and headers', async () => {
  const response = await fetch(`${url}/whole`, { signal: new AbortController().signal });
  expect(response.status).toBe(200);
  expect(response.headers.get('transfer-encoding')).toBe('chunked');
  expect(await (response as Response).text()).toBe('first and last');
});

it('can be given up by the reader', async () => {
  const response = await fetch(`${url}/open`, { signal: new AbortController().signal });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  await reader.cancel();
  expect(await reader.read()).toMatchObject({ done: true });
});
