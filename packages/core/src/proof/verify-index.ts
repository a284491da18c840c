/** The verifier: plain TypeScript, without prover, WebAssembly or anything of the platform's. */

export { fromHex, toHex } from '../base/codec.js';
export { InputError } from '../base/errors.js';
export type { BoundaryTensor, Precision } from '../program/compiled.js';
export { AcceptedSlices } from './accepted-slices.js';
export { publicCommitment } from './slice-protocol.js';
export type { SliceStatement } from './statement.js';
export {
  decodeKey,
  finalOutputs,
  fingerprintOf,
  type KeySlice,
  PROTOCOL_VERSION,
  type SliceGraph,
  unitBoundary,
  type VerifierKey,
} from './verifier-key.js';
export {
  type OpenedKey,
  type RunOptions,
  type RunProof,
  type RunVerdict,
  type SliceProof,
  type SliceReport,
  verifyRun,
  verifyRunBy,
} from './verify-run.js';
export { type PublicValues, type Verdict, verifySlice } from './verify-slice.js';
