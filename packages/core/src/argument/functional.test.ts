import { describe, expect, it } from 'vitest';
import { add, type Ext, ZERO } from '../field/qm31.js';
import { EqTables } from './eq-tables.js';
import { extVector } from './ext-vector.js';
import { axisFunctional, evaluate, type Functional, restrictedTo } from './functional.js';
import { merged } from './merge-functionals.js';
import { Vector } from './vector.js';

const element = (seed: number): Ext => [seed * 7 + 1, seed * 11 + 2, seed * 13 + 3, seed * 17 + 4];
const vector = (n: number, seed: number) =>
  Vector.of(extVector(Array.from({ length: n }, (_, i) => element(seed + i))));

describe('functionals on one tensor', () => {
  const dims = [3, 4];
  const data = Int32Array.from({ length: 12 }, (_, i) => i * i - 40);
  const value = (fs: readonly Functional[]) =>
    fs.reduce<Ext>((s, f) => add(s, evaluate(f, dims, data, new EqTables())), ZERO);
  const f = (lead: number, inner: number, coef: number): Functional =>
    axisFunctional([vector(3, lead), vector(4, inner)], element(coef));

  it('are added up where they differ in one block at most, and mean the same', () => {
    const alike = [f(1, 9, 2), f(5, 9, 3), f(1, 9, 4)];
    expect(merged(alike)).toHaveLength(1);
    expect(value(merged(alike))).toEqual(value(alike));
  });

  it('stay apart where they differ in several, or group their axes differently', () => {
    const whole: Functional = { coef: element(1), blocks: [{ axes: [0, 1], values: vector(12, 3) }] };
    const mixed = [f(1, 9, 2), f(5, 20, 3), whole];
    expect(merged(mixed)).toHaveLength(3);
    expect(value(merged(mixed))).toEqual(value(mixed));
  });

  it('are restricted to a part of the tensor: tables by their points, blocks over several axes too', () => {
    const dims = [6, 8];
    const data = Int32Array.from({ length: 48 }, (_, i) => 3 * i - 50);
    const tables = new EqTables();
    const table = tables.at([element(1), element(2), element(3)], 6);
    const whole: Functional = { coef: element(1), blocks: [{ axes: [0, 1], values: vector(48, 3) }] };
    for (const f of [axisFunctional([table, vector(8, 5)], element(4)), whole]) {
      const parts = [0, 2, 4].flatMap((row) =>
        [0, 4].map((column) => {
          const box = { starts: [row, column], dims: [2, 4] };
          const own = Int32Array.from({ length: 8 }, (_, i) => data[8 * (row + (i >> 2)) + column + (i % 4)]);
          return evaluate(restrictedTo(f, dims, box, tables), box.dims, own, tables);
        }),
      );
      expect(parts.reduce((s, x) => add(s, x), ZERO)).toEqual(evaluate(f, dims, data, new EqTables()));
    }
  });
});
