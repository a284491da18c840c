/** Which slices a prover with so much memory proves together. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PRESETS } from '../../packages/core/src/argument/presets.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { compileModel } from '../../packages/core/src/program/index.js';
import {
  commitProgram,
  decodeSlicePackage,
  groupSlices,
  joinPackages,
  prepareUnit,
  proverBytes,
  proverMemory,
} from '../../packages/core/src/proof/prove-index.js';
import { unitOf } from '../../packages/core/src/proof/verifier-key.js';
import { decodeKey, type KeySlice, type VerifierKey } from '../../packages/core/src/proof/verify-index.js';
import { RelationBuilder } from '../../packages/core/src/relation/builder.js';
import { proveProgram } from '../operators/prove-program.js';
import { picture, residualModel } from '../programs/residual-model.js';

let kernels: Kernels;
let key: VerifierKey;
const program = compileModel(residualModel(), { calibration: [picture(1)], slices: 'layers', precision: 'fast' });
const count = program.slices.length;

beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
  key = decodeKey(commitProgram(kernels, program, { preset: 'standard' }).key);
});
afterAll(() => kernels.close());

const bytesOf = (index: number, n: number): number => proverBytes(unitOf(key, index, n).shape);
const indicesOf = (groups: readonly { index: number; count: number }[]): number[] =>
  groups.flatMap((g) => Array.from({ length: g.count }, (_, i) => g.index + i));

describe('groups of slices', () => {
  it('are as long as memory allows, and hold every slice once', () => {
    const all = Array.from({ length: count }, (_, i) => i);
    const budgets = [0, bytesOf(0, 2), bytesOf(0, 3), bytesOf(2, 3), bytesOf(0, count) - 1, bytesOf(0, count)];
    for (const budget of budgets) {
      const groups = groupSlices(key, budget);
      expect(indicesOf(groups)).toEqual(all);
      for (const g of groups) {
        if (g.count > 1) expect(bytesOf(g.index, g.count)).toBeLessThanOrEqual(budget);
        if (g.index + g.count < count) expect(bytesOf(g.index, g.count + 1)).toBeGreaterThan(budget);
      }
    }
    expect(groupSlices(key, 0)).toHaveLength(count);
    expect(groupSlices(key, bytesOf(0, count))).toEqual([{ index: 0, count }]);
  });

  it('never reach over a slice that is not asked for', () => {
    expect(groupSlices(key, 1e12, [0, 1, 3])).toEqual([
      { index: 0, count: 2 },
      { index: 3, count: 1 },
    ]);
    expect(groupSlices(key, 1e12, [])).toEqual([]);
  });

  it('end where one proof cannot hold more', () => {
    // Each doubles its input 19 times: two together are pulled back through more readings than one proof may have.
    const range = { lo: 0, hi: 0 };
    const doubling = (output: string): KeySlice => {
      const b = new RelationBuilder();
      const x = b.input('x', [1], range);
      let doubled = x;
      for (let i = 0; i < 19; i++) {
        const term = { src: doubled, coef: 1, map: { kind: 'reshape' as const } };
        doubled = b.linear(`d${i}`, [1], [term, term], 0, range);
      }
      b.zero(doubled);
      b.output(b.witness(output, [1], range, { kind: 'copy', src: x }));
      return slice(b, [output]);
    };
    expect(groupSlices(keyOf(['y0', 'y1'].map(doubling), 1), 1e12)).toHaveLength(2);
  });

  it('end where the memory of 32-bit pointers does, however much there is', () => {
    const large = (output: string): KeySlice => {
      const b = new RelationBuilder();
      const x = b.input('x', [1], { lo: 0, hi: 0 });
      b.constant('w', [1], new Int32Array(1));
      b.output(b.witness(output, [1], { lo: 0, hi: 0 }, { kind: 'copy', src: x }));
      const small = slice(b, [output]);
      const values = small.relation.values.map((v) => (v.kind === 'constant' ? { ...v, dims: [2 ** 25] } : v));
      return { ...small, relation: { ...small.relation, values } };
    };
    const names = Array.from({ length: 64 }, (_, i) => `y${i}`);
    const many = keyOf(names.map(large), 1);
    const groups = groupSlices(many, 1e15);
    expect(groups.length).toBeGreaterThan(1);
    for (const { index, count } of groups) {
      expect(proverMemory(unitOf(many, index, count).shape).kernelBytes).toBeLessThanOrEqual(3.5e9);
    }
    // The constants of a whole program are in one tree: all may fit where fewer do not.
    const fewer = keyOf(names.slice(0, 24).map(large), 1);
    expect(proverMemory(unitOf(fewer, 0, 23).shape).kernelBytes).toBeGreaterThan(3.5e9);
    expect(groupSlices(fewer, 1e15)).toEqual([{ index: 0, count: 24 }]);
  });
});

describe('the memory of a proof', () => {
  it('is about what its shape says', async () => {
    const own = await createKernels({ threads: 1 });
    proveProgram(own, program, picture(1), { joined: [count], preset: 'standard' });
    const { kernelBytes } = proverMemory(unitOf(key, 0, count).shape);
    expect(own.peakBytes).toBeGreaterThan(0.5 * kernelBytes);
    expect(own.peakBytes).toBeLessThan(1.5 * kernelBytes);
    await own.close();
  });

  it('grows with what is joined', () => {
    for (let n = 2; n <= count; n++) expect(bytesOf(0, n)).toBeGreaterThan(bytesOf(0, n - 1));
  });

  it('is that of commitments where there is nothing else', async () => {
    const { packages } = commitProgram(kernels, program, { preset: 'standard' });
    const own = await createKernels({ threads: 1 });
    const unit = joinPackages(
      key,
      packages.map((p) => decodeSlicePackage(p.bytes)),
    );
    const { shape } = prepareUnit(own, unit);
    expect(own.peakBytes).toBeLessThan(proverMemory(shape).kernelBytes);
    await own.close();
  });
});

const sizes = { workUnits: 1, parameters: 0, multiplications: 0 };
const slice = (b: RelationBuilder, outputs: string[]): KeySlice => {
  const relation = b.build();
  const constantsRoot = relation.values.some((v) => v.kind === 'constant') ? new Uint8Array(32) : undefined;
  return { nodes: [], relation, constantsRoot, inputs: ['x'], outputs, ...sizes };
};

/** A key of slices that read x and each make a public tensor. */
function keyOf(slices: readonly KeySlice[], cells: number): VerifierKey {
  const outputs = slices.flatMap((s) => s.outputs);
  const tensors = new Map(
    ['x', ...outputs].map((name) => [name, { name, dims: [cells], dtype: 'int32', scale: 1, lo: 0, hi: 0 }]),
  );
  const constantsRoot = slices.some((s) => s.constantsRoot) ? new Uint8Array(32) : undefined;
  return {
    name: 'made up',
    precision: 'fast',
    preset: PRESETS.standard,
    tensors,
    inputs: ['x'],
    outputs,
    slices,
    constantsRoot,
  };
}
