/**
 * The verifier of one slice proof once more, from docs/soundness.md and in the plainest way: BigInt arithmetic, dense
 * tables, hashing by @noble/hashes. It shares no code with packages/core/src/argument; a relation is data to both.
 */
import type { Preset } from '../../packages/core/src/argument/presets.js';
import type { Relation, Value, ValueId } from '../../packages/core/src/relation/relation.js';
import {
  bytesOf,
  dot,
  eqTable,
  extension,
  hash,
  inverse,
  lift,
  minus,
  ONE,
  plus,
  type Q,
  roundAt,
  same,
  sum,
  times,
  wordAt,
  ZERO,
} from './bigint-field.js';
import { type Functional, jointIndices, log2, operandClaims, pullMap, size, weights } from './bigint-functionals.js';
import { lay, type Oracle, oracleOf, placed } from './bigint-layout.js';
import { type OpenClaim, opening, type Tree } from './bigint-opening.js';
import { ProofReader, Refused } from './bigint-reader.js';
import type { Attempt } from './dishonest-prover.js';

export interface Problem {
  readonly relation: Relation;
  readonly preset: Preset;
  readonly modes: readonly ('public' | 'clear' | 'merkle')[];
  /** Constants under each root, by oracle. */
  readonly constants: readonly { readonly oracles: readonly (readonly ValueId[])[]; readonly root: Uint8Array }[];
  readonly statement: Uint8Array;
  readonly commitments: readonly Uint8Array[];
  readonly publicValues: readonly (Int32Array | undefined)[];
}

interface Claim extends OpenClaim {
  readonly on: Map<ValueId, Functional[]>;
}

export class BigintVerifier extends ProofReader {
  private readonly oracles: Oracle[] = [];
  private readonly trees: Tree[] = [];
  private readonly place = new Map<ValueId, [number, number]>();
  private readonly clear = new Map<ValueId, Int32Array>();
  private readonly values: readonly Value[];
  private counts: [number, number][] = [];

  constructor(
    private readonly problem: Problem,
    proof: Uint8Array,
  ) {
    super(proof);
    this.values = problem.relation.values;
  }

  /** 'accepted', or the code of the first check that fails. */
  verdict(): string {
    try {
      this.run();
      return 'accepted';
    } catch (error) {
      if (error instanceof Refused) return error.message;
      throw error;
    }
  }

  /** Oracles under one root, each with the values that it holds; the number of the first. */
  private add(root: Uint8Array, parts: readonly (readonly [Oracle, readonly ValueId[]])[]): number {
    const first = this.oracles.length;
    parts.forEach(([oracle, ids]) => {
      ids.forEach((id, tensor) => {
        this.place.set(id, [this.oracles.length, tensor]);
      });
      this.oracles.push(oracle);
    });
    this.trees.push({ oracles: parts.map((_, i) => first + i), root });
    return first;
  }

  private run(): void {
    const { relation, preset, constants } = this.problem;
    const ofKind = (kind: string) => this.values.flatMap((v, id) => (v.kind === kind ? [id] : []));
    const dims = (ids: readonly ValueId[]) => ids.map((id) => this.values[id].dims);
    for (const { oracles, root } of constants) {
      this.add(
        root,
        oracles.map((ids) => [oracleOf(dims(ids), false, preset), ids] as const),
      );
    }
    const own = ofKind('witness').filter((id) => !relation.outputs.includes(id));
    const tables = relation.tables.map((t) => [t.kind === 'range' ? 2 ** t.bits : t.size]);
    if (own.length + tables.length > 0) {
      const root = this.bytes('witness', 32);
      const beside = Math.max(0, ...this.oracles.map((o) => o.logRow));
      const o = this.add(root, [[oracleOf([...dims(own), ...tables], true, preset, beside), own]]);
      this.counts = tables.map((_, i) => [o, own.length + i]);
    }
    this.chain.absorb('statement', this.problem.statement);
    for (const { root } of constants) this.chain.absorb('constants', root);
    for (const c of this.problem.commitments) this.chain.absorb('boundary', c);
    [...relation.inputs, ...relation.outputs].forEach((id, i) => {
      this.boundary(id, i);
    });
    const claims = [...this.lookups(), ...this.zeros()];
    const open = this.reduce(claims);
    if (this.oracles.length > 0) opening(this, this.oracles, this.trees, open, preset);
    this.end();
  }

