/** The opening in the independent verifier: W written out cell by cell, the code by evaluation at each query. */
import type { Preset } from '../../packages/core/src/argument/presets.js';
import {
  bytesOf,
  codeSymbol,
  domainX,
  eqTable,
  extension,
  foldPair,
  hash,
  lift,
  mod,
  ONE,
  plus,
  type Q,
  roundAt,
  same,
  sum,
  times,
  ZERO,
} from './bigint-field.js';
import { type Functional, log2, weights } from './bigint-functionals.js';
import type { Oracle } from './bigint-layout.js';
import type { ProofReader } from './bigint-reader.js';

export interface OpenClaim {
  /** Weights on committed tensors: [oracle, tensor, functional]. */
  readonly terms: [number, number, Functional][];
  value: Q;
}

/** Oracles under one root, by number. */
export interface Tree {
  readonly oracles: readonly number[];
  readonly root: Uint8Array;
}

export function opening(
  reader: ProofReader,
  oracles: readonly Oracle[],
  trees: readonly Tree[],
  claims: readonly OpenClaim[],
  preset: Preset,
): void {
  const spans = oracles.map((o) => log2(o.rows));
  const logRow = Math.max(...oracles.map((o) => o.logRow));
  const firstRow: number[] = [];
  let next = 0;
  for (const k of spans.map((_, i) => i).sort((a, b) => spans[b] - spans[a] || a - b)) {
    firstRow[k] = next;
    next += 2 ** spans[k];
  }
  const rowVars = log2(next);
  const tau = reader.chain.challenges('opening/gap', Math.max(...oracles.map((o, i) => spans[i] + o.logRow)));
  const lambda = reader.chain.challenge('opening/lambda');

  // W, cell by cell: a short row is the beginning of a long one.
  const table = new Array<Q>(2 ** (rowVars + logRow)).fill(ZERO);
  const cellAt = (k: number, position: number): number => {
    const cells = 2 ** oracles[k].logRow;
    return (firstRow[k] + Math.floor(position / cells)) * 2 ** logRow + (position % cells);
  };
  let claim = ZERO;
  let scale = ONE;
  for (const c of claims) {
    for (const [k, tensor, f] of c.terms) {
      const t = oracles[k].tensors[tensor];
      weights(f, t.dims).forEach((w, cell) => {
        const o = cellAt(k, t.positions[cell]);
        table[o] = plus(table[o], times(scale, w));
      });
    }
    claim = plus(claim, times(scale, c.value));
    scale = times(scale, lambda);
  }
  oracles.forEach((o, k) => {
    if (!o.gap) return;
    const eq = eqTable(tau.slice(tau.length - spans[k] - o.logRow));
    const taken = new Set(o.tensors.flatMap((t) => t.positions));
    for (let i = 0; i < o.rows * 2 ** o.logRow; i++) {
      if (!taken.has(i)) table[cellAt(k, i)] = plus(table[cellAt(k, i)], times(scale, eq[i]));
    }
    scale = times(scale, lambda);
  });

  const work = (label: string, bits: number): void => {
    const seed = hash(reader.chain.state, bytesOf('grind'));
    const digest = hash(seed, reader.bytes(label, 8));
    const read = [...digest].map((b) => b.toString(2).padStart(8, '0')).join('');
    reader.check(read.indexOf('1') >= bits, 'grinding');
  };
  const round = (bits = 0): Q => {
    const [s0, s2] = reader.exts('opening/round', 2);
    if (bits > 0) work('opening/work', bits);
    const rho = reader.chain.challenge('opening/rho');
    claim = roundAt(s0, s2, claim, rho);
    return rho;
  };
  const rowPoint: Q[] = [];
  for (let i = 0; i < rowVars; i++) rowPoint.unshift(round(logRow + 2 - preset.logFreeWord));
  const position: Q[] = [];
  const foldRoots: Uint8Array[] = [];
  while (logRow - position.length >= 3 && logRow - position.length > preset.logFinal) {
    foldRoots.push(reader.bytes('opening/fold', 32));
    for (let i = 0; i < 3; i++) position.push(round());
  }
  const folded = position.length;
  const message = reader.exts('opening/message', 2 ** (logRow - folded));
  while (position.length < logRow) position.push(round());
  const value = extension(message, position.slice(folded));
  reader.check(same(times(value, extension(table, [...rowPoint, ...position])), claim), 'opening-sum');

  work('opening/nonce', preset.grindingBits);
  const indices = reader.chain.indices('opening/queries', preset.queries, logRow + 2);
  queries(reader, oracles, trees, indices, firstRow, eqTable(rowPoint), foldRoots, position, message, logRow);
}

function queries(
  reader: ProofReader,
  oracles: readonly Oracle[],
  trees: readonly Tree[],
  indices: readonly number[],
  firstRow: readonly number[],
  rowWeights: readonly Q[],
  foldRoots: readonly Uint8Array[],
  position: readonly Q[],
  message: readonly Q[],
  logRow: number,
): void {
  const combined = indices.map(() => ZERO);
  for (const { oracles: members, root } of trees) {
    const lengths = members.map((k) => 4 * 2 ** oracles[k].logRow);
    const longest = Math.max(...lengths);
    const parts = members.map((k, i) => {
      const o = oracles[k];
      const data = reader.leaves(
        indices.map((c) => c % lengths[i]),
        4 * o.rows,
      );
      for (const [leaf, bytes] of data) {
        const symbol = sum(reader.words(bytes).map((x, r) => times(lift(x), rowWeights[firstRow[k] + r])));
        indices.forEach((c, j) => {
          if (c % lengths[i] === leaf) combined[j] = plus(combined[j], symbol);
        });
      }
      return data;
    });
    const digests = new Map(
      indices.map((c) => {
        const own = parts.map((data, i) => hash(data.get(c % lengths[i]) as Uint8Array));
        return [c % longest, own.reduce((chain, d) => hash(chain, d))];
      }),
    );
    reader.path(digests, longest, root);
  }
  let at = indices.map((c, i) => ({ c, value: combined[i] }));
  foldRoots.forEach((root, j) => {
    const logLength = logRow + 2 - 3 * j;
    const groups = 2 ** (logLength - 3);
    const data = reader.leaves(
      at.map(({ c }) => c % groups),
      128,
    );
    reader.path(new Map([...data].map(([leaf, bytes]) => [leaf, hash(bytes)])), groups, root);
    const leaves = new Map([...data].map(([leaf, bytes]) => [leaf, reader.elements(bytes)]));
    for (const { c, value } of at) {
      reader.check(same((leaves.get(c % groups) as Q[])[Math.floor(c / groups)], value), 'fold');
    }
    const foldedAt = new Map(
      [...leaves].map(([leaf, values]) => {
        let stage = values.map((v, s) => ({ v, x: domainX(logLength, leaf + s * groups) }));
        for (const rho of position.slice(3 * j, 3 * j + 3)) {
          const half = stage.length / 2;
          stage = stage.slice(0, half).map(({ v, x }, s) => ({
            v: foldPair(v, stage[s + half].v, x, rho),
            x: mod(2n * x * x - 1n),
          }));
        }
        return [leaf, stage[0].v];
      }),
    );
    at = at.map(({ c }) => ({ c: c % groups, value: foldedAt.get(c % groups) as Q }));
  });
  const mu = log2(message.length) + 2;
  for (const { c, value } of at) reader.check(same(codeSymbol(message, domainX(mu, c)), value), 'fold');
}
