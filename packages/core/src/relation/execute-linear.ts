/** Linear values in integers, modulo 2^32: exact, as the results fit 32 bits. */
import { stridesOf } from '../base/dims.js';
import type { Integers } from '../base/integers.js';
import type { Arrays } from './arrays.js';
import { flatReading, padInto } from './execute-contract.js';
import { checkRange } from './in-range.js';
import { addRun, CHUNK, copyRun, loopsOver, offsetsOf, setRun } from './loops.js';
import type { LinearMap, LinearTerm, Value } from './relation.js';
import { sizeOf } from './relation.js';

export type LinearValue = Extract<Value, { kind: 'linear' }>;

/** The numbers of a term's source. */
export interface Source {
  readonly data: Integers;
  readonly dims: readonly number[];
}

/** coef·Σ_k data[start + steps·i + sums[k]] at the cell i of the output. */
interface Part {
  readonly coef: number;
  readonly data: Int32Array;
  readonly start: number;
  readonly steps: readonly number[];
  readonly sums: Int32Array;
}

/**
 * Writes all of `out`.
 * @param sources of the terms, in order
 * @throws ProvingError('out-of-range')
 */
export function linearInto(out: Int32Array, v: LinearValue, sources: readonly Source[], arrays: Arrays): void {
  /** What was taken for the parts. */
  const taken: Int32Array[] = [];
  const parts = v.terms.map((t, i) => partOf(v.dims, t, sources[i], arrays, taken));
  const { sizes, steps } = loopsOver(
    v.dims,
    parts.map((p) => p.steps),
  );
  const outer = sizes.slice(0, -1);
  const n = sizes[outer.length];
  const rows = steps.map((s) => offsetsOf(s, outer));
  const count = out.length / n;
  // As many rows as make a chunk, or a chunk of a row: all parts of it are added up while it is near.
  const together = Math.max(1, Math.floor(CHUNK / n));
  const length = Math.min(n, CHUNK);
  for (let row = 0; row < count; row += together) {
    const end = Math.min(count, row + together);
    for (let from = 0; from < n; from += length) {
      const cells = Math.min(length, n - from);
      const first = row * n + from;
      const last = (end - 1) * n + from + cells;
      if (parts.length === 0) out.fill(v.offset, first, last);
      for (let k = 0; k < parts.length; k++) {
        addPart(
          out,
          parts[k],
          k === 0 ? v.offset : undefined,
          rows[k],
          row,
          end,
          n,
          from,
          cells,
          steps[k][outer.length],
        );
      }
      checkRange(v, out, first, last);
    }
  }
  for (const array of taken) arrays.give(array);
}

/** Adds a part to the cells [from, from + cells) of the rows [row, end), each of n cells; or writes it, and `offset`. */
function addPart(
  out: Int32Array,
  { data, coef, start, sums }: Part,
  offset: number | undefined,
  rows: Int32Array,
  row: number,
  end: number,
  n: number,
  from: number,
  cells: number,
  step: number,
): void {
  for (let r = row; r < end; r++) {
    const to = r * n + from;
    const at = start + rows[r] + step * from;
    let k = 0;
    if (offset !== undefined) setRun(out, to, cells, data, at + sums[k++], step, coef, offset);
    for (; k < sums.length; k++) addRun(out, to, cells, data, at + sums[k], step, coef);
  }
}

function partOf(
  dims: readonly number[],
  { coef, map }: LinearTerm,
  source: Source,
  arrays: Arrays,
  taken: Int32Array[],
): Part {
  const own = (array: Int32Array): Int32Array => {
    taken.push(array);
    return array;
  };
  if (map.kind === 'gather') {
    const data = own(arrays.zeros(sizeOf(dims)));
    gatherInto(data, dims, source.data, source.dims[map.axis], map);
    return { coef, data, start: 0, steps: stridesOf(dims), sums: Int32Array.of(0) };
  }
  let data: Int32Array;
  if (source.data instanceof Int32Array) data = source.data;
  else {
    data = own(arrays.take(source.data.length));
    data.set(source.data);
  }
  if (map.kind === 'reshape') return { coef, data, start: 0, steps: stridesOf(dims), sums: Int32Array.of(0) };
  const { start, steps, padding } = flatReading(source.dims, map.axes, [...dims, ...map.sums]);
  if (padding) {
    const padded = own(arrays.zeros(sizeOf(padding.padded)));
    padInto(padded, data, padding);
    data = padded;
  }
  return { coef, data, start, steps: steps.slice(0, dims.length), sums: offsetsOf(steps.slice(dims.length), map.sums) };
}

/** out[…, j, …] = src[…, index[j], …], where index[j] is not -1; the axis has `length` cells in the source. */
function gatherInto(
  out: Int32Array,
  dims: readonly number[],
  src: Integers,
  length: number,
  { axis, index }: Extract<LinearMap, { kind: 'gather' }>,
): void {
  const after = sizeOf(dims.slice(axis + 1));
  const before = sizeOf(dims.slice(0, axis));
  for (let i = 0, to = 0; i < before; i++) {
    for (let j = 0; j < index.length; j++, to += after) {
      if (index[j] >= 0) copyRun(out, to, after, src, (i * length + index[j]) * after);
    }
  }
}
