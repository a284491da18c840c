/**
 * Why a proof is rejected: thrown inside the verifier, caught at its edge (proof/verify.ts) and returned as a verdict.
 */
export type RejectCode =
  | 'truncated'
  | 'trailing-bytes'
  | 'non-canonical'
  | 'lookup-sum'
  | 'zero-denominator'
  | 'degenerate-challenge'
  | 'fraction-layer'
  | 'contraction'
  | 'commitment'
  | 'boundary-shape'
  | 'boundary-range'
  | 'clear-claim'
  | 'opening-sum'
  | 'grinding'
  | 'merkle-path'
  | 'fold';

export class Rejected extends Error {
  override readonly name = 'Rejected';
  constructor(
    readonly code: RejectCode,
    /** Which part of the proof: a slash-separated path. */
    readonly path: string,
  ) {
    super(`${code} at ${path}`);
  }
}
