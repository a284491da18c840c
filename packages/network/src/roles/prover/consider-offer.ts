/** Whether a prover takes an offer. */
import { chunkPrice, workSeconds } from '../../market/index.js';
import type { Offer } from '../../messages/index.js';

export interface ProverTerms {
  /** Token units per million work units. */
  readonly ask: bigint;
  readonly capacity: number;
  /** Chunks that are held, and their work units. */
  readonly held: number;
  readonly workHeld: number;
  /** Work units per second. */
  readonly rate: number;
  /** Stake that no lock of ours holds. */
  readonly freeStake: bigint;
  /** Fingerprints; all where empty. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export type DeclineReason = 'stale' | 'program' | 'capacity' | 'price' | 'collateral' | 'time' | 'memory';

const plain = (fingerprint: string) => fingerprint.toLowerCase().replace(/^0x/, '');

/** Why the offer is let pass; undefined where it is taken. @param nowMs by the clock of the gateway */
export function declineReason(offer: Offer, terms: ProverTerms, nowMs: number): DeclineReason | undefined {
  if (offer.standsUntilMs <= nowMs) return 'stale';
  const fingerprint = plain(offer.fingerprint);
  if (terms.deny.some((f) => plain(f) === fingerprint)) return 'program';
  if (terms.allow.length > 0 && !terms.allow.some((f) => plain(f) === fingerprint)) return 'program';
  if (terms.held >= terms.capacity) return 'capacity';
  if (offer.price < chunkPrice(terms.ask, offer.workUnits)) return 'price';
  if (offer.collateral > terms.freeStake) return 'collateral';
  const seconds = workSeconds(offer.workUnits + terms.workHeld, Math.max(1, terms.rate));
  return nowMs / 1000 + seconds > offer.deadline ? 'time' : undefined;
}
