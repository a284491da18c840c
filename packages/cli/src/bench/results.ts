/** What `dsperse bench` finds out, as docs/bench/results.json keeps it. */
import type { Phases } from './protocol.js';
import type { Spread } from './spread.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly arch: string;
  readonly node: string;
  /** Of the last minute, before measuring began. */
  readonly load: number;
}

/** When something was measured, and in what state of the machine and the program. */
export interface Occasion {
  /** ISO 8601. */
  readonly at: string;
  /** Load average of the last minute before. */
  readonly load: number;
  /** Of the checkout; `+` where it has changes. */
  readonly commit: string;
}

/** Proving with so many threads in one process. */
export interface WorkersResult {
  readonly workers: number;
  /** Reading the packages and committing to the weights, which a prover does once per program. */
  readonly prepareMs: number;
  /** The first proof of the process, before anything is warm. */
  readonly firstProveMs: number;
  readonly proveMs: Spread;
  /** Medians. */
  readonly phases: Phases;
  readonly peakRssBytes: number;
}

export interface ModelResult {
  readonly model: string;
  readonly about: string;
  readonly measured: Occasion;
  readonly parameters: number;
  readonly multiplications: number;
  readonly slices: number;
  /** As few as JOINED_BYTES allow: consecutive slices are proven together. */
  readonly proofs: number;
  /** Runs counted; 0: the first one stands for itself. */
  readonly runs: number;
  readonly compileMs: number;
  readonly compilePeakRssBytes: number;
  /** Integer inference alone, on all workers. */
  readonly executeMs: number;
  readonly keyBytes: number;
  readonly packageBytes: number;
  /** Of the most workers. */
  readonly workers: number;
  readonly prepareMs: number;
  readonly firstProveMs: number;
  readonly proveMs: Spread;
  readonly phases: Phases;
  readonly peakRssBytes: number;
  readonly byWorkers: readonly WorkersResult[];
  /** The first verification of a process, before anything is warm. */
  readonly firstVerifyMs: number;
  readonly verifyMs: Spread;
  readonly proofBytes: number;
  /** One thread; null where onnxruntime is not installed. */
  readonly onnxruntimeMs: number | null;
  readonly inferenceMs: number;
  readonly inferenceBy: string;
  /** proveMs.median / inferenceMs. */
  readonly ratio: number;
}

/** One number of slices, one thread in each process. */
export interface SlicingPlan {
  readonly slices: number;
  readonly compileMs: number;
  readonly proofBytes: number;
  readonly verifyMs: number;
  /** Handed from slice to slice. */
  readonly boundaryBytes: number;
  /** Medians of each slice, in one process. */
  readonly sliceMs: readonly number[];
  /** All slices in one process: the total work. */
  readonly oneProcessMs: Spread;
  /** Shared between two processes; null for one slice. */
  readonly twoProcessesMs: Spread | null;
  readonly peakRssBytes: number;
}

export interface SlicingResult {
  readonly model: string;
  readonly measured: Occasion;
  readonly plans: readonly SlicingPlan[];
  readonly failed: readonly { readonly slices: number; readonly code: string; readonly message: string }[];
}

/** Something that could not be measured. */
export interface Failure {
  readonly model: string;
  readonly measured: Occasion;
  /** compile, prove, … */
  readonly stage: string;
  /** time-limit, memory-limit, or the code of the error. */
  readonly code: string;
  readonly message: string;
}

export interface BrowserResult {
  readonly model: string;
  readonly measured: Occasion;
  readonly browser: string;
  readonly threads: number;
  readonly slices: number;
  readonly proofs: number;
  readonly compileMs: number;
  readonly prepareMs: number;
  readonly proveMs: Spread;
  readonly verifyMs: Spread;
  readonly proofBytes: number;
  /** Of the kernels, at the end. */
  readonly memoryBytes: number;
  /** The verifier alone, in a page without cross-origin isolation, on a run made in Node. */
  readonly verifierAloneMs: Spread;
}

export interface PeerResult {
  readonly system: string;
  readonly version: string;
  readonly model: string;
  /** What differs from our model of that name. */
  readonly note: string;
  readonly measured: Occasion;
  /** Calibration, circuit and keys. */
  readonly setupMs?: number;
  /** A structured reference string of one's own; those of ceremonies are downloaded instead. */
  readonly srsMs?: number;
  readonly witnessMs?: number;
  readonly proveMs?: number;
  readonly verifyMs?: number;
  readonly proofBytes?: number;
  readonly peakRssBytes?: number;
  readonly failed?: { readonly stage: string; readonly code: string; readonly message: string };
}

export interface BenchResults {
  readonly machine: Machine;
  readonly results: readonly ModelResult[];
  readonly failures: readonly Failure[];
  readonly slicing: readonly SlicingResult[];
  readonly browser: readonly BrowserResult[];
  readonly browserFailures: readonly Failure[];
  readonly peers: readonly PeerResult[];
}
