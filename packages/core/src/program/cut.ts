/**
 * Cuts the relation of a whole model into slices. Values, tables and constraints are copied as they are: a slice means
 * exactly what its layers mean in the whole.
 */
import { InvariantError, invariant } from '../base/errors.js';
import { identityMap } from '../relation/builder.js';
import type { Generator, Lookup, Relation, Table, Value, ValueId } from '../relation/relation.js';
import type { Layer, LoweredGraph } from './lower-graph.js';

/** Layers [from, to). */
export interface SliceRange {
  readonly from: number;
  readonly to: number;
}

export interface CutSlice {
  readonly range: SliceRange;
  readonly relation: Relation;
  readonly constants: ReadonlyMap<ValueId, Int32Array>;
  /** Values of the whole relation behind relation.inputs and relation.outputs. */
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
}

/** Slice in which each value of the whole relation is made; -1 for public inputs. */
function owners(whole: Relation, layers: readonly Layer[], ranges: readonly SliceRange[]): Int32Array {
  const owner = new Int32Array(whole.values.length).fill(-1);
  ranges.forEach(({ from, to }, i) => {
    owner.fill(i, layers[from].from.values, layers[to - 1].to.values);
  });
  return owner;
}

/**
 * @param ranges consecutive, covering all layers
 * @param publicOutputs values that must be committed whatever reads them
 */
export function cutSlices(
  lowered: LoweredGraph,
  ranges: readonly SliceRange[],
  publicOutputs: readonly ValueId[],
): CutSlice[] {
  const whole = lowered.builder.build();
  const owner = owners(whole, lowered.layers, ranges);
  const drafts = ranges.map((range, index) => new SliceDraft(lowered, whole, owner, range, index));
  for (const d of drafts) d.copyLayers();
  const wanted = ranges.map(() => new Set<ValueId>());
  const ask = (ids: Iterable<ValueId>): void => {
    for (const id of ids) if (owner[id] >= 0) wanted[owner[id]].add(id);
  };
  ask(publicOutputs);
  // From the last on: what only a later slice reads may be made of values of slices before this one.
  const finished: CutSlice[] = [];
  for (let i = drafts.length - 1; i >= 0; i--) {
    finished[i] = drafts[i].finish([...wanted[i]].sort((a, b) => a - b));
    ask(drafts[i].inputs);
  }
  return finished;
}

/** Cells that cross before each layer (entry k: between layers k-1 and k), values that are cheap to recompute aside. */
export function crossingCells(lowered: LoweredGraph): number[] {
  const whole = lowered.builder.build();
  const { layers } = lowered;
  const layerOf = owners(
    whole,
    layers,
    layers.map((_, i) => ({ from: i, to: i + 1 })),
  );
  const last = new Map<ValueId, number>();
  layers.forEach((_, index) => {
    const draft = new SliceDraft(lowered, whole, layerOf, { from: index, to: index + 1 }, index);
    draft.copyLayers();
    for (const id of draft.inputs) last.set(id, index);
  });
  const cells = layers.map(() => 0);
  for (const [id, index] of last) {
    const size = whole.values[id].dims.reduce((n, d) => n * d, 1);
    for (let k = layerOf[id] + 1; k <= index; k++) cells[k] += layerOf[id] >= 0 ? size : 0;
  }
  return cells;
}

class SliceDraft {
  readonly inputs: ValueId[] = [];
  private readonly values: Value[] = [];
  private readonly tables: Table[] = [];
  private readonly lookups: Lookup[] = [];
  private readonly zeros: ValueId[] = [];
  private readonly constants = new Map<ValueId, Int32Array>();
  private readonly local = new Map<ValueId, ValueId>();
  private readonly localTable = new Map<number, number>();

  constructor(
    private readonly lowered: LoweredGraph,
    private readonly whole: Relation,
    private readonly owner: Int32Array,
    private readonly range: SliceRange,
    private readonly index: number,
  ) {}

