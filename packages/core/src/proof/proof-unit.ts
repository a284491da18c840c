/** What one proof is made of: a slice package, or several of consecutive slices joined. */
import type { Preset } from '../argument/presets.js';
import { InputError } from '../base/errors.js';
import type { Integers } from '../base/integers.js';
import type { BoundaryTensor } from '../program/compiled.js';
import type { Relation, ValueId } from '../relation/relation.js';
import { joinSlices } from './join.js';
import type { SlicePackage } from './slice-package.js';
import type { BoundaryMode, SliceShape } from './slice-protocol.js';
import { type CommittedConstants, ownConstants, sliceShape } from './slice-shape.js';
import { boundaryMode, isReadOutside, unitConstants, type VerifierKey } from './verifier-key.js';

export interface ProofUnit {
  /** Of the program, 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** The first slice, and how many there are from it on. */
  readonly index: number;
  readonly count: number;
  readonly preset: Preset;
  readonly relation: Relation;
  readonly constants: ReadonlyMap<ValueId, Integers>;
  readonly committed: readonly CommittedConstants[];
  /** Names of the boundary tensors, in the order of relation.inputs and relation.outputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The boundary tensors, by name. */
  readonly tensors: ReadonlyMap<string, BoundaryTensor>;
  /** How each is known to the verifier: inputs, then outputs. */
  readonly modes: readonly BoundaryMode[];
}

export const unitShape = (u: ProofUnit): SliceShape => sliceShape(u.relation, u.preset, u.modes, u.committed, u.count);

export function packageUnit(slice: SlicePackage): ProofUnit {
  return { ...slice, count: 1, committed: ownConstants(slice.relation, slice.constantsRoot) };
}

/**
 * @param key of the program that the packages are of
 * @param packages of consecutive slices, in order
 * @throws InputError `bad-slices` where they are not
 */
export function joinPackages(key: VerifierKey, packages: readonly SlicePackage[]): ProofUnit {
  const [first] = packages;
  const consecutive = packages.every((p, i) => p.index === first.index + i && p.fingerprint === first.fingerprint);
  if (!first || !consecutive || first.index + packages.length > key.slices.length) {
    throw new InputError(
      'bad-slices',
      'only consecutive slices of one program are proven together',
      'give their packages in order',
    );
  }
  if (packages.length === 1) return packageUnit(first);
  const { index, fingerprint, preset } = first;
  const count = packages.length;
  const joined = joinSlices(packages, (name) => isReadOutside(key, index, count, name));
  const tensors = new Map(packages.flatMap((p) => [...p.tensors]));
  return {
    fingerprint,
    index,
    count,
    preset,
    relation: joined.relation,
    constants: new Map(
      packages.flatMap((p, i) =>
        [...p.constants].map(([id, data]): [ValueId, Integers] => [joined.places[i][id], data]),
      ),
    ),
    committed: unitConstants(packages, joined.places, key),
    inputs: joined.inputs,
    outputs: joined.outputs,
    tensors,
    modes: [...joined.inputs, ...joined.outputs].map((name) => boundaryMode(name, key)),
  };
}
