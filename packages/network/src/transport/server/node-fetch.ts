/**
 * Requests of a node by Node's own HTTP client: the same answers as from `fetch`, for about a third of its processor time,
 * which counts where an order is a few dozen small requests. An answer ends with the signal it was asked for with.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Answer, AnswerReader } from '../client/exchange.js';

const KEEP = { keepAlive: true, maxFreeSockets: 64 };
const agents = { 'http:': new HttpAgent(KEEP), 'https:': new HttpsAgent(KEEP) };
const REDIRECTS = [301, 302, 303, 307, 308];
const EMPTY = [204, 304];

/** As much of `fetch` as a NodeClient uses: headers as a record, bytes or text as body; redirects are errors. */
export function nodeFetch(url: string, init: RequestInit): Promise<Answer> {
  const { method = 'GET', signal } = init;
  const body = init.body as Uint8Array | string | null | undefined;
  const headers: Record<string, string | number> = { ...(init.headers as Record<string, string> | undefined) };
  if (body) headers['content-length'] = Buffer.byteLength(body);
  const { protocol } = new URL(url);
  const isSecure = protocol === 'https:';
  return new Promise((resolve, reject) => {
    const request = (isSecure ? requestHttps : requestHttp)(url, {
      method,
      headers,
      agent: agents[isSecure ? 'https:' : 'http:'],
      ...(signal ? { signal } : {}),
    });
    request.on('error', reject);
    request.once('response', (incoming) => {
      const status = incoming.statusCode as number;
      if (REDIRECTS.includes(status)) {
        incoming.destroy();
        reject(new TypeError('the answer is a redirect'));
        return;
      }
      const isEmpty = method === 'HEAD' || EMPTY.includes(status);
      if (isEmpty) incoming.resume();
      resolve({
        status,
        headers: {
          get(name) {
            const value = incoming.headers[name.toLowerCase()];
            return value === undefined ? null : String(value);
          },
        },
        body: isEmpty ? null : bodyOf(incoming),
      });
    });
    request.end(body ?? undefined);
  });
}

/** The same for a chain's RPC: of a `Response` it has what viem reads. Redirects are errors. */
export async function nodeRpcFetch(url: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const { status, headers, body } = await nodeFetch(String(url), init);
  const reader = body?.getReader();
  const answer = {
    ok: status >= 200 && status < 300,
    status,
    statusText: '',
    headers,
    body: reader && { cancel: reader.cancel, getReader: () => ({ ...reader, releaseLock() {} }) },
    text: async () => '',
  };
  return answer as unknown as Response;
}

function bodyOf(incoming: IncomingMessage): Answer['body'] {
  let error: Error | undefined;
  let ended = false;
  let wake = () => {};
  const woken = () => wake();
  incoming.on('readable', woken);
  incoming.once('end', () => {
    ended = true;
    woken();
  });
  incoming.once('error', (e) => {
    error = e;
    woken();
  });
  incoming.once('close', () => {
    // Also where the other side closed before all was there.
    if (!ended) error ??= new Error('the connection was closed');
    woken();
  });
  const cancel = async () => {
    incoming.destroy();
  };
  const reader: AnswerReader = {
    async read() {
      for (;;) {
        const value = incoming.read() as Buffer | null;
        if (value) return { done: false, value };
        if (ended) return { done: true };
        if (error) throw error;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    cancel,
  };
  return { getReader: () => reader, cancel };
}
