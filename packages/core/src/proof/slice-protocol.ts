/**
 * The protocol of one proof, of a slice or of joined ones, written once for both sides (see argument/channel.ts).
 *
 * 1. witness commitment; statement; root of the constants; boundary tensors' commitments, which are opened
 * 2. α, β; the sum of all lookup fractions, tree by tree (argument/fractions.ts)
 * 3. what is left are linear claims: of the lookups' leaves, and that the zero-constraints vanish at random points
 * 4. linear claims are added up by powers of μ and pulled back through virtual values; contractions are reduced by
 *    sumchecks, level by level
 * 5. one opening of all committed tensors for all claims (argument/opening.ts)
 */
import type { Channel } from '../argument/channel.js';
import { type ContractionProver, type ContractValue, contractions } from '../argument/contraction.js';
import { EqTables } from '../argument/eq-tables.js';
import { fromInteger, mulInteger } from '../argument/ext-vector.js';
import { type Fraction, type FractionProver, fractionTree, plus } from '../argument/fractions.js';
import { distinct, evaluate, type Functional, restrictedTo, weightOf } from '../argument/functional.js';
import { ceilLog2 } from '../argument/layout.js';
import { type LinearClaim, type LookupTree, leafClaims } from '../argument/lookups.js';
import {
  type OpeningClaim,
  type OpeningProver,
  type OpeningTerm,
  opening,
  type SpotChecks,
} from '../argument/opening.js';
import { clearCommitment, merkleCommitment, type OracleShape, type OracleTree } from '../argument/oracles.js';
import type { Preset } from '../argument/presets.js';
import { pullMap } from '../argument/pull-back.js';
import { toHex } from '../base/codec.js';
import type { Box } from '../base/dims.js';
import { add, type Ext, equal, mul, ONE, sub, ZERO } from '../field/qm31.js';
import type { Relation, Value, ValueId } from '../relation/relation.js';
import { sizeOf } from '../relation/relation.js';

/** How a boundary tensor is known to the verifier. */
export type BoundaryMode =
  /** Given beside the proof: the program's public inputs and outputs. */
  | 'public'
  /** Small: its values are in the proof. */
  | 'clear'
  /** In an oracle of its own. */
  | 'merkle';

/** All that the verifier knows of a slice, or of several joined ones, from the verifier key alone (slice-shape.ts). */
export interface SliceShape {
  readonly relation: Relation;
  readonly preset: Preset;
  /** How many slices are joined in it. */
  readonly slices: number;
  readonly spotChecks: SpotChecks;
  /** Modes of the boundary tensors: relation.inputs, then relation.outputs. */
  readonly boundary: readonly { readonly value: ValueId; readonly mode: BoundaryMode }[];
  readonly lookups: readonly LookupTree[];
  readonly oracles: readonly OracleShape[];
  /** The oracles, by the trees that commit to them: constants, witness, boundary. */
  readonly trees: readonly OracleTree[];
  /** Roots of the first trees: the program's constants. */
  readonly constants: readonly Uint8Array[];
  /** Number of the witness' tree, where there is one. */
  readonly witness: number | undefined;
  /** Where each committed value, and each table's multiplicities, stand. */
  readonly places: ReadonlyMap<ValueId, Place>;
  readonly multiplicities: readonly Place[];
}

export interface Place {
  readonly oracle: number;
  /** In the oracle's layout. */
  readonly tensor: number;
  /** Of what is committed to in parts: those, which stand there one after the other. */
  readonly parts?: readonly Box[];
}

/** What both sides know of the boundary: commitments in the order of SliceShape.boundary, values of public ones. */
export interface BoundaryKnowledge {
  readonly commitments: readonly Uint8Array[];
  readonly publicValues: readonly (Int32Array | undefined)[];
}

/** Public tensors are committed without salt: anyone recomputes the commitment. */
export const NO_SALT = new Uint8Array(32);

