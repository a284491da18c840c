/** One request from its first byte to the last of its answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Address, getAddress, type Hex } from 'viem';
import { digestAsBytes32, type NetworkId } from '../../messages/index.js';
import { stringifyJson } from '../parse-json.js';
import { type CheckLimits, checkRequest, precheckRequest, type RequestRefusal } from '../request/check-request.js';
import type { NonceLedger } from '../request/nonces.js';
import type { Clock } from '../request/sign-request.js';
import { writeEvents } from './event-stream.js';
import type { ServerLimits } from './limits.js';
import type { Counts, TokenBuckets } from './rate-limit.js';
import {
  announcedLength,
  type BodyBudget,
  checkedChunks,
  contentDigest,
  readChunks,
  requireContentDigest,
  requireDigest,
  requireLength,
} from './read-body.js';
import { readJson, readParams, readQuery, requireContentType, requireNoBody } from './read-request.js';
import { Refusal } from './refusal.js';
import { addressKey } from './remote-address.js';
import { type RequestContext, ROUTE_LIMITS, type Route, type RouteLimits } from './route.js';
import { writeRaw } from './write-raw.js';

/** What all requests of a server share. */
export interface Shared {
  readonly network: NetworkId | undefined;
  readonly audience: Address | undefined;
  readonly nonces: NonceLedger | undefined;
  /** Of requests that only read: remembered by this process alone, as seeing an answer twice changes nothing. */
  readonly readNonces: NonceLedger;
  readonly checkLimits: CheckLimits | undefined;
  readonly clock: Clock;
  readonly limits: ServerLimits;
  readonly byAddress: TokenBuckets;
  readonly bySender: TokenBuckets;
  readonly requests: Counts;
  readonly streams: Counts;
  readonly bodies: BodyBudget;
  /** Ends streams when the server stops. */
  readonly stopping: AbortSignal;
}

export interface Arrived {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly params: Record<string, string>;
  /** Told as soon as it is known. */
  readonly onSender: (sender: Address) => void;
}

const READS = ['GET', 'HEAD'];

function limited(waitSeconds: number): Refusal {
  const options = { retryAfterSeconds: Math.ceil(waitSeconds) };
  return new Refusal(429, 'rate-limited', 'too many requests', 'wait as long as retry-after says', options);
}

function refuseUnsigned({ code, message, hint }: RequestRefusal): Refusal {
  return new Refusal(401, code, message, hint);
}

/** Who signed. Throws Refusal 401. */
async function authenticate(shared: Shared, arrived: Arrived, body: Uint8Array | { sha256: Hex }): Promise<Address> {
  const { incoming, remoteAddress } = arrived;
  const { sender, refusal } = await checkRequest({
    network: shared.network!,
    audience: shared.audience!,
    header: incoming.headers.authorization,
    method: incoming.method!,
    path: incoming.url!,
    body,
    nonces: READS.includes(incoming.method!) ? shared.readNonces : shared.nonces!,
    clock: shared.clock,
    limits: shared.checkLimits,
  });
  if (!refusal) return getAddress(sender);
  if (refusal.code === 'bad-signature') {
    shared.byAddress.charge(addressKey(remoteAddress), shared.limits.badSignatureCost);
  }
  throw refuseUnsigned(refusal);
}

/** Who signed, as known to the log, within its rate, and where the route lets it ask. Throws Refusal 401, 403, 429. */
async function meet(
  shared: Shared,
  arrived: Arrived,
  route: Route,
  body: Uint8Array | { sha256: Hex },
  cost: number,
): Promise<Address> {
  const sender = await authenticate(shared, arrived, body);
  arrived.onSender(sender);
  const wait = shared.bySender.take(sender, cost);
  if (wait > 0) throw limited(wait);
  const bytes = body instanceof Uint8Array ? body.length : announcedLength(arrived.incoming);
  await route.admits?.(sender, bytes);
  return sender;
}

interface Admitted {
  readonly sender: Address | undefined;
  readonly body: unknown;
}

