/** Choices, positions and standardisations cut layer by layer: what the pieces say together is what the whole says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { compileModel, type SlicePlan } from '../../packages/core/src/program/index.js';
import { verifyRun } from '../../packages/core/src/proof/verify-index.js';
import { buildModel, floats, ints, type ModelSpec, node, wave } from '../models/build-model.js';
import { proveProgram, runProgram } from '../operators/prove-program.js';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

/** A branch for each row, the row of a table that it chooses, and the two largest cells of what is left. */
const spec: ModelSpec = {
  opset: 17,
  nodes: [
    node('LayerNormalization', ['x', 'one'], ['n']),
    node('Less', ['x', 'limit'], ['isLess']),
    node('Where', ['isLess', 'n', 'x'], ['chosen']),
    node('ReduceMax', ['chosen'], ['top'], { axes: [1], keepdims: 0 }),
    node('ArgMax', ['x'], ['at'], { axis: 1, keepdims: 0 }),
    node('Gather', ['table', 'at'], ['row'], { axis: 0 }),
    node('TopK', ['chosen', 'two'], ['largest', 'where'], { axis: 1 }),
    node('Add', ['largest', 'row'], ['y']),
  ],
  inputs: { x: [3, 5] },
  outputs: ['y', 'where', 'top'],
  initializers: {
    one: floats([5], [1, 1, 1, 1, 1]),
    limit: floats([], [0.25]),
    table: wave([5, 2], 4),
    two: ints([2]),
  },
};

describe('a program of choices', () => {
  it('computes the same numbers however it is cut, and its pieces prove', () => {
    const sample = new Map([['x', wave([3, 5])]]);
    const compile = (slices: SlicePlan) =>
      compileModel(buildModel(spec), { calibration: [sample], precision: 'fast', slices });
    const whole = runProgram(compile(1), sample);
    const program = compile('layers');
    expect(program.slices.length).toBeGreaterThan(4);
    const pieces = runProgram(program, sample);
    for (const name of spec.outputs) expect(pieces.get(name)).toEqual(whole.get(name));
    const { key, fingerprint, run } = proveProgram(kernels, program, sample);
    expect(verifyRun(key, run, { fingerprint, preset: 'tiny' })).toMatchObject({
      verdict: 'accepted',
      coverage: { linked: true, unproven: [] },
    });
  });
});
