/** A compiled program to what is published: the verifier key, its fingerprint, and a package for each slice. */
import { PRESETS, type Preset } from '../argument/presets.js';
import { chainedRoot, commitTree } from '../argument/prove-oracles.js';
import type { Kernels } from '../kernels/kernels.js';
import type { BoundaryTensor, CompiledProgram } from '../program/compiled.js';
import { constantsData } from './prove.js';
import { digestOf, encodeSlicePackage } from './slice-package.js';
import { constantValues, ownConstants, programLogRow, sliceShape } from './slice-shape.js';
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
  const base = PRESETS[options.preset];
  const relations = program.slices.map((s) => s.relation);
  const preset: Preset = { ...base, programLogRow: programLogRow(relations, base) };
  /** Digests of the leaves of each slice's constants. */
  const digests: Uint8Array[] = [];
  const slices = program.slices.map((s, i): KeySlice => {
    const mark = kernels.mark();
    const ids = constantValues(s.relation);
    const modes = [...s.inputs, ...s.outputs].map((name) => boundaryMode(name, { ...program, preset }));
    // Refuses what no proof could hold before anything is committed.
    sliceShape(s.relation, preset, modes, ownConstants(s.relation, new Uint8Array(32)));
    const tree = ids.length > 0 ? commitTree(kernels, [constantsData(s, ids, preset)]) : undefined;
    if (tree) digests.push(kernels.u8(tree.nodes + 32 * tree.leaves, 32 * tree.leaves).slice());
    kernels.release(mark);
    options.onProgress?.((i + 1) / program.slices.length);
    return {
      nodes: s.nodes,
      relation: s.relation,
      constantsRoot: tree?.root,
      inputs: s.inputs,
      outputs: s.outputs,
      workUnits: s.workUnits,
      parameters: s.parameters,
      multiplications: s.multiplications,
    };
  });
  const constantsRoot = digests.length >= 2 ? chainedRoot(kernels, digests) : undefined;
  const { name, precision, tensors, inputs, outputs } = program;
  const key: VerifierKey = { name, precision, preset, tensors, inputs, outputs, slices, constantsRoot };
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
