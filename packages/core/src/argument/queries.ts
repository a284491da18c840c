/**
 * The spot checks of the opening: at each queried position the oracles' leaves, combined by the row challenges, must be
 * the first fold word's value there; each fold word must fold into the next, the last into the code word of the message.
 */
import { hash, hashPair } from '../base/blake3.js';
import { domainPoint, encodeExt } from '../field/domain.js';
import { add as addM31, inv as invM31, mul as mulM31, sub as subM31 } from '../field/m31.js';
import { add, type Ext, equal, mul, mulBase, sub, ZERO } from '../field/qm31.js';
import { dotBase } from '../field/qm31-array.js';
import type { Channel } from './channel.js';
import { eqAt, eqVector, extVector, getExt } from './ext-vector.js';
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
  channel.check(
    got.every((b, i) => b === root[i]),
    'merkle-path',
    path,
  );
}

/** Reads the words of leaves, one after the other. */
function readLeaves(
  channel: Channel,
  leaves: readonly number[],
  leafBytes: number,
  path: string,
  data: () => Uint8Array,
): Uint8Array[] {
  const bytes = channel.opened(`${path}/leaves`, leafBytes * leaves.length, data);
  return leaves.map((_, i) => bytes.subarray(i * leafBytes, (i + 1) * leafBytes));
}

export function checkQueries(q: Queries): void {
  const { channel, placement, prover } = q;
  const side = prover as QueryProver;
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
      const rows = readLeaves(channel, own, 4 * o.rows, path, () => side.oracleLeaves(k, own));
      const weights = rowWeights(o, placement.firstRow[k], q);
      const at = new Map(own.map((leaf, i) => [leaf, i]));
      const combined = rows.map((row) => dotBase(channel.decodeWords(row, path), weights));
      q.indices.forEach((c, i) => {
        values[i] = add(values[i], combined[at.get(c % word) as number]);
      });
      const hashes = rows.map((row) => hash(row).slice());
      const each = leaves.map((leaf) => hashes[at.get(leaf % word) as number]);
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
    const data = readLeaves(channel, leaves, 16 * 2 ** LOG_ARITY, path, () => side.foldLeaves(j, leaves));
    const digests = data.map((d) => hash(d).slice());
    checkPath(channel, leaves, digests, groups, root, path, () => side.foldSiblings(j, leaves));
    const words = new Map(leaves.map((leaf, i) => [leaf, channel.decodeExts(data[i], path)]));
    positions.forEach((c, i) => {
      const slot = Math.floor(c / groups);
      channel.check(equal((words.get(at[i]) as Ext[])[slot], values[i]), 'fold', path);
    });
    const rhos = q.position.slice(j * LOG_ARITY, (j + 1) * LOG_ARITY);
    const folded = foldLeaves(leaves, words, logLength, rhos);
    at.forEach((leaf, i) => {
      values[i] = folded.get(leaf) as Ext;
    });
    positions = at;
    logLength -= LOG_ARITY;
  });

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

/** Folds each leaf's values at positions leaf + k·groups three times: e0 + rho·(e1 - e0) of each pair ±x. */
function foldLeaves(
  leaves: readonly number[],
  words: ReadonlyMap<number, readonly Ext[]>,
  logLength: number,
  rhos: readonly Ext[],
): Map<number, Ext> {
  const arity = 2 ** LOG_ARITY;
  const groups = 2 ** (logLength - LOG_ARITY);
  // x of the first half of each leaf's positions, stage after stage; x of the next stage is 2x² - 1.
  const xs = leaves.flatMap((leaf) => {
    let stage = Array.from({ length: arity / 2 }, (_, k) => domainPoint(logLength, leaf + k * groups));
    const all = [...stage];
    while (stage.length > 1) {
      stage = stage.slice(0, stage.length / 2).map((x) => subM31(mulM31(2, mulM31(x, x)), 1));
      all.push(...stage);
    }
    return all;
  });
  const inverses = batchInverse(xs.map((x) => addM31(x, x)));
  const out = new Map<number, Ext>();
  leaves.forEach((leaf, i) => {
    let values = words.get(leaf) as readonly Ext[];
    let next = i * (arity - 1);
    for (const rho of rhos) {
      const half = values.length / 2;
      values = values.slice(0, half).map((lo, k) => {
        const hi = values[k + half];
        const e0 = mulBase(add(lo, hi), 2 ** 30);
        const e1 = mulBase(sub(lo, hi), inverses[next + k]);
        return add(e0, mul(rho, sub(e1, e0)));
      });
      next += half;
    }
    out.set(leaf, values[0]);
  });
  return out;
}

/** Inverses of non-zero elements by one inversion (Montgomery). */
function batchInverse(xs: readonly number[]): number[] {
  const prefix: number[] = [];
  let product = 1;
  for (const x of xs) {
    prefix.push(product);
    product = mulM31(product, x);
  }
  let inverse = invM31(product);
  const out = new Array<number>(xs.length);
  for (let i = xs.length - 1; i >= 0; i--) {
    out[i] = mulM31(inverse, prefix[i]);
    inverse = mulM31(inverse, xs[i]);
  }
  return out;
}
