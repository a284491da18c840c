/**
 * The two sets of security parameters. Nothing here is read from a proof, and no parameter has a default elsewhere.
 * The one of a program is read from its key, which the fingerprint binds, and is no matter of security.
 */

export interface Preset {
  readonly name: 'standard' | 'tiny';
  /**
   * Fewest spot checks of the opening, each missing a word at relative distance 3/8 with probability 5/8. A proof makes
   * as many as its whole error asks for (soundness.ts).
   */
  readonly queries: number;
  /** Fewest and most leading zero bits asked of the grinding hash before the queries are drawn (soundness.ts). */
  readonly grindingBits: number;
  readonly maxGrindingBits: number;
  /**
   * log2 of the longest code word of which rows are combined without work: before each challenge that combines rows of a
   * longer one, a bit is asked for each time that it is twice as long.
   */
  readonly logFreeWord: number;
  /** log2 of the shortest and of the longest message row; the code word is four times as long (row-length.ts). */
  readonly minLogRow: number;
  readonly maxLogRow: number;
  /**
   * log2 of the rows that a program's constants are opened beside, where it is proven as a whole. A program has its own,
   * which its key and its packages tell.
   */
  readonly programLogRow: number;
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
    grindingBits: 12,
    maxGrindingBits: 22,
    logFreeWord: 17,
    minLogRow: 6,
    maxLogRow: 19,
    programLogRow: 0,
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
    maxGrindingBits: 2,
    logFreeWord: 7,
    minLogRow: 1,
    maxLogRow: 10,
    programLogRow: 0,
    boxCells: 1,
    logTree: 6,
    logFinal: 1,
    clearCells: 4,
    minimumBits: 0,
  },
};
