/** What the reduction of claims (slice-protocol.ts) comes to, counted from the relation alone. */
import { ceilLog2 } from '../argument/layout.js';
import type { Relation, ValueId } from '../relation/relation.js';

/** Counted from above: functionals that vanish are counted too. */
export interface ClaimCounts {
  /** Claims handed to the opening. */
  readonly claims: bigint;
  /** Functionals on values, over all claims: what prover and verifier have to work through. */
  readonly functionals: bigint;
  /** Levels of contractions: claims of each, and the most variables that one of them can have. */
  readonly levels: readonly { readonly products: bigint; readonly numVars: number }[];
}

/** Most levels of contractions that are told apart: more are not counted on. */
export const MAX_LEVELS = 256;

/** How many functionals reach every value, level by level. */
export function countClaims(relation: Relation): ClaimCounts {
  let on = new Map<ValueId, bigint>();
  const add = (to: Map<ValueId, bigint>, id: ValueId, n: bigint) => to.set(id, (to.get(id) ?? 0n) + n);
  for (const l of relation.lookups) for (const id of l.columns) add(on, id, 1n);
  for (const t of relation.tables) if (t.kind === 'function') add(on, t.output, 1n);
  for (const z of relation.zeros) add(on, z, 1n);
  let claims = BigInt((relation.lookups.length > 0 ? 2 : 0) + relation.zeros.length);
  let functionals = 0n;
  const levels: { products: bigint; numVars: number }[] = [];
  for (;;) {
    const next = new Map<ValueId, bigint>();
    let products = 0n;
    let numVars = 0;
    for (let id = relation.values.length - 1; id >= 0; id--) {
      const n = on.get(id);
      const v = relation.values[id];
      if (n === undefined) continue;
      functionals += n;
      if (v.kind === 'linear') for (const t of v.terms) add(on, t.src, n);
      if (v.kind !== 'contract') continue;
      products += n;
      numVars = Math.max(
        numVars,
        [...v.dims, ...v.sums].reduce((s, d) => s + ceilLog2(d), 0),
      );
      add(next, v.a, n);
      add(next, v.b, n);
    }
    if (products === 0n || levels.length > MAX_LEVELS) return { claims, functionals, levels };
    claims += 2n * products;
    levels.push({ products, numVars });
    on = next;
  }
}