/** Reads the body and checks the signature, whichever can come first. */
async function admit(
  shared: Shared,
  arrived: Arrived,
  route: Route,
  params: unknown,
  limits: RouteLimits,
): Promise<Admitted> {
  const { incoming } = arrived;
  const isSigned = route.auth === 'signed';
  if (isSigned) {
    const first = precheckRequest(incoming.headers.authorization, shared.audience!, shared.clock, shared.checkLimits);
    if ('refusal' in first) throw refuseUnsigned(first.refusal);
  }
  const bounds = {
    maxBytes: limits.bodyBytes,
    timeoutMs: limits.bodyTimeoutMs,
    idleTimeoutMs: shared.limits.bodyIdleTimeoutMs,
  };
  if (route.answers === 'upload') {
    requireContentType(incoming, 'application/octet-stream');
    requireLength(incoming, limits.bodyBytes);
    const sha256 = digestAsBytes32(route.digestOf(params));
    const sender = isSigned ? await meet(shared, arrived, route, { sha256 }, limits.cost) : undefined;
    const chunks = checkedChunks(readChunks(incoming, bounds), sha256);
    const length = incoming.headers['content-length'];
    return { sender, body: { chunks, length: length === undefined ? undefined : Number(length) } };
  }
  const schema = route.answers === 'events' ? undefined : route.request;
  if (!schema) {
    requireNoBody(incoming);
    const nobody = new Uint8Array(0);
    return { sender: isSigned ? await meet(shared, arrived, route, nobody, limits.cost) : undefined, body: undefined };
  }
  requireContentType(incoming, 'application/json');
  const sha256 = isSigned ? contentDigest(incoming) : undefined;
  if (sha256 !== undefined) {
    requireLength(incoming, limits.bodyBytes);
    const sender = await meet(shared, arrived, route, { sha256 }, limits.cost);
    const bytes = await shared.bodies.read(incoming, bounds);
    requireDigest(bytes, sha256);
    return { sender, body: readJson(schema, bytes, limits) };
  }
  const unsaid = Math.min(limits.bodyBytes, shared.limits.strangerBodyBytes);
  if (isSigned && limits.bodyBytes > unsaid) requireContentDigest(incoming, unsaid);
  const bytes = await shared.bodies.read(incoming, isSigned ? { ...bounds, maxBytes: unsaid } : bounds);
  // Nothing is parsed for a stranger.
  const sender = isSigned ? await meet(shared, arrived, route, bytes, limits.cost) : undefined;
  return { sender, body: readJson(schema, bytes, limits) };
}

/** The handler's answer, or Refusal 504 when its time is over. */
async function inTime<T>(work: Promise<T> | T, timeoutMs: number, abort: () => void): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Refusal(504, 'handler-timeout', 'the request took too long here', 'try again later'));
      abort();
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Answers by the route. Throws what the answer is to be instead; nothing has been written then, or the rest is lost. */
export async function answerRequest(shared: Shared, route: Route, arrived: Arrived): Promise<void> {
  const { incoming, outgoing, requestId, remoteAddress } = arrived;
  const limits: RouteLimits = { ...ROUTE_LIMITS, ...route.limits };
  const wait = shared.byAddress.take(addressKey(remoteAddress), limits.cost);
  if (wait > 0) throw limited(wait);
  const params = readParams(route.params, arrived.params);
  const query = readQuery(route.query, incoming.url!);
  const { sender, body } = await admit(shared, arrived, route, params, limits);
  const counts = route.answers === 'events' ? shared.streams : shared.requests;
  const release = counts.take(sender ?? addressKey(remoteAddress));
  if (!release) {
    const hint = 'end others first';
    throw new Refusal(429, 'busy', 'too many requests of yours at once', hint, { retryAfterSeconds: 1 });
  }
  const controller = new AbortController();
  const abort = () => controller.abort();
  outgoing.once('close', abort);
  if (outgoing.destroyed) abort();
  try {
    const context: RequestContext = { sender, requestId, remoteAddress, signal: controller.signal };
    await handle(shared, route, arrived, { ...context, params, query, body }, limits, abort);
  } finally {
    outgoing.off('close', abort);
    release();
  }
}

type Given = RequestContext & { params: unknown; query: unknown; body: unknown };

async function handle(
  shared: Shared,
  route: Route,
  { incoming, outgoing }: Arrived,
  given: Given,
  limits: RouteLimits,
  abort: () => void,
): Promise<void> {
  const { stallMs, heartbeatMs } = shared.limits;
  if (route.answers === 'events') {
    const id = incoming.headers['last-event-id'];
    const lastEventId = Array.isArray(id) ? id[0] : id;
    const request = { ...given, body: undefined, lastEventId };
    const events = await inTime(route.handle(request), limits.handlerTimeoutMs, abort);
    try {
      await writeEvents(outgoing, events, { heartbeatMs, stallMs }, shared.stopping);
    } finally {
      abort();
    }
    return;
  }
  const answer = await inTime<unknown>(route.handle(given as never), limits.handlerTimeoutMs, abort);
  if (outgoing.destroyed) return;
  if (route.answers === 'raw') {
    const raw = answer as Parameters<typeof writeRaw>[2];
    return writeRaw(outgoing, incoming.method === 'HEAD', raw, route.contentType, stallMs);
  }
  if (answer === undefined) {
    outgoing.writeHead(route.status ?? 204).end();
    return;
  }
  const bytes = Buffer.from(stringifyJson(answer));
  outgoing.writeHead(route.status ?? 200, { 'content-type': 'application/json', 'content-length': bytes.length });
  outgoing.end(incoming.method === 'HEAD' ? undefined : bytes);
}
