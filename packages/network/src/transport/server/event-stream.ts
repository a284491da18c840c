/** Server-sent events: their encoding, and their writing to readers that may be slow. */
import type { ServerResponse } from 'node:http';
import { stringifyJson } from '../parse-json.js';
import { awaitDrain } from './write-raw.js';

export interface ServerEvent {
  /** What a client resumes from; without line breaks. */
  readonly id?: string;
  readonly event: string;
  /** Sent as JSON; bigints as decimal strings. */
  readonly data: unknown;
}

const oneLine = (text: string) => text.replace(/[\r\n\0]/g, ' ');

export function encodeEvent({ id, event, data }: ServerEvent): string {
  const idLine = id === undefined ? '' : `id: ${oneLine(id)}\n`;
  return `${idLine}event: ${oneLine(event)}\ndata: ${stringifyJson(data)}\n\n`;
}

export interface StreamBounds {
  readonly heartbeatMs: number;
  /** How long a reader may take nothing of what waits for it. */
  readonly stallMs: number;
}

export type StreamEnd = 'ended' | 'left' | 'slow-reader' | 'stopping';

/**
 * Writes events as the reader takes them: the next one is asked for when the last one is gone, so that no more than one
 * waits in memory. A reader that stalls is dropped. Headers are written here.
 * @param stopping ends the stream with a hint to come back
 */
export async function writeEvents(
  outgoing: ServerResponse,
  events: AsyncIterable<ServerEvent>,
  bounds: StreamBounds,
  stopping: AbortSignal,
): Promise<StreamEnd> {
  outgoing.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  outgoing.write(': open\n\n');
  const iterator = events[Symbol.asyncIterator]();
  let end: StreamEnd | undefined;
  let wake: () => void = () => undefined;
  // Not by a race with one promise for the whole stream: it would hold on to every event that it lost against.
  const nextUnlessOver = () =>
    new Promise<IteratorResult<ServerEvent> | undefined>((resolve, reject) => {
      wake = () => resolve(undefined);
      iterator.next().then(resolve, reject);
    });
  const finish = (how: StreamEnd) => () => {
    end ??= how;
    wake();
  };
  const onClose = finish('left');
  const onStop = finish('stopping');
  outgoing.once('close', onClose);
  stopping.addEventListener('abort', onStop);
  let blockedSince: number | undefined;
  const heartbeat = setInterval(() => {
    if (!outgoing.writableNeedDrain) {
      blockedSince = undefined;
      outgoing.write(': \n\n');
      return;
    }
    blockedSince ??= performance.now();
    if (performance.now() - blockedSince >= bounds.stallMs) finish('slow-reader')();
  }, bounds.heartbeatMs);
  try {
    if (stopping.aborted) onStop();
    while (end === undefined) {
      const next = await nextUnlessOver();
      if (next === undefined) break;
      if (next.done) {
        end = 'ended';
        break;
      }
      if (!outgoing.write(encodeEvent(next.value)) && !(await awaitDrain(outgoing, bounds.stallMs, stopping))) {
        end ??= 'slow-reader';
      }
    }
  } finally {
    clearInterval(heartbeat);
    outgoing.off('close', onClose);
    stopping.removeEventListener('abort', onStop);
    // Not awaited: it may wait for an event that the handler's signal has just called off.
    iterator.return?.()?.catch(() => undefined);
  }
  if (end === 'slow-reader') outgoing.destroy();
  else if (end === 'stopping') outgoing.end(`retry: ${500 + Math.floor(Math.random() * 1500)}\n\n`);
  else if (!outgoing.destroyed) outgoing.end();
  return end!;
}
