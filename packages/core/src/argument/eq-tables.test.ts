import { describe, expect, it } from 'vitest';
import type { Ext } from '../field/qm31.js';
import { EqTables } from './eq-tables.js';
import { dot, eqAt, eqVector, hadamard } from './ext-vector.js';
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

  it('are found by parts of a point, and so are products of its leading coordinates', () => {
    const tables = new EqTables();
    const whole = [a, b, c, a];
    expect(tables.part(whole, 1, 3, 3)).toBe(tables.at([b, c], 3));
    expect(tables.part(whole, 1, 3, 3)).toBe(tables.part(whole, 1, 3, 3));
    expect(tables.part(whole, 1, 3, 4)).toBe(tables.at([b, c]));
    expect(tables.part(whole, 2, 2)).toBe(tables.at([]));
    for (let again = 0; again < 2; again++) {
      for (let count = 0; count <= 4; count++) {
        for (let i = 0; i < 2 ** count; i++) {
          expect(tables.factor(whole, count, i)).toEqual(eqAt(whole.slice(0, count), i));
        }
      }
    }
  });

  it('are taken for others by what is made of them, not by how often it is asked for', () => {
    const tables = new EqTables();
    const [u, v] = [tables.at([a]), tables.at([b])];
    let made = 0;
    const make = (): Vector => {
      made++;
      return Vector.ones(made);
    };
    const first = tables.made('one way', [u, v], make);
    expect(tables.made('one way', [u, v], make)).toBe(first);
    expect(tables.made('one way', [v, u], make)).not.toBe(first);
    expect(tables.made('another way', [u, v], make)).not.toBe(first);
    expect(made).toBe(3);
  });
});