/** The commitment of a public tensor: 64 hexadecimal digits. */
export const publicCommitment = (values: Int32Array): string => toHex(clearCommitment(NO_SALT, values));

export interface SliceProver {
  witnessRoot(): Uint8Array;
  /** Salt (32 bytes) of boundary tensor i, then its values (clear) or root (merkle). */
  boundaryOpening(i: number): Uint8Array;
  /** Of one tree; what was given out for the tree before is used no more. */
  fractions(tree: LookupTree, alpha: Ext, beta: Ext): FractionProver;
  /** ⟨f, value⟩ of a contraction. */
  functionalOf(value: ValueId, f: Functional, tables: EqTables): Ext;
  contraction(values: readonly ValueId[], functionals: readonly Functional[]): ContractionProver;
  opening(): OpeningProver;
}

/** Runs the protocol; throws `Rejected` (argument/rejected.ts) where a check fails. */
export function sliceProtocol(
  channel: Channel,
  shape: SliceShape,
  statement: Uint8Array,
  known: BoundaryKnowledge,
  prover?: SliceProver,
): void {
  const side = prover as SliceProver;
  const { relation } = shape;
  const roots: Uint8Array[] = [...shape.constants];
  if (shape.witness !== undefined)
    roots[shape.witness] = channel.bytes('witness', 32, () => side.witnessRoot()).slice();
  channel.absorb('statement', statement);
  // Whatever the statement holds, no challenge is drawn before the constants and all boundary tensors are fixed.
  for (const root of shape.constants) channel.absorb('constants', root);
  for (const c of known.commitments) channel.absorb('boundary', c);
  const clear = openBoundary(channel, shape, known, roots, prover);

  const tables = new EqTables();
  const claims: LinearClaim[] = [];
  if (shape.lookups.length > 0) {
    const alpha = channel.challenge('lookups/alpha');
    const beta = channel.challenge('lookups/beta');
    let sum: Fraction = { p: ZERO, q: ONE };
    for (const tree of shape.lookups) {
      const leaf = fractionTree(channel, tree.depth, prover?.fractions(tree, alpha, beta));
      claims.push(...leafClaims(relation, tree, leaf.point, leaf.p, leaf.q, alpha, beta, tables));
      sum = plus(sum, leaf.sum);
    }
    channel.check(equal(sum.p, ZERO), 'lookup-sum', 'fractions');
  }
  if (relation.zeros.length > 0) {
    const logs = relation.zeros.map((z) => relation.values[z].dims.reduce((n, d) => n + ceilLog2(d), 0));
    const tau = channel.challenges('zeros', Math.max(...logs));
    for (const z of relation.zeros) {
      claims.push({
        terms: [{ on: 'value', value: z, f: zeroFunctional(relation.values[z], tau, tables) }],
        target: ZERO,
      });
    }
  }
  const openings = reduceClaims(channel, shape, claims, clear, tables, prover);
  if (shape.oracles.length > 0)
    opening(
      channel,
      shape.oracles,
      shape.trees,
      roots,
      openings,
      shape.preset,
      shape.spotChecks,
      tables,
      prover?.opening(),
    );
}

