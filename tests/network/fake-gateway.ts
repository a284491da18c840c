/** A gateway that says what a test wants, behind the `fetch` of a link: no server, no database. */
import { ENDPOINT_RULES } from '@dsperse/network/chain';
import { ROLE, signMessage, toJson } from '@dsperse/network/messages';
import { createMetrics, identityOf, makeEndpoint, silentLogger } from '@dsperse/network/node';
import { sealingKeys } from '@dsperse/network/transport';
import { bytesToHex, type Hex } from 'viem';
import { GatewayLink } from '../../packages/network/src/roles/peer/gateway-link.js';
import { gateway, network, word } from './small-order.js';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

export type Answer = { status?: number; json?: unknown; bytes?: Uint8Array } | undefined;
export type Handler = (asked: Asked) => Answer | Promise<Answer>;

export const identity = (k: number) => identityOf(Buffer.from(word(k).slice(2), 'hex'));
export const jsonOf = (asked: Asked): unknown => JSON.parse(new TextDecoder().decode(asked.body));
export const refusal = (status: number, code: string): Answer => ({
  status,
  json: { error: { code, message: code, hint: '' } },
});

export class FakeGateway {
  readonly asked: Asked[] = [];
  readonly announced: unknown[] = [];
  readonly keys = sealingKeys();
  /** Taken before the routes that every gateway has. */
  handler: Handler = () => undefined;
  #streams = new Set<ReadableStreamDefaultController<Uint8Array>>();

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { pathname } = new URL(url);
    const asked = { method: init.method ?? 'GET', path: pathname, body: (init.body as Uint8Array) ?? new Uint8Array() };
    this.asked.push(asked);
    if (pathname.endsWith('/events')) return this.#stream(init.signal as AbortSignal);
    const answer = (await this.handler(asked)) ?? (await this.#own(asked));
    if (init.signal?.aborted) throw new Error('aborted');
    const { status = 200, json, bytes } = answer ?? (refusal(404, 'unknown') as NonNullable<Answer>);
    const body = bytes ?? new TextEncoder().encode(JSON.stringify(toJson(json ?? {})));
    return new Response(body as Uint8Array<ArrayBuffer>, { status });
  };

  async #own({ method, path, body }: Asked): Promise<Answer> {
    if (path === '/v1/node') {
      const now = Math.floor(Date.now() / 1000);
      const endpoint = await signMessage(gateway, network, 'Endpoint', {
        operator: gateway.address.toLowerCase() as Hex,
        roles: ROLE.gateway,
        url: '',
        encryptionKey: bytesToHex(this.keys.publicKey),
        capability: word(2),
        sequence: 1,
        issuedAt: now,
        expiresAt: now + 3600,
      });
      const contracts = { market: network.market, settlement: network.settlement };
      const limits = { blobBytes: 1 << 28, bodyBytes: 1 << 20 };
      return { json: { endpoint, chainId: network.chainId, contracts, clockMs: Date.now(), limits } };
    }
    if (method === 'PUT' && path.startsWith('/v1/endpoints/')) {
      this.announced.push(JSON.parse(new TextDecoder().decode(body)));
      return { json: {} };
    }
    return undefined;
  }

  #stream(signal: AbortSignal): Response {
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#streams.add(controller);
        signal.addEventListener('abort', () => {
          if (this.#streams.delete(controller)) controller.error(new Error('aborted'));
        });
      },
      cancel: () => {
        this.#streams.delete(own);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }

  tell(event: string, data: unknown): void {
    const text = `event: ${event}\ndata: ${JSON.stringify(toJson(data))}\n\n`;
    for (const stream of this.#streams) stream.enqueue(new TextEncoder().encode(text));
  }

  times(method: string, path: string | RegExp): number {
    const matches = (p: string) => (typeof path === 'string' ? p === path : path.test(p));
    return this.asked.filter((a) => a.method === method && matches(a.path)).length;
  }

  link(key: number, roles: ('prover' | 'validator')[]): GatewayLink {
    let sequence = 0;
    const announce = (nowSeconds: number) =>
      makeEndpoint({
        network,
        identity: identity(key),
        roles,
        url: '',
        capability: { protocolVersion: 1, workUnitsPerSecond: 1000, capacity: 1, ask: 1n, memoryBytes: 1, cores: 1 },
        sequence: ++sequence,
        nowSeconds,
      });
    return new GatewayLink({
      url: 'http://gateway.test',
      identity: identity(key),
      network,
      rules: async () => ENDPOINT_RULES,
      announce,
      log: silentLogger(),
      fetch: this.fetch,
    });
  }
}

export const metrics = () => createMetrics({ processMetrics: false });

/** Waits until it holds. */
export async function until(holds: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
