import { invariant } from '../base/errors.js';
import type {
  AxisIndex,
  Generator,
  LinearMap,
  LinearTerm,
  Lookup,
  Relation,
  Table,
  Value,
  ValueId,
} from './relation.js';
import { sizeOf } from './relation.js';

export { identityMap } from './readings.js';

/** An index read as it is. */
export const axis = (index: number, step = 1, start = 0): AxisIndex => ({ start, terms: [{ index, step }] });
/** A fixed position. */
export const at = (start: number): AxisIndex => ({ start, terms: [] });

/** Reads `dims` broadcast to `outDims` by the rule of ONNX and numpy (align right; size 1 repeats). */
export function broadcastMap(dims: readonly number[], outDims: readonly number[]): LinearMap {
  return { kind: 'affine', sums: [], axes: broadcastAxes(dims, outDims) };
}

export function broadcastAxes(dims: readonly number[], outDims: readonly number[]): AxisIndex[] {
  const shift = outDims.length - dims.length;
  invariant(shift >= 0, 'broadcast to a lower rank');
  return dims.map((d, i) => {
    invariant(d === 1 || d === outDims[i + shift], `cannot broadcast ${dims} to ${outDims}`);
    return d === 1 && outDims[i + shift] !== 1 ? at(0) : axis(i + shift);
  });
}

/** Static interval of a value. */
export interface Interval {
  readonly lo: number;
  readonly hi: number;
}

/** How many values and constraints a builder holds. */
export interface Position {
  readonly values: number;
  readonly lookups: number;
  readonly zeros: number;
}

/**
 * Collects the values and constraints of one slice. Intervals of virtual values are derived here unless the caller
 * passes a tighter one that it has proven from the actual constants (for a contraction: ‖w‖₁·max|x|).
 */
export class RelationBuilder {
  private readonly values: Value[] = [];
  private readonly tables: Table[] = [];
  private readonly tableIds = new Map<string, number>();
  private readonly lookups: Lookup[] = [];
  private readonly zeroIds: ValueId[] = [];
  private readonly inputIds: ValueId[] = [];
  private readonly outputIds: ValueId[] = [];
  /** The numbers of the constant values. */
  readonly constants = new Map<ValueId, Int32Array>();

  get(id: ValueId): Value {
    return this.values[id];
  }

  dims(id: ValueId): readonly number[] {
    return this.values[id].dims;
  }

  position(): Position {
    return { values: this.values.length, lookups: this.lookups.length, zeros: this.zeroIds.length };
  }

  private push(value: Value): ValueId {
    invariant(
      Number.isSafeInteger(value.lo) && Number.isSafeInteger(value.hi) && value.lo <= value.hi,
      `interval of ${value.name}`,
    );
    this.values.push(value);
    return this.values.length - 1;
  }

  input(name: string, dims: readonly number[], range: Interval): ValueId {
    const id = this.push({ kind: 'input', name, dims, lo: range.lo, hi: range.hi });
    this.inputIds.push(id);
    return id;
  }

  constant(name: string, dims: readonly number[], data: Int32Array): ValueId {
    invariant(data.length === sizeOf(dims), `size of constant ${name}`);
    let lo = 0;
    let hi = 0;
    for (let i = 0; i < data.length; i++) {
      if (i === 0 || data[i] < lo) lo = data[i];
      if (i === 0 || data[i] > hi) hi = data[i];
    }
    const id = this.push({ kind: 'constant', name, dims, lo, hi });
    this.constants.set(id, data);
    return id;
  }

  witness(name: string, dims: readonly number[], range: Interval, gen: Generator): ValueId {
    return this.push({ kind: 'witness', name, dims, lo: range.lo, hi: range.hi, gen });
  }

  linear(name: string, dims: readonly number[], terms: readonly LinearTerm[], offset = 0, range?: Interval): ValueId {
    let lo = offset;
    let hi = offset;
    for (const t of terms) {
      const [a, b] = this.mapInterval(t);
      lo += Math.min(t.coef * a, t.coef * b);
      hi += Math.max(t.coef * a, t.coef * b);
    }
    return this.push({ kind: 'linear', name, dims, terms, offset, lo: range?.lo ?? lo, hi: range?.hi ?? hi });
  }

  /** Range of one cell of map(src), zero included where a map may read outside. */
  private mapInterval(t: LinearTerm): [number, number] {
    const src = this.values[t.src];
    if (t.map.kind === 'reshape') return [src.lo, src.hi];
    if (t.map.kind === 'gather') {
      return t.map.index.includes(-1) ? [Math.min(0, src.lo), Math.max(0, src.hi)] : [src.lo, src.hi];
    }
    const n = sizeOf(t.map.sums);
    return n === 1 && t.map.axes.every((x) => x.start >= 0 && x.terms.every((y) => y.step === 1) && x.start === 0)
      ? [src.lo, src.hi]
      : [Math.min(0, src.lo) * n, Math.max(0, src.hi) * n];
  }

  contract(
    name: string,
    dims: readonly number[],
    a: ValueId,
    b: ValueId,
    sums: readonly number[],
    axesA: readonly AxisIndex[],
    axesB: readonly AxisIndex[],
    range?: Interval,
  ): ValueId {
    const x = this.values[a];
    const y = this.values[b];
    const corners = [x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi, 0];
    const n = sizeOf(sums);
    const lo = range?.lo ?? Math.min(...corners) * n;
    const hi = range?.hi ?? Math.max(...corners) * n;
    return this.push({ kind: 'contract', name, dims, a, b, sums, axesA, axesB, lo, hi });
  }

  /** The table { 0 … 2^bits - 1 }, shared by all that ask for the same width. */
  rangeTable(bits: number): number {
    return this.table(`range:${bits}`, () => ({ kind: 'range', bits }));
  }

  /**
   * The table of (lo + j, output[j]), shared by all that give the same key.
   * @param key names the function, its scales and its domain: equal keys must mean equal numbers
   */
  functionTable(key: string, lo: number, output: () => Int32Array): number {
    return this.table(`function:${key}`, () => {
      const data = output();
      return { kind: 'function', lo, size: data.length, output: this.constant(`table ${key}`, [data.length], data) };
    });
  }

  private table(key: string, make: () => Table): number {
    const known = this.tableIds.get(key);
    if (known !== undefined) return known;
    this.tables.push(make());
    const id = this.tables.length - 1;
    this.tableIds.set(key, id);
    return id;
  }

  tableAt(id: number): Table {
    return this.tables[id];
  }

  /** Pins every cell of `columns` to rows of the table. */
  lookup(table: number, ...columns: ValueId[]): void {
    invariant(columns.length === (this.tables[table].kind === 'range' ? 1 : 2), 'columns of a lookup');
    this.lookups.push({ table, columns });
  }

  /** Pins every cell of a value to zero. */
  zero(id: ValueId): void {
    this.zeroIds.push(id);
  }

  output(id: ValueId): void {
    invariant(this.values[id].kind === 'witness', 'a boundary output is a committed value');
    this.outputIds.push(id);
  }

  build(): Relation {
    return {
      values: this.values,
      tables: this.tables,
      lookups: this.lookups,
      zeros: this.zeroIds,
      inputs: this.inputIds,
      outputs: this.outputIds,
    };
  }
}
