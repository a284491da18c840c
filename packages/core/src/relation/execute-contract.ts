/** Contractions and readings in integers, modulo 2^32: exact, as the results fit 32 bits. */
import { stridesOf } from '../base/dims.js';
import type { Integers } from '../base/integers.js';
import { Arrays } from './arrays.js';
import { addProducts, addRun, copyRun, loopsOver, offsetsOf, widened } from './loops.js';
import type { AxisIndex, Value } from './relation.js';
import { sizeOf } from './relation.js';

export type ContractValue = Extract<Value, { kind: 'contract' }>;

/** Computes a contraction: writes all of `out`. What it needs meanwhile it takes of `arrays`. */
export type Contract = (
  out: Int32Array,
  v: ContractValue,
  a: Integers,
  dimsA: readonly number[],
  b: Integers,
  dimsB: readonly number[],
  arrays?: Arrays,
) => void;

/** Flat offset of a reading as start + Σ step·index, where no index can leave the tensor. */
export interface FlatReading {
  readonly start: number;
  readonly steps: readonly number[];
  /** What is read where an index could leave the tensor: the tensor with zeros around it. */
  readonly padding?: Padding;
}

/** A tensor with zeros around it. */
export interface Padding {
  /** Of the tensor, and of it with the zeros. */
  readonly dims: readonly number[];
  readonly padded: readonly number[];
  /** Zeros before the tensor, by axis. */
  readonly before: readonly number[];
}

/**
 * out[i] = Σ_k a[axesA(i,k)]·b[axesB(i,k)]. Borders are taken care of by copying an operand that is read outside into a
 * zero-padded one; then every reading is a constant stride, and the loops run over flat offsets.
 */
export function contractInto(
  out: Int32Array,
  v: ContractValue,
  a: Integers,
  dimsA: readonly number[],
  b: Integers,
  dimsB: readonly number[],
  arrays = new Arrays(0),
): void {
  const sizes = [...v.dims, ...v.sums];
  const left = flatReading(dimsA, v.axesA, sizes);
  const right = flatReading(dimsB, v.axesB, sizes);
  out.fill(0);
  widened(a, arrays, (x) => {
    withPadding(x, left, arrays, (padded) => {
      widened(b, arrays, (y) => {
        withPadding(y, right, arrays, (other) => addContraction(out, v, padded, left, other, right));
      });
    });
  });
}

/** out[i] += Σ_k x[left(i, k)]·y[right(i, k)]. */
function addContraction(
  out: Int32Array,
  v: ContractValue,
  x: Int32Array,
  left: FlatReading,
  y: Int32Array,
  right: FlatReading,
): void {
  const rank = v.dims.length;
  const sumsX = offsetsOf(left.steps.slice(rank), v.sums);
  const sumsY = offsetsOf(right.steps.slice(rank), v.sums);
  // The innermost loop is along the output; sums run outside it, so that all is read in order.
  const { sizes, steps } = loopsOver(v.dims, [left.steps.slice(0, rank), right.steps.slice(0, rank)]);
  const outer = sizes.slice(0, -1);
  const rowsX = offsetsOf(steps[0], outer);
  const rowsY = offsetsOf(steps[1], outer);
  const n = sizes[outer.length];
  const stepX = steps[0][outer.length];
  const stepY = steps[1][outer.length];
  for (let row = 0; row < rowsX.length; row++) {
    const to = row * n;
    const fromX = left.start + rowsX[row];
    const fromY = right.start + rowsY[row];
    for (let k = 0; k < sumsX.length; k++) {
      const p = fromX + sumsX[k];
      const q = fromY + sumsY[k];
      if (stepY === 0) {
        if (y[q] !== 0) addRun(out, to, n, x, p, stepX, y[q]);
      } else if (stepX === 0) {
        if (x[p] !== 0) addRun(out, to, n, y, q, stepY, x[p]);
      } else addProducts(out, to, n, x, p, stepX, y, q, stepY);
    }
  }
}

/** The reading of a tensor as a flat one: of a padded tensor where it reads outside. */
export function flatReading(
  dims: readonly number[],
  axes: readonly AxisIndex[],
  sizes: readonly number[],
): FlatReading {
  const before: number[] = [];
  const padded: number[] = [];
  let outside = false;
  axes.forEach((a, k) => {
    let lo = a.start;
    let hi = a.start;
    for (const t of a.terms) {
      const reach = t.step * (sizes[t.index] - 1);
      if (reach < 0) lo += reach;
      else hi += reach;
    }
    before[k] = Math.max(0, -lo);
    padded[k] = before[k] + Math.max(dims[k], hi + 1);
    if (padded[k] !== dims[k]) outside = true;
  });
  const strides = stridesOf(padded);
  const steps = sizes.map(() => 0);
  let start = 0;
  axes.forEach((a, k) => {
    start += strides[k] * (a.start + before[k]);
    for (const t of a.terms) steps[t.index] += strides[k] * t.step;
  });
  return outside ? { start, steps, padding: { dims, padded, before } } : { start, steps };
}

/** Calls `visit` with what a reading is of: the tensor, or a padded one, which is taken of `arrays` for it. */
export function withPadding<T>(
  data: Int32Array,
  { padding }: FlatReading,
  arrays: Arrays,
  visit: (data: Int32Array) => T,
): T {
  if (!padding) return visit(data);
  const copy = arrays.zeros(sizeOf(padding.padded));
  padInto(copy, data, padding);
  try {
    return visit(copy);
  } finally {
    arrays.give(copy);
  }
}

/** Copies a tensor to the middle of zeros. */
export function padInto(out: Int32Array, data: Int32Array, { dims, padded, before }: Padding): void {
  const strides = stridesOf(padded);
  const first = strides.reduce((n, s, k) => n + s * before[k], 0);
  // Rows of axes that nothing is put around are copied as one.
  const { sizes, steps } = loopsOver(dims, [strides]);
  const outer = sizes.slice(0, -1);
  const rows = offsetsOf(steps[0], outer);
  const n = sizes[outer.length];
  const step = steps[0][outer.length];
  for (let row = 0; row < rows.length; row++) {
    if (n === 1 || step === 1) copyRun(out, first + rows[row], n, data, row * n);
    else for (let i = 0, to = first + rows[row]; i < n; i++, to += step) out[to] = data[row * n + i];
  }
}
