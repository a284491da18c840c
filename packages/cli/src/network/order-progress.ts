/** The steps of an order as lines, as they happen. */
import type { OrderEvent } from '@dsperse/network/messages';
import pc from 'picocolors';
import { formatAmount, formatTokens } from './amounts.js';
import { shorten } from './identifiers.js';

const WORDS: Readonly<Record<OrderEvent['kind'], string>> = {
  accepted: 'the gateway took the order',
  reserved: 'escrow is reserved',
  chunked: 'cut into chunks',
  offered: 'offered',
  locked: 'locked',
  proven: 'proven',
  committed: 'validators have committed to their verdicts',
  verdict: 'accepted by the validators',
  released: 'given back',
  missed: 'missed its deadline',
  rejected: 'rejected',
  delivered: 'delivered',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'past its deadline',
  settled: 'settled',
};

const COLOURS: Partial<Record<OrderEvent['kind'], (text: string) => string>> = {
  offered: pc.dim,
  committed: pc.dim,
  verdict: pc.green,
  delivered: pc.green,
  released: pc.yellow,
  missed: pc.yellow,
  cancelled: pc.yellow,
  expired: pc.yellow,
  rejected: pc.red,
  failed: pc.red,
};

/** @param beganMs when the first step was, in milliseconds since 1970 */
export function describeEvent(event: OrderEvent, beganMs: number): string {
  const { kind, chunk, attempt, prover, price, detail, atMs } = event;
  const seconds = Math.max(0, (atMs - beganMs) / 1000).toFixed(1);
  const about = chunk === undefined ? 'order' : `chunk ${chunk}${attempt ? ` (attempt ${attempt + 1})` : ''}`;
  const facts = [
    ...(prover ? [`by ${shorten(prover)}`] : []),
    ...(price === undefined ? [] : [formatTokens(price)]),
    // Stakes in details are in the smallest units.
    ...(detail ? [detail.replace(/\b\d{16,78}\b/g, (units) => formatAmount(BigInt(units)))] : []),
  ];
  const colour = COLOURS[kind] ?? ((text: string) => text);
  const tail = facts.length > 0 ? `  ${pc.dim(facts.join(', '))}` : '';
  return `${pc.dim(`${seconds.padStart(7)} s`)}  ${about.padEnd(10)}  ${colour(WORDS[kind])}${tail}`;
}
