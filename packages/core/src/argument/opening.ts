/**
 * One opening for all claims of a proof (BaseFold, Zeilberger, Chen and Fisch 2023, ePrint 2023/1705, over an
 * interleaved Reed-Solomon code).
 *
 * Every claim is Σ over committed tensors of ⟨functional, tensor⟩ = value. With powers of λ they are one sum
 * Σ_cells F·W, F being the stacked cells and W the weights; a sumcheck of degree 2 binds first the row variables (least
 * significant first), then the position variables (most significant first). After the rows are bound, F is one row: its
 * code word is committed, and each three position rounds fold it eightfold into the next commitment; the last message is
 * sent in clear. Spot checks compare the combined leaves of the oracles with the first word and each word with the next.
 * Distances: unique decoding throughout (docs/soundness.md).
 */
import { add, type Ext, equal, mul, ONE, sub, ZERO } from '../field/qm31.js';
import type { Channel } from './channel.js';
import { quadraticAt } from './contraction.js';
import type { EqTables } from './eq-tables.js';
import { dot, eqPoints, eqVector } from './ext-vector.js';
import { type Functional, innerProduct } from './functional.js';
import { ceilLog2, eqFunctional } from './layout.js';
import { type OracleShape, type OracleTree, oracleVars, ownPoint, type Placement, place } from './oracles.js';
import { LOG_ARITY, LOG_BLOWUP, type Preset } from './presets.js';
import { checkQueries, type QueryProver } from './queries.js';
import { foldCount } from './row-length.js';

export interface OpeningTerm {
  readonly oracle: number;
  readonly tensor: number;
  readonly f: Functional;
}

export interface OpeningClaim {
  readonly terms: readonly OpeningTerm[];
  readonly value: Ext;
}

export interface OpeningProver extends QueryProver {
  /** Builds W = Σ_i lambda^i·terms_i, plus lambda^(claims + g) on the gaps of the g-th oracle that has any. */
  open(placement: Placement, claims: readonly OpeningClaim[], lambda: Ext, gapPoint: readonly Ext[]): void;
  /** [s(0), s(2)]. */
  round(): Ext[];
  bind(rho: Ext): void;
  /** Commits to the code word of the current message; the root. */
  commit(): Uint8Array;
  /** The current message in clear. */
  message(): Ext[];
  /** A nonce of 8 bytes with which the seed hashes to `bits` leading zero bits. */
  grind(seed: Uint8Array, bits: number): Uint8Array;
}

/** What is asked of an opening beside the preset: it follows from its whole error (proof/soundness.ts). */
export interface SpotChecks {
  /** Number of queries. */
  readonly queries: number;
  /** Leading zero bits of the work before they are drawn. */
  readonly grindingBits: number;
}

/** Leading zero bits of the work before each row challenge. */
export const rowWork = (logRow: number, preset: Preset): number =>
  Math.max(0, logRow + LOG_BLOWUP - preset.logFreeWord);

