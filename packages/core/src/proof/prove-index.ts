/** The prover: programs to artifacts, slices to proofs. */

export type { ConstantsStore, StoredPart, StoredPiece } from '../argument/constants-store.js';
export { fromHex, toHex } from '../base/codec.js';
export { InputError, InvariantError, ProvingError } from '../base/errors.js';
export { Arrays } from '../relation/arrays.js';
export { type CommitOptions, commitProgram, type ProgramArtifacts } from './commit-program.js';
export { groupMemory, groupSlices, type SliceGroup } from './group-slices.js';
export { packageFault } from './package-fault.js';
export { joinPackages, type ProofUnit, packageUnit } from './proof-unit.js';
export type { PhaseListener, PreparedUnit, ProvePhase } from './prove.js';
export {
  type BoundaryValues,
  boundaryCommitments,
  deriveSalt,
  type ExecutableSlice,
  executeSlice,
  inferSlice,
  type ProveContext,
  prepareSlice,
  prepareUnit,
  provePackage,
  proveUnit,
  type SliceExecution,
} from './prove-package.js';
export { type ProverMemory, proverBytes, proverMemory } from './prover-memory.js';
export { decodeSlicePackage, digestOf, encodeSlicePackage, type SlicePackage } from './slice-package.js';
