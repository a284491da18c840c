/** The prover's side of one proof: fills in the messages of slice-protocol.ts through the kernels. */
import { ProverChannel } from '../argument/channel.js';
import type { ContractValue } from '../argument/contraction.js';
import { fromInteger } from '../argument/ext-vector.js';
import type { FractionProver } from '../argument/fractions.js';
import { evaluate } from '../argument/functional.js';
import type { TensorLayout } from '../argument/layout.js';
import { type LookupTree, tableSize } from '../argument/lookups.js';
import { clearCommitment, merkleCommitment } from '../argument/oracles.js';
import type { Preset } from '../argument/presets.js';
import { contractionProver } from '../argument/prove-contraction.js';
import { fractionProver, paddedLength } from '../argument/prove-fractions.js';
import { openingProver } from '../argument/prove-opening.js';
import { type CommittedTree, commitTree, fillPadded, forRuns, type OracleData } from '../argument/prove-oracles.js';
import { Rejected } from '../argument/rejected.js';
import { concat } from '../argument/transcript.js';
import { InvariantError, invariant, ProvingError } from '../base/errors.js';
import { asInt32, type Integers } from '../base/integers.js';
import { P } from '../field/m31.js';
import { type Ext, mul, ONE, sub } from '../field/qm31.js';
import type { Kernels } from '../kernels/kernels.js';
import type { Relation, ValueId } from '../relation/relation.js';
import { type BoundaryKnowledge, NO_SALT, type SliceProver, type SliceShape, sliceProtocol } from './slice-protocol.js';
import { constantsOracle, witnessValues } from './slice-shape.js';

/** Values of a relation, row-major: at least those that a proof reads. */
export interface Values {
  get(id: ValueId): Integers;
}

/** What is kept between the proofs of one unit: the committed constants. */
export interface PreparedUnit {
  readonly shape: SliceShape;
  /** By their roots: the first trees of the shape. */
  readonly constants: readonly CommittedTree[];
}

/** A boundary tensor with its commitment; the same for the slice that makes it and those that read it. */
export interface CommittedBoundary {
  readonly values: Int32Array;
  readonly salt: Uint8Array;
  readonly commitment: Uint8Array;
  /** What is opened, where it is committed in an oracle of its own. */
  readonly tree?: CommittedTree;
}

/** The oracle of some constants, with their numbers. */
export function constantsData(
  { relation, constants }: { readonly relation: Relation; readonly constants: ReadonlyMap<ValueId, Integers> },
  ids: readonly ValueId[],
  preset: Preset,
): OracleData {
  const { shape, tensors } = constantsOracle(relation, ids, preset);
  return { shape, data: tensors.map((id) => constants.get(id) as Integers) };
}

/** The values that a proof of the relation reads. */
export function valuesRead({ values, tables, lookups, outputs }: Relation): ValueId[] {
  const read = values.flatMap((v, id) => (v.kind === 'contract' ? [id, v.a, v.b] : v.kind === 'witness' ? [id] : []));
  for (const l of lookups) read.push(...l.columns);
  for (const t of tables) if (t.kind === 'function') read.push(t.output);
  return [...new Set([...read, ...outputs])];
}

/** How often each row of each table is looked up. */
export function multiplicities(relation: Relation, values: Values): Int32Array[] {
  const counts = relation.tables.map((t) => new Int32Array(tableSize(t)));
  for (const l of relation.lookups) {
    const table = relation.tables[l.table];
    const lo = table.kind === 'range' ? 0 : table.lo;
    const data = asInt32(values.get(l.columns[0]));
    const missed = countRows(counts[l.table], data, lo);
    if (missed === data.length) continue;
    const { name } = relation.values[l.columns[0]];
    throw new ProvingError('out-of-table', `${name} holds ${data[missed]}, which is no row of its table`);
  }
  return counts;
}

/** Adds 1 to count[x - lo] for every number x; the first that is no row, or how many there are. */
function countRows(count: Int32Array, data: Int32Array, lo: number): number {
  const rows = count.length;
  for (let i = 0; i < data.length; i++) {
    const row = data[i] - lo;
    if (row < 0 || row >= rows) return i;
    count[row]++;
  }
  return data.length;
}

/** What a prover is busy with; everything between is `other`. */
export type ProvePhase = 'execute' | 'commit' | 'lookups' | 'contractions' | 'opening' | 'other';

/** Told when a phase begins; the one before it has ended then. Whoever listens brings the clock. */
export type PhaseListener = (phase: ProvePhase) => void;

