/** Orders placed so that a number of them is always open. */
import { setMaxListeners } from 'node:events';
import type { Client, OrderHandle } from '@dsperse/sdk';
import { PRICE } from './bench-network.js';
import type { BenchProgram } from './bench-program.js';
import { describeWaiting, Standstill, stillAfterMs } from './standstill.js';

const LOOK_MS = 1_000;
const ANSWER_MS = 5_000;
/** Orders that are asked about after a standstill. */
const ASKED = 32;

export interface LoadPlan {
  readonly client: Client;
  readonly program: BenchProgram;
  /** Orders at once. */
  readonly atOnce: number;
  /** No order is placed after so many, or later than that. */
  readonly orders: number;
  readonly seconds: number;
  readonly onOrder?: (done: number) => void;
  /** Ends it early: those that run are waited for, no other is placed. */
  readonly isEnding?: () => boolean;
  /** The gateway's last warnings and errors. */
  readonly faults?: () => Promise<readonly string[]>;
  /** How long no order may end, of how long those took that did. */
  readonly stillMs?: (orderMs: readonly number[]) => number;
}

export interface LoadDone {
  readonly orders: number;
  readonly chunks: number;
  readonly seconds: number;
  /** Milliseconds from placing to the delivered order, of each. */
  readonly orderMs: readonly number[];
}

/** @throws Error where an order is not delivered; Standstill where none has ended for long */
export async function placeLoad({
  client,
  program,
  atOnce,
  orders,
  seconds,
  onOrder,
  isEnding,
  faults = async () => [],
  stillMs = stillAfterMs,
}: LoadPlan): Promise<LoadDone> {
  const began = performance.now();
  const untilMs = began + seconds * 1000;
  const orderMs: number[] = [];
  let placed = 0;
  let chunks = 0;
  let movedMs = began;
  const open = new Set<OrderHandle>();
  const stop = new AbortController();
  // Every order that is open listens.
  setMaxListeners(0, stop.signal);
  const run = async () => {
    while (placed < orders && performance.now() < untilMs && !isEnding?.()) {
      placed++;
      const start = performance.now();
      const handle = await client.order({
        program: { fingerprint: program.fingerprint, key: program.keyBytes },
        input: { integers: program.inputs },
        price: PRICE,
        deadlineSeconds: 900,
      });
      open.add(handle);
      const view = await handle.ended({ timeoutMs: 900_000, signal: stop.signal });
      open.delete(handle);
      movedMs = performance.now();
      if (view.chunks.some((c) => c.state !== 'accepted')) {
        throw new Error(`an order ended ${view.state}: ${view.reason ?? ''}`);
      }
      orderMs.push(performance.now() - start);
      chunks += view.chunks.length;
      onOrder?.(orderMs.length);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const stands = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const still = performance.now() - movedMs;
      if (still < stillMs(orderMs)) return;
      clearInterval(timer);
      standstillOf([...open], still, faults).then(reject, reject);
    }, LOOK_MS);
  });
  try {
    await Promise.race([Promise.all(Array.from({ length: atOnce }, run)), stands]);
  } finally {
    clearInterval(timer);
    stop.abort();
  }
  return { orders: orderMs.length, chunks, seconds: (performance.now() - began) / 1000, orderMs };
}

async function standstillOf(
  open: readonly OrderHandle[],
  stillMs: number,
  faults: () => Promise<readonly string[]>,
): Promise<Standstill> {
  const asked = open.slice(0, ASKED);
  const answers = await Promise.allSettled(asked.map((o) => o.view({ signal: AbortSignal.timeout(ANSWER_MS) })));
  const views = answers.flatMap((a) => (a.status === 'fulfilled' ? [a.value] : []));
  const waiting = describeWaiting(views, asked.length - views.length);
  const said = await faults();
  const seconds = Math.round(stillMs / 1000);
  return new Standstill(
    [
      `no order has ended for ${seconds} s, ${open.length} are open${waiting && ` (${waiting})`}`,
      said.length > 0 ? `the gateway's log says last: ${said.join(' | ')}` : 'the gateway logged no fault',
    ].join('; '),
  );
}
