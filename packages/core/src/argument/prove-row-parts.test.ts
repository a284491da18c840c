import { beforeAll, describe, expect, it } from 'vitest';
import { add, type Ext, mul, ZERO } from '../field/qm31.js';
import { createKernels, type Kernels } from '../kernels/index.js';
import { EqTables } from './eq-tables.js';
import { extVector } from './ext-vector.js';
import type { Functional } from './functional.js';
import { eqFunctional } from './layout.js';
import type { OpeningClaim } from './opening.js';
import { type OracleShape, oracleShape } from './oracles.js';
import { PRESETS } from './presets.js';
import type { CommittedOracle } from './prove-oracles.js';
import { rowParts } from './prove-row-parts.js';
import { addWeights, prepareWeights } from './prove-weights.js';
import { Vector } from './vector.js';

/** Rows of a block. */
const SIZE = 8;
const preset = { ...PRESETS.tiny, minLogRow: 4, maxLogRow: 4 };
const element = (seed: number): Ext => [seed * 7919 + 1, seed * 104729 + 2, seed * 1299709 + 3, seed * 15485863 + 4];
const elements = (n: number, seed: number): Ext[] => Array.from({ length: n }, (_, i) => element(seed + i));

/** Independent weights on every axis. */
const product = (dims: readonly number[], seed: number): Functional => ({
  coef: element(seed),
  blocks: dims.map((d, i) => ({ axes: [i], values: Vector.of(extVector(elements(d, seed + 100 * i))) })),
});

describe('weights of eight rows as products', () => {
  let kernels: Kernels;
  beforeAll(async () => {
    kernels = await createKernels({ backend: 'reference' });
  });

  /** Compares the parts of every eight rows with the weights themselves; how many parts the eights have that came apart. */
  function partsOf(shape: OracleShape, functionals: readonly { tensor: number; f: Functional }[]): number[] {
    const oracles: CommittedOracle[] = [{ shape, data: [], word: undefined }];
    const claims = functionals.map(
      ({ tensor, f }): OpeningClaim => ({ terms: [{ oracle: 0, tensor, f }], value: ZERO }),
    );
    const weights = prepareWeights(kernels, oracles, claims, element(5), elements(16, 1000));
    const width = 2 ** shape.logRow;
    const found: number[] = [];
    for (let first = 0; first + SIZE <= shape.rows; first += SIZE) {
      const parts = rowParts(kernels, weights, 0, first, SIZE);
      if (!parts) continue;
      found.push(parts.length);
      const whole = kernels.alloc(16 * SIZE * width);
      addWeights(kernels, weights, 0, whole, first, SIZE);
      const sum = Array.from({ length: SIZE * width }, (): Ext => ZERO);
      for (const { lead, from, length, add: addTo } of parts) {
        const w = kernels.alloc(16 * length);
        addTo(w, [3, 0, 0, 0]);
        for (let x = 0; x < SIZE; x++) {
          for (let y = 0; y < length; y++) {
            const at = x * width + from + y;
            sum[at] = add(sum[at], mul(lead[x], kernels.readExt(w + 16 * y)));
          }
        }
      }
      sum.forEach((x, i) => {
        expect(x).toEqual(mul([3, 0, 0, 0], kernels.readExt(whole + 16 * i)));
      });
    }
    return found;
  }

  it('add up to the weights, gaps included', () => {
    // Rows of 16 cells: [40, 3, 3] has padded matrices of 16 cells, [24, 5] rows of 8, [7] stands in one row.
    const shapes = [[40, 3, 3], [24, 5], [7]];
    const shape = oracleShape(shapes, true, preset, 0);
    const tables = new EqTables();
    const claims = shapes.flatMap((dims, tensor) => [
      { tensor, f: product(dims, 10 * tensor + 1) },
      { tensor, f: eqFunctional(shape.layout.tensors[tensor], elements(10, 50), tables) },
    ]);
    expect(shape.logRow).toBe(4);
    expect(partsOf(shape, claims.slice(1, 2))).not.toEqual([]);
    expect(partsOf(shape, claims)).not.toEqual([]);
  });

  it('are left alone where rows are weighed as one', () => {
    const dims = [64, 16];
    const shape = oracleShape([dims], false, preset, 0);
    const one: Functional = {
      coef: element(1),
      blocks: [{ axes: [0, 1], values: Vector.of(extVector(elements(1024, 7))) }],
    };
    expect(partsOf(shape, [{ tensor: 0, f: one }])).toEqual([]);
    expect(partsOf(shape, [{ tensor: 0, f: product(dims, 3) }])).toHaveLength(8);
  });

  it('have no part where a functional weighs nothing', () => {
    const dims = [64, 16];
    const shape = oracleShape([dims], false, preset, 0);
    const lead = Vector.of(extVector(elements(64, 9)).fill(0, 32));
    const f: Functional = { ...product(dims, 3), blocks: [{ axes: [0], values: lead }, product(dims, 3).blocks[1]] };
    expect(partsOf(shape, [{ tensor: 0, f }])).toHaveLength(8);
  });

  it('are one where tensors are weighed by multiples of the same', () => {
    const dims = [2, 8];
    const shape = oracleShape(new Array(8).fill(dims), false, preset, 0);
    const alike = (tensor: number): Functional => {
      const f = product(dims, 3);
      const scaled = elements(8, 103).map((x) => mul(x, element(40 + tensor)));
      return { coef: element(tensor), blocks: [f.blocks[0], { axes: [1], values: Vector.of(extVector(scaled)) }] };
    };
    const claims = Array.from({ length: 8 }, (_, tensor) => ({ tensor, f: alike(tensor) }));
    expect(partsOf(shape, claims)).toEqual([1]);
    expect(partsOf(shape, [...claims, { tensor: 5, f: product(dims, 3) }])).toEqual([1]);
    // The last of its entries is another.
    const nearly = extVector([...elements(7, 103), element(1)]);
    const odd = { ...product(dims, 3), blocks: [product(dims, 3).blocks[0], { axes: [1], values: Vector.of(nearly) }] };
    expect(partsOf(shape, [...claims.slice(1), { tensor: 0, f: odd }])).toEqual([2]);
  });
});
