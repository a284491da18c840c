/** What a slice costs to prove, from its relation alone: the unit by which slices are balanced and priced. */
import { paddedSize, sizeOf } from '../base/dims.js';
import type { Relation } from '../relation/relation.js';

export interface Work {
  /** Multiplications of the integer inference. */
  readonly multiplications: number;
  /** Cells looked up. */
  readonly lookups: number;
  /** Cells committed by the prover. */
  readonly committed: number;
}

/** Field multiplications that one lookup (15 of the extension field, of about 16 each) and one committed cell cost. */
const PER_LOOKUP = 240;
const PER_COMMITTED = 80;

/** Values, lookups: [from, to) of the relation's lists. */
export function workOf(
  relation: Relation,
  from = { values: 0, lookups: 0 },
  to = { values: relation.values.length, lookups: relation.lookups.length },
): Work {
  let multiplications = 0;
  let committed = 0;
  for (const v of relation.values.slice(from.values, to.values)) {
    if (v.kind === 'contract') multiplications += sizeOf(v.dims) * sizeOf(v.sums);
    else if (v.kind === 'witness') committed += sizeOf(v.dims);
  }
  const lookups = relation.lookups
    .slice(from.lookups, to.lookups)
    .reduce((n, l) => n + sizeOf(relation.values[l.columns[0]].dims), 0);
  return { multiplications, lookups, committed };
}

export const workUnits = (w: Work): number => w.multiplications + PER_LOOKUP * w.lookups + PER_COMMITTED * w.committed;

/** Cells looked up, and cells committed at once, that one proof takes with the standard preset's soundness to spare. */
const MOST_LOOKUPS = 2 ** 23;
const MOST_COMMITTED = 2 ** 26;

/** The share of one proof's room that values and lookups [from, to) take: above 1 they need several slices. */
export function occupancy(
  relation: Relation,
  from: { readonly values: number; readonly lookups: number },
  to: { readonly values: number; readonly lookups: number },
): number {
  const values = relation.values.slice(from.values, to.values);
  const committed = (kind: string) => values.reduce((n, v) => (v.kind === kind ? n + paddedSize(v.dims) : n), 0);
  const lookups = relation.lookups
    .slice(from.lookups, to.lookups)
    .reduce((n, l) => n + paddedSize(relation.values[l.columns[0]].dims), 0);
  return Math.max(
    lookups / MOST_LOOKUPS,
    committed('witness') / MOST_COMMITTED,
    committed('constant') / MOST_COMMITTED,
  );
}