/** Checks the commitments of boundary tensors; the values of those known in clear, by value id. */
function openBoundary(
  channel: Channel,
  shape: SliceShape,
  known: BoundaryKnowledge,
  roots: Uint8Array[],
  prover?: SliceProver,
): Map<ValueId, Int32Array> {
  const clear = new Map<ValueId, Int32Array>();
  shape.boundary.forEach(({ value, mode }, i) => {
    const path = `boundary/${i}`;
    const same = (digest: Uint8Array) => {
      const expected = known.commitments[i];
      channel.check(
        expected?.length === digest.length && digest.every((b, k) => b === expected[k]),
        'commitment',
        path,
      );
    };
    const v = shape.relation.values[value];
    let values: Int32Array;
    if (mode === 'public') {
      values = known.publicValues[i] as Int32Array;
      channel.check(values?.length === sizeOf(v.dims), 'boundary-shape', path);
      same(clearCommitment(NO_SALT, values));
    } else {
      const size = mode === 'merkle' ? 32 : 4 * sizeOf(v.dims);
      const data = channel.bytes(path, 32 + size, () => (prover as SliceProver).boundaryOpening(i));
      const salt = data.subarray(0, 32);
      if (mode === 'merkle') {
        const root = data.slice(32);
        same(merkleCommitment(salt, root));
        roots.push(root);
        return;
      }
      const view = new DataView(data.buffer, data.byteOffset + 32, size);
      values = new Int32Array(size / 4);
      for (let k = 0; k < values.length; k++) values[k] = view.getInt32(4 * k, true);
      same(clearCommitment(salt, values));
    }
    // An input's range is what its producer proved, or a public input's declared one; here it is plain to see.
    channel.check(isWithin(values, v.lo, v.hi), 'boundary-range', path);
    clear.set(value, values);
  });
  return clear;
}

function isWithin(values: Int32Array, lo: number, hi: number): boolean {
  for (let i = 0; i < values.length; i++) if (values[i] < lo || values[i] > hi) return false;
  return true;
}

/** eq(tau, ·) axis by axis: a non-zero tensor vanishes under it with probability at most Σ logs / |QM31|. */
function zeroFunctional(v: Value, tau: readonly Ext[], tables: EqTables): Functional {
  let from = 0;
  const blocks = v.dims.map((d, i) => {
    const log = ceilLog2(d);
    const values = tables.at(tau.slice(from, from + log), d);
    from += log;
    return { axes: [i], values };
  });
  return { coef: fromInteger(1), blocks };
}

/** Claims on their way down to the committed tensors, as one. */
interface Pending {
  readonly terms: OpeningTerm[];
  value: Ext;
  /** Functionals on values, by id; on each value, those that have the same vectors are one, where that is soon seen. */
  readonly on: (Functional[] | undefined)[];
  /** The values that have any, in the order in which they were met. */
  readonly met: ValueId[];
}

/**
 * Pulls every claim back to committed tensors; contractions cost messages, everything else none. The claims of a level
 * are added up by powers of μ before they are pulled back; functionals on a contraction with the same blocks are one.
 */
function reduceClaims(
  channel: Channel,
  shape: SliceShape,
  claims: readonly LinearClaim[],
  clear: ReadonlyMap<ValueId, Int32Array>,
  tables: EqTables,
  prover?: SliceProver,
): OpeningClaim[] {
  const { values } = shape.relation;
  const done: OpeningClaim[] = [];
  let left = claims;
  while (left.length > 0) {
    const p = addedUp(shape, left, channel.challenge('claims/mu'));
    pullDown(p, shape, clear, tables);
    // Each functional left over is on a contraction: the prover says what it is, and a sumcheck shows it.
    const products = p.met.flatMap((value) => distinct(p.on[value] ?? []).map((f) => ({ value, f })));
    const sent =
      products.length === 0
        ? []
        : channel.exts('contractions/values', products.length, () =>
            products.map(({ value, f }) => (prover as SliceProver).functionalOf(value, f, tables)),
          );
    for (const value of sent) p.value = sub(p.value, value);
    if (p.terms.length > 0) done.push({ terms: p.terms, value: p.value });
    // Nothing committed is left: the claim is about numbers in the open.
    else channel.check(equal(p.value, ZERO), 'clear-claim', 'claims');
    if (products.length === 0) break;
    const reduced = contractions(
      channel,
      products.map(({ value, f }, i) => ({ value: values[value] as ContractValue, f, claim: sent[i] })),
      ({ value }) => [values[value.a].dims, values[value.b].dims],
      tables,
      prover?.contraction(
        products.map((x) => x.value),
        products.map((x) => x.f),
      ),
    );
    left = products.flatMap(({ value }, i) => {
      const c = values[value] as ContractValue;
      return [
        { id: c.a, ...reduced[i].a },
        { id: c.b, ...reduced[i].b },
      ].map(({ id, f, claim }): LinearClaim => ({ terms: f ? [{ on: 'value', value: id, f }] : [], target: claim }));
    });
  }
  return done;
}

