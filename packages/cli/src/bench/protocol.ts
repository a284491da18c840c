/** Between `dsperse bench` and the process that measures one model. */

export type BenchRequest =
  | { readonly ask: 'setup'; readonly model: string; readonly workers?: number; readonly slices: 'auto' | number }
  /** Float inference, proof of every slice, verification. */
  | { readonly ask: 'round' }
  /** Proofs of these slices, one after another. */
  | { readonly ask: 'prove'; readonly slices: readonly number[] }
  | { readonly ask: 'end' };

export interface SetupReport {
  readonly name: string;
  readonly about: string;
  readonly parameters: number;
  readonly multiplications: number;
  readonly slices: number;
  /** From the ONNX bytes to the verifier key, the weights' commitment included. */
  readonly compileMs: number;
  /** What a prover does once per program: the weights' commitments, kept in memory. */
  readonly prepareMs: number;
  readonly keyBytes: number;
  readonly workers: number;
  /** What computes the floats that proving is compared with. */
  readonly inferenceBy: string;
}

export interface RoundReport {
  readonly inferenceMs: number;
  /** From the integers of the input to the proofs of all slices. */
  readonly proveMs: number;
  readonly verifyMs: number;
  readonly proofBytes: number;
}

export interface ProveReport {
  readonly proveMs: number;
}

export interface EndReport {
  readonly peakRssBytes: number;
}

export interface BenchReplies {
  readonly setup: SetupReport;
  readonly round: RoundReport;
  readonly prove: ProveReport;
  readonly end: EndReport;
}

export type BenchReply =
  | { readonly ok: unknown }
  | { readonly error: { name: string; code: string; message: string; hint: string } };
