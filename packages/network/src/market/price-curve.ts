/** The price of a chunk: a linear reverse Dutch auction per million work units. */
import { InputError } from '@dsperse/core/verify';
import type { PriceCurve } from './types.js';

const MILLION = 1_000_000n;

/** Throws InputError unless 0 <= priceMin <= priceMax and the ramp is a whole number of seconds. */
export function checkCurve(curve: PriceCurve): void {
  if (curve.priceMin < 0n || curve.priceMax < curve.priceMin) {
    throw new InputError('bad-price-curve', 'the price curve falls or is negative', 'give 0 <= priceMin <= priceMax');
  }
  if (!Number.isSafeInteger(curve.rampSeconds) || curve.rampSeconds < 0) {
    throw new InputError('bad-price-curve', 'the ramp is not a whole number of seconds', 'give rampSeconds >= 0');
  }
}

/** Price per million work units at `now`, rounded down; before `startedAt` the lowest, after the ramp the highest. */
export function priceAt(curve: PriceCurve, startedAt: number, now: number): bigint {
  checkCurve(curve);
  const elapsed = Math.floor(now) - Math.floor(startedAt);
  if (elapsed >= curve.rampSeconds) return curve.priceMax;
  if (elapsed <= 0) return curve.priceMin;
  return curve.priceMin + ((curve.priceMax - curve.priceMin) * BigInt(elapsed)) / BigInt(curve.rampSeconds);
}

/** What `workUnits` cost at a price per million of them, rounded down. */
export function chunkPrice(unitPrice: bigint, workUnits: number): bigint {
  return (unitPrice * BigInt(workUnits)) / MILLION;
}

/** The first second at which the curve pays `ask`; undefined where it never does. */
export function earliestTimeFor(curve: PriceCurve, startedAt: number, ask: bigint): number | undefined {
  checkCurve(curve);
  const start = Math.floor(startedAt);
  if (ask <= priceAt(curve, start, start)) return start;
  if (ask > curve.priceMax) return undefined;
  const span = curve.priceMax - curve.priceMin;
  const elapsed = ((ask - curve.priceMin) * BigInt(curve.rampSeconds) + span - 1n) / span;
  return start + Number(elapsed);
}
