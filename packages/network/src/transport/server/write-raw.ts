/** Writing bytes to readers that may be slow. */
import type { ServerResponse } from 'node:http';
import type { RawAnswer } from './route.js';

/** True once the reader has taken what waits; false where it left, or took nothing for `stallMs`, or `signal` ended. */
export function awaitDrain(outgoing: ServerResponse, stallMs: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (hasDrained: boolean) => () => {
      clearTimeout(timer);
      outgoing.off('drain', drained);
      outgoing.off('close', left);
      signal?.removeEventListener('abort', left);
      resolve(hasDrained);
    };
    const drained = done(true);
    const left = done(false);
    const timer = setTimeout(left, stallMs);
    outgoing.once('drain', drained);
    outgoing.once('close', left);
    signal?.addEventListener('abort', left);
    if (outgoing.destroyed || signal?.aborted) left();
  });
}

/** A body that breaks off, and a reader that stalls, end the connection: the length shows that something is missing. */
export async function writeRaw(
  outgoing: ServerResponse,
  isHead: boolean,
  answer: RawAnswer,
  contentType: string,
  stallMs: number,
): Promise<void> {
  const { body, length, cacheControl } = answer;
  const whole = typeof body === 'string' ? Buffer.from(body) : body;
  const headers: Record<string, string | number> = { 'content-type': answer.contentType ?? contentType };
  const bytes = whole instanceof Uint8Array ? whole.length : length;
  if (bytes !== undefined) headers['content-length'] = bytes;
  if (cacheControl) headers['cache-control'] = cacheControl;
  outgoing.writeHead(200, headers);
  if (whole instanceof Uint8Array) {
    outgoing.end(isHead ? undefined : whole);
    return;
  }
  const iterator = whole[Symbol.asyncIterator]();
  try {
    if (isHead) return void outgoing.end();
    for (;;) {
      const next = await iterator.next();
      if (next.done) return void outgoing.end();
      if (outgoing.destroyed) return;
      if (!outgoing.write(next.value) && !(await awaitDrain(outgoing, stallMs))) return void outgoing.destroy();
    }
  } catch (error) {
    outgoing.destroy();
    throw error;
  } finally {
    await iterator.return?.();
  }
}