/** @param roots by tree */
export function opening(
  channel: Channel,
  oracles: readonly OracleShape[],
  trees: readonly OracleTree[],
  roots: readonly Uint8Array[],
  claims: readonly OpeningClaim[],
  preset: Preset,
  spotChecks: SpotChecks,
  tables: EqTables,
  prover?: OpeningProver,
): void {
  const side = prover as OpeningProver;
  const placement = place(oracles);
  const { rowVars, logRow } = placement;
  const gapPoint = channel.challenges('opening/gap', Math.max(...oracles.map(oracleVars)));
  const lambda = channel.challenge('opening/lambda');
  let claim: Ext = ZERO;
  for (let i = claims.length - 1; i >= 0; i--) claim = add(claims[i].value, mul(lambda, claim));
  prover?.open(placement, claims, lambda, gapPoint);

  const round = (work = 0): Ext => {
    const [s0, s2] = channel.exts('opening/round', 2, () => side.round());
    if (work > 0) channel.grind('opening/work', work, (seed) => side.grind(seed, work));
    const rho = channel.challenge('opening/rho');
    claim = quadraticAt(s0, sub(claim, s0), s2, rho);
    prover?.bind(rho);
    return rho;
  };

  const rowPoint: Ext[] = [];
  const work = rowWork(logRow, preset);
  for (let i = 0; i < rowVars; i++) rowPoint.unshift(round(work));
  const folds = foldCount(logRow, preset);
  const foldRoots: Uint8Array[] = [];
  const position: Ext[] = [];
  for (let j = 0; j < folds; j++) {
    foldRoots.push(channel.bytes('opening/fold', 32, () => side.commit()).slice());
    for (let i = 0; i < LOG_ARITY; i++) position.push(round());
  }
  const logFinal = logRow - position.length;
  const message = channel.exts('opening/message', 2 ** logFinal, () => side.message());
  const last: Ext[] = [];
  for (let i = 0; i < logFinal; i++) last.push(round());

  const value = evaluateMessage(message, last);
  const weight = weightAt(oracles, placement, claims, lambda, gapPoint, rowPoint, [...position, ...last], tables);
  channel.check(equal(mul(value, weight), claim), 'opening-sum', 'opening/sum');

  const { queries, grindingBits } = spotChecks;
  channel.grind('opening/nonce', grindingBits, (seed) => side.grind(seed, grindingBits));
  const indices = channel.indices('opening/queries', queries, logRow + LOG_BLOWUP);
  checkQueries({ channel, oracles, trees, roots, placement, rowPoint, foldRoots, position, message, indices, prover });
}

/** The multilinear extension of 2^k values at a point (most significant bit first). */
function evaluateMessage(message: readonly Ext[], point: readonly Ext[]): Ext {
  const values = [...message];
  let half = values.length;
  for (const x of point) {
    half /= 2;
    for (let i = 0; i < half; i++) values[i] = add(values[i], mul(x, sub(values[half + i], values[i])));
  }
  return values[0];
}

/** W̃ at the bound point. */
function weightAt(
  oracles: readonly OracleShape[],
  placement: Placement,
  claims: readonly OpeningClaim[],
  lambda: Ext,
  gapPoint: readonly Ext[],
  rowPoint: readonly Ext[],
  position: readonly Ext[],
  tables: EqTables,
): Ext {
  const own = oracles.map((o, i) => ownPoint(o, placement.firstRow[i], placement, rowPoint, position));
  const eqs = oracles.map((): Functional[] => []);
  const eqOf = (oracle: number, tensor: number): Functional => {
    eqs[oracle][tensor] ??= eqFunctional(oracles[oracle].layout.tensors[tensor], own[oracle].point, tables);
    return eqs[oracle][tensor];
  };
  let weight: Ext = ZERO;
  let power: Ext = ONE;
  for (const c of claims) {
    const sums = oracles.map((): Ext => ZERO);
    for (const { oracle, tensor, f } of c.terms) {
      const { dims } = oracles[oracle].layout.tensors[tensor];
      sums[oracle] = add(sums[oracle], innerProduct(f, eqOf(oracle, tensor), dims, tables));
    }
    const sum = sums.reduce((s, x, oracle) => add(s, mul(own[oracle].factor, x)), ZERO);
    weight = add(weight, mul(power, sum));
    power = mul(power, lambda);
  }
  oracles.forEach((o, i) => {
    if (!o.gap) return;
    const tau = gapPoint.slice(gapPoint.length - oracleVars(o));
    const span = ceilLog2(o.rows);
    const cut = (r: readonly Ext[]) => eqVector(r.slice(0, span)).subarray(0, 4 * o.rows);
    let gap = mul(dot(cut(tau), cut(own[i].point)), eqPoints(tau.slice(span), own[i].point.slice(span)));
    o.layout.tensors.forEach((t, k) => {
      gap = sub(gap, innerProduct(eqFunctional(t, tau, tables), eqOf(i, k), t.dims, tables));
    });
    weight = add(weight, mul(power, mul(own[i].factor, gap)));
    power = mul(power, lambda);
  });
  return weight;
}
