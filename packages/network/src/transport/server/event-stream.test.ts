import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { type ServerEvent, type StreamEnd, writeEvents } from './event-stream.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const BOUNDS = { heartbeatMs: 1_000, stallMs: 1_000 };
const COUNT = 200;

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A stream that stays open after its events. */
async function open(stopping: AbortSignal) {
  const held: WeakRef<object>[] = [];
  async function* events(): AsyncGenerator<ServerEvent> {
    for (let i = 0; i < COUNT; i++) {
      const data = { number: i };
      held.push(new WeakRef(data));
      yield { event: 'step', data };
    }
    await new Promise(() => {});
  }
  let tellEnd: (end: StreamEnd) => void;
  const ended = new Promise<StreamEnd>((resolve) => {
    tellEnd = resolve;
  });
  server = createServer((_, response) => void writeEvents(response, events(), BOUNDS, stopping).then(tellEnd));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const leaving = new AbortController();
  const { signal } = leaving;
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { signal });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes(`{"number":${COUNT - 1}}`)) text += decoder.decode((await reader.read()).value);
  return { held, text, leaving, ended };
}

test('an open stream holds no event that is gone', async () => {
  const stopping = new AbortController();
  const { held, text, ended } = await open(stopping.signal);
  expect(text.match(/^data: /gm)).toHaveLength(COUNT);
  for (let i = 0; i < 3; i++) {
    await rest(20);
    collect();
  }
  expect(held).toHaveLength(COUNT);
  expect(held.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(5);
  stopping.abort();
  expect(await ended).toBe('stopping');
});

test('it ends when the reader leaves, also while nothing comes', async () => {
  const { leaving, ended } = await open(new AbortController().signal);
  leaving.abort();
  expect(await ended).toBe('left');
});
