/** The encoding of a relation, as it enters fingerprints and slice packages. */
import type { Decoder, Encoder } from '../base/codec.js';
import { identityMap, wholeAxis } from './readings.js';
import type { AxisIndex, Generator, LinearMap, LinearTerm, Lookup, Relation, Table, Value } from './relation.js';

const VALUE_KINDS = ['input', 'constant', 'witness', 'linear', 'contract'] as const;
const MAP_KINDS = ['affine', 'reshape', 'gather'] as const;
const TABLE_KINDS = ['range', 'function'] as const;
const GENERATOR_KINDS = ['quotient', 'table', 'divide', 'limb', 'sqrt', 'copy'] as const;

/** @param names whether the values' names, which are for reports only, are written */
export function encodeRelation(e: Encoder, r: Relation, names: boolean): void {
  const sizes = (xs: readonly number[]) => e.list(xs, (x) => e.uint(x));
  const axis = (a: AxisIndex): void => {
    e.int(a.start).list(a.terms, (t) => e.uint(t.index).int(t.step));
  };
  const map = (m: LinearMap): void => {
    e.uint(MAP_KINDS.indexOf(m.kind));
    if (m.kind === 'affine') {
      sizes(m.sums);
      e.list(m.axes, axis);
    } else if (m.kind === 'gather') {
      e.uint(m.axis).list(m.index, (i) => e.int(i));
    }
  };
  const generator = (g: Generator): void => {
    e.uint(GENERATOR_KINDS.indexOf(g.kind));
    if (g.kind === 'divide') e.uint(g.num).uint(g.den);
    else {
      e.uint(g.src);
      if (g.kind === 'table') e.uint(g.table);
      else if (g.kind === 'quotient') e.uint(g.shift);
      else if (g.kind === 'limb') e.uint(g.shift).uint(g.bits);
    }
  };
  e.list(r.values, (v: Value) => {
    e.uint(VALUE_KINDS.indexOf(v.kind)).text(names ? v.name : '');
    sizes(v.dims);
    e.int(v.lo).int(v.hi);
    if (v.kind === 'witness') generator(v.gen);
    else if (v.kind === 'linear') {
      e.int(v.offset).list(v.terms, (t) => {
        e.uint(t.src).int(t.coef);
        map(t.map);
      });
    } else if (v.kind === 'contract') {
      e.uint(v.a).uint(v.b);
      sizes(v.sums);
      e.list(v.axesA, axis).list(v.axesB, axis);
    }
  });
  e.list(r.tables, (t: Table) => {
    e.uint(TABLE_KINDS.indexOf(t.kind));
    if (t.kind === 'range') e.uint(t.bits);
    else e.int(t.lo).uint(t.size).uint(t.output);
  });
  e.list(r.lookups, (l: Lookup) => {
    e.uint(l.table);
    sizes(l.columns);
  });
  sizes(r.zeros);
  sizes(r.inputs);
  sizes(r.outputs);
}

/**
 * Reads a relation; whether it makes sense is another question (validate.ts).
 * @param names whether the values have names
 */
export function decodeRelation(d: Decoder, names: boolean): Relation {
  const sizes = () => d.list(() => d.uint());
  // The readings that most terms have are one object each.
  const axis = (): AxisIndex => {
    const start = d.int();
    const count = d.count();
    if (count !== 1) return { start, terms: d.items(count, () => ({ index: d.uint(), step: d.int() })) };
    const index = d.uint();
    const step = d.int();
    return (start === 0 && step === 1 && wholeAxis(index)) || { start, terms: [{ index, step }] };
  };
  const map = (): LinearMap => {
    const kind = d.choice(MAP_KINDS);
    if (kind === 'affine') {
      const sums = sizes();
      const axes = d.list(axis);
      const isIdentity = sums.length === 0 && axes.every((a, i) => a === wholeAxis(i));
      return isIdentity ? identityMap(axes.length) : { kind, sums, axes };
    }
    if (kind === 'gather') return { kind, axis: d.uint(), index: d.list(() => d.int()) };
    return { kind };
  };
  const generator = (): Generator => {
    const kind = d.choice(GENERATOR_KINDS);
    if (kind === 'divide') return { kind, num: d.uint(), den: d.uint() };
    const src = d.uint();
    if (kind === 'table') return { kind, src, table: d.uint() };
    if (kind === 'quotient') return { kind, src, shift: d.uint() };
    if (kind === 'limb') return { kind, src, shift: d.uint(), bits: d.uint() };
    return { kind, src };
  };
  const term = (): LinearTerm => ({ src: d.uint(), coef: d.int(), map: map() });
  const value = (): Value => {
    const kind = d.choice(VALUE_KINDS);
    const name = d.text();
    if (!names && name !== '') throw d.broken('a value has a name');
    const dims = sizes();
    const lo = d.int();
    const hi = d.int();
    if (kind === 'witness') return { kind, name, dims, lo, hi, gen: generator() };
    if (kind === 'linear') return { kind, name, dims, lo, hi, offset: d.int(), terms: d.list(term) };
    if (kind === 'contract') {
      const [a, b] = [d.uint(), d.uint()];
      return { kind, name, dims, lo, hi, a, b, sums: sizes(), axesA: d.list(axis), axesB: d.list(axis) };
    }
    return { kind, name, dims, lo, hi };
  };
  const table = (): Table => {
    const kind = d.choice(TABLE_KINDS);
    return kind === 'range' ? { kind, bits: d.uint() } : { kind, lo: d.int(), size: d.uint(), output: d.uint() };
  };
  return {
    values: d.list(value),
    tables: d.list(table),
    lookups: d.list((): Lookup => ({ table: d.uint(), columns: sizes() })),
    zeros: sizes(),
    inputs: sizes(),
    outputs: sizes(),
  };
}
