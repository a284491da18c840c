/**
 * The spot checks of the opening: at each queried position the oracles' leaves, combined by the row challenges, must be
 * the first fold word's value there; each fold word must fold into the next, the last into the code word of the message.
 */
import { hash, hashPair } from '../base/blake3.js';
import { sameBytes } from '../base/codec.js';
import { domainPoint, encodeExt } from '../field/domain.js';
import { add as addM31, inv as invM31, mul as mulM31, sub as subM31 } from '../field/m31.js';
import { add, type Ext, equal, mul, sub, ZERO } from '../field/qm31.js';
import { dotBase } from '../field/qm31-array.js';
import type { Channel } from './channel.js';
import { eqAt, eqVector, extVector, getExt, setExt } from './ext-vector.js';
import { ceilLog2 } from './layout.js';
import { rootOf, siblingCount } from './merkle.js';
import { logWord, type OracleShape, type OracleTree, type Placement, treeLeaves } from './oracles.js';
import { LOG_ARITY, LOG_BLOWUP } from './presets.js';

export interface QueryProver {
  /** Leaves (sorted, distinct) of an oracle: rows words each. */
  oracleLeaves(oracle: number, leaves: readonly number[]): Uint8Array;
  /** Of a tree of oracles. */
  treeSiblings(tree: number, leaves: readonly number[]): Uint8Array;
  foldLeaves(fold: number, leaves: readonly number[]): Uint8Array;
  foldSiblings(fold: number, leaves: readonly number[]): Uint8Array;
}

export interface Queries {
  readonly channel: Channel;
  readonly oracles: readonly OracleShape[];
  readonly trees: readonly OracleTree[];
  /** By tree. */
  readonly roots: readonly Uint8Array[];
  readonly placement: Placement;
  readonly rowPoint: readonly Ext[];
  readonly foldRoots: readonly Uint8Array[];
  /** Position challenges, LOG_ARITY to a fold. */
  readonly position: readonly Ext[];
  readonly message: readonly Ext[];
  /** Positions of the longest code word. */
  readonly indices: readonly number[];
  readonly prover: QueryProver | undefined;
}

const distinct = (xs: readonly number[]): number[] => [...new Set(xs)].sort((a, b) => a - b);

/** Reads the siblings of leaves with these digests, and checks that they lead to the root. */
function checkPath(
  channel: Channel,
  leaves: readonly number[],
  digests: readonly Uint8Array[],
  count: number,
  root: Uint8Array,
  path: string,
  siblings: () => Uint8Array,
): void {
  const proof = channel.opened(`${path}/path`, 32 * siblingCount(leaves, count), siblings);
  const got = rootOf(leaves, digests, count, proof);
  channel.check(sameBytes(got, root), 'merkle-path', path);
}

/** Reads leaves, one after the other, and hashes each. */
function readLeaves(
  channel: Channel,
  count: number,
  leafBytes: number,
  path: string,
  data: () => Uint8Array,
): { readonly bytes: Uint8Array; readonly digests: Uint8Array[] } {
  const bytes = channel.opened(`${path}/leaves`, leafBytes * count, data);
  const digests: Uint8Array[] = [];
  for (let i = 0; i < count; i++) digests.push(hash(bytes, i * leafBytes, (i + 1) * leafBytes));
  return { bytes, digests };
}

/** Where each of sorted, distinct numbers stands. */
const placesOf = (xs: readonly number[]): Map<number, number> => new Map(xs.map((x, i) => [x, i]));

