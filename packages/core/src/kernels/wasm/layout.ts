/**
 * The fixed places in the kernels' memory; packages/core/assembly/memory.ts states those that the module knows.
 */

/** Words that threads synchronise on; see pool.ts. */
export const CONTROL = 256;
export const CONTROL_WORDS = 64;
/** Arguments of a call that are field elements. */
export const CONSTANTS = 512;
export const CONSTANTS_BYTES = 512;
/** Partial results, one place to a thread. */
export const PARTIALS = 24576;
export const PARTIAL_BYTES = 512;
/** As many threads as there is working space for. */
export const MAX_THREADS = 8;
/** Tables of twiddle factors: that of S_mu, 2^(mu-1) words, at TWIDDLES + 4·2^(mu-1). */
export const TWIDDLES = 65536;
/** The largest mu with a lasting table. */
export const MAX_TABLE_LOG = 22;
/** The first offset of the arena; untouched pages below it cost nothing. */
export const ARENA_BASE = TWIDDLES + 4 * 2 ** (MAX_TABLE_LOG + 1);

export const tableAt = (mu: number): number => TWIDDLES + 4 * 2 ** (mu - 1);
