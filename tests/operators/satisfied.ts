/**
 * A relation's constraints, checked by their definition: the plain oracle of what a proof must enforce. Committed values
 * are given; virtual ones follow from them.
 */
import { InvariantError } from '../../packages/core/src/base/errors.js';
import { execute } from '../../packages/core/src/relation/execute.js';
import type { Relation, Value, ValueId } from '../../packages/core/src/relation/relation.js';

const P = 2 ** 31 - 1;
const modP = (x: number): number => ((x % P) + P) % P;

export type Assignment = ReadonlyMap<ValueId, Int32Array>;

/** Every committed value of an honest run. */
export function honestAssignment(
  relation: Relation,
  constants: ReadonlyMap<ValueId, Int32Array>,
  inputs: readonly Int32Array[],
): Map<ValueId, Int32Array> {
  const values = execute(relation, constants, inputs);
  return new Map(
    relation.values.flatMap((v, id) => (v.kind === 'input' || v.kind === 'witness' ? [[id, values.get(id)]] : [])),
  );
}

/** The first violated constraint, or undefined. */
export function violation(
  relation: Relation,
  constants: ReadonlyMap<ValueId, Int32Array>,
  assignment: Assignment,
): string | undefined {
  // Committed values become inputs; intervals are no constraints.
  const values = relation.values.map((v): Value => {
    const open = { lo: -P, hi: P };
    return v.kind === 'witness' ? { kind: 'input', name: v.name, dims: v.dims, ...open } : { ...v, ...open };
  });
  const inputs = values.flatMap((v, id) => (v.kind === 'input' ? [id] : []));
  const all = execute(
    { ...relation, values, inputs },
    constants,
    inputs.map((id) => assignment.get(id) as Int32Array),
  );
  for (const z of relation.zeros) {
    if (all.get(z).some((x) => modP(x) !== 0)) return `zero ${relation.values[z].name}`;
  }
  for (const l of relation.lookups) {
    const t = relation.tables[l.table];
    const [first, second] = l.columns.map((c) => all.get(c));
    const { name } = relation.values[l.columns[0]];
    for (let i = 0; i < first.length; i++) {
      const row = t.kind === 'range' ? modP(first[i]) : modP(first[i] - t.lo);
      if (row >= (t.kind === 'range' ? 2 ** t.bits : t.size)) return `lookup of ${name}`;
      if (t.kind === 'function') {
        const output = constants.get(t.output);
        if (!output) throw new InvariantError('a table without rows');
        if (modP(second[i]) !== modP(output[row])) return `lookup of ${name}`;
      }
    }
  }
  return undefined;
}