  private boundary(id: ValueId, i: number): void {
    const mode = this.problem.modes[i];
    const v = this.values[id];
    const expect = (digest: Uint8Array) =>
      this.check(
        digest.every((b, k) => b === this.problem.commitments[i][k]),
        'commitment',
      );
    if (mode === 'merkle') {
      const data = this.bytes(`boundary/${i}`, 64);
      expect(hash(bytesOf('dsperse boundary merkle'), data));
      this.add(data.slice(32), [[oracleOf([v.dims], true, this.problem.preset), [id]]]);
      return;
    }
    let data: Uint8Array;
    if (mode === 'public') {
      const given = this.problem.publicValues[i] as Int32Array;
      this.check(given.length === size(v.dims), 'boundary-shape');
      data = new Uint8Array(32 + 4 * given.length);
      given.forEach((x, k) => {
        new DataView(data.buffer).setInt32(32 + 4 * k, x, true);
      });
    } else data = this.bytes(`boundary/${i}`, 32 + 4 * size(v.dims));
    expect(hash(bytesOf('dsperse boundary clear'), data));
    const values = Int32Array.from({ length: size(v.dims) }, (_, k) => wordAt(data, 32 + 4 * k));
    this.check(
      values.every((x) => x >= v.lo && x <= v.hi),
      'boundary-range',
    );
    this.clear.set(id, values);
  }

  /** Lookups and tables in order, in as few trees as hold them. */
  private sums(): { lookup?: number; table?: number; dims: readonly number[] }[][] {
    const { relation, preset } = this.problem;
    const members = [
      ...relation.lookups.map((l, lookup) => ({ lookup, dims: this.values[l.columns[0]].dims })),
      ...relation.tables.map((t, table) => ({ table, dims: [t.kind === 'range' ? 2 ** t.bits : t.size] })),
    ];
    const trees: (typeof members)[] = [];
    for (const m of members) {
      const last = trees.at(-1);
      if (last && lay([...last, m].map((x) => x.dims)).cells <= 2 ** preset.logTree) last.push(m);
      else trees.push([m]);
    }
    return trees;
  }

  private lookups(): Claim[] {
    if (this.problem.relation.lookups.length === 0) return [];
    const alpha = this.chain.challenge('lookups/alpha');
    const beta = this.chain.challenge('lookups/beta');
    const sums: [Q, Q][] = [];
    const claims = this.sums().flatMap((tree) => this.treeClaims(tree, alpha, beta, sums));
    const p = sum(sums.map(([x], i) => sums.reduce((y, [, q], j) => (i === j ? y : times(y, q)), x)));
    this.check(same(p, ZERO), 'lookup-sum');
    return claims;
  }

  private treeClaims(members: ReturnType<BigintVerifier['sums']>[number], alpha: Q, beta: Q, sums: [Q, Q][]): Claim[] {
    const { relation } = this.problem;
    const { tensors, cells } = lay(members.map((m) => m.dims));
    const beta2 = times(beta, beta);
    const { top, point, p, q } = this.fractions(Math.max(1, log2(cells)));
    sums.push(top);
    const eq = eqTable(point);
    // The leaves, with what is not yet known of them left to the claims: p = [real cell] - m, q = α - t - β·in - β²·out.
    const claimP: Claim = { terms: [], on: new Map(), value: p };
    const claimQ: Claim = { terms: [], on: new Map(), value: q };
    const rest = eq.map(() => ONE);
    let knownQ = ZERO;
    const minusOf = (f: Functional, c: Q): Functional => ({ ...f, coef: minus(ZERO, times(f.coef, c)) });
    tensors.forEach((t, i) => {
      const { lookup, table: own } = members[i];
      const table = own ?? relation.lookups[lookup as number].table;
      const f = placed(t, point);
      t.positions.forEach((position, cell) => {
        rest[position] = ZERO;
        let constant = minus(alpha, lift(table));
        const rows = relation.tables[table];
        if (lookup === undefined)
          constant = minus(constant, times(beta, lift(cell + (rows.kind === 'range' ? 0 : rows.lo))));
        else claimP.value = minus(claimP.value, eq[position]);
        knownQ = plus(knownQ, times(eq[position], constant));
      });
      const rows = relation.tables[table];
      if (lookup === undefined) {
        claimP.terms.push([...this.counts[table], minusOf(f, ONE)]);
        if (rows.kind === 'function') addTo(claimQ.on, rows.output, minusOf(f, beta2));
      } else {
        const [input, output] = relation.lookups[lookup].columns;
        addTo(claimQ.on, input, minusOf(f, beta));
        if (output !== undefined) addTo(claimQ.on, output, minusOf(f, beta2));
      }
    });
    claimQ.value = minus(minus(q, knownQ), dot(eq, rest));
    return [claimP, claimQ].map((c) => negated(c));
  }

