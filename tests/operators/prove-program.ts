/** Programs run and proven in one process, at the preset for tests. */
import { expect } from 'vitest';
import type { Tensor } from '../../packages/core/src/graph/index.js';
import type { Kernels } from '../../packages/core/src/kernels/index.js';
import { type CompiledProgram, quantizeInputs } from '../../packages/core/src/program/index.js';
import {
  Arrays,
  commitProgram,
  decodeSlicePackage,
  executeSlice,
  fromHex,
  inferSlice,
  joinPackages,
  proveUnit,
} from '../../packages/core/src/proof/prove-index.js';
import { decodeKey, type RunProof, type SliceProof } from '../../packages/core/src/proof/verify-index.js';
import { honestAssignment } from './satisfied.js';

/** Integers of every boundary tensor of a run, by name. */
export function runProgram(program: CompiledProgram, inputs: ReadonlyMap<string, Tensor>): Map<string, Int32Array> {
  const values = new Map(quantizeInputs(program, inputs).integers);
  for (const s of program.slices) {
    const assignment = honestAssignment(
      s.relation,
      s.constants,
      s.inputs.map((n) => values.get(n) as Int32Array),
    );
    s.relation.outputs.forEach((id, i) => {
      values.set(s.outputs[i], assignment.get(id) as Int32Array);
    });
  }
  return values;
}

export interface ProvenRun {
  readonly key: Uint8Array;
  readonly fingerprint: string;
  readonly run: RunProof;
  /** Integers of every boundary tensor. */
  readonly values: ReadonlyMap<string, Int32Array>;
}

/** Numbers of the inferences before stand in it. */
const used = new Arrays(2 ** 24);

/**
 * A run of the program with every slice proven.
 * @param options.joined numbers of slices that are proven together, in order; one by one where nothing is said
 */
export function proveProgram(
  kernels: Kernels,
  program: CompiledProgram,
  inputs: ReadonlyMap<string, Tensor>,
  options: { nonce?: string; prover?: string; salt?: number; preset?: 'tiny' | 'standard'; joined?: number[] } = {},
): ProvenRun {
  const { nonce = '5a'.repeat(32), prover = 'p', preset = 'tiny' } = options;
  const salt = new Uint8Array(32).fill(options.salt ?? 7);
  const { key, fingerprint, packages } = commitProgram(kernels, program, { preset });
  const values = new Map(quantizeInputs(program, inputs).integers);
  const decoded = packages.map((p) => decodeSlicePackage(p.bytes));
  const slices: (SliceProof | undefined)[] = decoded.map(() => undefined);
  const verifierKey = decodeKey(key, preset);
  let index = 0;
  for (const count of options.joined ?? decoded.map(() => 1)) {
    const unit = joinPackages(verifierKey, decoded.slice(index, index + count));
    const execution = executeSlice(unit, values, kernels);
    expect(inferSlice(unit, values, kernels, used), 'inference that forgets').toEqual(execution.outputs);
    const again = executeSlice(unit, values, kernels, used);
    expect(again.outputs, 'inference in memory that was used before').toEqual(execution.outputs);
    again.values.release();
    for (const [name, data] of execution.outputs) values.set(name, data);
    const boundary = new Map(
      [...unit.inputs, ...unit.outputs].map((name) => [name, { values: values.get(name) as Int32Array, salt }]),
    );
    slices[index] = proveUnit(kernels, unit, boundary, { nonce: fromHex(nonce, 32) as Uint8Array, prover, execution });
    index += count;
  }
  const open = [...program.inputs, ...program.outputs];
  return {
    key,
    fingerprint,
    values,
    run: { nonce, values: new Map(open.map((n) => [n, values.get(n) as Int32Array])), slices },
  };
}
