/** The prover's side of opening.ts, through the kernels. */
import { add, type Ext, mul, sub, ZERO } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { OpeningClaim, OpeningProver } from './opening.js';
import { LOG_ARITY, LOG_BLOWUP, type Preset } from './presets.js';
import { type BlockRow, type RowBlock, rowBlocks } from './prove-opening-blocks.js';
import { type CommittedOracle, type CommittedTree, leafBytes, siblingBytes } from './prove-oracles.js';
import { prepareWeights } from './prove-weights.js';

const EXT_BYTES = 16;
/** Row variables that are bound at once, so that rows and weights are never held in the extension field. */
const LOG_CUBE = 3;

/** One row of F and W, each of 2^log extension elements. */
interface Row {
  readonly f: Ptr;
  readonly w: Ptr;
  readonly log: number;
}

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
  preset: Preset,
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
      const f = reuse ? reuse.f : kernels.alloc(EXT_BYTES * 2 ** log);
      const w = reuse ? reuse.w : kernels.alloc(EXT_BYTES * 2 ** log);
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
      const leaves = kernels.alloc(EXT_BYTES * length);
      const tree = kernels.alloc(64 * groups);
      const mark = kernels.mark();
      const word = kernels.alloc(EXT_BYTES * length);
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
      return Array.from({ length: 2 ** log }, (_, i) => kernels.readExt(f + EXT_BYTES * i));
    },
    grind: (seed) => kernels.grind(seed, preset.grindingBits),
    oracleLeaves: (i, leaves) => leafBytes(kernels, oracles[i], leaves),
    treeSiblings: (t, leaves) => siblingBytes(kernels, trees[t].nodes, trees[t].leaves, leaves),
    foldLeaves(j, leaves) {
      const size = EXT_BYTES * 2 ** LOG_ARITY;
      const out = new Uint8Array(size * leaves.length);
      leaves.forEach((leaf, i) => {
        out.set(kernels.u8(folds[j].leaves + size * leaf, size), i * size);
      });
      return out;
    },
    foldSiblings: (j, leaves) => siblingBytes(kernels, folds[j].tree, folds[j].groups, leaves),
  };
}

/** The stretches over which rows of different lengths (given by their log2) are uniform. */
function segments(logs: readonly (number | undefined)[]): [number, number][] {
  const ends = [...new Set(logs.flatMap((log) => (log === undefined ? [] : [2 ** log])))].sort((a, b) => a - b);
  return ends.map((end, i) => [ends[i - 1] ?? 0, end]);
}

/** The first rounds over the row variables, eight rows at a time. */
interface Cube {
  readonly variables: number;
  /** [s(0), s(2)]. */
  round(): Ext[];
  /** Whether all of its variables are bound now. */
  bind(rho: Ext): boolean;
  /** The rows that are left, by their number. */
  fold(): Map<number, Row>;
}

/**
 * Of eight rows f_x, w_x at a time, Σ F·W is one polynomial of degree 2 in each of three variables, given at 27 points;
 * their sum over all eights is all that the first three rounds need. Rows and weights are made for this, let go, and
 * made once more to be folded by the challenges: an eighth of each is kept.
 */
