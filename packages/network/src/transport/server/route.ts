/** A route as data: what it takes and gives, who may ask, and within which limits. */
import type { Address } from 'viem';
import type { z } from 'zod';
import type { Digest } from '../../messages/canonical.js';
import type { ServerEvent } from './event-stream.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface RouteLimits {
  /** The largest body. */
  readonly bodyBytes: number;
  /** From the first to the last byte of the body. */
  readonly bodyTimeoutMs: number;
  /** For the handler, once the body is there; no limit for streams of events. */
  readonly handlerTimeoutMs: number;
  /** JSON only. */
  readonly jsonDepth: number;
  readonly jsonValues: number;
  /** Requests that this one counts for in the rate limits. */
  readonly cost: number;
}

export const ROUTE_LIMITS: RouteLimits = {
  bodyBytes: 1 << 20,
  bodyTimeoutMs: 15_000,
  handlerTimeoutMs: 30_000,
  jsonDepth: 24,
  jsonValues: 200_000,
  cost: 1,
};

/** What every handler is given. */
export interface RequestContext {
  /** The address that signed; undefined on open routes. */
  readonly sender: Address | undefined;
  readonly requestId: string;
  readonly remoteAddress: string;
  /** Ends when the client goes, the time is over, or the server stops. */
  readonly signal: AbortSignal;
}

/** A body that is read while it arrives. */
export interface BodyStream {
  /** Throws Refusal 400 `digest-mismatch` behind the last chunk where the bytes are not those that were signed. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** As the header says; undefined for chunked bodies. */
  readonly length: number | undefined;
}

/** An answer that is not JSON. */
export interface RawAnswer {
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** Of a streamed body, where it is known. */
  readonly length?: number;
  readonly contentType?: string;
  readonly cacheControl?: string;
}

interface Described<P, Q> {
  readonly method: Method;
  /** As in the document: `/v1/orders/{id}`. */
  readonly path: string;
  readonly auth: 'open' | 'signed';
  readonly summary: string;
  /** Of the path; plain strings without a schema. */
  readonly params?: z.ZodType<P>;
  /** Of the query; without a schema no query is taken. */
  readonly query?: z.ZodType<Q>;
  readonly limits?: Partial<RouteLimits>;
  /**
   * Who may ask, besides having signed: throws Refusal for others. Asked before a body is read whose digest the headers say.
   * @param bytes of the body as announced; undefined where it is not known
   */
  readonly admits?: (sender: Address, bytes: number | undefined) => Promise<void> | void;
}

type Incoming<P, Q, B> = RequestContext & { readonly params: P; readonly query: Q; readonly body: B };

/** JSON in (for POST and PUT, with `request`), JSON out; undefined answers 204. */
export interface JsonRoute<P, Q, B, R> extends Described<P, Q> {
  readonly answers?: 'json';
  /** Every object in it must be strict: unknown keys are refused. */
  readonly request?: z.ZodType<B>;
  readonly response?: z.ZodType<R>;
  readonly status?: number;
  readonly handle: (request: Incoming<P, Q, B>) => Promise<R> | R;
}

/** JSON in, raw bytes out. GET routes answer HEAD too. */
export interface RawRoute<P, Q, B> extends Described<P, Q> {
  readonly answers: 'raw';
  readonly contentType: string;
  readonly request?: z.ZodType<B>;
  readonly handle: (request: Incoming<P, Q, B>) => Promise<RawAnswer> | RawAnswer;
}

/**
 * Raw bytes in, as a stream, JSON out. The body's digest is known before it comes, so that the signature is checked
 * first: it is the path's parameter `digestOf` names.
 */
export interface UploadRoute<P, Q, R> extends Described<P, Q> {
  readonly answers: 'upload';
  readonly digestOf: (params: P) => Digest;
  readonly response?: z.ZodType<R>;
  readonly status?: number;
  readonly handle: (request: Incoming<P, Q, BodyStream>) => Promise<R> | R;
}

/** Server-sent events. `lastEventId` is what the client saw last, where it resumes. */
export interface EventRoute<P, Q> extends Described<P, Q> {
  readonly answers: 'events';
  /** The events' data, for the document. */
  readonly response?: z.ZodType;
  readonly handle: (
    request: Incoming<P, Q, undefined> & { readonly lastEventId: string | undefined },
  ) => Promise<AsyncIterable<ServerEvent>> | AsyncIterable<ServerEvent>;
}

type Strings = Readonly<Record<string, string>>;
type Nothing = Readonly<Record<string, never>>;

// biome-ignore lint/suspicious/noExplicitAny: a list of routes holds routes of all types; each was checked when defined.
type Any = any;
export type Route =
  | JsonRoute<Any, Any, Any, Any>
  | RawRoute<Any, Any, Any>
  | UploadRoute<Any, Any, Any>
  | EventRoute<Any, Any>;

/** Checks the types of a JSON route, and gives it back. The other three do the same for their kinds. */
export const jsonRoute = <R = unknown, B = undefined, P = Strings, Q = Nothing>(route: JsonRoute<P, Q, B, R>): Route =>
  route;
export const rawRoute = <B = undefined, P = Strings, Q = Nothing>(route: RawRoute<P, Q, B>): Route => route;
export const uploadRoute = <R = unknown, P = Strings, Q = Nothing>(route: UploadRoute<P, Q, R>): Route => route;
export const eventRoute = <P = Strings, Q = Nothing>(route: EventRoute<P, Q>): Route => route;
