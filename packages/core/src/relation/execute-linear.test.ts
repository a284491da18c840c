import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../base/dims.js';
import { Arrays } from './arrays.js';
import { contractInto } from './execute-contract.js';
import { type LinearValue, linearInto } from './execute-linear.js';
import { loopsOver, offsetsOf } from './loops.js';
import type { AxisIndex, LinearTerm, Value } from './relation.js';

const WIDE = { lo: -(2 ** 31 - 2), hi: 2 ** 31 - 2 };

/** The indices of every cell, row-major. */
function cells(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>((all, d) => all.flatMap((i) => Array.from({ length: d }, (_, k) => [...i, k])), [[]]);
}

/** The number at some indices: zero outside. */
function at(data: ArrayLike<number>, dims: readonly number[], place: readonly number[]): number {
  if (place.some((p, k) => p < 0 || p >= dims[k])) return 0;
  return data[place.reduce((o, p, k) => o * dims[k] + p, 0)];
}

const read = (axes: readonly AxisIndex[], index: readonly number[]): number[] =>
  axes.map((a) => a.terms.reduce((p, t) => p + t.step * index[t.index], a.start));

/** A linear value by its definition. */
function byDefinition(
  v: LinearValue,
  sources: readonly { data: ArrayLike<number>; dims: readonly number[] }[],
): number[] {
  return cells(v.dims).map((i, cell) =>
    v.terms.reduce((sum, { coef, map }, k) => {
      const { data, dims } = sources[k];
      if (map.kind === 'reshape') return sum + coef * data[cell];
      if (map.kind === 'gather') {
        const from = map.index[i[map.axis]];
        return sum + (from < 0 ? 0 : coef * at(data, dims, [...i.slice(0, map.axis), from, ...i.slice(map.axis + 1)]));
      }
      return cells(map.sums).reduce((s, j) => s + coef * at(data, dims, read(map.axes, [...i, ...j])), sum);
    }, v.offset),
  );
}

const dimsOf = (most: number) => fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 0, maxLength: most });
const axisOf = (indices: number): fc.Arbitrary<AxisIndex> =>
  fc.record({
    start: fc.integer({ min: -3, max: 3 }),
    terms: fc
      .uniqueArray(fc.nat(Math.max(0, indices - 1)), { maxLength: Math.min(2, indices) })
      .chain((found) =>
        fc.tuple(
          ...found.map((index) => fc.record({ index: fc.constant(index), step: fc.integer({ min: -2, max: 3 }) })),
        ),
      ),
  });
const numbers = (n: number) => {
  const of = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: n, maxLength: n });
  return fc.oneof(...[Int8Array, Int16Array, Int32Array].map((type) => of.map((x) => type.from(x))));
};

/** A term over `dims` with its source. */
const termOf = (dims: readonly number[]) => {
  const coef = fc.integer({ min: -5, max: 5 });
  const affine = fc.tuple(dimsOf(3), dimsOf(2)).chain(([own, sums]) =>
    fc
      .tuple(coef, numbers(sizeOf(own)), fc.tuple(...own.map(() => axisOf(dims.length + sums.length))))
      .map(([c, data, axes]) => ({
        term: { src: 0, coef: c, map: { kind: 'affine', sums, axes } } as LinearTerm,
        data,
        dims: own,
      })),
  );
  const reshape = fc.tuple(coef, numbers(sizeOf(dims))).map(([c, data]) => ({
    term: { src: 0, coef: c, map: { kind: 'reshape' } } as LinearTerm,
    data,
    dims: [sizeOf(dims)],
  }));
  if (dims.length === 0) return fc.oneof(affine, reshape);
  const gather = fc.tuple(fc.nat(dims.length - 1), fc.integer({ min: 1, max: 4 })).chain(([axis, length]) => {
    const own = dims.map((d, i) => (i === axis ? length : d));
    const index = fc.array(fc.integer({ min: -1, max: length - 1 }), { minLength: dims[axis], maxLength: dims[axis] });
    return fc.tuple(coef, numbers(sizeOf(own)), index).map(([c, data, found]) => ({
      term: { src: 0, coef: c, map: { kind: 'gather', axis, index: found } } as LinearTerm,
      data,
      dims: own,
    }));
  });
  return fc.oneof(affine, reshape, gather);
};

