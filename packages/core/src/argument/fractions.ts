/**
 * The sum of fractions Σ_i p_i / q_i, by a tree of additions checked layer by layer
 * (logup-GKR: Haböck 2022, ePrint 2022/1530; Papini and Haböck 2023, ePrint 2023/1284).
 *
 * Node i of a layer adds its children 2i and 2i+1 of the layer below: p = p0·q1 + p1·q0, q = q0·q1. A claim on layer k
 * at a point r, batched as p̃(r) + λ·q̃(r), becomes one on layer k+1 by a sumcheck over
 *
 *     Σ_x eq(r, x) · g(x),   g = p0·q1 + p1·q0 + λ·q0·q1,
 *
 * lowest variable first. The factor eq is taken out of the round polynomials (Gruen 2024, ePrint 2024/108): a round
 * sends t(0) and the leading coefficient of t, of degree 2, where t sums g over the later variables' eq; t(1) follows
 * from (1-r)·t(0) + r·t(1) = claim. Leaves beyond the last are 0/1.
 */
import { add, type Ext, equal, inv, mul, ONE, sub, ZERO } from '../field/qm31.js';
import type { Channel } from './channel.js';

/** A sum, and what the leaves are claimed to evaluate to; the point's most significant bit comes first. */
export interface FractionClaim {
  /** The root: the sum of all fractions. */
  readonly sum: Fraction;
  readonly point: readonly Ext[];
  readonly p: Ext;
  readonly q: Ext;
}

export interface Fraction {
  readonly p: Ext;
  readonly q: Ext;
}

export const plus = (a: Fraction, b: Fraction): Fraction => ({
  p: add(mul(a.p, b.q), mul(b.p, a.q)),
  q: mul(a.q, b.q),
});

/** The prover's part. */
export interface FractionProver {
  /** [p0, p1, q0, q1] of the root's children. */
  top(): Ext[];
  /** Opens the sumcheck that reduces layer k (2^k nodes, claimed at `point`) to layer k+1. */
  open(k: number, point: readonly Ext[], lambda: Ext): void;
  /** [t(0), leading coefficient of t]. */
  round(): Ext[];
  bind(rho: Ext): void;
  /** [p0, p1, q0, q1] at the bound point. */
  children(): Ext[];
}

const g = ([p0, p1, q0, q1]: readonly Ext[], lambda: Ext): Ext =>
  add(add(mul(p0, q1), mul(p1, q0)), mul(lambda, mul(q0, q1)));

const line = (a: Ext, b: Ext, x: Ext): Ext => add(a, mul(x, sub(b, a)));

/** @param depth log2 of the number of leaves, at least 1 */
export function fractionTree(channel: Channel, depth: number, prover?: FractionProver): FractionClaim {
  const top = channel.exts('fractions/top', 4, () => (prover as FractionProver).top());
  const sum = plus({ p: top[0], q: top[2] }, { p: top[1], q: top[3] });
  channel.check(!equal(sum.q, ZERO), 'zero-denominator', 'fractions/top');
  const mu = channel.challenge('fractions/mu');
  let point: Ext[] = [mu];
  let p = line(top[0], top[1], mu);
  let q = line(top[2], top[3], mu);
  for (let k = 1; k < depth; k++) {
    const lambda = channel.challenge('fractions/lambda');
    prover?.open(k, point, lambda);
    let claim = add(p, mul(lambda, q));
    const bound: Ext[] = [];
    for (let j = 0; j < k; j++) {
      const [t0, lead] = channel.exts('fractions/round', 2, () => (prover as FractionProver).round());
      const r = point[k - 1 - j];
      channel.check(!equal(r, ZERO), 'degenerate-challenge', 'fractions/round');
      const t1 = mul(sub(claim, mul(sub(ONE, r), t0)), inv(r));
      const rho = channel.challenge('fractions/rho');
      // t(X) = t0 + (t1 - t0 - lead)·X + lead·X²
      claim = add(t0, mul(rho, add(sub(sub(t1, t0), lead), mul(lead, rho))));
      prover?.bind(rho);
      bound.unshift(rho);
    }
    const children = channel.exts('fractions/children', 4, () => (prover as FractionProver).children());
    channel.check(equal(g(children, lambda), claim), 'fraction-layer', `fractions/layer/${k}`);
    const side = channel.challenge('fractions/mu');
    p = line(children[0], children[1], side);
    q = line(children[2], children[3], side);
    point = [...bound, side];
  }
  return { sum, point, p, q };
}
