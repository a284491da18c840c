/** The server of a node: routes as data behind limits, signatures, logs and an orderly end. */
import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { InputError } from '@dsperse/core/verify';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import type { Address } from 'viem';
import type { NetworkId } from '../../messages/index.js';
import { stringifyJson } from '../parse-json.js';
import type { CheckLimits } from '../request/check-request.js';
import { MemoryNonceLedger, type NonceLedger } from '../request/nonces.js';
import type { Clock } from '../request/sign-request.js';
import { answerRequest, type Shared } from './answer-request.js';
import { SERVER_LIMITS, type ServerLimits } from './limits.js';
import { type ApiInfo, openApiDocument, requireStrict } from './openapi.js';
import { Counts, TokenBuckets } from './rate-limit.js';
import { announcedLength, BodyBudget } from './read-body.js';
import { Refusal, refusalFrom } from './refusal.js';
import { addressKey, remoteAddress } from './remote-address.js';
import { ROUTE_LIMITS, type Route, rawRoute } from './route.js';

/** As of pino. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What is known of a request when it is over; no header, query or body. */
export interface RequestRecord {
  readonly requestId: string;
  readonly method: string;
  /** The route's path, not the request's; `unmatched` where there is none. */
  readonly route: string;
  readonly status: number;
  /** The refusal's, where it was refused. */
  readonly code: string | undefined;
  readonly durationMs: number;
  readonly remoteAddress: string;
  readonly sender: Address | undefined;
}

export interface ServerOptions {
  readonly routes: readonly Route[];
  readonly info: ApiInfo;
  /** For signed routes: the domain, this node's address, and the nonces of requests that changed something. */
  readonly network?: NetworkId;
  readonly audience?: Address;
  readonly nonces?: NonceLedger;
  readonly checkLimits?: CheckLimits;
  readonly limits?: Partial<ServerLimits>;
  /** How many proxies of the operator's own set x-forwarded-for. */
  readonly trustedProxies?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly onRequest?: (record: RequestRecord) => void;
}

export interface NodeServer {
  /** Port 0: one that is free. */
  listen(options: { host: string; port: number }): Promise<{ readonly port: number; readonly url: string }>;
  /** Takes no more connections, ends streams, waits for requests at most `graceMs`, then cuts them off. */
  close(graceMs?: number): Promise<void>;
  readonly openapi: Readonly<Record<string, unknown>>;
}

const EXPOSED = 'x-request-id, x-dsperse-time, retry-after';
const PREFLIGHT = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE',
  'access-control-allow-headers': 'authorization, content-digest, content-type, last-event-id',
  'access-control-max-age': '86400',
};

const honoPath = (path: string) => path.replace(/\{(\w+)\}/g, ':$1');

function checkRoutes(options: ServerOptions): void {
  for (const route of options.routes) {
    const where = `${route.method} ${route.path}`;
    if (route.auth === 'signed' && !(options.network && options.audience && options.nonces)) {
      throw new InputError('bad-route', `${where} is signed`, 'give the server network, audience and nonces');
    }
    const schemas = [route.params, route.query, 'request' in route ? route.request : undefined];
    for (const schema of schemas) if (schema) requireStrict(schema, where);
  }
}

