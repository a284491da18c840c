/**
 * A prover that believes in its own lies: at every check of a false claim it chooses its last message such that the
 * check holds, and so hands the lie on, from the lookups' sum down to the opened polynomial. Only the spot checks of the
 * opening can tell that the opened polynomial is not the committed one.
 */
import type { ContractionProver } from '../../packages/core/src/argument/contraction.js';
import { quadraticAt } from '../../packages/core/src/argument/contraction.js';
import { type Fraction, type FractionProver, plus } from '../../packages/core/src/argument/fractions.js';
import type { OpeningProver } from '../../packages/core/src/argument/opening.js';
import { add, type Ext, inv, mul, neg, ONE, sub, ZERO } from '../../packages/core/src/field/qm31.js';
import type { Kernels, Ptr } from '../../packages/core/src/kernels/kernels.js';
import type { SliceProver } from '../../packages/core/src/proof/slice-protocol.js';
import type { Tricks } from './dishonest-prover.js';

const line = (a: Ext, b: Ext, x: Ext): Ext => add(a, mul(x, sub(b, a)));

/** @param others the sum of the trees before, where this is the last one: it makes up for them */
function lyingFractions(
  honest: FractionProver,
  others: Fraction | undefined,
  told: (sum: Fraction) => void,
): FractionProver {
  let last: readonly Ext[] = [];
  let point: Ext[] = [];
  let lambda: Ext = ZERO;
  let claim: Ext = ZERO;
  let sent: readonly Ext[] = [];
  return {
    top() {
      const [top, p1, q0, q1] = honest.top();
      let p0 = top;
      if (others) {
        // (p0·q1 + p1·q0)/(q0·q1) = -p/q
        const due = neg(mul(mul(others.p, mul(q0, q1)), inv(others.q)));
        p0 = mul(sub(due, mul(p1, q0)), inv(q1));
      }
      last = [p0, p1, q0, q1];
      told(plus({ p: p0, q: q0 }, { p: p1, q: q1 }));
      return [...last];
    },
    open(k, r, challenge) {
      const side = r[r.length - 1];
      [point, lambda] = [[...r], challenge];
      claim = add(line(last[0], last[1], side), mul(lambda, line(last[2], last[3], side)));
      honest.open(k, r, challenge);
    },
    round() {
      sent = honest.round();
      return [...sent];
    },
    bind(rho) {
      const r = point.pop() as Ext;
      const [t0, lead] = sent;
      const t1 = mul(sub(claim, mul(sub(ONE, r), t0)), inv(r));
      claim = add(t0, mul(rho, add(sub(sub(t1, t0), lead), mul(lead, rho))));
      honest.bind(rho);
    },
    children() {
      const [, p1, q0, q1] = honest.children();
      // p0·q1 + p1·q0 + lambda·q0·q1 = claim
      const p0 = mul(sub(claim, add(mul(p1, q0), mul(lambda, mul(q0, q1)))), inv(q1));
      last = [p0, p1, q0, q1];
      return [...last];
    },
  };
}

function lyingContraction(honest: ContractionProver, values: readonly Ext[]): ContractionProver {
  let claim: Ext = ZERO;
  let gammas: readonly Ext[] = [];
  let sent: readonly Ext[] = [];
  return {
    open(shapes, g, numVars) {
      gammas = g;
      values.forEach((v, i) => {
        let weighted = mul(g[i], v);
        for (let j = shapes[i].numVars; j < numVars; j++) weighted = add(weighted, weighted);
        claim = add(claim, weighted);
      });
      honest.open(shapes, g, numVars);
    },
    round() {
      sent = honest.round();
      return [...sent];
    },
    bind(rho) {
      claim = quadraticAt(sent[0], sub(claim, sent[0]), sent[1], rho);
      honest.bind(rho);
    },
    ends() {
      const ends = [...honest.ends()];
      for (let i = 1; i < gammas.length; i++) claim = sub(claim, mul(gammas[i], mul(ends[2 * i], ends[2 * i + 1])));
      ends[0] = mul(claim, inv(mul(gammas[0], ends[1])));
      return ends;
    },
  };
}

/** @param held the folded polynomial and its weights, as the kernels saw them in the last round */
function lyingOpening(honest: OpeningProver, kernels: Kernels, held: { f: Ptr; w: Ptr }): OpeningProver {
  let claim: Ext = ZERO;
  let sent: readonly Ext[] = [];
  return {
    ...honest,
    open(placement, claims, lambda, gapPoint) {
      for (let i = claims.length - 1; i >= 0; i--) claim = add(claims[i].value, mul(lambda, claim));
      honest.open(placement, claims, lambda, gapPoint);
    },
    round() {
      sent = honest.round();
      return [...sent];
    },
    bind(rho) {
      claim = quadraticAt(sent[0], sub(claim, sent[0]), sent[1], rho);
      honest.bind(rho);
    },
    message() {
      // A round ahead of its time changes nothing; it tells where F and W are.
      honest.round();
      const length = honest.message().length;
      let sum: Ext = ZERO;
      for (let i = 0; i < length; i++) {
        sum = add(sum, mul(kernels.readExt(held.f + 16 * i), kernels.readExt(held.w + 16 * i)));
      }
      const change = mul(sub(claim, sum), inv(kernels.readExt(held.w)));
      kernels.writeExt(held.f, add(kernels.readExt(held.f), change));
      return honest.message();
    },
  };
}

/** Adds persistence to a lie about values or multiplicities. */
export function persistent(tricks: Tricks): Tricks {
  const held = { f: 0, w: 0 };
  let memory: Kernels;
  return {
    ...tricks,
    kernels(reference) {
      const other = tricks.kernels?.(reference);
      memory = reference;
      const productRound: Kernels['productRound'] = (fLo, fHi, wLo, wHi, n) => {
        [held.f, held.w] = [fLo, wLo];
        return reference.productRound(fLo, fHi, wLo, wHi, n);
      };
      return { ...other, productRound };
    },
    prover(honest, shape): Partial<SliceProver> {
      const own: SliceProver = { ...honest, ...tricks.prover?.(honest, shape) };
      let sum: Fraction = { p: ZERO, q: ONE };
      let sent: Ext[] = [];
      return {
        ...own,
        fractions(tree, alpha, beta) {
          const before = tree === shape.lookups.at(-1) ? sum : undefined;
          return lyingFractions(own.fractions(tree, alpha, beta), before, (own) => {
            sum = plus(sum, own);
          });
        },
        functionalOf(value, f, tables) {
          const v = own.functionalOf(value, f, tables);
          sent.push(v);
          return v;
        },
        contraction(values, functionals) {
          const prover = lyingContraction(own.contraction(values, functionals), sent);
          sent = [];
          return prover;
        },
        opening: () => lyingOpening(own.opening(), memory, held),
      };
    },
  };
}
