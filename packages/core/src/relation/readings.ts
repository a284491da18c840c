/** The readings that most terms have, each made once: whoever finds the same object knows what it is. */
import type { AxisIndex, LinearMap } from './relation.js';

/** Most axes that a tensor has. */
export const MAX_RANK = 16;

const identityAxes = (rank: number): AxisIndex[] =>
  Array.from({ length: rank }, (_, index) => ({ start: 0, terms: [{ index, step: 1 }] }));

const WHOLE = identityAxes(MAX_RANK);
const IDENTITIES = Array.from({ length: MAX_RANK + 1 }, (_, rank): LinearMap => {
  return { kind: 'affine', sums: [], axes: WHOLE.slice(0, rank) };
});

/** An index read as it is, from 0 on: one object for each of the first MAX_RANK indices, undefined for others. */
export const wholeAxis = (index: number): AxisIndex | undefined => WHOLE[index];

/** Reads a tensor of the same dims as the output: one object for each rank up to MAX_RANK. */
export function identityMap(rank: number): LinearMap {
  return IDENTITIES[rank] ?? { kind: 'affine', sums: [], axes: identityAxes(rank) };
}
