import { describe, expect, it } from 'vitest';
import type { Ext } from '../field/qm31.js';
import { EqTables } from './eq-tables.js';
import { dot, eqVector, hadamard } from './ext-vector.js';
import { Vector } from './vector.js';

describe('tables eq(point, ·)', () => {
  const [a, b, c]: Ext[] = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
    [9, 10, 11, 12],
  ];

  it('are made once for the same challenges, and cut to any length', () => {
    const tables = new EqTables();
    const table = tables.at([a, b, c]);
    expect(table.entries).toEqual(eqVector([a, b, c]));
    expect(tables.at([a, b, c])).toBe(table);
    expect(tables.at([a, b, c], 5).entries).toEqual(table.entries.subarray(0, 20));
    expect(tables.at([a, b, c], 5)).toBe(tables.at([a, b, c], 5));
    expect(tables.at([c, b, a])).not.toBe(table);
    expect(tables.at([c, b, a]).entries).toEqual(eqVector([c, b, a]));
  });

  it('are multiplied once, each with what it is asked for', () => {
    const tables = new EqTables();
    const [u, v, w] = [tables.at([a, b], 3), tables.at([b, c], 3), Vector.of(eqVector([c, a]).slice(0, 12))];
    for (let again = 0; again < 2; again++) {
      for (const [x, y] of [
        [u, v],
        [u, w],
        [v, w],
        [w, v],
      ]) {
        expect(tables.dot(x, y)).toEqual(dot(x.entries, y.entries));
        expect(tables.product(x, y).entries).toEqual(hadamard(x.entries, y.entries));
        expect(tables.product(x, y)).toBe(tables.product(x, y));
      }
    }
  });
});
