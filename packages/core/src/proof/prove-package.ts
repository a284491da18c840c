/** What a prover does with a slice package: run it, commit to its boundary, prove it. */
import type { ConstantsStore } from '../argument/constants-store.js';
import { commitTree } from '../argument/prove-oracles.js';
import { concat } from '../argument/transcript.js';
import { hash } from '../base/blake3.js';
import { fromHex, sameBytes, toHex } from '../base/codec.js';
import { sizeOf } from '../base/dims.js';
import { InputError, ProvingError } from '../base/errors.js';
import { asInt32, type Integers } from '../base/integers.js';
import type { Kernels } from '../kernels/kernels.js';
import type { BoundaryTensor } from '../program/compiled.js';
import type { Arrays } from '../relation/arrays.js';
import { type ExecutedValues, execute } from '../relation/execute.js';
import { contractOn } from './contract-by-matmul.js';
import { type ProofUnit, packageUnit, unitShape } from './proof-unit.js';
import {
  type CommittedBoundary,
  commitBoundary,
  constantsData,
  type PhaseListener,
  type PreparedUnit,
  proveSlice,
  valuesRead,
} from './prove.js';
import type { SlicePackage } from './slice-package.js';
import { encodeStatement, MAX_PROVER, type SliceStatement } from './statement.js';
import type { SliceProof } from './verify-run.js';

export interface SliceExecution {
  readonly values: ExecutedValues<Integers>;
  /** Integers of the boundary tensors that the slice makes, by name. */
  readonly outputs: ReadonlyMap<string, Int32Array>;
}

/** What inference takes of a slice. */
export type ExecutableSlice = Pick<ProofUnit, 'index' | 'relation' | 'constants' | 'inputs' | 'outputs' | 'tensors'>;

/**
 * Integer inference of one slice: the values that a proof reads.
 * @param inputs integers of its boundary inputs, by name
 * @param kernels speed it up; the numbers are the same without
 * @param arrays where memory is taken of
 * @throws InputError `missing-tensor`, `bad-boundary`; ProvingError `out-of-range` where the program was not made for them
 */
export const executeSlice = (
  slice: ExecutableSlice,
  inputs: ReadonlyMap<string, Int32Array>,
  kernels?: Kernels,
  arrays?: Arrays,
): SliceExecution => run(slice, inputs, kernels, false, arrays);

function run(
  slice: ExecutableSlice,
  inputs: ReadonlyMap<string, Int32Array>,
  kernels: Kernels | undefined,
  outputsOnly: boolean,
  arrays: Arrays | undefined,
): SliceExecution {
  const given = slice.inputs.map((name) => {
    const data = inputs.get(name);
    const { dims } = slice.tensors.get(name) as BoundaryTensor;
    if (!data) {
      throw new InputError(
        'missing-tensor',
        `slice ${slice.index} reads ${name}, which is not given`,
        'give its values',
      );
    }
    if (data.length !== sizeOf(dims)) {
      throw new InputError(
        'bad-boundary',
        `${name} has ${data.length} numbers, expected ${sizeOf(dims)} for the shape [${dims}]`,
        'take the boundary values from a run of the same program',
      );
    }
    return data;
  });
  const wanted = outputsOnly ? slice.relation.outputs : valuesRead(slice.relation);
  const values = execute(slice.relation, slice.constants, given, kernels && contractOn(kernels), wanted, arrays);
  const outputs = new Map(slice.outputs.map((name, i) => [name, asInt32(values.get(slice.relation.outputs[i]))]));
  return { values, outputs };
}

/** Integer inference of one slice where nothing is proven: what it makes, in less memory. See executeSlice. */
export const inferSlice = (
  slice: ExecutableSlice,
  inputs: ReadonlyMap<string, Int32Array>,
  kernels?: Kernels,
  arrays?: Arrays,
): ReadonlyMap<string, Int32Array> => run(slice, inputs, kernels, true, arrays).outputs;

/** The salt of a boundary tensor's commitment: BLAKE3 of the run's secret (32 random bytes) and the tensor's name. */
export function deriveSalt(secret: Uint8Array, tensor: string): Uint8Array {
  const text = (s: string) => new TextEncoder().encode(s);
  return hash(concat([text('dsperse salt'), secret, text(tensor)]));
}

/**
 * A unit with its constants committed. The memory stays allocated in `kernels` until it is released.
 * @param store has what committing to them came to before, or takes it
 * @throws ProvingError `broken-package` where the constants are not those of their root; what a store has of the root is
 *   taken in place of asking that of the constants
 */
export function prepareUnit(kernels: Kernels, unit: ProofUnit, store?: ConstantsStore): PreparedUnit {
  const shape = unitShape(unit);
  const constants = unit.committed.map(({ oracles, root, ownRoots }) => {
    const parts = oracles.map((ids, i) => ({
      ...constantsData(unit, ids, unit.preset),
      ...(store && { kept: { store, root: ownRoots[i] } }),
    }));
    const mark = kernels.mark();
    let tree = commitTree(kernels, parts);
    if (store && !sameBytes(tree.root, root)) {
      // An entry is damaged, or the package is: the constants themselves tell.
      kernels.release(mark);
      tree = commitTree(kernels, parts, true);
    }
    if (!sameBytes(tree.root, root)) {
      for (const own of ownRoots) store?.remove(own);
      throw new ProvingError(
        'broken-package',
        `the constants of slice ${unit.index} are not those of its root`,
        'fetch the package again, or compile the model again with this version',
      );
    }
    return tree;
  });
  return { shape, constants };
}

