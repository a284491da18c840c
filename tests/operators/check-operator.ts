/**
 * What every operator must show: integers near the float meaning, an accepted proof, no committed number that could be
 * one more or less, and a prover that is caught who makes every message of a proof for another output.
 */
import { expect } from 'vitest';
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { evaluateGraph } from '../../packages/core/src/graph/index.js';
import type { Kernels } from '../../packages/core/src/kernels/index.js';
import {
  type CompiledProgram,
  compileModel,
  dequantize,
  importModel,
  type Precision,
  semanticsOf,
} from '../../packages/core/src/program/index.js';
import { verifyRun } from '../../packages/core/src/proof/verify-index.js';
import { buildModel, type ModelSpec } from '../models/build-model.js';
import { attempt, PRESET, verdict } from '../soundness/dishonest-prover.js';
import { proveProgram, runProgram } from './prove-program.js';
import { honestAssignment, violation } from './satisfied.js';

export type Inputs = Readonly<Record<string, Tensor>>;

export interface OperatorCheck {
  /** Largest error allowed, as a fraction of the output's largest magnitude. */
  readonly tolerance?: Partial<Record<Precision, number>>;
  /** Committed cells that are tried, spread evenly; each by +1 and -1. */
  readonly mutations?: number;
  /** Where cells are tried and proofs are made at one precision, not at standard and fast. */
  readonly precision?: Precision;
}

/**
 * @param spec small model around the operator
 * @param inputs calibrates, and is run
 */
export function checkOperator(kernels: Kernels, spec: ModelSpec, inputs: Inputs, options: OperatorCheck = {}): void {
  const model = buildModel(spec);
  const sample = new Map(Object.entries(inputs));
  const exact = evaluateGraph(importModel(model, { calibration: [sample] }), sample, semanticsOf);
  for (const precision of ['fast', 'standard', 'high'] as const) {
    const program = compileModel(model, { calibration: [sample], precision });
    const integers = runProgram(program, sample);
    const allowed = options.tolerance?.[precision] ?? { fast: 0.05, standard: 0.006, high: 0.001 }[precision];
    for (const [name, want] of exact) {
      const tensor = program.tensors.get(name);
      expect(tensor, name).toBeDefined();
      if (!tensor) continue;
      const got = dequantize(tensor, integers.get(name) as Int32Array);
      const largest = want.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0) || 1;
      got.forEach((x, i) => {
        const error = Math.abs(x - want.data[i]) / largest;
        if (error > allowed) {
          expect.fail(`${precision}: ${name}[${i}] is ${x}, should be ${want.data[i]} (error ${error} of the largest)`);
        }
      });
    }
    if (precision === (options.precision ?? 'standard')) checkPinned(program, integers, options.mutations ?? 60);
  }
  const program = compileModel(model, { calibration: [sample], precision: options.precision ?? 'fast' });
  const { key, fingerprint, run, values } = proveProgram(kernels, program, sample);
  expect(verifyRun(key, run, { fingerprint, preset: 'tiny' })).toMatchObject({
    verdict: 'accepted',
    coverage: { linked: true },
  });
  const [output] = program.outputs;
  const wrong = new Map(run.values);
  wrong.set(
    output,
    (run.values.get(output) as Int32Array).map((x, i) => (i === 0 ? x + 1 : x)),
  );
  expect(verifyRun(key, { ...run, values: wrong }, { fingerprint, preset: 'tiny' }).verdict).toBe('rejected');
  checkLies(kernels, program, values);
}

/** An element of each output, one more or one less, with a proof made for it. */
function checkLies(kernels: Kernels, program: CompiledProgram, integers: ReadonlyMap<string, Int32Array>): void {
  for (const s of program.slices) {
    const { relation, constants } = s;
    const model = { relation, constants, inputs: s.inputs.map((n) => integers.get(n) as Int32Array) };
    const modes = [...relation.inputs, ...relation.outputs].map(() => 'public' as const);
    expect(verdict(attempt(model, modes, {}, PRESET, kernels))).toBe('accepted');
    relation.outputs.forEach((id, k) => {
      if (!program.outputs.includes(s.outputs[k])) return;
      const lie = (integers.get(s.outputs[k]) as Int32Array).slice();
      lie[lie.length >> 1] += k % 2 === 0 ? 1 : -1;
      const lying = attempt(model, modes, { values: new Map([[id, lie]]) }, PRESET, kernels);
      expect(verdict(lying), `a lie about ${s.outputs[k]}`).not.toBe('accepted');
    });
  }
}

/** Every committed number is pinned: one more or one less violates a constraint. */
function checkPinned(program: CompiledProgram, integers: ReadonlyMap<string, Int32Array>, mutations: number): void {
  for (const s of program.slices) {
    const honest = honestAssignment(
      s.relation,
      s.constants,
      s.inputs.map((n) => integers.get(n) as Int32Array),
    );
    expect(violation(s.relation, s.constants, honest)).toBeUndefined();
    const cells = s.relation.values.flatMap((v, id) =>
      v.kind === 'witness'
        ? Array.from({ length: (honest.get(id) as Int32Array).length }, (_, i) => [id, i] as const)
        : [],
    );
    const every = Math.max(1, Math.floor(cells.length / mutations));
    for (let k = 0; k < cells.length; k += every) {
      const [id, cell] = cells[k];
      for (const step of [1, -1]) {
        const assignment = new Map(honest);
        assignment.set(
          id,
          (honest.get(id) as Int32Array).map((x, i) => (i === cell ? x + step : x)),
        );
        const { name } = s.relation.values[id];
        expect(violation(s.relation, s.constants, assignment), `${name}[${cell}] ${step}`).toBeDefined();
      }
    }
  }
}
