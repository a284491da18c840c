import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paddedSize } from '../base/dims.js';
import type { Ext } from '../field/qm31.js';
import { mul } from '../field/qm31.js';
import { EqTables } from './eq-tables.js';
import { eqVector, getExt } from './ext-vector.js';
import { denseOver } from './functional.js';
import { ceilLog2, eqFunctional, stack } from './layout.js';

const shapes = fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }), { minLength: 1, maxLength: 5 });
const element = (i: number): Ext => [7 * i + 3, 11 * i + 5, 13 * i + 1, 17 * i + 9];

describe('tensors in one stack', () => {
  it('have the cells that a stack of each alone has', () => {
    fc.assert(
      fc.property(shapes, (list) => {
        for (const dims of list) expect(paddedSize(dims)).toBe(stack([dims]).cells);
      }),
    );
  });

  it('are weighed by eq at the cells where they stand', () => {
    fc.assert(
      fc.property(shapes, (list) => {
        const { tensors, cells } = stack(list);
        const point = Array.from({ length: ceilLog2(cells) }, (_, i) => element(i));
        const table = eqVector(point);
        for (const t of tensors) {
          const f = eqFunctional(t, point, new EqTables());
          const axes = t.dims.map((_, i) => i);
          const weights = denseOver(f.blocks, axes, t.dims);
          const index = t.dims.map(() => 0);
          for (let cell = 0; cell < weights.length / 4; cell++) {
            const row = t.lead < t.dims.length ? index[t.lead] : 0;
            const piece = t.pieces.findLast((p) => p.row <= row);
            const inner = index.reduce((o, x, i) => (i === t.lead ? o : o * 2 ** t.logs[i] + x), 0);
            const at = (piece?.offset ?? 0) + (row - (piece?.row ?? 0)) * 2 ** t.logInner + inner;
            expect(mul(f.coef, getExt(weights, cell))).toEqual(getExt(table, at));
            for (let i = axes.length - 1; i >= 0; i--) {
              index[i] = (index[i] + 1) % t.dims[i];
              if (index[i] > 0) break;
            }
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
