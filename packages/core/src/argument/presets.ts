/**
 * The two sets of security parameters. Nothing here is read from a proof, and no parameter has a default elsewhere.
 */

export interface Preset {
  readonly name: 'standard' | 'tiny';
  /**
   * Fewest spot checks of the opening, each missing a word at relative distance 3/8 with probability 5/8. A proof makes
   * as many as its whole error asks for (soundness.ts).
   */
  readonly queries: number;
  /** Leading zero bits asked of the grinding hash before the queries are drawn. */
  readonly grindingBits: number;
  /** log2 of the shortest message row. */
  readonly minLogRow: number;
  /**
   * log2 of the longest message row of a prover's commitment; the code word is four times as long. The witness' rows may
   * be as long as those of the constants beside it.
   */
  readonly maxLogRow: number;
  /** The same of constants, which are encoded once for all proofs, and of which joined slices open all rows. */
  readonly maxLogConstantsRow: number;
  /** The same where a commitment would otherwise have too many rows. */
  readonly limitLogRow: number;
  /** Cells of padding that must be saved for constants to be committed to in parts (base/dims.ts). */
  readonly boxCells: number;
  /** log2 of the most leaves in one tree of fractions; a larger lookup has a tree of its own. */
  readonly logTree: number;
  /** log2 of the longest folded message that is sent in clear. */
  readonly logFinal: number;
  /** Largest tensor (cells) that crosses a slice boundary in clear instead of in a commitment of its own. */
  readonly clearCells: number;
  /** Proofs of slices whose total error is above 2^-minimumBits are refused (soundness.ts). */
  readonly minimumBits: number;
}

/** Rate of the code: 2^-2. */
export const LOG_BLOWUP = 2;

/** Rounds of folding between two commitments of the opening: leaves of 2^3 values. */
export const LOG_ARITY = 3;

export const PRESETS: Readonly<Record<Preset['name'], Preset>> = {
  standard: {
    name: 'standard',
    queries: 96,
    grindingBits: 16,
    minLogRow: 6,
    maxLogRow: 17,
    maxLogConstantsRow: 18,
    limitLogRow: 18,
    boxCells: 2 ** 16,
    logTree: 23,
    logFinal: 10,
    clearCells: 4096,
    minimumBits: 100,
  },
  /** For tests only: small enough to try every case, offers no security. */
  tiny: {
    name: 'tiny',
    queries: 6,
    grindingBits: 2,
    minLogRow: 1,
    maxLogRow: 6,
    maxLogConstantsRow: 7,
    limitLogRow: 10,
    boxCells: 1,
    logTree: 6,
    logFinal: 1,
    clearCells: 4,
    minimumBits: 0,
  },
};
