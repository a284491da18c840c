/** A client of one node: signed requests, checked answers, bounded in time and size. Runs in browsers. */
import { InputError } from '@dsperse/core/verify';
import { type Address, type Hex, hexToBytes } from 'viem';
import type { z } from 'zod';
import { type Digest, digestAsBytes32 } from '../../messages/canonical.js';
import type { NetworkId, Signer } from '../../messages/index.js';
import { TransportError } from '../errors.js';
import { parseJson, stringifyJson } from '../parse-json.js';
import { bodyHash, type Clock, signRequest } from '../request/sign-request.js';
import { backOffMs, pause } from './back-off.js';
import { endWithSignal } from './end-with-signal.js';
import { type Answer, Deadline, errorFrom, type Fetch, readBounded, send } from './exchange.js';
import { type EventOptions, followEvents, type ReceivedEvent } from './follow-events.js';

export interface NodeClientOptions {
  /** http(s)://host[:port][/prefix] */
  readonly baseUrl: string;
  /** Without signer, network or audience, requests go out unsigned: for open routes. */
  readonly signer?: Signer;
  readonly network?: NetworkId;
  readonly audience?: Address;
  readonly fetch?: Fetch;
  /** For one attempt, from sending to the last byte of the answer. */
  readonly timeoutMs?: number;
  readonly maxResponseBytes?: number;
  /** Attempts after the first. */
  readonly maxRetries?: number;
  readonly clock?: Clock;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly maxResponseBytes?: number;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** That doing it twice is as doing it once: GET, HEAD, PUT and DELETE always are. */
  readonly idempotent?: boolean;
}

interface Call extends CallOptions {
  readonly method: string;
  readonly path: string;
  readonly body?: Uint8Array;
  readonly digest?: Digest;
  readonly contentType?: string;
  readonly accept?: string;
}

const RESPONSE_JSON = { depth: 64, values: 5_000_000 };
const RETRY = { firstMs: 200, maxMs: 5000 };
const MAX_RETRY_AFTER_MS = 30_000;
/** Nodes read bodies above 64 KiB only where they know the digest; browsers ask beforehand whether they may send it. */
const DIGEST_FROM = 1 << 14;
const NO_BODY = new Uint8Array(0);
/** Refused before anything was done: these repeat safely. */
const REFUSED_BEFORE = ['rate-limited', 'busy', 'stopping', 'replay-guard-full'];

export class NodeClient {
  /** Whom requests are signed for; may be set when it becomes known (GET /v1/node). */
  audience: Address | undefined;
  private readonly base: URL;
  private readonly clock: Clock;
  private readonly fetch: Fetch;
  private offsetMs = 0;

  constructor(private readonly options: NodeClientOptions) {
    let base: URL | undefined;
    try {
      base = new URL(options.baseUrl);
    } catch {
      // Said below.
    }
    if (!base || !/^https?:$/.test(base.protocol) || base.username || base.password || base.search || base.hash) {
      // Not with what may be a password.
      const shown = options.baseUrl.includes('@') ? '' : ` ${JSON.stringify(options.baseUrl)}`;
      throw new InputError('bad-url', `the address${shown} of the node is not usable`, 'write http(s)://host:port');
    }
    this.base = base;
    this.audience = options.audience;
    this.clock = options.clock ?? Date.now;
    this.fetch = endWithSignal(options.fetch ?? ((url, init) => globalThis.fetch(url, init)));
  }

  /** How far the node's clock is ahead of this one, as far as it is known. */
  get clockOffsetMs(): number {
    return this.offsetMs;
  }

  get<T>(path: string, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    return this.json(schema, { ...options, method: 'GET', path });
  }

  post<T>(path: string, body: unknown, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    return this.json(schema, { ...options, ...jsonBody(body), method: 'POST', path });
  }

  put<T>(path: string, body: unknown, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    return this.json(schema, { ...options, ...jsonBody(body), method: 'PUT', path });
  }

  delete<T>(path: string, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    return this.json(schema, { ...options, method: 'DELETE', path });
  }

  /** The answer as it is; whoever asked by digest compares it. */
  getBytes(path: string, maxBytes: number, options: CallOptions = {}): Promise<Uint8Array> {
    const call = { ...options, method: 'GET', path, accept: 'application/octet-stream', maxResponseBytes: maxBytes };
    return this.repeat(call, (response, deadline) => readBounded(response, maxBytes, deadline));
  }

  /** `digest`: of the bytes, where it is known; else it is computed. */
  async putBytes(path: string, bytes: Uint8Array, options: CallOptions & { digest?: Digest } = {}): Promise<void> {
    const call = { ...options, method: 'PUT', path, body: bytes, contentType: 'application/octet-stream' };
    await this.repeat(call, (response, deadline) => readBounded(response, 1 << 16, deadline));
  }