  copyLayers(): void {
    const { from } = this.lowered.layers[this.range.from];
    const { to } = this.lowered.layers[this.range.to - 1];
    for (let id = from.values; id < to.values; id++) {
      // Constants and layout-only values are copied where something reads them.
      const v = this.whole.values[id];
      if (v.kind === 'witness' || v.kind === 'contract') this.use(id);
    }
    for (const l of this.whole.lookups.slice(from.lookups, to.lookups)) {
      this.lookups.push({ table: this.table(l.table), columns: l.columns.map((c) => this.use(c)) });
    }
    for (const z of this.whole.zeros.slice(from.zeros, to.zeros)) this.zeros.push(this.use(z));
  }

  /** @param outputs values of this slice that others read */
  finish(outputs: readonly ValueId[]): CutSlice {
    const committed = outputs.map((id) => this.commit(id));
    return {
      range: this.range,
      constants: this.constants,
      inputs: this.inputs,
      outputs,
      relation: {
        values: this.values,
        tables: this.tables,
        lookups: this.lookups,
        zeros: this.zeros,
        inputs: this.inputs.map((id) => this.local.get(id) as ValueId),
        outputs: committed,
      },
    };
  }

  private push(v: Value): ValueId {
    this.values.push(v);
    return this.values.length - 1;
  }

  /** The local number of a value, copied with all that it is made of, or read from the boundary. */
  private use(id: ValueId): ValueId {
    const known = this.local.get(id);
    if (known !== undefined) return known;
    const local = this.push(this.copied(id));
    this.local.set(id, local);
    const data = this.lowered.builder.constants.get(id);
    if (data && this.whole.values[id].kind === 'constant') this.constants.set(local, data);
    return local;
  }

  private copied(id: ValueId): Value {
    const v = this.whole.values[id];
    const mine = this.owner[id] === this.index;
    if (v.kind === 'constant') return v;
    if (v.kind === 'linear' && (mine || v.terms.length === 1)) {
      return { ...v, terms: v.terms.map((t) => ({ ...t, src: this.use(t.src) })) };
    }
    if (!mine) {
      this.inputs.push(id);
      return { kind: 'input', name: v.name, dims: v.dims, lo: v.lo, hi: v.hi };
    }
    if (v.kind === 'contract') return { ...v, a: this.use(v.a), b: this.use(v.b) };
    if (v.kind === 'witness') return { ...v, gen: this.generator(v.gen) };
    throw new InvariantError(`value ${v.name} in the middle of a model`);
  }

  private generator(gen: Generator): Generator {
    switch (gen.kind) {
      case 'table':
        return { ...gen, src: this.use(gen.src), table: this.table(gen.table) };
      case 'divide':
        return { ...gen, num: this.use(gen.num), den: this.use(gen.den) };
      default:
        return { ...gen, src: this.use(gen.src) };
    }
  }

  private table(id: number): number {
    const known = this.localTable.get(id);
    if (known !== undefined) return known;
    const t = this.whole.tables[id];
    const local = this.tables.length;
    this.localTable.set(id, local);
    this.tables.push(t);
    if (t.kind === 'function') this.tables[local] = { ...t, output: this.use(t.output) };
    return local;
  }

  /** The committed value behind a boundary output: itself, or a copy where it is virtual. */
  private commit(id: ValueId): ValueId {
    const src = this.use(id);
    const v = this.values[src];
    if (v.kind === 'witness') return src;
    invariant(v.kind === 'linear' || v.kind === 'contract', `boundary value ${v.name}`);
    const map = identityMap(v.dims.length);
    const copy = this.push({
      kind: 'witness',
      name: `${v.name}/committed`,
      dims: v.dims,
      lo: v.lo,
      hi: v.hi,
      gen: { kind: 'copy', src },
    });
    const terms = [
      { src, coef: 1, map },
      { src: copy, coef: -1, map },
    ];
    this.zeros.push(
      this.push({
        kind: 'linear',
        name: `${v.name}/same`,
        dims: v.dims,
        terms,
        offset: 0,
        lo: v.lo - v.hi,
        hi: v.hi - v.lo,
      }),
    );
    return copy;
  }
}