export interface ProveInput {
  readonly prepared: PreparedUnit;
  readonly values: Values;
  /** In the order of shape.boundary. */
  readonly boundary: readonly CommittedBoundary[];
  /** The encoded statement (statement.ts). */
  readonly statement: Uint8Array;
  readonly onPhase?: PhaseListener;
}

/** Proves one unit. Memory that it takes from the kernels is given back. */
export function proveSlice(kernels: Kernels, input: ProveInput): Uint8Array {
  const mark = kernels.mark();
  try {
    const channel = new ProverChannel();
    const { shape } = input.prepared;
    const known: BoundaryKnowledge = {
      commitments: input.boundary.map((b) => b.commitment),
      publicValues: input.boundary.map((b) => b.values),
    };
    input.onPhase?.('commit');
    const prover = sliceProver(kernels, input);
    sliceProtocol(channel, shape, input.statement, known, input.onPhase ? announced(prover, input.onPhase) : prover);
    return channel.proof();
  } catch (error) {
    if (error instanceof Rejected) {
      throw new ProvingError('self-check', `the proof does not hold: ${error.message}`, 'report this as a bug', {
        cause: error,
      });
    }
    throw error;
  } finally {
    kernels.release(mark);
  }
}

/** The honest prover's messages. Exported, with its multiplicities, for the tests' dishonest ones. */
export function sliceProver(
  kernels: Kernels,
  { prepared, values, boundary }: ProveInput,
  counts: readonly Int32Array[] = multiplicities(prepared.shape.relation, values),
): SliceProver {
  const { shape, constants } = prepared;
  const { relation } = shape;
  const trees: CommittedTree[] = [...constants];
  let committed: number | undefined;
  /** Lets go of what was allocated after the commitments: each step is done with the memory of the one before. */
  const next = (): void => {
    committed ??= kernels.mark();
    kernels.release(committed);
  };
  const treeOf = (value: ValueId): number => {
    const place = shape.places.get(value);
    invariant(place, 'a boundary tensor without a place');
    return shape.trees.findIndex((oracles) => oracles.includes(place.oracle));
  };
  shape.boundary.forEach(({ value, mode }, i) => {
    if (mode !== 'merkle') return;
    const { tree, values: data } = boundary[i];
    const at = treeOf(value);
    trees[at] = tree ?? commitTree(kernels, [{ shape: shape.oracles[shape.trees[at][0]], data: [data] }]);
  });
  return {
    witnessRoot() {
      const at = shape.witness as number;
      const data = [...witnessValues(relation).map((id) => values.get(id)), ...counts];
      trees[at] = commitTree(kernels, [{ shape: shape.oracles[shape.trees[at][0]], data }]);
      return trees[at].root;
    },
    boundaryOpening(i) {
      const { value, mode } = shape.boundary[i];
      const { salt, values: data } = boundary[i];
      if (mode === 'merkle') return concat([salt, trees[treeOf(value)].root]);
      return concat([salt, new Uint8Array(Int32Array.from(data).buffer)]);
    },
    fractions(tree, alpha, beta) {
      next();
      return lookupFractions(kernels, relation, tree, values, counts, alpha, beta);
    },
    functionalOf: (id, f, tables) => evaluate(f, relation.values[id].dims, asInt32(values.get(id)), tables),
    contraction(ids) {
      next();
      return contractionProver(
        kernels,
        ids.map((id) => {
          const value = relation.values[id] as ContractValue;
          const dimsA = relation.values[value.a].dims;
          const dimsB = relation.values[value.b].dims;
          return { value, dimsA, dimsB, a: values.get(value.a), b: values.get(value.b) };
        }),
      );
    },
    opening() {
      next();
      const oracles = trees.flatMap((t) => t.oracles);
      return openingProver(kernels, oracles, trees);
    },
  };
}

/** The protocol goes through its phases in order: the first message of each is asked for when it begins. */
function announced(prover: SliceProver, onPhase: PhaseListener): SliceProver {
  const at = <A extends unknown[], R>(phase: ProvePhase, message: (...args: A) => R) => {
    return (...args: A): R => {
      onPhase(phase);
      return message(...args);
    };
  };
  return {
    ...prover,
    fractions: at('lookups', prover.fractions),
    functionalOf: at('contractions', prover.functionalOf),
    contraction: at('contractions', prover.contraction),
    opening: at('opening', prover.opening),
  };
}

