import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';
import { EqTables } from './eq-tables.js';
import { dot, dotSigned, extVector, outer, total } from './ext-vector.js';
import { type Piece, Vector } from './vector.js';

const limb = fc.integer({ min: 0, max: P - 1 });
const element = fc.tuple(limb, limb, limb, limb) as fc.Arbitrary<Ext>;
const point = (k: number) => fc.array(element, { minLength: k, maxLength: k });

const plain = (length: number): fc.Arbitrary<Vector> =>
  fc.array(limb, { minLength: 4 * length, maxLength: 4 * length }).map((xs) => Vector.of(Uint32Array.from(xs)));

/** Vectors of one length in every form: cut tables of points with and without spare bits, pieces, outer products, ones, plain entries. */
const ofLength = (length: number): fc.Arbitrary<Vector> => {
  const least = Math.ceil(Math.log2(length));
  const pieces: fc.Arbitrary<Piece>[] = [];
  for (let bit = 6, row = 0; bit >= 0; bit--) {
    if (Math.floor(length / 2 ** bit) % 2 === 0) continue;
    const first = row;
    pieces.push(
      fc.tuple(element, point(bit)).map(([scale, p]) => ({ row: first, scale, table: Vector.eq(p, 2 ** bit) })),
    );
    row += 2 ** bit;
  }
  // One more cut: the same cells in other pieces.
  const halves = fc.tuple(element, element, point(Math.max(0, least - 1))).map(([x, y, p]) => [
    { row: 0, scale: x, table: Vector.eq(p, length / 2) },
    { row: length / 2, scale: y, table: Vector.eq(p, length / 2) },
  ]);
  const forms: fc.Arbitrary<Vector>[] = [
    point(least).map((p) => Vector.eq(p, length)),
    point(least + 1).map((p) => Vector.eq(p, length)),
    fc.tuple(...pieces).map((ps) => Vector.pieces(length, ps)),
    fc.constant(Vector.ones(length)),
    plain(length),
  ];
  const sides = [2, 4, 8].filter((n) => length % n === 0);
  for (const n of sides)
    forms.push(fc.tuple(plain(length / n), point(Math.log2(n))).map(([v, p]) => Vector.outer(v, Vector.eq(p, n))));
  if (length === 2 ** least && length > 1) forms.push(halves.map((ps) => Vector.pieces(length, ps)));
  return fc.oneof(...forms);
};

describe('vectors of functionals', () => {
  const pairs = fc.integer({ min: 1, max: 70 }).chain((n) => fc.tuple(ofLength(n), ofLength(n)));

  it('have the sum of their entries', () => {
    fc.assert(
      fc.property(pairs, ([v]) => {
        expect(v.total).toEqual(total(v.entries));
      }),
    );
  });

  it('have the inner products of their entries', () => {
    fc.assert(
      fc.property(pairs, ([u, v]) => {
        expect(new EqTables().dot(u, v)).toEqual(dot(u.entries, v.entries));
      }),
      { numRuns: 300 },
    );
  });

  it('are cut to multiples of their entries', () => {
    const cuts = pairs.chain(([v]) =>
      fc
        .nat(v.length - 1)
        .chain((from) => fc.tuple(fc.constant(v), fc.constant(from), fc.integer({ min: 1, max: v.length - from }))),
    );
    fc.assert(
      fc.property(cuts, ([v, from, length]) => {
        const { scale, values } = Vector.cut(v, from, length, new EqTables());
        expect(values.length).toBe(length);
        expect(outer(extVector([scale]), values.entries)).toEqual(v.entries.slice(4 * from, 4 * (from + length)));
      }),
      { numRuns: 300 },
    );
  });

  it('weigh integers with their entries, in rows where they are long', () => {
    const long = fc.constantFrom(256, 257, 700, 1024).chain((n) => point(11).map((p) => Vector.eq(p, n)));
    const vectors = fc.oneof(
      pairs.map(([v]) => v),
      long,
    );
    const integer = fc.integer({ min: -P, max: P });
    fc.assert(
      fc.property(vectors, fc.array(integer, { minLength: 8, maxLength: 8 }), fc.nat(3), (v, some, from) => {
        const data = Int32Array.from({ length: v.length + from }, (_, i) => some[(i * i) % 8]);
        expect(Vector.dotSigned(v, data, from, new EqTables())).toEqual(dotSigned(v.entries, data, from));
      }),
    );
  });

  it('have the products of their entries as an outer product', () => {
    fc.assert(
      fc.property(pairs, ([u, v]) => {
        expect(Vector.outer(u, v).entries).toEqual(outer(u.entries, v.entries));
      }),
    );
  });
});
