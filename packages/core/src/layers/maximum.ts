/** Maxima from pairs: max(a, b) = a + relu(b - a); one table lookup for each pair of cells. */
import { type Interval, identityMap, type RelationBuilder } from '../relation/builder.js';
import type { AxisIndex, LinearMap, LinearTerm, ValueId } from '../relation/relation.js';
import { relu } from './sign.js';

/** max of two operands, each given as terms of one linear value; `range` holds both (and so the maximum). */
export function pairwiseMax(
  b: RelationBuilder,
  name: string,
  dims: readonly number[],
  first: readonly LinearTerm[],
  second: readonly LinearTerm[],
  range: Interval,
): ValueId {
  const minus = first.map((t) => ({ ...t, coef: -t.coef }));
  const span = { lo: range.lo - range.hi, hi: range.hi - range.lo };
  const difference = b.linear(`${name}/difference`, dims, [...second, ...minus], 0, span);
  const positive = relu(b, `${name}/positive`, difference);
  return b.linear(name, dims, [...first, { src: positive, coef: 1, map: identityMap(dims.length) }], 0, range);
}

/** Reads `length` cells of one axis from `start` on, the other axes as they are. */
export function windowMap(rank: number, at: number, start: number, step = 1): LinearMap {
  const axes = Array.from(
    { length: rank },
    (_, i): AxisIndex => ({
      start: i === at ? start : 0,
      terms: [{ index: i, step: i === at ? step : 1 }],
    }),
  );
  return { kind: 'affine', sums: [], axes };
}

/** Maximum along one axis, which keeps size 1: halves are compared, overlapping by one where the length is odd. */
export function axisMax(b: RelationBuilder, name: string, x: ValueId, at: number): ValueId {
  let value = x;
  const { lo, hi } = b.get(x);
  for (let n = b.dims(x)[at]; n > 1; ) {
    const half = Math.ceil(n / 2);
    const dims = b.dims(value).map((d, i) => (i === at ? half : d));
    const read = (start: number): LinearTerm[] => [{ src: value, coef: 1, map: windowMap(dims.length, at, start) }];
    value = pairwiseMax(b, `${name}/max-${n}`, dims, read(0), read(n - half), { lo, hi });
    n = half;
  }
  return value;
}

/** A committed value equal to another one. */
export function copyOf(b: RelationBuilder, name: string, src: ValueId): ValueId {
  const { dims, lo, hi } = b.get(src);
  const map = identityMap(dims.length);
  const copy = b.witness(name, dims, { lo, hi }, { kind: 'copy', src });
  const terms = [
    { src, coef: 1, map },
    { src: copy, coef: -1, map },
  ];
  b.zero(b.linear(`${name}/same`, dims, terms, 0, { lo: lo - hi, hi: hi - lo }));
  return copy;
}
