/** Cells of tensors by their indices, for naive references: slow, and shared with nothing that is tested. */
import { expect } from 'vitest';
import type { Tensor } from '../../packages/core/src/graph/index.js';

/** Every index of a shape, in row-major order. */
export function indices(dims: readonly number[]): number[][] {
  let all: number[][] = [[]];
  for (const d of dims) all = all.flatMap((head) => Array.from({ length: d }, (_, i) => [...head, i]));
  return all;
}

/** The number at an index, or undefined outside. */
export function cell(t: Tensor, index: readonly number[]): number | undefined {
  let at = 0;
  for (let k = 0; k < t.dims.length; k++) {
    if (!(index[k] >= 0 && index[k] < t.dims[k])) return undefined;
    at = at * t.dims[k] + index[k];
  }
  return t.data[at];
}

/** The number at an index of a shape that the tensor is broadcast to. */
export function broadcastCell(t: Tensor, index: readonly number[]): number {
  const own = index.slice(index.length - t.dims.length);
  return cell(
    t,
    own.map((i, k) => (t.dims[k] === 1 ? 0 : i)),
  ) as number;
}

/** Fails unless the tensor has the shape, and at every index the number, that is expected. */
export function expectCells(t: Tensor, dims: readonly number[], f: (index: number[]) => number | undefined): void {
  expect(t.dims).toEqual(dims);
  expect(t.data).toHaveLength(dims.reduce((a, b) => a * b, 1));
  indices(dims).forEach((index, i) => {
    const want = f(index) as number;
    if (Math.abs(t.data[i] - want) <= 1e-9 * Math.max(1, Math.abs(want)) || Object.is(t.data[i], want)) return;
    throw new Error(`cell [${index}] is ${t.data[i]}, expected ${want}`);
  });
}
