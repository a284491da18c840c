/**
 * Claims on contractions out[i] = Σ_k a[axesA(i,k)]·b[axesB(i,k)] (matrix products, convolutions, element-wise
 * products), all of a proof in one sumcheck of degree 2 (Thaler 2013, section 5; batching as in Libra 2019).
 *
 * A functional f on the output gives Σ_i f(i)·Σ_k a[…]·b[…]. An index read by one operand only is private: its weights
 * (f's, or ones for a summed index) are summed into that operand before the sumcheck. The others are joint:
 *
 *     ⟨f, out⟩ = Σ_j A(j)·B(j),   A(j) = F(j)·Σ_private f·a[…],   B(j) = Σ_private f·b[…],
 *
 * F being f's weights on the joint indices. For a convolution j ranges over input channel and kernel position only;
 * nothing is unfolded. The sumcheck leaves A and B at a random point, which are functionals on the operands again.
 */
import { add, type Ext, equal, mul, ONE, sub, ZERO } from '../field/qm31.js';
import type { Value } from '../relation/relation.js';
import type { Channel } from './channel.js';
import type { EqTables } from './eq-tables.js';
import { mulInteger, outer } from './ext-vector.js';
import type { Functional } from './functional.js';
import { ceilLog2 } from './layout.js';
import { pullWeights, type Weights } from './pull-back.js';
import { Vector } from './vector.js';

export type ContractValue = Extract<Value, { kind: 'contract' }>;

/** How the indices of one contraction are shared out, given the partition of f's blocks. */
export interface ContractionShape {
  /** Sizes of all indices: the output's, then the summed ones. */
  readonly sizes: readonly number[];
  /** Joint indices in order of their variables, most significant first. */
  readonly joint: readonly number[];
  /** log2 of the padded size of each joint index. */
  readonly logs: readonly number[];
  readonly numVars: number;
  /** Weights of the private indices of either side. */
  readonly privateA: readonly Weights[];
  readonly privateB: readonly Weights[];
  /** F, as blocks over joint indices. */
  readonly jointWeights: readonly Weights[];
  /** f's coefficient times the weight of what neither side reads. */
  readonly coef: Ext;
}

export function contractionShape(value: ContractValue, f: Functional, tables: EqTables): ContractionShape {
  const sizes = [...value.dims, ...value.sums];
  const inA = new Set(value.axesA.flatMap((x) => x.terms.map((t) => t.index)));
  const inB = new Set(value.axesB.flatMap((x) => x.terms.map((t) => t.index)));
  const blocks: Weights[] = f.blocks.map((b) => ({ indices: b.axes, values: b.values }));
  value.sums.forEach((n, i) => {
    blocks.push({ indices: [value.dims.length + i], values: tables.ones(n) });
  });
  const joint: number[] = [];
  const privateA: Weights[] = [];
  const privateB: Weights[] = [];
  const jointWeights: Weights[] = [];
  for (const b of blocks) {
    const a = b.indices.some((i) => inA.has(i));
    const c = b.indices.some((i) => inB.has(i));
    if (a && c) {
      joint.push(...b.indices);
      if (b.indices.some((i) => i < value.dims.length)) jointWeights.push(b);
    } else (c ? privateB : privateA).push(b);
  }
  const logs = joint.map((i) => ceilLog2(sizes[i]));
  return {
    sizes,
    joint,
    logs,
    numVars: logs.reduce((x, y) => x + y, 0),
    privateA,
    privateB,
    jointWeights,
    coef: f.coef,
  };
}

export interface ContractionClaim {
  readonly value: ContractValue;
  readonly f: Functional;
  /** ⟨f, out⟩. */
  readonly claim: Ext;
}

/** What remains to be shown of one operand. */
export interface OperandClaim {
  readonly f: Functional | undefined;
  readonly claim: Ext;
}

export interface ContractionProver {
  /** Tables A and B of every claim, weighted by powers of gamma (on A), `numVars` variables in all. */
  open(shapes: readonly ContractionShape[], gammas: readonly Ext[], numVars: number): void;
  /** [s(0), s(2)] of the batched round polynomial. */
  round(): Ext[];
  bind(rho: Ext): void;
  /** A and B of every claim at the bound point (A without its gamma). */
  ends(): Ext[];
}