  /** Whether a HEAD finds it. */
  async has(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.repeat({ ...options, method: 'HEAD', path }, async () => undefined);
      return true;
    } catch (error) {
      if (error instanceof TransportError && error.status === 404) return false;
      throw error;
    }
  }

  /**
   * Server-sent events, connected again and resumed whenever the stream ends, until `signal` ends it. Throws where the
   * node refuses for good, or after `maxFailures` failures in a row.
   */
  events(path: string, options: EventOptions = {}): AsyncGenerator<ReceivedEvent, void, undefined> {
    const open = async (lastEventId: string | undefined, deadline: Deadline) => {
      const call: Call = { method: 'GET', path, accept: 'text/event-stream', query: options.query };
      const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      try {
        return await this.attempt(call, deadline, headers);
      } catch (error) {
        if (!this.learnClock(error)) throw error;
        return this.attempt(call, deadline, headers);
      }
    };
    return followEvents(open, options);
  }

  private json<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
    const maxBytes = call.maxResponseBytes ?? this.options.maxResponseBytes ?? 8 << 20;
    return this.repeat(call, async (response, deadline) => {
      const status = response.status;
      const refuse = (cause?: unknown) =>
        new TransportError('bad-response', `the answer to ${call.method} ${call.path} is not what was expected`, {
          status,
          retryable: false,
          hint: 'the node may run another version',
          cause,
        });
      const bytes = await readBounded(response, maxBytes, deadline);
      const parsed = bytes.length === 0 ? { value: undefined } : parseJson(bytes, RESPONSE_JSON);
      if ('fault' in parsed) throw refuse(parsed.fault);
      const checked = schema.safeParse(parsed.value);
      if (!checked.success) throw refuse(checked.error);
      return checked.data;
    });
  }

  /** Until it succeeds, fails for good, or was tried often enough. */
  private async repeat<T>(call: Call, read: (response: Answer, deadline: Deadline) => Promise<T>): Promise<T> {
    const maxRetries = this.options.maxRetries ?? 3;
    const isIdempotent = call.idempotent ?? call.method !== 'POST';
    let hasCorrectedClock = false;
    for (let failures = 0; ; ) {
      const deadline = new Deadline(call.signal, call.timeoutMs ?? this.options.timeoutMs ?? 30_000);
      try {
        return await read(await this.attempt(call, deadline), deadline);
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (!hasCorrectedClock && this.learnClock(error)) {
          hasCorrectedClock = true;
          continue;
        }
        const mayRepeat = error.retryable && (isIdempotent || REFUSED_BEFORE.includes(error.code));
        if (!mayRepeat || failures >= maxRetries) throw error;
        const waitMs = error instanceof Answered ? error.retryAfterMs : 0;
        // Later than all repetitions together: the caller may know another node.
        if (waitMs > (maxRetries - failures) * MAX_RETRY_AFTER_MS) throw error;
        await pause(Math.max(Math.min(waitMs, MAX_RETRY_AFTER_MS), backOffMs(failures, RETRY)), call.signal);
        failures++;
      } finally {
        deadline.end();
      }
    }
  }

  /** One request; an answer that is no success is thrown. */
  private async attempt(call: Call, deadline: Deadline, extra: Record<string, string> = {}): Promise<Answer> {
    const url = this.urlOf(call);
    const path = url.pathname + url.search;
    const headers: Record<string, string> = { accept: call.accept ?? 'application/json', ...extra };
    if (call.contentType) headers['content-type'] = call.contentType;
    const { signer, network } = this.options;
    if (signer && network && this.audience) {
      const body = call.digest ? { sha256: digestAsBytes32(call.digest) } : { sha256: bodyHash(call.body ?? NO_BODY) };
      // So that the node can check the signature before it reads all of it.
      if ((call.body?.length ?? 0) > DIGEST_FROM) headers['content-digest'] = contentDigest(body.sha256);
      const request = { audience: this.audience, method: call.method, path, body };
      headers.authorization = await signRequest(signer, network, request, () => this.clock() + this.offsetMs);
    }
    const response = await send(this.fetch, { url: url.href, method: call.method, headers, body: call.body }, deadline);
    if (response.status < 400) return response;
    throw new Answered(await errorFrom(response, deadline), response.headers);
  }

  private urlOf(call: Call): URL {
    const prefix = this.base.pathname.replace(/\/$/, '');
    const url = new URL(prefix + call.path, this.base);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.append(name, String(value));
    }
    if (!call.path.startsWith('/') || url.origin !== this.base.origin) {
      throw new InputError('bad-path', `the path ${call.path} is not usable`, 'begin it with a slash');
    }
    return url;
  }

  /** Takes the node's time where the node refused for the time; whether it did. */
  private learnClock(error: unknown): boolean {
    if (!(error instanceof Answered) || error.serverTimeMs === undefined) return false;
    if (error.code !== 'clock-skew' && error.code !== 'expired') return false;
    this.offsetMs = error.serverTimeMs - this.clock();
    return true;
  }
}

/** An error that the node answered with. */
class Answered extends TransportError {
  readonly retryAfterMs: number;
  readonly serverTimeMs: number | undefined;

  constructor(error: TransportError, headers: Answer['headers']) {
    super(error.code, error.message, error);
    const seconds = Number(headers.get('retry-after') ?? 0);
    this.retryAfterMs = seconds > 0 ? seconds * 1000 : 0;
    const time = Number(headers.get('x-dsperse-time') ?? Number.NaN);
    this.serverTimeMs = Number.isSafeInteger(time) ? time : undefined;
  }
}

function jsonBody(body: unknown): Pick<Call, 'body' | 'contentType'> {
  return { body: new TextEncoder().encode(stringifyJson(body)), contentType: 'application/json' };
}

/** As RFC 9530 writes it. */
function contentDigest(sha256: Hex): string {
  return `sha-256=:${btoa(String.fromCharCode(...hexToBytes(sha256)))}:`;
}