/** Σ_i μ^i·claims_i. */
function addedUp(shape: SliceShape, claims: readonly LinearClaim[], mu: Ext): Pending {
  const p: Pending = { terms: [], value: ZERO, on: new Array(shape.relation.values.length), met: [] };
  let power: Ext = ONE;
  for (const { terms, target } of claims) {
    p.value = add(p.value, mul(power, target));
    for (const t of terms) {
      const f = { coef: mul(power, t.f.coef), blocks: t.f.blocks };
      if (t.on === 'multiplicity') p.terms.push({ ...shape.multiplicities[t.table], f });
      else addTo(p, t.value, f);
    }
    power = mul(power, mu);
  }
  return p;
}

/** Adds a functional on a committed value to the terms: on each of its parts, where it has any. */
function addCommitted(
  terms: OpeningTerm[],
  { oracle, tensor, parts }: Place,
  f: Functional,
  dims: readonly number[],
  tables: EqTables,
): void {
  if (!parts) terms.push({ oracle, tensor, f });
  parts?.forEach((part, i) => {
    terms.push({ oracle, tensor: tensor + i, f: restrictedTo(f, dims, part, tables) });
  });
}

/** Functionals on one value that another is compared with. */
const COMPARED = 16;

function addTo({ on, met }: Pending, id: ValueId, f: Functional): void {
  const list = on[id];
  if (!list) {
    on[id] = [f];
    met.push(id);
    return;
  }
  for (let i = list.length - 1; i >= Math.max(0, list.length - COMPARED); i--) {
    if (!hasVectorsOf(list[i], f)) continue;
    list[i] = { coef: add(list[i].coef, f.coef), blocks: f.blocks };
    return;
  }
  list.push(f);
}

/** Whether the blocks are the same, their vectors by identity. */
function hasVectorsOf(f: Functional, g: Functional): boolean {
  if (f.blocks === g.blocks) return true;
  if (f.blocks.length !== g.blocks.length) return false;
  return f.blocks.every(({ axes, values }, k) => {
    const other = g.blocks[k];
    return values === other.values && axes.length === other.axes.length && axes.every((x, i) => x === other.axes[i]);
  });
}

/** Takes apart every value but contractions, from the last to the first: sources come before what reads them. */
function pullDown(p: Pending, shape: SliceShape, clear: ReadonlyMap<ValueId, Int32Array>, tables: EqTables): void {
  const { values } = shape.relation;
  for (let id = values.length - 1; id >= 0; id--) {
    const fs = p.on[id];
    if (!fs) continue;
    const v = values[id];
    if (v.kind === 'contract') continue;
    p.on[id] = undefined;
    if (v.kind === 'linear') {
      for (const f of fs) pullLinear(p, f, v, values, tables);
      continue;
    }
    const place = shape.places.get(id);
    const data = clear.get(id);
    for (const f of fs) {
      if (data) p.value = sub(p.value, evaluate(f, v.dims, data, tables));
      else addCommitted(p.terms, place as Place, f, v.dims, tables);
    }
  }
}

/** Takes a functional on a linear value apart: into those on its sources and what its offset comes to. */
function pullLinear(
  p: Pending,
  f: Functional,
  v: Extract<Value, { kind: 'linear' }>,
  values: readonly Value[],
  tables: EqTables,
): void {
  if (v.offset !== 0) p.value = sub(p.value, mulInteger(weightOf(f), v.offset));
  for (const { src, coef, map } of v.terms) {
    const g = pullMap(f, v.dims, map, values[src].dims, tables);
    if (g) addTo(p, src, coef === 1 ? g : { coef: mulInteger(g.coef, coef), blocks: g.blocks });
  }
}
