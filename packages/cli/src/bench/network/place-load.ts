/** Orders placed so that a number of them is always open. */
import type { Client } from '@dsperse/sdk';
import { PRICE } from './bench-network.js';
import type { BenchProgram } from './bench-program.js';

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
}

export interface LoadDone {
  readonly orders: number;
  readonly chunks: number;
  readonly seconds: number;
  /** Milliseconds from placing to the delivered order, of each. */
  readonly orderMs: readonly number[];
}

/** @throws Error where an order is not delivered */
export async function placeLoad({
  client,
  program,
  atOnce,
  orders,
  seconds,
  onOrder,
  isEnding,
}: LoadPlan): Promise<LoadDone> {
  const began = performance.now();
  const untilMs = began + seconds * 1000;
  const orderMs: number[] = [];
  let placed = 0;
  let chunks = 0;
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
      const view = await handle.ended({ timeoutMs: 900_000 });
      if (view.chunks.some((c) => c.state !== 'accepted')) {
        throw new Error(`an order ended ${view.state}: ${view.reason ?? ''}`);
      }
      orderMs.push(performance.now() - start);
      chunks += view.chunks.length;
      onOrder?.(orderMs.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  return { orders: orderMs.length, chunks, seconds: (performance.now() - began) / 1000, orderMs };
}
