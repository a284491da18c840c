/** Reads at constant positions with constant weights: every constant linear map whose cells read few others. */
import type { Composer } from './composer.js';

/** A cell that is read, and its weight. */
export type Tap = readonly [cell: number, weight: number];

/** Each cell once, with the sum of its weights. */
export function merged(taps: readonly Tap[]): Tap[] {
  const sums = new Map<number, number>();
  for (const [cell, weight] of taps) sums.set(cell, (sums.get(cell) ?? 0) + weight);
  return [...sums].filter(([, weight]) => weight !== 0);
}

/** All taps of every point: [rows, points, taps] of x [rows, n]; short lists are filled with what `filler` gives. */
export function gathered(
  c: Composer,
  x: string,
  points: readonly (readonly Tap[])[],
  filler: (taps: readonly Tap[]) => Tap,
): { readonly cells: string; readonly weights: readonly number[]; readonly width: number } {
  const width = points.reduce((n, p) => Math.max(n, p.length), 1);
  const filled = points.flatMap((p) => [...p, ...Array.from({ length: width - p.length }, () => filler(p))]);
  const at = c.ints(
    filled.map(([cell]) => cell),
    [points.length, width],
  );
  return { cells: c.add('Gather', [x, at], { axis: 1 }), weights: filled.map(([, weight]) => weight), width };
}

/**
 * Σ weight · x[cell] over the taps of each point, rounded once: one matrix product for each point. Where every point is
 * one cell or nothing, the cells are moved.
 * @param x [rows, n]
 * @returns [rows, points]
 */
export function weightedReads(
  c: Composer,
  x: string,
  [rows, n]: readonly [number, number],
  points: readonly (readonly Tap[])[],
): string {
  if (points.every((p) => p.length === 0 || (p.length === 1 && p[0][1] === 1))) {
    const isWhole = points.every((p) => p.length === 1);
    const zero = c.typed(new Array<number>(rows).fill(0), [rows, 1]);
    const source = isWhole ? x : c.add('Concat', [x, zero], { axis: 1 });
    return c.add('Gather', [source, c.ints(points.map((p) => p[0]?.[0] ?? n))], { axis: 1 });
  }
  const { cells, weights, width } = gathered(c, x, points, () => [0, 0]);
  const byPoint = c.add('Transpose', [cells], { perm: [1, 0, 2] });
  const product = c.add('MatMul', [byPoint, c.floats(weights, [points.length, width, 1])]);
  return c.add('Transpose', [c.reshape(product, [points.length, rows])], { perm: [1, 0] });
}