/** Throws InputError `bad-route` where a route cannot be served as it is declared. */
export function createServer(options: ServerOptions): NodeServer {
  checkRoutes(options);
  const limits: ServerLimits = { ...SERVER_LIMITS, ...options.limits };
  const clock = options.clock ?? Date.now;
  const stopping = new AbortController();
  const document = openApiDocument(options.routes, options.info);
  const documentText = JSON.stringify(document);
  const openapi = rawRoute({
    method: 'GET',
    path: '/openapi.json',
    auth: 'open',
    summary: 'this document',
    answers: 'raw',
    contentType: 'application/json',
    handle: () => ({ body: documentText }),
  });
  const routes = [...options.routes, openapi];
  const monotonic = () => performance.now();
  const shared: Shared = {
    network: options.network,
    audience: options.audience,
    nonces: options.nonces,
    readNonces: new MemoryNonceLedger(clock),
    checkLimits: options.checkLimits,
    clock,
    limits,
    byAddress: new TokenBuckets(limits.perAddress, limits.maxTrackedKeys, monotonic),
    bySender: new TokenBuckets(limits.perSender, limits.maxTrackedKeys, monotonic),
    requests: new Counts(limits.maxConcurrent),
    streams: new Counts(limits.maxStreams),
    bodies: new BodyBudget(limits.bodyMemoryBytes),
    stopping: stopping.signal,
  };

  type Bindings = { incoming: IncomingMessage; outgoing: ServerResponse };
  const app = new Hono<{ Bindings: Bindings }>();
  /** Answers, refuses, and tells; never throws. */
  const serve = async (
    { incoming, outgoing }: Bindings,
    path: string,
    answer: (arrived: Parameters<typeof answerRequest>[2]) => Promise<void>,
    params: Record<string, string>,
  ) => {
    const startedAt = performance.now();
    const requestId = outgoing.getHeader('x-request-id') as string;
    const remote = remoteAddress(incoming, options.trustedProxies ?? 0);
    let sender: Address | undefined;
    let code: string | undefined;
    const onSender = (address: Address) => {
      sender = address;
    };
    try {
      await answer({ incoming, outgoing, requestId, remoteAddress: remote, params, onSender });
    } catch (error) {
      const refusal = refusalFrom(error) ?? new Refusal(500, 'internal', 'this node failed', 'tell its operator');
      code = refusal.code;
      if (refusal.status >= 500) options.log?.error({ requestId, route: path, err: error }, 'request failed');
      refuse(outgoing, refusal);
    }
    const record: RequestRecord = {
      requestId,
      method: incoming.method ?? '',
      route: path,
      status: outgoing.statusCode,
      code,
      durationMs: Math.round(performance.now() - startedAt),
      remoteAddress: remote,
      sender,
    };
    options.log?.info(record, 'request');
    options.onRequest?.(record);
  };

  for (const route of routes) {
    app.on(route.method, honoPath(route.path), async (c) => {
      await serve(c.env, route.path, (arrived) => answerRequest(shared, route, arrived), c.req.param());
      return RESPONSE_ALREADY_SENT;
    });
  }
  for (const path of new Set(routes.map((route) => route.path))) {
    const methods = routes.filter((route) => route.path === path).map((route) => route.method);
    app.all(honoPath(path), async (c) => {
      c.env.outgoing.setHeader('allow', methods.join(', '));
      const refuseMethod = async () => {
        throw new Refusal(405, 'bad-method', 'this path takes other methods', 'see /openapi.json');
      };
      await serve(c.env, path, refuseMethod, {});
      return RESPONSE_ALREADY_SENT;
    });
  }
  app.notFound(async (c) => {
    const refusePath = async ({ remoteAddress: from }: { remoteAddress: string }) => {
      const wait = shared.byAddress.take(addressKey(from), 1);
      if (wait > 0) throw new Refusal(429, 'rate-limited', 'too many requests', 'wait', { retryAfterSeconds: 1 });
      throw new Refusal(404, 'not-found', 'there is nothing at this path', 'see /openapi.json');
    };
    await serve(c.env, 'unmatched', refusePath, {});
    return RESPONSE_ALREADY_SENT;
  });

  const badRequest = new Refusal(400, 'bad-request', 'the request line is malformed', 'see /openapi.json');
  const listener = getRequestListener((request, env) => app.fetch(request, env as Bindings), {
    overrideGlobalObjects: false,
    errorHandler: () => Response.json(bodyOf(badRequest), { status: 400 }),
  });
  const longestBodyMs = Math.max(...routes.map((r) => r.limits?.bodyTimeoutMs ?? ROUTE_LIMITS.bodyTimeoutMs));
  const server = createHttpServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      // A later end than the routes', for what they do not see.
      requestTimeout: Math.max(limits.headersTimeoutMs, longestBodyMs) + 5000,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
    },
    (incoming, outgoing) => {
      outgoing.setHeader('x-request-id', randomUUID());
      outgoing.setHeader('x-dsperse-time', Math.floor(clock()));
      outgoing.setHeader('cache-control', 'no-store');
      outgoing.setHeader('x-content-type-options', 'nosniff');
      outgoing.setHeader('access-control-allow-origin', '*');
      outgoing.setHeader('access-control-expose-headers', EXPOSED);
      if (stopping.signal.aborted) {
        outgoing.setHeader('connection', 'close');
        refuse(outgoing, new Refusal(503, 'stopping', 'this node is stopping', 'try again, or ask another'));
      } else if (incoming.method === 'OPTIONS') outgoing.writeHead(204, PREFLIGHT).end();
      else void listener(incoming, outgoing);
    },
  );
  server.maxConnections = limits.maxConnections;
  const connections = new Counts(limits.maxConnectionsPerAddress);
  server.on('connection', (socket: Socket) => {
    const release = connections.take(addressKey(socket.remoteAddress ?? 'unknown'));
    if (release) socket.once('close', release);
    else socket.destroy();
  });

  return {
    openapi: document,
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => {
          server.off('error', reject);
          const bound = server.address() as AddressInfo;
          const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
          resolve({ port: bound.port, url: `http://${name}:${bound.port}` });
        });
      }),
    close: (graceMs = 10_000) =>
      new Promise((resolve) => {
        stopping.abort();
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        // Connections whose last request has just ended.
        const sweep = setInterval(() => server.closeIdleConnections(), 25);
        server.close(() => {
          clearTimeout(timer);
          clearInterval(sweep);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

const bodyOf = ({ code, message, hint }: Refusal) => ({ error: { code, message, hint } });

/** So much of a body is let run out, so that its connection can be used again. */
const UNREAD_BYTES = 64 << 10;

/** Writes the refusal, where the answer has not begun; else ends the connection. */
function refuse(outgoing: ServerResponse, refusal: Refusal): void {
  if (outgoing.headersSent || outgoing.destroyed) {
    if (!outgoing.writableEnded) outgoing.destroy();
    return;
  }
  const { retryAfterSeconds, closesConnection } = refusal.options;
  const { req } = outgoing;
  // What is left of a large body is not waited for.
  const isUnread = !req.complete && (announcedLength(req) ?? UNREAD_BYTES) >= UNREAD_BYTES;
  if (retryAfterSeconds) outgoing.setHeader('retry-after', retryAfterSeconds);
  if (closesConnection || isUnread) outgoing.setHeader('connection', 'close');
  const bytes = Buffer.from(stringifyJson(bodyOf(refusal)));
  outgoing.writeHead(refusal.status, { 'content-type': 'application/json', 'content-length': bytes.length });
  outgoing.end(req.method === 'HEAD' ? undefined : bytes);
}