/** Builds the leaves p_i / q_i of one tree. */
function lookupFractions(
  kernels: Kernels,
  relation: Relation,
  tree: LookupTree,
  values: Values,
  counts: readonly Int32Array[],
  alpha: Ext,
  beta: Ext,
): FractionProver {
  const { cells, tensors } = tree.layout;
  const room = Math.max(4, paddedLength(cells));
  const p = kernels.alloc(4 * room);
  const q = kernels.take(16 * room);
  const mark = kernels.mark();
  const inputs = kernels.alloc(4 * cells);
  const outputs = kernels.alloc(4 * cells);
  const beta2 = mul(beta, beta);
  const a = kernels.i32(inputs, cells);
  const b = kernels.i32(outputs, cells);
  const lookups = tree.lookups.map((number, i) => ({ l: relation.lookups[number], t: tensors[i] }));
  const tables = tree.tables.map((number, i) => ({
    number,
    table: relation.tables[number],
    t: tensors[lookups.length + i],
  }));
  for (const { l, t } of lookups) {
    fillPadded(a, t, values.get(l.columns[0]));
    if (l.columns.length > 1) fillPadded(b, t, values.get(l.columns[1]));
  }
  for (const { table, t } of tables) {
    const lo = table.kind === 'range' ? 0 : table.lo;
    fillPadded(
      a,
      t,
      Int32Array.from({ length: tableSize(table) }, (_, j) => lo + j),
    );
    if (table.kind === 'function') fillPadded(b, t, values.get(table.output));
  }
  kernels.canonical(inputs, inputs, cells);
  kernels.canonical(outputs, outputs, cells);
  const write = (t: TensorLayout, table: number, pair: boolean): void => {
    for (const piece of t.pieces) {
      const n = 2 ** (piece.logRows + t.logInner);
      const at = 4 * piece.offset;
      const shift = sub(alpha, fromInteger(table));
      kernels.lookupDenominators(q + 4 * at, inputs + at, pair ? outputs + at : 0, n, shift, beta, beta2);
    }
  };
  for (const { l, t } of lookups) write(t, l.table, l.columns.length > 1);
  for (const { number, table, t } of tables) write(t, number, table.kind === 'function');
  kernels.release(mark);
  const numerators = kernels.u32(p, room);
  const denominators = kernels.u32(q, 4 * room);
  for (const { t } of lookups) {
    forRuns(t, numerators, fillWithOne);
    setPaddingToOne(t, numerators, denominators);
  }
  for (const { number, t } of tables) {
    forRuns(t, { numerators, count: counts[number] }, fillWithCounts);
  }
  for (let i = cells; i < room; i++) denominators.set(ONE, 4 * i);
  return fractionProver(kernels, tree.depth, { p, q, length: cells });
}

function fillWithOne(numerators: Uint32Array, _cell: number, position: number, length: number): void {
  numerators.fill(1, position, position + length);
}

/** A table's rows are taken away as often as they are looked up. */
function fillWithCounts(
  { numerators, count }: { readonly numerators: Uint32Array; readonly count: Int32Array },
  cell: number,
  position: number,
  length: number,
): void {
  for (let k = 0; k < length; k++) {
    const m = count[cell + k];
    numerators[position + k] = m === 0 ? 0 : P - m;
  }
}

/** Cells of a padded tensor that are no cells of it: 0/1. */
function setPaddingToOne(t: TensorLayout, numerators: Uint32Array, denominators: Uint32Array): void {
  if (t.dims.every((d, i) => i === t.lead || d === 2 ** t.logs[i])) return;
  for (const piece of t.pieces) {
    const end = piece.offset + 2 ** (piece.logRows + t.logInner);
    for (let i = piece.offset; i < end; i++) {
      if (numerators[i] !== 0) continue;
      denominators[4 * i] = 1;
      denominators[4 * i + 1] = 0;
      denominators[4 * i + 2] = 0;
      denominators[4 * i + 3] = 0;
    }
  }
}

/**
 * Commits a boundary tensor; the memory of its oracle stays allocated in `kernels`.
 * @param salt 32 bytes; the zero salt for public tensors
 */
export function commitBoundary(
  kernels: Kernels,
  shape: SliceShape,
  index: number,
  values: Int32Array,
  salt: Uint8Array,
): CommittedBoundary {
  const { value, mode } = shape.boundary[index];
  if (mode === 'public') return { values, salt: NO_SALT, commitment: clearCommitment(NO_SALT, values) };
  if (mode === 'clear') return { values, salt, commitment: clearCommitment(salt, values) };
  const place = shape.places.get(value);
  if (!place) throw new InvariantError('a boundary tensor without a place');
  const tree = commitTree(kernels, [{ shape: shape.oracles[place.oracle], data: [values] }]);
  return { values, salt, commitment: merkleCommitment(salt, tree.root), tree };
}