/** Reduces every claim to one on each operand. */
export function contractions(
  channel: Channel,
  claims: readonly ContractionClaim[],
  operandDims: (claim: ContractionClaim) => readonly [readonly number[], readonly number[]],
  tables: EqTables,
  prover?: ContractionProver,
): { a: OperandClaim; b: OperandClaim }[] {
  const shapes = claims.map((c) => contractionShape(c.value, c.f, tables));
  const numVars = Math.max(...shapes.map((s) => s.numVars));
  const gamma = channel.challenge('contractions/gamma');
  const gammas: Ext[] = [];
  let power: Ext = ONE;
  let claim: Ext = ZERO;
  claims.forEach((c, i) => {
    gammas.push(power);
    // A claim of fewer variables ignores the leading ones: its sum is counted 2^(numVars - own) times.
    let weight = power;
    for (let j = shapes[i].numVars; j < numVars; j++) weight = add(weight, weight);
    claim = add(claim, mul(weight, c.claim));
    power = mul(power, gamma);
  });
  prover?.open(shapes, gammas, numVars);
  const point: Ext[] = [];
  for (let j = 0; j < numVars; j++) {
    const [s0, s2] = channel.exts('contractions/round', 2, () => (prover as ContractionProver).round());
    const rho = channel.challenge('contractions/rho');
    claim = quadraticAt(s0, sub(claim, s0), s2, rho);
    prover?.bind(rho);
    point.push(rho);
  }
  const ends = channel.exts('contractions/ends', 2 * claims.length, () => (prover as ContractionProver).ends());
  let total: Ext = ZERO;
  claims.forEach((_, i) => {
    total = add(total, mul(gammas[i], mul(ends[2 * i], ends[2 * i + 1])));
  });
  channel.check(equal(total, claim), 'contraction', 'contractions/ends');
  return claims.map((c, i) => {
    const shape = shapes[i];
    const own = point.slice(numVars - shape.numVars);
    const eqs = jointEq(shape, own, tables);
    const [dimsA, dimsB] = operandDims(c);
    const f = pullWeights(
      shape.coef,
      [...shape.privateA, ...weighted(shape, eqs, tables)],
      shape.sizes,
      c.value.axesA,
      dimsA,
      tables,
    );
    const g = pullWeights(ONE, [...shape.privateB, ...eqs], shape.sizes, c.value.axesB, dimsB, tables);
    return { a: { f, claim: ends[2 * i] }, b: { f: g, claim: ends[2 * i + 1] } };
  });
}

/** The quadratic through (0, s0), (1, s1), (2, s2), at x. */
export function quadraticAt(s0: Ext, s1: Ext, s2: Ext, x: Ext): Ext {
  // s0 + x·(s1 - s0) + x·(x-1)/2·(s2 - 2·s1 + s0)
  const second = add(sub(sub(s2, s1), s1), s0);
  const half = mulInteger(mul(x, sub(x, ONE)), 2 ** 30); // 2^30 = 1/2 in M31
  return add(add(s0, mul(x, sub(s1, s0))), mul(half, second));
}

/** eq(point, ·) of every joint index, cut to its size. */
function jointEq(shape: ContractionShape, point: readonly Ext[], tables: EqTables): Weights[] {
  let from = 0;
  return shape.joint.map((index, i) => {
    const values = tables.at(point.slice(from, from + shape.logs[i]), shape.sizes[index]);
    from += shape.logs[i];
    return { indices: [index], values };
  });
}

/** eq·F: f's joint blocks multiplied into the eq of their indices. */
function weighted(shape: ContractionShape, eqs: readonly Weights[], tables: EqTables): Weights[] {
  const taken = new Set<number>();
  const out = shape.jointWeights.map((w): Weights => {
    for (const i of w.indices) taken.add(i);
    const parts = w.indices.map((i) => (eqs.find((e) => e.indices[0] === i) as Weights).values);
    const joined = () => Vector.of(parts.map((p) => p.entries).reduce(outer));
    const eq = parts.length === 1 ? parts[0] : tables.made('outer', parts, joined);
    return { indices: w.indices, values: tables.product(w.values, eq) };
  });
  return [...out, ...eqs.filter((e) => !taken.has(e.indices[0]))];
}
