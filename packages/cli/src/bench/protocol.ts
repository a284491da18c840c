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
      /** One proof for all of these slices. */
      readonly joined?: boolean;
    }
  /** Proves these slices, or all that were opened, one after another. */
  | { readonly ask: 'prove'; readonly slices?: readonly number[] }
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
  /** Whether the weights' commitments of all slices are held, or made again for each slice of each run. */
  readonly holdsWeights: boolean;
}

export interface ProveReport {
  /** From a slice's inputs to its proof, summed over the slices; the weights are committed already. */
  readonly proveMs: number;
  /** Reading packages and committing to weights: once per program where they are held. */
  readonly prepareMs: number;
  readonly phases: Phases;
  readonly sliceMs: readonly number[];
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
