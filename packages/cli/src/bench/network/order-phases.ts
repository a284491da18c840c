/** How long the steps of an order took, from its events. */
import type { OrderEvent } from '@dsperse/network/messages';
import { ORDER_PHASES, type OrderPhase } from './network-results.js';

export interface FollowedOrder {
  /** Milliseconds since 1970, by this machine: before it was placed, and when its certificate was verified. */
  readonly placedMs: number;
  readonly certifiedMs: number;
  readonly events: readonly OrderEvent[];
}

const KIND_OF: Partial<Record<OrderPhase, OrderEvent['kind']>> = { submitted: 'accepted' };

/** Milliseconds of each step: from the end of the one before it to its last event. They add up to the whole. */
export function orderPhases({ placedMs, certifiedMs, events }: FollowedOrder): Record<OrderPhase, number> {
  let before = placedMs;
  const phases = {} as Record<OrderPhase, number>;
  for (const phase of ORDER_PHASES) {
    const kind = KIND_OF[phase] ?? phase;
    const times = events.filter((e) => e.kind === kind).map((e) => e.atMs);
    const end = phase === 'certified' ? certifiedMs : Math.max(before, ...times);
    phases[phase] = end - before;
    before = end;
  }
  return phases;
}
