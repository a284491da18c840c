/** Programs run and proven in one process, at the preset for tests. */
import type { Tensor } from '../../packages/core/src/graph/index.js';
import type { Kernels } from '../../packages/core/src/kernels/index.js';
import { type CompiledProgram, quantizeInputs } from '../../packages/core/src/program/index.js';
import {
  commitProgram,
  decodeSlicePackage,
  executeSlice,
  fromHex,
  provePackage,
} from '../../packages/core/src/proof/prove-index.js';
import type { RunProof } from '../../packages/core/src/proof/verify-index.js';
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

/** A run of the program with every slice proven. */
export function proveProgram(
  kernels: Kernels,
  program: CompiledProgram,
  inputs: ReadonlyMap<string, Tensor>,
  options: { nonce?: string; prover?: string; salt?: number; preset?: 'tiny' | 'standard' } = {},
): ProvenRun {
  const { nonce = '5a'.repeat(32), prover = 'p', preset = 'tiny' } = options;
  const salt = new Uint8Array(32).fill(options.salt ?? 7);
  const { key, fingerprint, packages } = commitProgram(kernels, program, { preset });
  const values = new Map(quantizeInputs(program, inputs).integers);
  const slices = packages.map((p) => {
    const slice = decodeSlicePackage(p.bytes);
    const execution = executeSlice(slice, values);
    for (const [name, data] of execution.outputs) values.set(name, data);
    const boundary = new Map(
      [...slice.inputs, ...slice.outputs].map((name) => [name, { values: values.get(name) as Int32Array, salt }]),
    );
    return provePackage(kernels, slice, boundary, { nonce: fromHex(nonce, 32) as Uint8Array, prover, execution });
  });
  const open = [...program.inputs, ...program.outputs];
  return {
    key,
    fingerprint,
    values,
    run: { nonce, values: new Map(open.map((n) => [n, values.get(n) as Int32Array])), slices },
  };
}
