import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';
import { EqTables } from './eq-tables.js';
import { dot, eqVector } from './ext-vector.js';

const limb = fc.integer({ min: 0, max: P - 1 });
const element = fc.tuple(limb, limb, limb, limb) as fc.Arbitrary<Ext>;
const point = (k: number) => fc.array(element, { minLength: k, maxLength: k });

describe('tables eq(point, ·)', () => {
  it('are made once for the same challenges, and cut to any length', () => {
    const [a, b, c]: Ext[] = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11, 12],
    ];
    const tables = new EqTables();
    const table = tables.at([a, b, c]);
    expect(table).toEqual(eqVector([a, b, c]));
    expect(tables.at([a, b, c])).toBe(table);
    expect(tables.at([a, b, c], 5)).toEqual(table.subarray(0, 20));
    expect(tables.at([a, b, c], 5)).toBe(tables.at([a, b, c], 5));
    expect(tables.at([c, b, a])).not.toBe(table);
    expect(tables.at([c, b, a])).toEqual(eqVector([c, b, a]));
  });

  it('have the inner products of their entries', () => {
    const drawn = fc.integer({ min: 0, max: 6 }).chain((k) => fc.tuple(point(k), point(k), fc.nat(2 ** k - 1)));
    fc.assert(
      fc.property(drawn, ([r, s, below]) => {
        const tables = new EqTables();
        const length = below + 1;
        const [u, v] = [tables.at(r, length), tables.at(s, length)];
        expect(tables.dot(u, v)).toEqual(dot(u, v));
        // Vectors of other origin are multiplied entry by entry.
        expect(tables.dot(u, v.slice())).toEqual(dot(u, v));
      }),
    );
  });
});
