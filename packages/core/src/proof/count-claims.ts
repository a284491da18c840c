/** What the reduction of claims (slice-protocol.ts) comes to, counted from the relation alone. */
import { ceilLog2 } from '../argument/layout.js';
import type { Relation } from '../relation/relation.js';

/** Counted from above: functionals that vanish are counted too. */
export interface ClaimCounts {
  /** Functionals on values, over all claims: what prover and verifier have to work through. */
  readonly functionals: bigint;
  /** Levels of contractions: claims of each, and the most variables that one of them can have. */
  readonly levels: readonly { readonly products: bigint; readonly numVars: number }[];
}

/** Most levels of contractions that are told apart: more are not counted on. */
export const MAX_LEVELS = 256;

const counted = new WeakMap<Relation, ClaimCounts>();

/** How many functionals reach every value, level by level. */
export function countClaims(relation: Relation): ClaimCounts {
  const known = counted.get(relation) ?? count(relation);
  counted.set(relation, known);
  return known;
}

/** Counts are exact below this, far beyond what any proof may have; larger ones stay at it. */
const MOST = 2 ** 52;

function count(relation: Relation): ClaimCounts {
  const { values } = relation;
  let on = new Float64Array(values.length);
  const plus = (a: number, b: number): number => Math.min(MOST, a + b);
  for (const l of relation.lookups) for (const id of l.columns) on[id] = plus(on[id], 1);
  for (const t of relation.tables) if (t.kind === 'function') on[t.output] = plus(on[t.output], 1);
  for (const z of relation.zeros) on[z] = plus(on[z], 1);
  let functionals = 0;
  const levels: { products: bigint; numVars: number }[] = [];
  for (;;) {
    const next = new Float64Array(values.length);
    let products = 0;
    let numVars = 0;
    for (let id = values.length - 1; id >= 0; id--) {
      const n = on[id];
      if (n === 0) continue;
      const v = values[id];
      functionals = plus(functionals, n);
      if (v.kind === 'linear') for (const t of v.terms) on[t.src] = plus(on[t.src], n);
      if (v.kind !== 'contract') continue;
      products = plus(products, n);
      let vars = 0;
      for (const d of v.dims) vars += ceilLog2(d);
      for (const d of v.sums) vars += ceilLog2(d);
      numVars = Math.max(numVars, vars);
      next[v.a] = plus(next[v.a], n);
      next[v.b] = plus(next[v.b], n);
    }
    if (products === 0 || levels.length > MAX_LEVELS) {
      return { functionals: BigInt(functionals), levels };
    }
    levels.push({ products: BigInt(products), numVars });
    on = next;
  }
}
