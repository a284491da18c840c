/** Asking again and again, sooner when an event says that there is something to do. */

import type { Logger } from '../../node/index.js';
import { backOffMs, pause } from '../../transport/client/back-off.js';
import type { ReceivedEvent } from '../../transport/client/follow-events.js';
import type { GatewayLink } from './gateway-link.js';

export interface DutyLoop {
  readonly link: GatewayLink;
  /** Events of this stream come before the next poll; what they do not say, or was lost, the poll finds. */
  readonly streamPath: string;
  /** Asks what there is to do, and does it or sees to it. */
  readonly poll: () => Promise<void>;
  /** Between two polls that no event asks for. */
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** @returns whether what the event says has been seen to: else it is asked for */
  readonly onEvent?: (event: ReceivedEvent) => boolean;
}

const RETRY = { firstMs: 500, maxMs: 15_000 };

/** Runs until the signal; a gateway that is away is asked again, less and less often up to every 15 s. */
export async function runDutyLoop(loop: DutyLoop): Promise<void> {
  let woken = false;
  let resume: () => void = () => {};
  const wake = () => {
    woken = true;
    resume();
  };
  loop.signal.addEventListener('abort', wake);
  const following = follow(loop, wake);
  try {
    for (let failures = 0; !loop.signal.aborted; ) {
      woken = false;
      try {
        await loop.poll();
        failures = 0;
      } catch (err) {
        if (loop.signal.aborted) break;
        failures++;
        // A gateway that is away says so once, not every few seconds.
        loop.log[failures === 1 ? 'warn' : 'debug'](
          { err, gateway: loop.link.url, failures },
          'asking the gateway failed',
        );
        await pause(backOffMs(failures - 1, RETRY), loop.signal);
        continue;
      }
      if (woken || loop.signal.aborted) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, loop.intervalMs);
        resume = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    loop.signal.removeEventListener('abort', wake);
    await following;
  }
}

async function follow({ link, streamPath, signal, onEvent, log }: DutyLoop, wake: () => void): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await link.connect(signal);
      for await (const event of link.client.events(streamPath, { signal, onOpen: wake })) {
        failures = 0;
        let isSeenTo = false;
        try {
          isSeenTo = onEvent?.(event) ?? false;
        } catch (err) {
          log.debug({ err, event: event.event }, 'an event was not understood');
        }
        if (!isSeenTo) wake();
      }
    } catch (err) {
      if (signal.aborted) return;
      log.debug({ err, gateway: link.url }, 'the stream of events ended');
      await link.recover(err, signal).catch(() => false);
    }
    await pause(backOffMs(failures, RETRY), signal);
  }
}