describe('linear values', () => {
  it('are what their definition says', () => {
    const value = dimsOf(4).chain((dims) =>
      fc.tuple(fc.constant(dims), fc.integer({ min: -50, max: 50 }), fc.array(termOf(dims), { maxLength: 3 })),
    );
    // The same memory for all: what was left of another is not read.
    const arrays = new Arrays(2 ** 20);
    fc.assert(
      fc.property(value, ([dims, offset, parts]) => {
        const v: LinearValue = { kind: 'linear', name: 'v', dims, offset, terms: parts.map((p) => p.term), ...WIDE };
        const out = arrays.take(sizeOf(dims)).fill(77);
        linearInto(out, v, parts, arrays);
        expect([...out]).toEqual(byDefinition(v, parts));
        arrays.give(out);
      }),
      { numRuns: 500 },
    );
  });

  it('of long and of many rows are too', () => {
    for (const dims of [[3, 5000], [5000, 3], [2, 2049], [4097]]) {
      const data = Int32Array.from({ length: sizeOf(dims) }, (_, i) => (i % 91) - 45);
      const bias = Int32Array.from({ length: dims[0] }, (_, i) => (i % 17) - 8);
      const axes = dims.map((_, i): AxisIndex => ({ start: 0, terms: [{ index: i, step: 1 }] }));
      const terms: LinearTerm[] = [
        { src: 0, coef: 3, map: { kind: 'affine', sums: [], axes } },
        { src: 1, coef: -1, map: { kind: 'affine', sums: [], axes: axes.slice(0, 1) } },
      ];
      const v: LinearValue = { kind: 'linear', name: 'v', dims, offset: 5, terms, ...WIDE };
      const sources = [
        { data, dims },
        { data: bias, dims: dims.slice(0, 1) },
      ];
      const out = new Int32Array(data.length);
      linearInto(out, v, sources, new Arrays(0));
      expect(out).toEqual(Int32Array.from(byDefinition(v, sources)));
      const { length } = out;
      for (const i of [0, length - 1, Math.floor(length / 2)]) {
        const wrong = data.slice();
        wrong[i] = 1000;
        const run = () =>
          linearInto(out, { ...v, lo: -200, hi: 200 }, [{ data: wrong, dims }, sources[1]], new Arrays(0));
        expect(run).toThrow(/v holds (29|30)\d\d, outside the range \[-200, 200\]/);
      }
    }
  });
});

describe('contractions', () => {
  it('are what their definition says', () => {
    const value = fc.tuple(dimsOf(3), dimsOf(2), dimsOf(3), dimsOf(3)).chain(([dims, sums, dimsA, dimsB]) => {
      const axes = (own: readonly number[]) => fc.tuple(...own.map(() => axisOf(dims.length + sums.length)));
      return fc.record({
        dims: fc.constant(dims),
        sums: fc.constant(sums),
        dimsA: fc.constant(dimsA),
        dimsB: fc.constant(dimsB),
        a: numbers(sizeOf(dimsA)),
        b: numbers(sizeOf(dimsB)),
        axesA: axes(dimsA),
        axesB: axes(dimsB),
      });
    });
    const arrays = new Arrays(2 ** 20);
    fc.assert(
      fc.property(value, ({ dims, sums, dimsA, dimsB, a, b, axesA, axesB }) => {
        const v: Extract<Value, { kind: 'contract' }> = {
          ...{ kind: 'contract', name: 'v', dims, sums, a: 0, b: 1, axesA, axesB },
          ...WIDE,
        };
        const out = arrays.take(sizeOf(dims)).fill(77);
        contractInto(out, v, a, dimsA, b, dimsB, arrays);
        const term = (i: readonly number[]): number => at(a, dimsA, read(axesA, i)) * at(b, dimsB, read(axesB, i));
        expect([...out]).toEqual(cells(dims).map((i) => cells(sums).reduce((sum, j) => sum + term([...i, ...j]), 0)));
        arrays.give(out);
      }),
      { numRuns: 500 },
    );
  });
});

describe('loops', () => {
  it('are one where all readings go on alike', () => {
    expect(loopsOver([1, 64, 56, 56], [[0, 3136, 56, 1]])).toEqual({ sizes: [200704], steps: [[1]] });
    expect(
      loopsOver(
        [1, 64, 56, 56],
        [
          [0, 3136, 56, 1],
          [0, 1, 0, 0],
        ],
      ),
    ).toEqual({
      sizes: [64, 3136],
      steps: [
        [3136, 1],
        [1, 0],
      ],
    });
    expect(loopsOver([2, 3, 4], [[30, 10, 2]])).toEqual({ sizes: [6, 4], steps: [[10, 2]] });
    expect(loopsOver([1, 1], [[5, 5]])).toEqual({ sizes: [1], steps: [[0]] });
    expect(loopsOver([], [])).toEqual({ sizes: [1], steps: [] });
  });

  it('have the offsets of all indices', () => {
    expect([...offsetsOf([], [])]).toEqual([0]);
    expect([...offsetsOf([10, -1], [2, 3])]).toEqual([0, -1, -2, 10, 9, 8]);
  });
});
