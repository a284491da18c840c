/** One request and its answer, bounded in time and size. */
import { TransportError } from '../errors.js';
import { parseJson } from '../parse-json.js';

/** What is used of an answer; a `Response` is one. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** null where there is none. */
  readonly body: AnswerBody | null;
}

export interface AnswerBody {
  getReader(): AnswerReader;
  cancel(): Promise<void>;
}

export interface AnswerReader {
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: undefined }>;
  cancel(): Promise<void>;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Answer>;

export interface Exchange {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array | undefined;
}

/** A timer and the caller's signal as one: why a request was ended. */
export class Deadline {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly onAbort = () => this.controller.abort();
  hasExpired = false;

  constructor(
    private readonly caller: AbortSignal | undefined,
    private readonly timeoutMs: number,
  ) {
    if (caller?.aborted) this.controller.abort();
    caller?.addEventListener('abort', this.onAbort);
    this.restart();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Stops the timer; `restart` lets it run again. */
  rest(): void {
    clearTimeout(this.timer);
  }

  restart(): void {
    this.rest();
    this.timer = setTimeout(() => {
      this.hasExpired = true;
      this.controller.abort();
    }, this.timeoutMs);
  }

  /** What an exception during the request means. @param node that was asked, in words */
  explain(error: unknown, node = 'the node'): TransportError {
    if (error instanceof TransportError) return error;
    if (this.caller?.aborted) {
      return new TransportError('aborted', 'the request was aborted', { retryable: false, cause: error });
    }
    if (this.hasExpired) {
      const hint = 'the node may be busy: try again, or allow more time';
      return new TransportError('timeout', `no answer within ${this.timeoutMs} ms`, {
        retryable: true,
        hint,
        cause: error,
      });
    }
    const hint = 'check the address, and that the node runs';
    return new TransportError('unreachable', `${node} was not reached`, { retryable: true, hint, cause: error });
  }

  end(): void {
    this.rest();
    this.caller?.removeEventListener('abort', this.onAbort);
  }
}

/** Sends; redirects are not followed, as the signature is for one path at one node. */
export async function send(fetch: Fetch, exchange: Exchange, deadline: Deadline): Promise<Answer> {
  const { url, method, headers, body } = exchange;
  const init: RequestInit = { method, headers, signal: deadline.signal, redirect: 'error', credentials: 'omit' };
  if (body) init.body = body as Uint8Array<ArrayBuffer>;
  try {
    return await fetch(url, init);
  } catch (error) {
    throw deadline.explain(error, `the node at ${new URL(url).origin}`);
  }
}

export async function readChunk(reader: AnswerReader, deadline: Deadline) {
  try {
    return await reader.read();
  } catch (error) {
    throw deadline.explain(error);
  }
}

/** The whole body. Throws TransportError `too-large`, or what the deadline says of a connection that breaks. */
export async function readBounded(response: Answer, maxBytes: number, deadline: Deadline): Promise<Uint8Array> {
  const tooLarge = () =>
    new TransportError('too-large', `the answer is larger than ${maxBytes} bytes`, {
      status: response.status,
      retryable: false,
      hint: 'allow more, where so much is expected',
    });
  const announced = Number(response.headers.get('content-length') ?? 0);
  if (announced > maxBytes) {
    await response.body?.cancel();
    throw tooLarge();
  }
  if (!response.body) return new Uint8Array(0);
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await readChunk(reader, deadline);
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

const MAX_ERROR_BYTES = 1 << 16;
const RETRYABLE_STATUS = [408, 425, 429, 502, 503, 504];

const text = (x: unknown, otherwise: string) => (typeof x === 'string' ? x.slice(0, 1000) : otherwise);

/** The error that an answer with a status from 400 on says. */
export async function errorFrom(response: Answer, deadline: Deadline): Promise<TransportError> {
  const status = response.status;
  const retryable = RETRYABLE_STATUS.includes(status);
  let said: { code?: unknown; message?: unknown; hint?: unknown } = {};
  try {
    const parsed = parseJson(await readBounded(response, MAX_ERROR_BYTES, deadline), { depth: 4, values: 100 });
    if ('value' in parsed) said = (parsed.value as { error?: typeof said } | null)?.error ?? {};
  } catch {
    // The status alone says enough.
  }
  return new TransportError(text(said.code, `http-${status}`), text(said.message, `the node answered ${status}`), {
    status,
    retryable,
    // What is no node of ours says so in no words of ours.
    hint: text(said.hint, status === 404 && said.code === undefined ? 'check that the address is a gateway’s' : ''),
  });
}
