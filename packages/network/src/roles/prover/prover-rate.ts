/** How fast this prover was lately, over restarts. */
import { readFileSync } from 'node:fs';

export const RATE_FILE = 'rate.json';

/** Work units per second; undefined where none is kept. */
export function readRate(path: string): number | undefined {
  try {
    const { workUnitsPerSecond: rate } = JSON.parse(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(rate) && rate > 0 ? rate : undefined;
  } catch {
    return undefined;
  }
}
