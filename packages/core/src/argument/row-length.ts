/**
 * How long the rows of a commitment are. Longer rows are fewer, so leaves are smaller; paths are longer, and more is
 * folded. Lengths are chosen for the fewest bytes that a query adds to a proof.
 */
import { LOG_ARITY, LOG_BLOWUP, type Preset } from './presets.js';

/** Leaves of a BLAKE3 chunk: rows of at most 256 words. */
export const MAX_ROWS = 256;

const WORD_BYTES = 4;
const EXT_BYTES = 16;
const DIGEST_BYTES = 32;
/** log2 of about as many queries as a proof makes: their paths share so many levels. */
const LOG_QUERIES = 7;

/** Number of committed fold words for rows of 2^logRow. */
export function foldCount(logRow: number, preset: Preset): number {
  let left = logRow;
  while (left > preset.logFinal && left >= LOG_ARITY) left -= LOG_ARITY;
  return (logRow - left) / LOG_ARITY;
}

/** log2 of the row length at which commitments of these numbers of cells, all of one length, are opened cheapest. */
export function sharedLogRow(cells: readonly number[], preset: Preset): number {
  return cheapest(cells, 0, preset);
}

/**
 * log2 of the row length of one commitment.
 * @param beside log2 of the longest row that it is opened with
 */
export function logRowOf(cells: number, beside: number, preset: Preset): number {
  return cheapest([cells], beside, preset);
}

/** The shortest of the cheapest lengths that keep all leaves within MAX_ROWS; the longest one where none does. */
function cheapest(cells: readonly number[], beside: number, preset: Preset): number {
  let best = preset.maxLogRow;
  let least = Number.POSITIVE_INFINITY;
  for (let log = preset.minLogRow; log <= preset.maxLogRow; log++) {
    const rows = cells.map((n) => Math.ceil(n / 2 ** log));
    if (rows.some((n) => n > MAX_ROWS)) continue;
    const bytes = rows.reduce((n, r) => n + WORD_BYTES * r + pathBytes(log), foldBytes(Math.max(log, beside), preset));
    if (bytes < least) {
      least = bytes;
      best = log;
    }
  }
  return best;
}

/** Of a query to rows of 2^logRow, but for the levels that all queries share. */
const pathBytes = (logRow: number): number => DIGEST_BYTES * Math.max(0, logRow + LOG_BLOWUP - LOG_QUERIES);

/** Of a query to all fold words, and its share of the message. */
function foldBytes(logRow: number, preset: Preset): number {
  const folds = foldCount(logRow, preset);
  let bytes = 0;
  for (let j = 1; j <= folds; j++) bytes += EXT_BYTES * 2 ** LOG_ARITY + pathBytes(logRow - j * LOG_ARITY);
  return bytes + (EXT_BYTES * 2 ** (logRow - folds * LOG_ARITY)) / 2 ** LOG_QUERIES;
}
