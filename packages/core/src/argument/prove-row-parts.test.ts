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

  /** Compares the parts of every eight rows with the weights themselves; how many eights came apart. */
  function compare(shape: OracleShape, functionals: readonly { tensor: number; f: Functional }[]): number {
    const oracles: CommittedOracle[] = [{ shape, data: [], word: undefined }];
    const claims = functionals.map(
      ({ tensor, f }): OpeningClaim => ({ terms: [{ oracle: 0, tensor, f }], value: ZERO }),
    );
    const weights = prepareWeights(kernels, oracles, claims, element(5), elements(16, 1000));
    const width = 2 ** shape.logRow;
    let apart = 0;
    for (let first = 0; first + SIZE <= shape.rows; first += SIZE) {
      const parts = rowParts(kernels, weights, 0, first, SIZE);
      if (!parts) continue;
      apart++;
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
    return apart;
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
    expect(compare(shape, claims.slice(1, 2))).toBeGreaterThan(0);
    expect(compare(shape, claims)).toBeGreaterThan(0);
  });

  it('are left alone where rows are weighed as one', () => {
    const dims = [64, 16];
    const shape = oracleShape([dims], false, preset, 0);
    const one: Functional = {
      coef: element(1),
      blocks: [{ axes: [0, 1], values: Vector.of(extVector(elements(1024, 7))) }],
    };
    expect(compare(shape, [{ tensor: 0, f: one }])).toBe(0);
    expect(compare(shape, [{ tensor: 0, f: product(dims, 3) }])).toBe(8);
  });

  it('have no part where a functional weighs nothing', () => {
    const dims = [64, 16];
    const shape = oracleShape([dims], false, preset, 0);
    const lead = Vector.of(extVector(elements(64, 9)).fill(0, 32));
    const f: Functional = { ...product(dims, 3), blocks: [{ axes: [0], values: lead }, product(dims, 3).blocks[1]] };
    expect(compare(shape, [{ tensor: 0, f }])).toBe(8);
  });
});