/** The slice with its constants committed. The memory stays allocated in `kernels` until it is released. */
export const prepareSlice = (kernels: Kernels, slice: SlicePackage, store?: ConstantsStore): PreparedUnit =>
  prepareUnit(kernels, packageUnit(slice), store);

export interface BoundaryValues {
  readonly values: Int32Array;
  /** 32 bytes; of no effect for public tensors. */
  readonly salt: Uint8Array;
}

/**
 * The commitments to boundary tensors that a proof of the slice will carry: whoever has the values can tell them in
 * advance.
 * @param boundary values and salts of some or all of the slice's boundary tensors
 * @returns 64 hexadecimal digits by name
 */
export function boundaryCommitments(
  kernels: Kernels,
  slice: SlicePackage,
  boundary: ReadonlyMap<string, BoundaryValues>,
): Map<string, string> {
  const shape = unitShape(packageUnit(slice));
  const names = [...slice.inputs, ...slice.outputs];
  const mark = kernels.mark();
  try {
    return new Map(
      names.flatMap((name, i): [string, string][] => {
        const b = boundary.get(name);
        return b ? [[name, toHex(commitBoundary(kernels, shape, i, b.values, b.salt).commitment)]] : [];
      }),
    );
  } finally {
    kernels.release(mark);
  }
}

export interface ProveContext {
  /** 32 bytes: the session or order that the proof is for. */
  readonly nonce: Uint8Array;
  readonly prover: string;
  /** Already run, and already prepared on the same kernels. */
  readonly execution?: SliceExecution;
  readonly prepared?: PreparedUnit;
  /** For what is not prepared yet. */
  readonly store?: ConstantsStore;
  /** Where the numbers of the inference stand; they are given back with the proof. */
  readonly arrays?: Arrays;
  readonly onPhase?: PhaseListener;
}

/** Proves one slice: proveUnit of its package. */
export function provePackage(
  kernels: Kernels,
  slice: SlicePackage,
  boundary: ReadonlyMap<string, { readonly values?: Int32Array; readonly salt: Uint8Array }>,
  context: ProveContext,
): SliceProof {
  return proveUnit(kernels, packageUnit(slice), boundary, context);
}

/**
 * Proves a slice, or joined ones, at once.
 * @param boundary values of every input; of every output the salt, and values that are compared with what is computed
 * @throws InputError where the boundary does not fit; ProvingError where no proof can be made
 */
export function proveUnit(
  kernels: Kernels,
  unit: ProofUnit,
  boundary: ReadonlyMap<string, { readonly values?: Int32Array; readonly salt: Uint8Array }>,
  context: ProveContext,
): SliceProof {
  if (context.nonce.length !== 32)
    throw new InputError('bad-nonce', 'a nonce has 32 bytes', 'give 64 hexadecimal digits');
  if (context.prover.length > MAX_PROVER) {
    throw new InputError('bad-prover', `a prover's name has at most ${MAX_PROVER} characters`, 'use a shorter one');
  }
  const names = [...unit.inputs, ...unit.outputs];
  for (const name of names) {
    if (boundary.get(name)?.salt.length !== 32) {
      throw new InputError(
        'missing-tensor',
        `slice ${unit.index} needs ${name} with a salt`,
        'give its boundary values',
      );
    }
  }
  const known = [...boundary].flatMap(([name, b]): [string, Int32Array][] => (b.values ? [[name, b.values]] : []));
  const { onPhase } = context;
  onPhase?.('execute');
  const execution = context.execution ?? executeSlice(unit, new Map(known), kernels, context.arrays);
  const mark = kernels.mark();
  onPhase?.('commit');
  try {
    const prepared = context.prepared ?? prepareUnit(kernels, unit, context.store);
    const committed = names.map((name, i): CommittedBoundary => {
      const { values: given, salt } = boundary.get(name) as { values?: Int32Array; salt: Uint8Array };
      const values = i < unit.inputs.length ? (given as Int32Array) : (execution.outputs.get(name) as Int32Array);
      if (given && (given.length !== values.length || given.some((x, k) => x !== values[k]))) {
        throw new InputError(
          'bad-boundary',
          `the values given for ${name} are not what slice ${unit.index} computes`,
          'take all boundary values from one run of the same program',
        );
      }
      return commitBoundary(kernels, prepared.shape, i, values, salt);
    });
    const statement: SliceStatement = {
      fingerprint: unit.fingerprint,
      index: unit.index,
      ...(unit.count > 1 && { count: unit.count }),
      nonce: toHex(context.nonce),
      prover: context.prover,
      commitments: Object.fromEntries(names.map((name, i) => [name, toHex(committed[i].commitment)])),
    };
    const encoded = encodeStatement(statement, names);
    if (!encoded || !fromHex(unit.fingerprint, 32)) throw new InputError('bad-boundary', 'the statement is malformed');
    const proof = proveSlice(kernels, {
      prepared,
      values: execution.values,
      boundary: committed,
      statement: encoded.bytes,
      onPhase,
    });
    onPhase?.('other');
    return { statement, proof };
  } finally {
    if (!context.execution) execution.values.release();
    kernels.release(mark);
  }
}
