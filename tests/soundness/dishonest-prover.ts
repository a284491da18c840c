/**
 * A malicious prover that shares the honest one's code: it may replace messages, leave out absorbs, lie about the
 * witness or the multiplicities, and change any of the honest prover's answers. Where the honest prover would stop
 * because its own proof does not hold, this one goes on.
 */
import { Channel, VerifierChannel } from '../../packages/core/src/argument/channel.js';
import { tableSize } from '../../packages/core/src/argument/lookups.js';
import type { Preset } from '../../packages/core/src/argument/presets.js';
import { commitTree } from '../../packages/core/src/argument/prove-oracles.js';
import { type RejectCode, Rejected } from '../../packages/core/src/argument/rejected.js';
import { concat } from '../../packages/core/src/argument/transcript.js';
import { P } from '../../packages/core/src/field/m31.js';
import type { Kernels } from '../../packages/core/src/kernels/kernels.js';
import { createReferenceKernels } from '../../packages/core/src/kernels/reference.js';
import {
  type CommittedBoundary,
  commitBoundary,
  constantsData,
  sliceProver,
  type Values,
} from '../../packages/core/src/proof/prove.js';
import {
  type BoundaryMode,
  type SliceProver,
  type SliceShape,
  sliceProtocol,
} from '../../packages/core/src/proof/slice-protocol.js';
import { constantValues, sliceShape } from '../../packages/core/src/proof/slice-shape.js';
import { type ExecutedValues, execute } from '../../packages/core/src/relation/execute.js';
import type { Relation, Value, ValueId } from '../../packages/core/src/relation/relation.js';

/** Enough queries for a false opening to be caught all but once in 2^27; small rows, so that words are folded. */
export const PRESET: Preset = {
  name: 'tiny',
  queries: 40,
  grindingBits: 8,
  maxGrindingBits: 0,
  // Most proofs do some work before their row challenges.
  logFreeWord: 4,
  minLogRow: 1,
  maxLogRow: 10,
  programLogRow: 7,
  boxCells: 1,
  logTree: 7,
  logFinal: 1,
  clearCells: 4,
  minimumBits: 0,
};

export interface Model {
  readonly relation: Relation;
  readonly constants: ReadonlyMap<ValueId, Int32Array>;
  readonly inputs: readonly Int32Array[];
  /** Constants by oracle, under one root; all in one where nothing is said. */
  readonly oracles?: readonly (readonly ValueId[])[];
}

export interface Tricks {
  /** Another message in place of the one made; it is absorbed and sent. */
  message?(label: string, occurrence: number, data: Uint8Array): Uint8Array | undefined;
  /** Absorbs that the prover leaves out; the message is sent all the same. */
  skip?(label: string, occurrence: number): boolean;
  /** Lies: numbers of values in place of the computed ones. What depends on them is computed from the lies. */
  values?: ReadonlyMap<ValueId, Int32Array>;
  /** Changes the multiplicities in place. */
  multiplicities?(counts: Int32Array[]): void;
  /** Changes some of the prover's answers. */
  prover?(honest: SliceProver, shape: SliceShape): Partial<SliceProver>;
  kernels?(honest: Kernels): Partial<Kernels>;
  /** Boundary values that the prover commits to in place of the computed ones, by position. */
  boundary?: ReadonlyMap<number, Int32Array>;
}

export interface Attempt {
  readonly shape: SliceShape;
  readonly statement: Uint8Array;
  readonly boundary: readonly CommittedBoundary[];
  readonly proof: Uint8Array;
  readonly values: Values;
  /** Labels of everything absorbed, in order. */
  readonly absorbed: readonly string[];
  /** Label, place and size of every message in the proof. */
  readonly messages: readonly { readonly label: string; readonly offset: number; readonly size: number }[];
}

class DishonestChannel extends Channel {
  readonly absorbed: string[] = [];
  readonly messages: { label: string; offset: number; size: number }[] = [];
  private readonly parts: Uint8Array[] = [];
  private offset = 0;
  private readonly sent = new Map<string, number>();
  private readonly taken = new Map<string, number>();

  constructor(private readonly tricks: Tricks) {
    super();
  }

  override absorb(label: string, data: Uint8Array): void {
    const occurrence = this.taken.get(label) ?? 0;
    this.taken.set(label, occurrence + 1);
    this.absorbed.push(label);
    if (!this.tricks.skip?.(label, occurrence)) this.transcript.absorb(label, data);
  }

  override bytes(label: string, count: number, make: () => Uint8Array): Uint8Array {
    const data = this.exchange(label, count, make);
    this.absorb(label, data);
    return data;
  }

  /** Goes on whatever happens. */
  override check(): void {}

  override decodeWords(data: Uint8Array, path: string): Uint32Array {
    return super.decodeWords(data, path).map((x) => x % P);
  }

