export { type DeclineReason, declineReason, type ProverTerms } from './consider-offer.js';
export {
  ChunkError,
  type ChunkErrorCode,
  PreparedChunks,
  type ProveChunk,
  type ProveJob,
  proveChunk,
} from './prove-chunk.js';
export { createProver, type ProverHooks, type ProverOptions, type ProverSettings } from './prover.js';
export { type AttemptKey, ProverJournal } from './prover-journal.js';
export { ProvingThread } from './proving-thread.js';
