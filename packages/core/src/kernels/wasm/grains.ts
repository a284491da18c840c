/**
 * Entries of each kernel's loop that take some 40 microseconds on one core: what is worth handing to another.
 */
export const GRAIN = {
  canonical: 65536,
  eqDouble: 4096,
  eqRuns: 256,
  fold: 4096,
  foldBase: 16384,
  productRound: 4096,
  productCube: 1024,
  dot: 8192,
  dotBase: 32768,
  dotRows: 4096,
  combineRows: 4096,
  lookupDenominators: 8192,
  fractionUp: 2048,
  fractionRound: 1024,
  fractionFold: 2048,
  grind: 1024,
} as const;

/** The same where an entry consists of `parts`, `partsPerGrain` of which are worth it; at least one entry. */
export function grainOf(partsPerGrain: number, parts: number): number {
  const entries = Math.floor(partsPerGrain / Math.max(1, parts));
  return entries < 4 ? Math.max(1, entries) : 4 * Math.floor(entries / 4);
}
