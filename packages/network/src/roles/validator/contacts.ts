/**
 * When gateways were there, as this validator saw it: a gateway that says afterwards that it was away, and so excuses what a
 * prover missed, can be held to it. Kept in memory: after a restart nothing is known of before.
 */
import type { Address } from 'viem';

/** Shorter than what a gateway calls an outage, longer than the pause between two polls. */
const PAUSE_MS = 8_000;
/** Locks are shorter than orders. */
const REMEMBERED_MS = 8 * 24 * 3_600_000;
const STRETCHES = 1_000;

interface Stretch {
  readonly fromMs: number;
  untilMs: number;
}

export class Contacts {
  readonly #stretches = new Map<Address, Stretch[]>();

  /** The gateway answered what it cannot answer without its database. @param atMs by the gateway's clock */
  note(gateway: Address, atMs: number): void {
    const key = gateway.toLowerCase() as Address;
    const stretches = this.#stretches.get(key) ?? [];
    const last = stretches.at(-1);
    if (last && atMs >= last.fromMs && atMs - last.untilMs <= PAUSE_MS) last.untilMs = Math.max(last.untilMs, atMs);
    else stretches.push({ fromMs: atMs, untilMs: atMs });
    const kept = stretches.filter(({ untilMs }) => untilMs > atMs - REMEMBERED_MS).slice(-STRETCHES);
    this.#stretches.set(key, kept);
  }

  /** Whether it answered all the time between the two, without a pause that could have been an outage. */
  wasThere(gateway: Address, fromMs: number, untilMs: number): boolean {
    const stretches = this.#stretches.get(gateway.toLowerCase() as Address) ?? [];
    return stretches.some((s) => s.fromMs <= fromMs && s.untilMs >= untilMs);
  }
}
