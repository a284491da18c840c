/** Programs: the same everywhere, the same however they are cut, and clear about what they cannot take. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateGraph, InputError, type Tensor } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import {
  type BoundaryTensor,
  compileModel,
  dequantize,
  importModel,
  type Precision,
  quantizeInputs,
  type SlicePlan,
  semanticsOf,
} from '../../packages/core/src/program/index.js';
import { commitProgram, decodeSlicePackage, encodeSlicePackage } from '../../packages/core/src/proof/prove-index.js';
import { verifyRun } from '../../packages/core/src/proof/verify-index.js';
import { buildModel, ints, node, wave } from '../models/build-model.js';
import { proveProgram, runProgram } from '../operators/prove-program.js';
import { picture, RESIDUAL, residualModel } from './residual-model.js';

let kernels: Kernels;
let plain: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 2 });
  plain = await createKernels({ backend: 'reference' });
});
afterAll(async () => {
  await kernels.close();
});

const calibration = [picture(1), picture(2)];
const compile = (slices: SlicePlan, precision: Precision = 'fast') =>
  compileModel(residualModel(), { calibration, slices, precision });

describe('a program', () => {
  it('is the same at every compilation, on every backend, and from its recorded ranges', () => {
    const fingerprint = (k: Kernels, p = compile('layers')) => commitProgram(k, p, { preset: 'tiny' }).fingerprint;
    const first = fingerprint(kernels);
    expect(fingerprint(kernels)).toBe(first);
    expect(fingerprint(plain)).toBe(first);
    const { ranges } = compile('layers');
    const copy = JSON.parse(JSON.stringify(ranges));
    expect(
      fingerprint(kernels, compileModel(residualModel(), { ranges: copy, slices: 'layers', precision: 'fast' })),
    ).toBe(first);
    expect(fingerprint(kernels, compile(2))).not.toBe(first);
    expect(fingerprint(kernels, compile('layers', 'standard'))).not.toBe(first);
    const bias = { ...RESIDUAL, initializers: { ...RESIDUAL.initializers, b3: wave([5], 7) } };
    const twin = compileModel(buildModel(bias), { calibration, slices: 'layers', precision: 'fast' });
    expect(fingerprint(kernels, twin)).not.toBe(first);
  });

  it('computes the same numbers however it is cut', () => {
    const whole = runProgram(compile(1), picture(1));
    for (const plan of ['layers', 'auto', 2, 3, { at: ['r1'] }, { at: ['r1', 'r2'] }] as SlicePlan[]) {
      const program = compile(plan);
      const values = runProgram(program, picture(1));
      expect(values.get('y')).toEqual(whole.get('y'));
      expect(program.slices.flatMap((s) => s.nodes)).toEqual(compile(1).slices[0].nodes);
    }
    expect(compile({ at: ['r1', 'r2'] }).slices.length).toBe(3);
    expect(compile(3).slices.length).toBe(3);
  });

  it('computes the same numbers where a join is read only behind the cut', () => {
    const dense = (x: string, k: number) => [
      node('MatMul', [x, `w${k}`], [`p${k}`]),
      node('Relu', [`p${k}`], [`h${k}`]),
    ];
    const model = buildModel({
      nodes: [
        ...dense('x', 0),
        ...dense('h0', 1),
        ...dense('h1', 2),
        node('Concat', ['h0', 'h2'], ['all'], { axis: 1 }),
        node('MatMul', ['all', 'w3'], ['y']),
      ],
      inputs: { x: [1, 4] },
      outputs: ['y'],
      initializers: { w0: wave([4, 4], 2), w1: wave([4, 4], 3), w2: wave([4, 4], 4), w3: wave([8, 3], 5) },
    });
    const sample = new Map([['x', wave([1, 4])]]);
    const whole = compileModel(model, { calibration: [sample], slices: 1 });
    const parts = compileModel(model, { calibration: [sample], slices: 'layers' });
    expect(parts.slices).toHaveLength(4);
    expect(runProgram(parts, sample).get('y')).toEqual(runProgram(whole, sample).get('y'));
    const { key, fingerprint, run } = proveProgram(kernels, parts, sample);
    expect(verifyRun(key, run, { fingerprint, preset: 'tiny' }).verdict).toBe('accepted');
  });

  it('is proven with the same bytes on every backend and number of threads', () => {
    const program = compile(2, 'fast');
    const proofs = [kernels, plain].map((k) => proveProgram(k, program, picture(1)).run.slices.map((s) => s?.proof));
    expect(proofs[1]).toEqual(proofs[0]);
  });

  it('balances slices by their work', () => {
    const parts = compile(2).slices.map((s) => s.workUnits);
    const whole = compile(1).slices[0].workUnits;
    expect(Math.max(...parts)).toBeLessThan(0.8 * whole);
  });

  it('refuses cuts that cannot be made, and says which can', () => {
    for (const plan of [0, 1.5, 100, { at: ['nowhere'] }, { at: ['c1'] }, { at: ['y'] }] as SlicePlan[]) {
      expect(() => compile(plan)).toThrow(InputError);
    }
    expect(() => compile({ at: ['c1'] })).toThrow(expect.objectContaining({ hint: expect.stringContaining('r1') }));
  });

  it('takes ranges from probes where there are no samples', () => {
    const program = compileModel(residualModel());
    const sample = picture(1);
    const graph = importModel(residualModel());
    const want = (evaluateGraph(graph, sample, semanticsOf).get('y') as Tensor).data;
    const got = dequantize(
      program.tensors.get('y') as BoundaryTensor,
      runProgram(program, sample).get('y') as Int32Array,
    );
    const largest = want.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
    got.forEach((v, i) => {
      expect(Math.abs(v - want[i])).toBeLessThan(0.02 * largest);
    });
  });

  it('refuses inputs that it was not made for', () => {
    const program = compile(1);
    const input = (change: object) => new Map([['x', { ...wave([1, 2, 6, 6]), ...change }]]);
    const codes = [
      [input({ data: new Float64Array(71) }), 'bad-input'],
      [input({ data: new Float64Array(72).fill(Number.NaN) }), 'bad-input'],
      [input({ data: new Float64Array(72).fill(50) }), 'out-of-range'],
      [new Map(), 'bad-input'],
      [new Map([...picture(1), ['z', wave([1])]]), 'bad-input'],
    ] as const;
    for (const [given, code] of codes) {
      expect(() => quantizeInputs(program, given)).toThrow(expect.objectContaining({ code }));
    }
    const { clamped, integers } = quantizeInputs(program, codes[2][0], { clamp: true });
    expect(clamped).toEqual([{ tensor: 'x', count: 72 }]);
    expect(integers.get('x')?.[0]).toBe(program.tensors.get('x')?.hi);
  });

  it('names every node that has no integer meaning at once', () => {
    const spec = {
      nodes: [node('Mystery', ['x'], ['a'], {}, 'first'), node('Riddle', ['a'], ['y'], {}, 'second')],
      inputs: { x: [1, 2] },
      outputs: ['y'],
    };
    expect(() => compileModel(buildModel(spec))).toThrow(/first.*second/);
    const wrong = {
      nodes: [
        node('MatMul', ['x', 'w'], ['a'], {}, 'product'),
        node('Unique', ['x'], ['b'], {}, 'set'),
        node('Reshape', ['x', 'shape'], ['c'], {}, 'view'),
      ],
      inputs: { x: [1, 5] },
      outputs: ['a', 'b', 'c'],
      initializers: { w: wave([4, 3]), shape: ints([7]) },
    };
    expect(() => compileModel(buildModel(wrong))).toThrow(/set.*also: product.*view/);
  });
});

describe('a slice package', () => {
  it('is read as it was written, and no byte of it can change unseen', () => {
    const { packages } = commitProgram(kernels, compile(2), { preset: 'tiny' });
    for (const { bytes } of packages) {
      const slice = decodeSlicePackage(bytes);
      expect(encodeSlicePackage(slice)).toEqual(bytes);
      for (let i = 0; i < bytes.length; i += 3) {
        expect(() => decodeSlicePackage(bytes.subarray(0, i))).toThrow(InputError);
        const bad = bytes.slice();
        bad[i] ^= 1 << (i % 8);
        try {
          decodeSlicePackage(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }
    }
  });
});
