/** When the numbers of a value are needed for the last time. */
import type { Relation, Value, ValueId } from './relation.js';

/** Whether a linear value has the very numbers of its one source. */
export const isSame = (v: Extract<Value, { kind: 'linear' }>): boolean =>
  v.offset === 0 && v.terms.length === 1 && v.terms[0].coef === 1 && v.terms[0].map.kind === 'reshape';

/** What a value is computed from. */
function sourcesOf(v: Value, { tables }: Relation): ValueId[] {
  switch (v.kind) {
    case 'input':
    case 'constant':
      return [];
    case 'linear':
      return v.terms.map((t) => t.src);
    case 'contract':
      return [v.a, v.b];
    case 'witness': {
      const { gen } = v;
      if (gen.kind === 'divide') return [gen.num, gen.den];
      const table = gen.kind === 'table' ? tables[gen.table] : undefined;
      return table?.kind === 'function' ? [gen.src, table.output] : 'src' in gen ? [gen.src] : [];
    }
  }
}

/**
 * By value, the values that nobody reads after it has been computed, and that nobody asked for. A value with the numbers of
 * another is not among them: it stands for that other, which is there until both are done. Inputs and constants are never.
 */
export function lastReaders(relation: Relation, wanted: readonly ValueId[]): ReadonlyMap<ValueId, readonly ValueId[]> {
  const stands: ValueId[] = [];
  const last: ValueId[] = [];
  relation.values.forEach((v, id) => {
    const sources = sourcesOf(v, relation);
    const isShared = (v.kind === 'linear' && isSame(v)) || (v.kind === 'witness' && v.gen.kind === 'copy');
    stands[id] = isShared ? stands[sources[0]] : id;
    for (const source of [id, ...sources]) last[stands[source]] = id;
  });
  const kept = new Set(wanted.map((id) => stands[id]));
  const done = new Map<ValueId, ValueId[]>();
  relation.values.forEach(({ kind }, id) => {
    if (stands[id] !== id || kept.has(id) || kind === 'input' || kind === 'constant') return;
    done.set(last[id], [...(done.get(last[id]) ?? []), id]);
  });
  return done;
}
