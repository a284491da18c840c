/** Between `dsperse bench` and the processes that measure. */

export type SlicePlanName = 'auto' | number;

export type BenchRequest =
  /** Makes the program of a model, and all that the other requests need, in a directory. */
  | {
      readonly ask: 'compile';
      readonly model: string;
      readonly directory: string;
      readonly slices: SlicePlanName;
      readonly workers?: number;
    }
  /** Gets ready to prove slices of the program in that directory. */
  | {
      readonly ask: 'open';
      readonly directory: string;
      readonly workers: number;
      readonly slices?: readonly number[];
      /** As few proofs as these bytes of memory allow, by estimate; one for each slice where nothing is said. */
      readonly joinedBytes?: number;
      /** Or these together. */
      readonly groups?: readonly (readonly number[])[];
    }
  /** Proves all slices that were opened, one proof after another. */
  | { readonly ask: 'prove' }
  /** Verifies the run that was proven last. */
  | { readonly ask: 'verify' }
  /** Gets ready to compute the model on floats. */
  | { readonly ask: 'load'; readonly directory: string; readonly model: string }
  | { readonly ask: 'infer' }
  | { readonly ask: 'end' };

export interface CompileReport {
  readonly name: string;
  readonly about: string;
  readonly parameters: number;
  readonly multiplications: number;
  readonly slices: number;
  /** Work units of each slice. */
  readonly workUnits: readonly number[];
  /** From the ONNX bytes to the verifier key, the weights' commitment included. */
  readonly compileMs: number;
  /** Integer inference of all slices. */
  readonly executeMs: number;
  readonly keyBytes: number;
  readonly packageBytes: number;
  /** Tensors between slices, as they are handed from prover to prover. */
  readonly boundaryBytes: number;
  readonly peakRssBytes: number;
}

export const PHASES = ['execute', 'commit', 'lookups', 'contractions', 'opening', 'other'] as const;
export type Phases = Readonly<Record<(typeof PHASES)[number], number>>;

export interface OpenReport {
  readonly workers: number;
  readonly proofs: number;
  /** Whether the weights' commitments of all slices are held, or made again for each proof of each run. */
  readonly holdsWeights: boolean;
}

export interface ProveReport {
  /** From inputs to proof, summed over the proofs; the weights are committed already. */
  readonly proveMs: number;
  /** Reading packages and committing to weights, or reading what that came to: once per program where it is held. */
  readonly prepareMs: number;
  readonly phases: Phases;
  /** Of each proof, in order; of each slice where they are proven one by one. */
  readonly proofMs: readonly number[];
  readonly proofBytes: number;
}

export interface VerifyReport {
  readonly verifyMs: number;
}

export interface LoadReport {
  /** What computes the floats that proving is compared with. */
  readonly inferenceBy: string;
}

export interface InferReport {
  readonly inferenceMs: number;
}

export interface EndReport {
  readonly peakRssBytes: number;
}

export interface BenchReplies {
  readonly compile: CompileReport;
  readonly open: OpenReport;
  readonly prove: ProveReport;
  readonly verify: VerifyReport;
  readonly load: LoadReport;
  readonly infer: InferReport;
  readonly end: EndReport;
}

export type BenchReply =
  | { readonly ok: unknown }
  | { readonly error: { name: string; code: string; message: string; hint: string } };
