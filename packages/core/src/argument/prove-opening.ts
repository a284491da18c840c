/** The prover's side of opening.ts, through the kernels. */
import { add, type Ext, ZERO } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { OpeningProver } from './opening.js';
import { LOG_ARITY, LOG_BLOWUP } from './presets.js';
import { type Cube, openCube, type Row, segments } from './prove-opening-cube.js';
import { type CommittedOracle, type CommittedTree, leafBytes, siblingBytes } from './prove-oracles.js';

const EXT_BYTES = 16;
interface FoldWord {
  /** [groups][8] entries. */
  readonly leaves: Ptr;
  readonly tree: Ptr;
  readonly groups: number;
}

export function openingProver(
  kernels: Kernels,
  oracles: readonly CommittedOracle[],
  trees: readonly CommittedTree[],
): OpeningProver {
  let rows = new Map<number, Row>();
  let rowVars = 0;
  let cube: Cube | undefined;
  const folds: FoldWord[] = [];

  const only = (): Row => rows.get(0) as Row;

  const roundOfRows = (): Ext[] => {
    let s0: Ext = ZERO;
    let s2: Ext = ZERO;
    for (const pair of new Set([...rows.keys()].map((k) => Math.floor(k / 2)))) {
      const lo = rows.get(2 * pair);
      const hi = rows.get(2 * pair + 1);
      for (const [from, to] of segments([lo?.log, hi?.log])) {
        const at = (row: Row | undefined): [Ptr, Ptr] =>
          row && from < 2 ** row.log ? [row.f + EXT_BYTES * from, row.w + EXT_BYTES * from] : [0, 0];
        const [fLo, wLo] = at(lo);
        const [fHi, wHi] = at(hi);
        const [x0, x2] = kernels.productRound(fLo, fHi, wLo, wHi, to - from);
        s0 = add(s0, x0);
        s2 = add(s2, x2);
      }
    }
    return [s0, s2];
  };

  const bindRows = (rho: Ext): void => {
    const next = new Map<number, Row>();
    for (const pair of new Set([...rows.keys()].map((k) => Math.floor(k / 2)))) {
      const lo = rows.get(2 * pair);
      const hi = rows.get(2 * pair + 1);
      const log = Math.max(lo?.log ?? 0, hi?.log ?? 0);
      const reuse = lo && lo.log === log ? lo : undefined;
      const f = reuse ? reuse.f : kernels.take(EXT_BYTES * 2 ** log);
      const w = reuse ? reuse.w : kernels.take(EXT_BYTES * 2 ** log);
      for (const [from, to] of segments([lo?.log, hi?.log])) {
        const part = (row: Row | undefined, ptr: 'f' | 'w'): Ptr =>
          row && from < 2 ** row.log ? row[ptr] + EXT_BYTES * from : 0;
        kernels.fold(f + EXT_BYTES * from, part(lo, 'f'), part(hi, 'f'), to - from, rho);
        kernels.fold(w + EXT_BYTES * from, part(lo, 'w'), part(hi, 'w'), to - from, rho);
      }
      next.set(pair, { f, w, log });
    }
    rows = next;
  };

  return {
    open(placement, claims, lambda, gapPoint) {
      cube = openCube(kernels, oracles, placement, claims, lambda, gapPoint);
      rowVars = placement.rowVars - cube.variables;
      if (cube.variables === 0) {
        rows = cube.fold();
        cube = undefined;
      }
    },
    round() {
      if (cube) return cube.round();
      if (rowVars > 0) return roundOfRows();
      const { f, w, log } = only();
      const half = 2 ** (log - 1);
      const step = EXT_BYTES * half;
      return kernels.productRound(f, f + step, w, w + step, half);
    },
    bind(rho) {
      if (cube) {
        if (!cube.bind(rho)) return;
        rows = cube.fold();
        cube = undefined;
        return;
      }
      if (rowVars > 0) {
        bindRows(rho);
        rowVars--;
        return;
      }
      const { f, w, log } = only();
      const half = 2 ** (log - 1);
      kernels.fold(f, f, f + EXT_BYTES * half, half, rho);
      kernels.fold(w, w, w + EXT_BYTES * half, half, rho);
      rows.set(0, { f, w, log: log - 1 });
    },
    commit() {
      const { f, log } = only();
      const length = 2 ** (log + LOG_BLOWUP);
      const groups = length / 2 ** LOG_ARITY;
      const leaves = kernels.take(EXT_BYTES * length);
      const tree = kernels.take(64 * groups);
      const mark = kernels.mark();
      const word = kernels.take(EXT_BYTES * length);
      kernels.encode(word, f, log, 4);
      kernels.gatherGroups(leaves, word, groups, 2 ** LOG_ARITY);
      kernels.release(mark);
      const leafSize = EXT_BYTES * 2 ** LOG_ARITY;
      kernels.hashLeaves(tree + 32 * groups, leaves, groups, leafSize, leafSize);
      kernels.merkle(tree, groups);
      folds.push({ leaves, tree, groups });
      return kernels.u8(tree + 32, 32).slice();
    },
    message() {
      const { f, log } = only();
      const message: Ext[] = [];
      for (let i = 0; i < 2 ** log; i++) message.push(kernels.readExt(f + EXT_BYTES * i));
      return message;
    },
    grind: (seed, bits) => kernels.grind(seed, bits),
    oracleLeaves: (i, leaves) => leafBytes(kernels, oracles[i], leaves),
    treeSiblings: (t, leaves) => siblingBytes(kernels, trees[t].nodes, trees[t].leaves, leaves),
    foldLeaves(j, leaves) {
      const size = EXT_BYTES * 2 ** LOG_ARITY;
      const out = new Uint8Array(size * leaves.length);
      for (let i = 0; i < leaves.length; i++) {
        out.set(kernels.u8(folds[j].leaves + size * leaves[i], size), i * size);
      }
      return out;
    },
    foldSiblings: (j, leaves) => siblingBytes(kernels, folds[j].tree, folds[j].groups, leaves),
  };
}
