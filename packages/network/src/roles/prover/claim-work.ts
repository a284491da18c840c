/** Claims of work that a gateway does not settle, from all others. */
import type { Hex } from 'viem';
import { z } from 'zod';
import type { Logger } from '../../node/index.js';
import type { GatewayLink } from '../peer/gateway-link.js';
import type { DeliveredWork } from './delivered-work.js';

export interface Claimant {
  readonly links: readonly GatewayLink[];
  readonly delivered: DeliveredWork;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Of each order, gateways that have all that was delivered of it. */
export type TakenClaims = Map<Hex, Set<GatewayLink>>;

/** Sends what was delivered of an order to gateways that do not have it yet. @returns whether one has it now */
export async function claimWork(claimant: Claimant, taken: TakenClaims, order: Hex): Promise<boolean> {
  const { links, delivered, log, signal } = claimant;
  const has = taken.get(order) ?? new Set();
  taken.set(order, has);
  const work = await delivered.of(order);
  if (work.length === 0) return false;
  await Promise.all(
    links
      .filter((link) => !has.has(link))
      .map(async (link) => {
        try {
          for (const claim of work) {
            await link.post('/v1/claims', claim, z.unknown(), { signal, idempotent: true });
          }
          has.add(link);
        } catch (err) {
          // Its own gateway says that it settles it; others may lack the program.
          log.debug({ err, order, gateway: link.url }, 'a gateway does not take a claim');
        }
      }),
  );
  return has.size > 0;
}
