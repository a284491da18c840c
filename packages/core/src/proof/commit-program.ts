/** A compiled program to what is published: the verifier key, its fingerprint, and a package for each slice. */
import { PRESETS, type Preset } from '../argument/presets.js';
import type { Kernels } from '../kernels/kernels.js';
import type { BoundaryTensor, CompiledProgram } from '../program/compiled.js';
import { commitConstants } from './prove.js';
import { digestOf, encodeSlicePackage } from './slice-package.js';
import { constantsOracle, sliceShape } from './slice-shape.js';
import { boundaryMode, encodeKey, fingerprintOf, type KeySlice, type VerifierKey } from './verifier-key.js';

export interface CommitOptions {
  readonly preset: Preset['name'];
  /** Fraction of the slices that are committed. */
  readonly onProgress?: (fraction: number) => void;
}

export interface ProgramArtifacts {
  readonly key: Uint8Array;
  readonly fingerprint: string;
  readonly packages: readonly { readonly index: number; readonly digest: string; readonly bytes: Uint8Array }[];
}

/** Commits the constants of every slice. Deterministic, whatever the kernels. */
export function commitProgram(kernels: Kernels, program: CompiledProgram, options: CommitOptions): ProgramArtifacts {
  const preset = PRESETS[options.preset];
  const slices = program.slices.map((s, i): KeySlice => {
    const mark = kernels.mark();
    const modes = [...s.inputs, ...s.outputs].map((name) => boundaryMode(name, { ...program, preset }));
    const draft = sliceShape(s.relation, preset, modes, new Uint8Array(32));
    const committed = constantsOracle(s.relation, preset) && commitConstants(kernels, draft, s.constants);
    kernels.release(mark);
    options.onProgress?.((i + 1) / program.slices.length);
    return {
      nodes: s.nodes,
      relation: s.relation,
      constantsRoot: committed?.root,
      inputs: s.inputs,
      outputs: s.outputs,
      workUnits: s.workUnits,
      parameters: s.parameters,
      multiplications: s.multiplications,
    };
  });
  const { name, precision, tensors, inputs, outputs } = program;
  const key: VerifierKey = { name, precision, preset, tensors, inputs, outputs, slices };
  const bytes = encodeKey(key);
  const fingerprint = fingerprintOf(bytes);
  const packages = program.slices.map((s, index) => {
    const names = [...s.inputs, ...s.outputs];
    const data = encodeSlicePackage({
      fingerprint,
      index,
      preset,
      nodes: s.nodes,
      relation: s.relation,
      constants: s.constants,
      constantsRoot: slices[index].constantsRoot,
      inputs: s.inputs,
      outputs: s.outputs,
      tensors: new Map(names.map((n) => [n, tensors.get(n) as BoundaryTensor])),
      modes: names.map((n) => boundaryMode(n, key)),
      workUnits: s.workUnits,
    });
    return { index, digest: digestOf(data), bytes: data };
  });
  return { key: bytes, fingerprint, packages };
}