  private fractions(depth: number): { top: [Q, Q]; point: Q[]; p: Q; q: Q } {
    const node = ([p0, p1, q0, q1]: Q[]): [Q, Q] => [plus(times(p0, q1), times(p1, q0)), times(q0, q1)];
    const at = ([p0, p1, q0, q1]: Q[], x: Q): [Q, Q] => [extension([p0, p1], [x]), extension([q0, q1], [x])];
    const top = this.exts('fractions/top', 4);
    this.check(!same(node(top)[1], ZERO), 'zero-denominator');
    let point = [this.chain.challenge('fractions/mu')];
    let [p, q] = at(top, point[0]);
    for (let k = 1; k < depth; k++) {
      const lambda = this.chain.challenge('fractions/lambda');
      let claim = plus(p, times(lambda, q));
      const bound: Q[] = [];
      for (let j = k - 1; j >= 0; j--) {
        const [t0, t2] = this.exts('fractions/round', 2);
        this.check(!same(point[j], ZERO), 'degenerate-challenge');
        const t1 = times(minus(claim, times(minus(ONE, point[j]), t0)), inverse(point[j]));
        const rho = this.chain.challenge('fractions/rho');
        const linear = minus(minus(t1, t0), t2);
        claim = sum([t0, times(rho, linear), times(times(rho, rho), t2)]);
        bound.unshift(rho);
      }
      const children = this.exts('fractions/children', 4);
      const [np, nq] = node(children);
      this.check(same(plus(np, times(lambda, nq)), claim), 'fraction-layer');
      const side = this.chain.challenge('fractions/mu');
      [p, q] = at(children, side);
      point = [...bound, side];
    }
    return { top: node(top), point, p, q };
  }

  private zeros(): Claim[] {
    const { zeros } = this.problem.relation;
    if (zeros.length === 0) return [];
    const logs = zeros.map((z) => this.values[z].dims.map(log2));
    const total = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0);
    const tau = this.chain.challenges('zeros', Math.max(...logs.map(total)));
    return zeros.map((z, i): Claim => {
      const blocks = this.values[z].dims.map((d, axis) => {
        const from = total(logs[i].slice(0, axis));
        return { axes: [axis], values: eqTable(tau.slice(from, from + logs[i][axis])).slice(0, d) };
      });
      return { terms: [], on: new Map([[z, [{ coef: ONE, blocks }]]]), value: ZERO };
    });
  }

  /** Pulls claims down to what is committed or clear; contractions by sumchecks, level by level. */
  private reduce(claims: Claim[]): Claim[] {
    const done: Claim[] = [];
    for (let level = claims; level.length > 0; ) {
      const c = combined(level, this.chain.challenge('claims/mu'));
      this.pullDown(c);
      const products = [...c.on].flatMap(([id, fs]) => distinct(fs).map((f) => ({ id, f })));
      const sent = products.length > 0 ? this.exts('contractions/values', products.length) : [];
      c.value = minus(c.value, sum(sent));
      if (c.terms.length > 0) done.push(c);
      else this.check(same(c.value, ZERO), 'clear-claim');
      level = products.length > 0 ? this.contractions(products, sent) : [];
    }
    return done;
  }

  private pullDown(c: Claim): void {
    for (let id = this.values.length - 1; id >= 0; id--) {
      const v = this.values[id];
      const fs = c.on.get(id);
      if (!fs || v.kind === 'contract') continue;
      c.on.delete(id);
      for (const f of fs) {
        const w = weights(f, v.dims);
        if (v.kind === 'linear') {
          c.value = minus(c.value, times(sum(w), lift(v.offset)));
          for (const t of v.terms) {
            const g = pullMap(f, v.dims, t.map, this.values[t.src].dims);
            if (g) addTo(c.on, t.src, { ...g, coef: times(g.coef, lift(t.coef)) });
          }
        } else if (this.clear.has(id)) {
          const data = this.clear.get(id) as Int32Array;
          c.value = minus(c.value, dot(w, [...data].map(lift)));
        } else c.terms.push([...(this.place.get(id) as [number, number]), f]);
      }
    }
  }

  private contractions(products: readonly { id: ValueId; f: Functional }[], sent: readonly Q[]): Claim[] {
    const contracts = products.map(({ id }) => this.values[id] as Extract<Value, { kind: 'contract' }>);
    const vars = products.map(({ f }, i) => jointIndices(contracts[i], f).logs.reduce((a, b) => a + b, 0));
    const most = Math.max(...vars);
    const gamma = this.chain.challenge('contractions/gamma');
    const gammas = products.map((_, i) => Array.from({ length: i }, () => gamma).reduce(times, ONE));
    let claim = sum(sent.map((x, i) => times(times(gammas[i], x), lift(2 ** (most - vars[i])))));
    const point: Q[] = [];
    for (let j = 0; j < most; j++) {
      const [s0, s2] = this.exts('contractions/round', 2);
      point.push(this.chain.challenge('contractions/rho'));
      claim = roundAt(s0, s2, claim, point[j]);
    }
    const ends = this.exts('contractions/ends', 2 * products.length);
    const total = sum(gammas.map((g, i) => times(g, times(ends[2 * i], ends[2 * i + 1]))));
    this.check(same(total, claim), 'contraction');
    return products.flatMap(({ f }, i): Claim[] => {
      const v = contracts[i];
      const dims = (id: ValueId) => [...this.values[id].dims];
      const { a, b } = operandClaims(v, f, point.slice(most - vars[i]), dims(v.a), dims(v.b));
      return [
        { terms: [], on: new Map(a ? [[v.a, [a]]] : []), value: ends[2 * i] },
        { terms: [], on: new Map(b ? [[v.b, [b]]] : []), value: ends[2 * i + 1] },
      ];
    });
  }
}