/** A prover compares paths with roots, as its leaves may come from a store; what they fold to it has made itself. */
export function checkQueries(q: Queries): void {
  const { channel, placement, prover } = q;
  const side = prover as QueryProver;
  const verifies = prover === undefined;
  const values = q.indices.map((): Ext => ZERO);
  q.trees.forEach((tree, t) => {
    const count = treeLeaves(tree.map((k) => q.oracles[k]));
    const leaves = distinct(q.indices.map((c) => c % count));
    let digests: Uint8Array[] = [];
    for (const k of tree) {
      const o = q.oracles[k];
      const word = 2 ** logWord(o);
      const own = distinct(leaves.map((leaf) => leaf % word));
      const path = `opening/oracle/${k}`;
      const read = readLeaves(channel, own.length, 4 * o.rows, path, () => side.oracleLeaves(k, own));
      const at = placesOf(own);
      if (verifies) {
        const weights = rowWeights(o, placement.firstRow[k], q);
        const words = channel.decodeWords(read.bytes, path);
        const combined = own.map((_, i) => dotBase(words, i * o.rows, weights));
        q.indices.forEach((c, i) => {
          values[i] = add(values[i], combined[at.get(c % word) as number]);
        });
      }
      const each = leaves.map((leaf) => read.digests[at.get(leaf % word) as number]);
      digests = digests.length === 0 ? each : each.map((d, i) => hashPair(digests[i], d));
    }
    checkPath(channel, leaves, digests, count, q.roots[t], `opening/tree/${t}`, () => side.treeSiblings(t, leaves));
  });

  let positions = [...q.indices];
  let logLength = placement.logRow + LOG_BLOWUP;
  q.foldRoots.forEach((root, j) => {
    const groups = 2 ** (logLength - LOG_ARITY);
    const at = positions.map((c) => c % groups);
    const leaves = distinct(at);
    const path = `opening/fold/${j}`;
    const leafWords = 4 * 2 ** LOG_ARITY;
    const read = readLeaves(channel, leaves.length, 4 * leafWords, path, () => side.foldLeaves(j, leaves));
    checkPath(channel, leaves, read.digests, groups, root, path, () => side.foldSiblings(j, leaves));
    if (verifies) {
      const words = channel.decodeWords(read.bytes, path);
      const place = placesOf(leaves);
      positions.forEach((c, i) => {
        const first = (place.get(at[i]) as number) * 2 ** LOG_ARITY;
        channel.check(equal(getExt(words, first + Math.floor(c / groups)), values[i]), 'fold', path);
      });
      const rhos = q.position.slice(j * LOG_ARITY, (j + 1) * LOG_ARITY);
      foldLeaves(leaves, words, logLength, rhos);
      at.forEach((leaf, i) => {
        values[i] = getExt(words, (place.get(leaf) as number) * 2 ** LOG_ARITY);
      });
    }
    positions = at;
    logLength -= LOG_ARITY;
  });
  if (!verifies) return;

  const word = encodeExt(extVector(q.message));
  positions.forEach((c, i) => {
    channel.check(equal(getExt(word, c), values[i]), 'fold', 'opening/message');
  });
}

/** eq(row challenges, row) for the rows of one oracle. */
function rowWeights(o: OracleShape, firstRow: number, q: Queries): Uint32Array {
  const span = ceilLog2(o.rows);
  const high = q.placement.rowVars - span;
  const scale = eqAt(q.rowPoint.slice(0, high), firstRow / 2 ** span);
  return eqVector(q.rowPoint.slice(high), scale).subarray(0, 4 * o.rows);
}

/**
 * Folds each leaf's values at positions leaf + k·groups three times: e0 + rho·(e1 - e0) of each pair ±x.
 * @param words leaf after leaf; the first value of each becomes the folded one
 */
function foldLeaves(leaves: readonly number[], words: Uint32Array, logLength: number, rhos: readonly Ext[]): void {
  const arity = 2 ** LOG_ARITY;
  const groups = 2 ** (logLength - LOG_ARITY);
  // 2x for the first half of each leaf's positions, stage after stage; x of the next stage is 2x² - 1.
  const doubled = new Uint32Array(leaves.length * (arity - 1));
  leaves.forEach((leaf, i) => {
    const first = i * (arity - 1);
    for (let k = 0; k < arity / 2; k++) {
      const x = domainPoint(logLength, leaf + k * groups);
      doubled[first + k] = addM31(x, x);
    }
    for (let half = arity / 4, to = first + arity / 2, from = first; half >= 1; from += 2 * half, half /= 2) {
      for (let k = 0; k < half; k++, to++) {
        const x2 = doubled[from + k];
        // 2·(2x² - 1) = (2x)² - 2
        doubled[to] = subM31(mulM31(x2, x2), 2);
      }
    }
  });
  const inverses = batchInverse(doubled);
  for (let i = 0; i < leaves.length; i++) {
    let next = i * (arity - 1);
    for (let stage = 0, half = arity / 2; stage < LOG_ARITY; next += half, half /= 2, stage++) {
      for (let k = 0; k < half; k++) foldPair(words, i * arity + k, half, inverses[next + k], rhos[stage]);
    }
  }
}

/** words[at] ← e0 + rho·(e1 - e0), e0 and e1 being the halves of its value and of the one `half` further on. */
function foldPair(words: Uint32Array, at: number, half: number, inverse: number, rho: Ext): void {
  const lo = 4 * at;
  const hi = lo + 4 * half;
  // With 2·e0 = lo + hi and e1 = (lo - hi)·inverse; half of x is x·2^30.
  const e0 = (c: number): number => mulM31(addM31(words[lo + c], words[hi + c]), 2 ** 30);
  const e1 = (c: number): number => mulM31(subM31(words[lo + c], words[hi + c]), inverse);
  const even: Ext = [e0(0), e0(1), e0(2), e0(3)];
  const odd: Ext = [e1(0), e1(1), e1(2), e1(3)];
  setExt(words, at, add(even, mul(rho, sub(odd, even))));
}

/** Inverses of non-zero elements by one inversion (Montgomery). */
function batchInverse(xs: Uint32Array): Uint32Array {
  const out = new Uint32Array(xs.length);
  let product = 1;
  for (let i = 0; i < xs.length; i++) {
    out[i] = product;
    product = mulM31(product, xs[i]);
  }
  let inverse = invM31(product);
  for (let i = xs.length - 1; i >= 0; i--) {
    out[i] = mulM31(inverse, out[i]);
    inverse = mulM31(inverse, xs[i]);
  }
  return out;
}
