import { describe, expect, it } from 'vitest';
import { RelationBuilder } from '../relation/builder.js';
import type { LowerContext } from './lowering.js';
import { coarsen, shiftFits } from './rescale.js';

describe('rounding', () => {
  it('refuses a sum whose quotient would not be the only one modulo p', () => {
    const builder = new RelationBuilder();
    const context = { builder, node: { name: 'n', op: 'MatMul' } } as unknown as LowerContext;
    const at = (reach: number) => ({ value: builder.input('x', [2], { lo: -reach, hi: reach }), scale: 1 });
    // Near 2^30 a negative sum has a second quotient, larger by 2^(31-shift), with a remainder one less.
    expect(() => coarsen(context, 'x', at(2 ** 30 - 1), 12)).toThrow(/31 bits/);
    expect(coarsen(context, 'x', at(2 ** 29), 12).scale).toBe(4096);
  });

  it('fits exactly while z - 2^shift·q + 2^(shift-1) stays within p of every remainder', () => {
    const shift = 4;
    const q = { lo: -(2 ** 20), hi: 2 ** 20 - 1 };
    for (const hi of [2 ** 29, 2 ** 30 - 1]) {
      const z = { lo: -hi, hi };
      // The extremes of z + 8 - 16·q, by their definition.
      const [least, most] = [z.lo + 8 - 16 * q.hi, z.hi + 8 - 16 * q.lo];
      const unique = most < 2 ** 31 - 1 && least > 16 - (2 ** 31 - 1) && hi < (2 ** 31 - 1) / 2;
      expect(shiftFits(z, q, shift)).toBe(unique);
    }
  });
});