  protected exchange(label: string, _count: number, make: () => Uint8Array): Uint8Array {
    const occurrence = this.sent.get(label) ?? 0;
    this.sent.set(label, occurrence + 1);
    const honest = make().slice();
    const data = this.tricks.message?.(label, occurrence, honest.slice()) ?? honest;
    this.parts.push(data);
    this.messages.push({ label, offset: this.offset, size: data.length });
    this.offset += data.length;
    return data;
  }

  proof(): Uint8Array {
    return concat(this.parts);
  }
}

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** All values, with some of them replaced; intervals are not looked at. */
export function executeWith(
  { relation, constants, inputs }: Model,
  lies: ReadonlyMap<ValueId, Int32Array>,
): ExecutedValues {
  const wide = { lo: -(2 ** 50), hi: 2 ** 50 };
  const free = relation.values.map((v, id): Value => {
    const common = { name: v.name, dims: v.dims, ...wide };
    return lies.has(id) && v.kind !== 'constant' ? { kind: 'input', ...common } : { ...v, ...common };
  });
  const ids = relation.inputs.filter((id) => !lies.has(id));
  const given = ids.map((id) => inputs[relation.inputs.indexOf(id)]);
  const lying = [...lies.keys()].filter((id) => relation.values[id].kind !== 'constant');
  const open = { ...relation, values: free, inputs: [...ids, ...lying] };
  const numbers = new Map([...constants, ...lies]);
  return execute(open, numbers, [...given, ...lying.map((id) => lies.get(id) as Int32Array)]);
}

/** How often each row is looked up; cells that are no row are passed over. */
export function countRows(relation: Relation, values: Values): Int32Array[] {
  const counts = relation.tables.map((t) => new Int32Array(tableSize(t)));
  for (const l of relation.lookups) {
    const table = relation.tables[l.table];
    const lo = table.kind === 'range' ? 0 : table.lo;
    for (const x of values.get(l.columns[0])) if (x - lo in counts[l.table]) counts[l.table][x - lo]++;
  }
  return counts;
}

/** @param reference what the prover computes with */
export function attempt(
  model: Model,
  modes: readonly BoundaryMode[],
  tricks: Tricks = {},
  preset = PRESET,
  reference: Kernels = createReferenceKernels(),
): Attempt {
  const kernels: Kernels = Object.assign(Object.create(reference), tricks.kernels?.(reference));
  const { relation, constants } = model;
  const all = constantValues(relation);
  const oracles = model.oracles ?? (all.length > 0 ? [all] : []);
  const parts = oracles.map((ids) => constantsData({ relation, constants }, ids, preset));
  const trees = parts.length > 0 ? [commitTree(reference, parts)] : [];
  const shape = sliceShape(
    relation,
    preset,
    modes,
    trees.map(({ root }) => ({ oracles, root, ownRoots: [] })),
  );
  const values = executeWith(model, tricks.values ?? new Map());
  const salt = new Uint8Array(32).fill(7);
  const boundary = shape.boundary.map(({ value }, i) =>
    commitBoundary(kernels, shape, i, tricks.boundary?.get(i) ?? values.get(value), salt),
  );
  const statement = encode('statement');
  const counts = countRows(relation, values);
  tricks.multiplicities?.(counts);
  const input = { prepared: { shape, constants: trees }, values, boundary, statement };
  const honest = sliceProver(kernels, input, counts);
  const channel = new DishonestChannel(tricks);
  const known = {
    commitments: boundary.map((b) => b.commitment),
    publicValues: boundary.map((b) => b.values),
  };
  sliceProtocol(channel, shape, statement, known, { ...honest, ...tricks.prover?.(honest, shape) });
  const { absorbed, messages } = channel;
  return { shape, statement, boundary, proof: channel.proof(), values, absorbed, messages };
}

/** What a verifier leaves out, to show that it is needed. */
export interface Omission {
  readonly check?: RejectCode;
  readonly absorb?: string;
}

class LaxChannel extends VerifierChannel {
  constructor(
    proof: Uint8Array,
    private readonly without: Omission,
  ) {
    super(proof);
  }

  override check(holds: boolean, code: RejectCode, path: string): void {
    if (code !== this.without.check) super.check(holds, code, path);
  }

  override absorb(label: string, data: Uint8Array): void {
    if (label !== this.without.absorb) super.absorb(label, data);
  }
}

/** What the verifier says: 'accepted' or the code of the rejection. Any other exception is passed on. */
export function verdict(
  a: Pick<Attempt, 'shape' | 'statement' | 'boundary' | 'proof'>,
  without: Omission = {},
): 'accepted' | RejectCode {
  try {
    const channel = new LaxChannel(a.proof, without);
    sliceProtocol(channel, a.shape, a.statement, {
      commitments: a.boundary.map((b) => b.commitment),
      publicValues: a.boundary.map((b) => b.values),
    });
    channel.end();
    return 'accepted';
  } catch (error) {
    if (error instanceof Rejected) return error.code;
    throw error;
  }
}
