/** A small server and its clients, for the tests of this room. */
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { z } from 'zod';
import type { Digest } from '../../packages/network/src/messages/canonical.js';
import { digestSchema } from '../../packages/network/src/messages/index.js';
import { NodeClient, type NodeClientOptions } from '../../packages/network/src/transport/client/node-client.js';
import { MemoryNonceLedger } from '../../packages/network/src/transport/request/nonces.js';
import { createServer, type ServerOptions } from '../../packages/network/src/transport/server/create-server.js';
import type { ServerEvent } from '../../packages/network/src/transport/server/event-stream.js';
import { Refusal } from '../../packages/network/src/transport/server/refusal.js';
import {
  eventRoute,
  jsonRoute,
  type Route,
  rawRoute,
  uploadRoute,
} from '../../packages/network/src/transport/server/route.js';

export const node = privateKeyToAccount(generatePrivateKey());
export const signer = privateKeyToAccount(generatePrivateKey());
export const network = { chainId: 31337, market: node.address, settlement: node.address };

export const echoSchema = z.strictObject({
  name: z.string().max(20),
  amount: z.string().regex(/^\d+$/).transform(BigInt),
});
export const saidSchema = z.object({ sender: z.string(), name: z.string(), amount: z.string().transform(BigInt) });

export function testRoutes(blobs: Map<string, Buffer> = new Map(), events?: () => AsyncIterable<ServerEvent>): Route[] {
  return [
    jsonRoute({
      method: 'POST',
      path: '/v1/echo',
      auth: 'signed',
      summary: 'says what it was told, and by whom',
      query: z.strictObject({ x: z.string().optional() }),
      request: echoSchema,
      response: saidSchema,
      limits: { bodyBytes: 2000, bodyTimeoutMs: 400, jsonDepth: 4, jsonValues: 50 },
      handle: ({ sender, body }) => ({ sender: sender!, ...body }),
    }),
    jsonRoute({
      method: 'GET',
      path: '/open/{id}',
      auth: 'open',
      summary: 'fails as it is asked to',
      params: z.strictObject({ id: z.string() }),
      response: z.strictObject({ id: z.string() }),
      limits: { handlerTimeoutMs: 150 },
      handle: async ({ params }) => {
        if (params.id === 'bug') throw new TypeError('secret detail');
        if (params.id === 'away') throw Object.assign(new Error('secret host'), { retryable: true });
        if (params.id === 'gone') throw new Refusal(410, 'gone', 'it is gone', 'look elsewhere');
        if (params.id === 'slow') await new Promise((resolve) => setTimeout(resolve, 400));
        return { id: params.id };
      },
    }),
    uploadRoute({
      method: 'PUT',
      path: '/v1/blobs/{digest}',
      auth: 'signed',
      summary: 'keeps bytes',
      answers: 'upload',
      params: z.strictObject({ digest: digestSchema }),
      digestOf: ({ digest }) => digest as Digest,
      limits: { bodyBytes: 300_000, bodyTimeoutMs: 400 },
      handle: async ({ params, body }) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of body.chunks) chunks.push(chunk);
        blobs.set(params.digest, Buffer.concat(chunks));
      },
    }),
    rawRoute({
      method: 'GET',
      path: '/v1/blobs/{digest}',
      auth: 'signed',
      summary: 'gives bytes',
      answers: 'raw',
      contentType: 'application/octet-stream',
      handle: ({ params }) => {
        const bytes = blobs.get(params.digest);
        if (!bytes) throw new Refusal(404, 'unknown-blob', 'it is not here');
        const pieces = async function* () {
          for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
        };
        return { body: pieces(), length: bytes.length };
      },
    }),
    eventRoute({
      method: 'GET',
      path: '/v1/events',
      auth: 'signed',
      summary: 'counts on from what was seen',
      answers: 'events',
      handle: ({ lastEventId, signal }) =>
        events?.() ??
        (async function* () {
          for (let i = Number(lastEventId ?? 0) + 1; !signal.aborted; i++) {
            yield { id: String(i), event: 'count', data: { i } };
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        })(),
    }),
  ];
}

export async function startServer(options: Partial<ServerOptions> = {}) {
  const logged: string[] = [];
  const write = (fields: object, message: string) => void logged.push(`${JSON.stringify(fields)} ${message}`);
  const server = createServer({
    routes: testRoutes(),
    info: { title: 'test', version: '1' },
    network,
    audience: node.address,
    nonces: new MemoryNonceLedger(options.clock),
    log: { info: write, warn: write, error: write },
    ...options,
  });
  const { url, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const clientOf = (changed: Partial<NodeClientOptions> = {}) =>
    new NodeClient({ baseUrl: url, signer, network, audience: node.address, ...changed });
  return { server, url, port, logged, clientOf, client: clientOf() };
}