function addTo(on: Map<ValueId, Functional[]>, id: ValueId, f: Functional): void {
  on.set(id, [...(on.get(id) ?? []), f]);
}

/** Σ_i mu^i·claims_i. */
function combined(claims: readonly Claim[], mu: Q): Claim {
  const all: Claim = { terms: [], on: new Map(), value: ZERO };
  let power = ONE;
  for (const c of claims) {
    const scaled = (f: Functional): Functional => ({ ...f, coef: times(f.coef, power) });
    all.terms.push(...c.terms.map(([o, t, f]): OpenClaim['terms'][number] => [o, t, scaled(f)]));
    for (const [id, fs] of c.on) for (const f of fs) addTo(all.on, id, scaled(f));
    all.value = plus(all.value, times(c.value, power));
    power = times(power, mu);
  }
  return all;
}

/** Functionals with the same blocks added up, where the first of them stood. */
function distinct(fs: readonly Functional[]): Functional[] {
  const key = ({ blocks }: Functional): string =>
    [...blocks]
      .sort((a, b) => a.axes[0] - b.axes[0])
      .map(({ axes, values }) => `${axes}: ${values.join(' ')}`)
      .join('; ');
  const sums = new Map<string, Functional>();
  for (const f of fs) {
    const other = sums.get(key(f));
    sums.set(key(f), other ? { ...other, coef: plus(other.coef, f.coef) } : f);
  }
  return [...sums.values()];
}

/** The same claim times -1: the protocol writes the leaves' claims as Σ (β·in + β²·out) and Σ m. */
function negated(c: Claim): Claim {
  const flip = (f: Functional): Functional => ({ ...f, coef: minus(ZERO, f.coef) });
  return {
    terms: c.terms.map(([o, t, f]) => [o, t, flip(f)]),
    on: new Map([...c.on].map(([id, fs]) => [id, fs.map(flip)])),
    value: minus(ZERO, c.value),
  };
}

/** What this verifier says of a proof that was made for the other. */
export function secondOpinion(a: Pick<Attempt, 'shape' | 'statement' | 'boundary' | 'proof'>): string {
  const { shape } = a;
  return new BigintVerifier(
    {
      relation: shape.relation,
      preset: shape.preset,
      modes: shape.boundary.map((b) => b.mode),
      constants: shape.constants.map((root, t) => ({
        root,
        oracles: shape.trees[t].map((oracle) =>
          [...shape.places].flatMap(([id, place]) => (place.oracle === oracle ? [id] : [])),
        ),
      })),
      statement: a.statement,
      commitments: a.boundary.map((b) => b.commitment),
      publicValues: a.boundary.map((b) => b.values),
    },
    a.proof,
  ).verdict();
}