function openCube(
  kernels: Kernels,
  oracles: readonly CommittedOracle[],
  placement: Parameters<OpeningProver['open']>[0],
  claims: readonly OpeningClaim[],
  lambda: Ext,
  gapPoint: readonly Ext[],
): Cube {
  const variables = Math.min(LOG_CUBE, placement.rowVars);
  const groups = rowBlocks(oracles, placement, 2 ** LOG_CUBE);
  const blocks = groups.flatMap((g) => g.blocks);
  const kept = new Map(
    blocks.map((b): [number, Row] => {
      const log = Math.max(...b.rows.map((r) => r?.log ?? 0));
      return [b.index, { f: kernels.alloc(EXT_BYTES * 2 ** log), w: kernels.alloc(EXT_BYTES * 2 ** log), log }];
    }),
  );
  const mark = kernels.mark();
  const weights = prepareWeights(kernels, oracles, claims, lambda, gapPoint);
  /** Calls `visit` for the rows of every eight, stretch by stretch. */
  const each = (visit: (block: RowBlock, f: Ptr[], w: Ptr[], from: number, to: number) => void): void => {
    for (const group of groups) {
      group.visit(kernels, weights, (block, at: (row: BlockRow) => { f: Ptr; w: Ptr }) => {
        const places = block.rows.map((row) => row && { ...at(row), log: row.log });
        for (const [from, to] of segments(places.map((p) => p?.log))) {
          const live = places.map((p) => (p && from < 2 ** p.log ? p : undefined));
          const f = live.map((p) => (p ? p.f + 4 * from : 0));
          visit(
            block,
            f,
            live.map((p) => (p ? p.w + EXT_BYTES * from : 0)),
            from,
            to,
          );
        }
      });
    }
  };
  // Σ F·W at the points a + 3b + 9c of {0, 1, ∞}³; bound variables are taken out from the front.
  let grid: Ext[] = Array.from({ length: 27 }, () => ZERO);
  if (variables > 0) {
    each((_, f, w, from, to) => {
      kernels.productCube(f, w, to - from).forEach((x, g) => {
        grid[g] = add(grid[g], x);
      });
    });
  }
  const rhos: Ext[] = [];
  /** Values at 0 and 1 and the leading coefficient, at the k-th point of the other variables. */
  const quadratic = (k: number): [Ext, Ext, Ext] => [grid[3 * k], grid[3 * k + 1], grid[3 * k + 2]];
  /** The points of the other variables that are 0 or 1 in each. */
  const corners = (): number[] =>
    Array.from({ length: grid.length / 3 }, (_, k) => k).filter((k) => k % 3 < 2 && Math.floor(k / 3) < 2);
  return {
    variables,
    round() {
      let s0: Ext = ZERO;
      let s2: Ext = ZERO;
      for (const k of corners()) {
        const [t0, t1, lead] = quadratic(k);
        s0 = add(s0, t0);
        // t(2) = 2·t(1) - t(0) + 2·lead
        const sum = add(t1, lead);
        s2 = add(s2, sub(add(sum, sum), t0));
      }
      return [s0, s2];
    },
    bind(rho) {
      rhos.push(rho);
      grid = Array.from({ length: grid.length / 3 }, (_, k): Ext => {
        const [t0, t1, lead] = quadratic(k);
        return add(t0, mul(rho, add(sub(sub(t1, t0), lead), mul(rho, lead))));
      });
      return rhos.length === variables;
    },
    fold() {
      each((block, f, w, from, to) => {
        const row = kept.get(block.index) as Row;
        const inner = kernels.mark();
        foldRows(kernels, row.f + EXT_BYTES * from, f, true, to - from, rhos);
        foldRows(kernels, row.w + EXT_BYTES * from, w, false, to - from, rhos);
        kernels.release(inner);
      });
      kernels.release(mark);
      return kept;
    },
  };
}

/** dst = Σ_x eq(rhos, x)·rows[x], rhos[0] belonging to the lowest bit of x; `base` rows are lifted. */
function foldRows(
  kernels: Kernels,
  dst: Ptr,
  rows: readonly Ptr[],
  base: boolean,
  n: number,
  rhos: readonly Ext[],
): void {
  // Without a variable, a row and nothing are folded at 0: the row itself.
  const steps = rhos.length > 0 ? rhos : [ZERO];
  let level = rows;
  steps.forEach((rho, k) => {
    const kernel = base && k === 0 ? kernels.foldBase : kernels.fold;
    const pairs = k === steps.length - 1 ? 1 : level.length / 2;
    level = Array.from({ length: pairs }, (_, i) => {
      const [lo, hi] = [level[2 * i], level[2 * i + 1]];
      if (lo === 0 && hi === 0 && pairs > 1) return 0;
      const to = pairs === 1 ? dst : kernels.alloc(EXT_BYTES * n);
      kernel.call(kernels, to, lo, hi, n, rho);
      return to;
    });
  });
}
