/**
 * Node's fetch lets go of the signal of an answer that is still being read as soon as garbage is collected: neither a
 * timeout nor a stop ends it then. This holds on to the signal until the body has ended.
 */
import type { Fetch } from './exchange.js';

/** The same fetch, whose answers end with the signal that they were asked for with. */
export function endWithSignal(fetch: Fetch): Fetch {
  return async (url, init) => {
    const { signal } = init;
    const response = await fetch(url, init);
    if (!signal || !(response instanceof Response) || !response.body) return response;
    const { status, statusText, headers } = response;
    return new Response(heldBody(response.body, signal), { status, statusText, headers });
  };
}

function heldBody(body: ReadableStream<Uint8Array>, signal: AbortSignal): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let letGo = () => {};
  const read = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const { done, value } = await reader.read();
    if (signal.aborted) return;
    if (!done) {
      controller.enqueue(value);
      return;
    }
    letGo();
    controller.close();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const end = () => {
          controller.error(signal.reason);
          reader.cancel().catch(() => {});
        };
        letGo = () => signal.removeEventListener('abort', end);
        if (signal.aborted) end();
        else signal.addEventListener('abort', end, { once: true });
      },
      async pull(controller) {
        try {
          await read(controller);
        } catch (error) {
          letGo();
          if (!signal.aborted) throw error;
        }
      },
      cancel(reason) {
        letGo();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
