/**
 * Consecutive slices as one relation, for one proof of all of them: what one slice makes and a later one reads is an
 * ordinary committed value in it, and no boundary tensor. Values, tables and constraints are copied as they are.
 */
import { InvariantError } from '../base/errors.js';
import type { Generator, Lookup, Relation, Table, Value, ValueId } from '../relation/relation.js';

/** What joining takes of a slice. */
export interface JoinableSlice {
  readonly relation: Relation;
  /** Names of the boundary tensors, in the order of relation.inputs and relation.outputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface JoinedSlices extends JoinableSlice {
  /** By slice: where each of its values stands in the joined relation. */
  readonly places: readonly (readonly ValueId[])[];
}

/**
 * @param slices consecutive ones of a program
 * @param isRead whether a tensor that they make is public or read by another slice
 */
export function joinSlices(slices: readonly JoinableSlice[], isRead: (name: string) => boolean): JoinedSlices {
  const values: Value[] = [];
  const tables: Table[] = [];
  const lookups: Lookup[] = [];
  const zeros: ValueId[] = [];
  const inputs: { readonly name: string; readonly id: ValueId }[] = [];
  const outputs: { readonly name: string; readonly id: ValueId }[] = [];
  /** Boundary tensors that are known, by name. */
  const known = new Map<string, ValueId>();
  const places = slices.map((slice) => {
    const { relation } = slice;
    const firstTable = tables.length;
    const place: ValueId[] = [];
    relation.values.forEach((v, id) => {
      if (v.kind === 'input') {
        const name = slice.inputs[relation.inputs.indexOf(id)];
        const at = known.get(name) ?? values.push(v) - 1;
        if (!known.has(name)) inputs.push({ name, id: at });
        known.set(name, at);
        place.push(at);
      } else place.push(values.push(moved(v, place, firstTable)) - 1);
    });
    for (const t of relation.tables) tables.push(t.kind === 'range' ? t : { ...t, output: place[t.output] });
    for (const l of relation.lookups) {
      lookups.push({ table: firstTable + l.table, columns: l.columns.map((c) => place[c]) });
    }
    for (const z of relation.zeros) zeros.push(place[z]);
    relation.outputs.forEach((id, i) => {
      const name = slice.outputs[i];
      known.set(name, place[id]);
      if (isRead(name)) outputs.push({ name, id: place[id] });
    });
    return place;
  });
  const ids = (list: readonly { readonly id: ValueId }[]) => list.map((x) => x.id);
  const names = (list: readonly { readonly name: string }[]) => list.map((x) => x.name);
  return {
    relation: { values, tables, lookups, zeros, inputs: ids(inputs), outputs: ids(outputs) },
    inputs: names(inputs),
    outputs: names(outputs),
    places,
  };
}

/** A value with what it reads renumbered. */
function moved(v: Value, place: readonly ValueId[], firstTable: number): Value {
  switch (v.kind) {
    case 'linear': {
      const { kind, name, dims, lo, hi, offset } = v;
      const terms = v.terms.map(({ src, coef, map }) => ({ src: place[src], coef, map }));
      return { kind, name, dims, lo, hi, offset, terms };
    }
    case 'contract': {
      const { kind, name, dims, lo, hi, a, b, sums, axesA, axesB } = v;
      return { kind, name, dims, lo, hi, a: place[a], b: place[b], sums, axesA, axesB };
    }
    case 'witness': {
      const { kind, name, dims, lo, hi, gen } = v;
      return { kind, name, dims, lo, hi, gen: movedGenerator(gen, place, firstTable) };
    }
    case 'constant':
      return v;
    case 'input':
      throw new InvariantError('an input is no value of its own');
  }
}

function movedGenerator(gen: Generator, place: readonly ValueId[], firstTable: number): Generator {
  if (gen.kind === 'divide') return { kind: 'divide', num: place[gen.num], den: place[gen.den] };
  if (gen.kind === 'table') return { kind: 'table', src: place[gen.src], table: firstTable + gen.table };
  return { ...gen, src: place[gen.src] };
}
