/** The prover's side of fractions.ts, through the kernels. */
import { add, type Ext, mul, ONE, sub, ZERO } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { FractionProver } from './fractions.js';

/**
 * One layer: `length` fractions, the rest of the 2^k being 0/1. Arrays are padded with 0/1 to a multiple of four. The
 * numerators of leaves are base elements.
 */
interface Layer {
  readonly p: Ptr;
  readonly q: Ptr;
  readonly length: number;
}

const EXT_BYTES = 16;

/** Room for `length` fractions and the padding that a round may read. */
export const paddedLength = (length: number): number => Math.ceil(length / 4) * 4;

/** Writes 0/1 into the fractions [from, to). */
function padFractions(kernels: Kernels, p: Ptr, q: Ptr, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    kernels.writeExt(p + EXT_BYTES * i, ZERO);
    kernels.writeExt(q + EXT_BYTES * i, ONE);
  }
}

/** @param leaves arrays of at least paddedLength(length) entries, padded with 0/1 */
export function fractionProver(kernels: Kernels, depth: number, leaves: Layer): FractionProver {
  // layers[k] has at most 2^k nodes; layers[depth] are the leaves.
  const layers: Layer[] = [];
  layers[depth] = leaves;
  for (let k = depth - 1; k >= 1; k--) {
    const below = layers[k + 1];
    const length = Math.ceil(below.length / 2);
    const room = paddedLength(length);
    const p = kernels.take(EXT_BYTES * room);
    const q = kernels.take(EXT_BYTES * room);
    if (k + 1 === depth) kernels.fractionUpBase(p, q, below.p, below.q, length);
    else kernels.fractionUp(p, q, below.p, below.q, length);
    padFractions(kernels, p, q, length, room);
    layers[k] = { p, q, length };
  }
  let p: Ptr = 0;
  let q: Ptr = 0;
  /** Whether p are numerators of leaves as they were given. */
  let base = false;
  let parents = 0;
  let lambda: Ext = ZERO;
  let rest: Ext[] = [];
  // eq(rest, ·) is the product of two tables, of the upper and the lower half of the variables.
  const half = 2 ** Math.ceil(Math.max(0, depth - 2) / 2);
  const eqLow = kernels.take(EXT_BYTES * half);
  const eqHigh = kernels.take(EXT_BYTES * half);
  return {
    top() {
      return firstPair(kernels, layers[1], depth === 1);
    },
    open(k, point, challenge) {
      ({ p, q } = layers[k + 1]);
      base = k + 1 === depth;
      parents = Math.ceil(layers[k + 1].length / 2);
      lambda = challenge;
      rest = [...point];
    },
    round() {
      const quads = Math.ceil(parents / 2);
      const point = rest.slice(0, -1);
      const logLow = Math.floor(point.length / 2);
      kernels.eqTable(eqHigh, point.slice(0, point.length - logLow), ONE);
      kernels.eqTable(eqLow, point.slice(point.length - logLow), ONE);
      const sums = base ? kernels.fractionRoundBase : kernels.fractionRound;
      const [lo, lead, weight] = sums(p, q, eqLow, logLow, eqHigh, quads, lambda);
      // Beyond the last quad every fraction is 0/1: g is lambda there, and constant.
      return [add(lo, mul(lambda, sub(ONE, weight))), lead];
    },
    bind(rho) {
      const quads = Math.ceil(parents / 2);
      if (base) {
        // The layer above is done with, and has as much room as is needed.
        const { p: room } = layers[depth - 1];
        kernels.fractionFoldBase(room, p, quads, rho);
        p = room;
        base = false;
      } else kernels.fractionFold(p, p, quads, rho);
      kernels.fractionFold(q, q, quads, rho);
      parents = quads;
      padFractions(kernels, p, q, 2 * parents, paddedLength(2 * parents));
      rest.pop();
    },
    children() {
      return firstPair(kernels, { p, q }, base);
    },
  };
}

/** Numerators, then denominators of the first two fractions. */
function firstPair(kernels: Kernels, { p, q }: Omit<Layer, 'length'>, base: boolean): [Ext, Ext, Ext, Ext] {
  const numerator = (i: number): Ext => (base ? [kernels.u32(p, 2)[i], 0, 0, 0] : kernels.readExt(p + EXT_BYTES * i));
  return [numerator(0), numerator(1), kernels.readExt(q), kernels.readExt(q + EXT_BYTES)];
}
