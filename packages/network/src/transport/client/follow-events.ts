/** Following a stream of server-sent events over broken connections. */
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { TransportError } from '../errors.js';
import { parseJson } from '../parse-json.js';
import { backOffMs, pause } from './back-off.js';
import { type Answer, Deadline, readChunk } from './exchange.js';

export interface ReceivedEvent {
  /** What to resume from. */
  readonly id: string | undefined;
  readonly event: string;
  /** The JSON value; whoever reads it checks it. */
  readonly data: unknown;
}

export interface EventOptions {
  /** Where to resume. */
  readonly lastEventId?: string;
  readonly signal?: AbortSignal;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** After every connection: the time to ask for the state itself. */
  readonly onOpen?: () => void;
  /** Longest silence, heartbeats included, before it connects again. */
  readonly idleTimeoutMs?: number;
  readonly maxEventBytes?: number;
  /** Failures in a row after which it gives up. */
  readonly maxFailures?: number;
}

type Open = (lastEventId: string | undefined, deadline: Deadline) => Promise<Answer>;

const RECONNECT = { firstMs: 250, maxMs: 15_000 };
const MAX_RETRY_HINT_MS = 30_000;
const EVENT_JSON = { depth: 32, values: 100_000 };

interface State {
  lastEventId: string | undefined;
  failures: number;
  /** What the node last asked to wait before connecting again. */
  retryMs: number;
}

export async function* followEvents(open: Open, options: EventOptions): AsyncGenerator<ReceivedEvent, void, undefined> {
  const state: State = { lastEventId: options.lastEventId, failures: 0, retryMs: 0 };
  while (!options.signal?.aborted) {
    const deadline = new Deadline(options.signal, options.idleTimeoutMs ?? 60_000);
    try {
      const response = await open(state.lastEventId, deadline);
      if (response.status === 204) return;
      yield* readEvents(response, deadline, state, options);
      state.failures++;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (error.code === 'aborted') return;
      state.failures++;
      if (!error.retryable || state.failures > (options.maxFailures ?? Number.POSITIVE_INFINITY)) throw error;
    } finally {
      deadline.end();
    }
    await pause(Math.max(state.retryMs, backOffMs(state.failures - 1, RECONNECT)), options.signal);
  }
}

async function* readEvents(response: Answer, deadline: Deadline, state: State, options: EventOptions) {
  if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
    await response.body?.cancel();
    throw new TransportError('bad-response', 'the answer is not a stream of events', {
      status: response.status,
      retryable: false,
    });
  }
  const arrived: EventSourceMessage[] = [];
  let bytesSinceEvent = 0;
  const parser = createParser({
    onEvent: (event) => arrived.push(event),
    onComment: () => {
      bytesSinceEvent = 0;
    },
    onRetry: (ms) => {
      state.retryMs = Math.min(ms, MAX_RETRY_HINT_MS);
    },
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  state.retryMs = 0;
  options.onOpen?.();
  try {
    for (;;) {
      deadline.restart();
      const { done, value } = await readChunk(reader, deadline);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      bytesSinceEvent = arrived.length > 0 ? 0 : bytesSinceEvent + value.length;
      if (bytesSinceEvent > (options.maxEventBytes ?? 1 << 18)) {
        throw new TransportError('too-large', 'an event is too large', { retryable: false });
      }
      for (const message of arrived.splice(0)) {
        state.failures = 0;
        // The consumer's time is not the node's silence.
        deadline.rest();
        // Before the consumer has it, so that what it was given is not sent again.
        state.lastEventId = message.id ?? state.lastEventId;
        yield { id: message.id, event: message.event ?? 'message', data: dataOf(message.data) };
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function dataOf(data: string): unknown {
  const parsed = parseJson(new TextEncoder().encode(data), EVENT_JSON);
  if ('value' in parsed) return parsed.value;
  throw new TransportError('bad-response', 'the data of an event is not JSON', { retryable: false });
}
