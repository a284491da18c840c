/** Reading a body while it arrives, within bounds of size and time. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Hex } from 'viem';
import { Refusal } from './refusal.js';

export interface BodyBounds {
  readonly maxBytes: number;
  /** For the whole body. */
  readonly timeoutMs: number;
  /** Between two pieces of it. */
  readonly idleTimeoutMs: number;
}

/** As the header says; undefined for chunked bodies. */
export function announcedLength(incoming: IncomingMessage): number | undefined {
  const header = incoming.headers['content-length'];
  if (header !== undefined) return Number(header);
  return incoming.headers['transfer-encoding'] === undefined ? 0 : undefined;
}

const closing = { closesConnection: true };

function tooLarge(maxBytes: number): Refusal {
  return new Refusal(413, 'too-large', `the body is larger than ${maxBytes} bytes`, 'send less', closing);
}

export function requireLength(incoming: IncomingMessage, maxBytes: number): void {
  if ((announcedLength(incoming) ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

/**
 * SHA-256 of the body as the header `content-digest` says it (RFC 9530), so that its signature can be checked before it comes;
 * undefined without the header. Throws Refusal 400 `bad-digest`.
 */
export function contentDigest(incoming: IncomingMessage): Hex | undefined {
  const header = incoming.headers['content-digest'];
  if (header === undefined) return undefined;
  const base64 = /^sha-256=:([A-Za-z0-9+/]{43}=):$/.exec(String(header))?.[1];
  if (!base64) {
    throw new Refusal(400, 'bad-digest', 'content-digest is no SHA-256', 'sha-256=:<base64>:', closing);
  }
  return `0x${Buffer.from(base64, 'base64').toString('hex')}`;
}

/** Throws Refusal 413 `digest-required` for a body that is not small and whose digest the headers do not say. */
export function requireContentDigest(incoming: IncomingMessage, maxBytes: number): void {
  if ((announcedLength(incoming) ?? maxBytes + 1) <= maxBytes) return;
  const hint = 'send the header content-digest: sha-256=:<base64>:';
  throw new Refusal(413, 'digest-required', `a body above ${maxBytes} bytes needs its digest first`, hint, closing);
}

/** Throws Refusal 400 `digest-mismatch`. */
export function requireDigest(bytes: Uint8Array, sha256: Hex): void {
  if (`0x${createHash('sha256').update(bytes).digest('hex')}` === sha256) return;
  throw new Refusal(400, 'digest-mismatch', 'the body has another digest', 'send the body that was signed');
}

/** Throws Refusal 413 `too-large`, 408 `body-timeout`, 400 `body-incomplete`. */
export async function* readChunks(incoming: IncomingMessage, bounds: BodyBounds): AsyncGenerator<Uint8Array, void> {
  requireLength(incoming, bounds.maxBytes);
  const startedAt = performance.now();
  const iterator = incoming.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  let length = 0;
  for (;;) {
    const leftMs = bounds.timeoutMs - (performance.now() - startedAt);
    const next = await within(iterator.next(), Math.min(leftMs, bounds.idleTimeoutMs));
    if (next.done) return;
    length += next.value.length;
    if (length > bounds.maxBytes) throw tooLarge(bounds.maxBytes);
    yield next.value;
  }
}

function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Refusal(408, 'body-timeout', 'the body arrives too slowly', 'send it without pauses', closing));
    }, timeoutMs);
    promise.then(resolve, () => {
      reject(new Refusal(400, 'body-incomplete', 'the body ended before its end', 'send it again', closing));
    });
    promise.finally(() => clearTimeout(timer)).catch(() => undefined);
  });
}

/** Memory that bodies being read may take together, besides `freeBytes` of each. */
export class BodyBudget {
  private taken = 0;
  constructor(
    private readonly maxBytes: number,
    private readonly freeBytes = 1 << 20,
  ) {}

  /** The whole body. Throws also Refusal 503 `busy`. */
  async read(incoming: IncomingMessage, bounds: BodyBounds): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let own = 0;
    try {
      for await (const chunk of readChunks(incoming, bounds)) {
        length += chunk.length;
        const more = Math.max(0, length - this.freeBytes) - own;
        if (this.taken + more > this.maxBytes) {
          throw new Refusal(503, 'busy', 'too many large bodies at once', 'try again soon', {
            ...closing,
            retryAfterSeconds: 2,
          });
        }
        own += more;
        this.taken += more;
        chunks.push(chunk);
      }
      return Buffer.concat(chunks, length);
    } finally {
      this.taken -= own;
    }
  }
}

/** The chunks; throws Refusal 400 `digest-mismatch` behind the last where their SHA-256 is another. */
export async function* checkedChunks(chunks: AsyncIterable<Uint8Array>, sha256: Hex): AsyncGenerator<Uint8Array, void> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  if (`0x${hash.digest('hex')}` !== sha256) {
    throw new Refusal(400, 'digest-mismatch', 'the bytes have another digest', 'send the bytes that the path names');
  }
}
