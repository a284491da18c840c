/** The prover's side of opening.ts, through the kernels. */
import { add, type Ext, mul, ONE, ZERO } from '../field/qm31.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { ExtVector } from './ext-vector.js';
import { denseOver, type Functional } from './functional.js';
import type { TensorLayout } from './layout.js';
import type { OpeningClaim, OpeningProver } from './opening.js';
import { type OracleShape, oracleVars, type Placement } from './oracles.js';
import { LOG_ARITY, LOG_BLOWUP, type Preset } from './presets.js';
import { type CommittedOracle, forGaps, leafBytes, siblingBytes } from './prove-oracles.js';

const EXT_BYTES = 16;

/** One row of F and W, each of 2^log entries. */
interface Row {
  readonly f: Ptr;
  readonly base: boolean;
  readonly w: Ptr;
  readonly log: number;
}

interface FoldWord {
  /** [groups][8] entries. */
  readonly leaves: Ptr;
  readonly tree: Ptr;
  readonly groups: number;
}

export function openingProver(kernels: Kernels, oracles: readonly CommittedOracle[], preset: Preset): OpeningProver {
  let rows = new Map<number, Row>();
  let rowVars = 0;
  const folds: FoldWord[] = [];

  const only = (): Row => rows.get(0) as Row;

  const roundOfRows = (): Ext[] => {
    let s0: Ext = ZERO;
    let s2: Ext = ZERO;
    for (const pair of new Set([...rows.keys()].map((k) => Math.floor(k / 2)))) {
      const lo = rows.get(2 * pair);
      const hi = rows.get(2 * pair + 1);
      for (const [from, to] of segments(lo, hi)) {
        const at = (row: Row | undefined, base: boolean): [Ptr, Ptr] =>
          row && from < 2 ** row.log ? [row.f + (base ? 4 : EXT_BYTES) * from, row.w + EXT_BYTES * from] : [0, 0];
        const base = (lo ?? hi)?.base ?? false;
        const [fLo, wLo] = at(lo, base);
        const [fHi, wHi] = at(hi, base);
        const kernel = base ? kernels.productRoundBase : kernels.productRound;
        const [x0, x2] = kernel.call(kernels, fLo, fHi, wLo, wHi, to - from);
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
      const base = (lo ?? hi)?.base ?? false;
      const log = Math.max(lo?.log ?? 0, hi?.log ?? 0);
      const reuse = lo && lo.log === log ? lo : undefined;
      const f = reuse && !base ? reuse.f : kernels.alloc(EXT_BYTES * 2 ** log);
      const w = reuse ? reuse.w : kernels.alloc(EXT_BYTES * 2 ** log);
      for (const [from, to] of segments(lo, hi)) {
        const part = (row: Row | undefined, ptr: 'f' | 'w', size: number): Ptr =>
          row && from < 2 ** row.log ? row[ptr] + size * from : 0;
        const n = to - from;
        const kernel = base ? kernels.foldBase : kernels.fold;
        const size = base ? 4 : EXT_BYTES;
        kernel.call(kernels, f + EXT_BYTES * from, part(lo, 'f', size), part(hi, 'f', size), n, rho);
        kernels.fold(w + EXT_BYTES * from, part(lo, 'w', EXT_BYTES), part(hi, 'w', EXT_BYTES), n, rho);
      }
      next.set(pair, { f, w, base: false, log });
    }
    rows = next;
  };

  return {
    open(placement, claims, lambda, gapPoint) {
      rowVars = placement.rowVars;
      const weights = buildWeights(kernels, oracles, claims, lambda, gapPoint);
      rows = placeRows(kernels, oracles, placement, weights);
    },
    round() {
      if (rowVars > 0) return roundOfRows();
      const { f, w, log } = only();
      const half = 2 ** (log - 1);
      const step = EXT_BYTES * half;
      return kernels.productRound(f, f + step, w, w + step, half);
    },
    bind(rho) {
      if (rowVars > 0) {
        bindRows(rho);
        rowVars--;
        return;
      }
      const { f, w, log } = only();
      const half = 2 ** (log - 1);
      kernels.fold(f, f, f + EXT_BYTES * half, half, rho);
      kernels.fold(w, w, w + EXT_BYTES * half, half, rho);
      rows.set(0, { f, w, base: false, log: log - 1 });
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
    oracleSiblings: (i, leaves) =>
      siblingBytes(kernels, oracles[i].tree, 2 ** (oracles[i].shape.logRow + LOG_BLOWUP), leaves),
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

/** The stretches over which a pair of rows of different lengths is uniform. */
function segments(lo: Row | undefined, hi: Row | undefined): [number, number][] {
  const a = lo ? 2 ** lo.log : 0;
  const b = hi ? 2 ** hi.log : 0;
  const short = Math.min(a, b);
  const long = Math.max(a, b);
  return short === 0 || short === long
    ? [[0, long]]
    : [
        [0, short],
        [short, long],
      ];
}

/** The rows of all oracles at their places; a lone row is lifted to the extension field. */
function placeRows(
  kernels: Kernels,
  oracles: readonly CommittedOracle[],
  placement: Placement,
  weights: readonly Ptr[],
): Map<number, Row> {
  const rows = new Map<number, Row>();
  oracles.forEach(({ shape, rows: messages }, i) => {
    const cells = 2 ** shape.logRow;
    for (let r = 0; r < shape.rows; r++) {
      const w = weights[i] + EXT_BYTES * cells * r;
      rows.set(placement.firstRow[i] + r, { f: messages + 4 * cells * r, base: true, w, log: shape.logRow });
    }
  });
  const lone = rows.get(0);
  if (placement.rowVars === 0 && lone) {
    const f = kernels.alloc(EXT_BYTES * 2 ** lone.log);
    kernels.foldBase(f, lone.f, 0, 2 ** lone.log, ZERO);
    rows.set(0, { ...lone, f, base: false });
  }
  return rows;
}

/** W, one array for each oracle. */
function buildWeights(
  kernels: Kernels,
  oracles: readonly CommittedOracle[],
  claims: readonly OpeningClaim[],
  lambda: Ext,
  gapPoint: readonly Ext[],
): Ptr[] {
  let gapScale: Ext = ONE;
  for (let i = 0; i < claims.length; i++) gapScale = mul(gapScale, lambda);
  const weights = oracles.map(({ shape }) => {
    const w = kernels.alloc(EXT_BYTES * shape.rows * 2 ** shape.logRow);
    if (shape.gap) {
      fillGaps(kernels, w, shape, gapPoint.slice(gapPoint.length - oracleVars(shape)), gapScale);
      gapScale = mul(gapScale, lambda);
    }
    return w;
  });
  let power: Ext = ONE;
  for (const claim of claims) {
    for (const t of claim.terms) {
      addFunctional(kernels, weights[t.oracle], oracles[t.oracle].shape.layout.tensors[t.tensor], t.f, power);
    }
    power = mul(power, lambda);
  }
  return weights;
}

/** scale·eq(point, ·) on the cells outside every tensor; the others are left zero. */
function fillGaps(kernels: Kernels, w: Ptr, shape: OracleShape, point: readonly Ext[], scale: Ext): void {
  const runs: number[] = [];
  forGaps(shape.layout, shape.rows * 2 ** shape.logRow, (position, length) => runs.push(position, length));
  if (runs.length === 0) return;
  const mark = kernels.mark();
  const at = kernels.alloc(4 * runs.length);
  kernels.u32(at, runs.length).set(runs);
  const logLow = Math.floor(point.length / 2);
  const cut = point.length - logLow;
  const high = kernels.alloc(EXT_BYTES * 2 ** cut);
  const low = kernels.alloc(EXT_BYTES * 2 ** logLow);
  kernels.eqTable(high, point.slice(0, cut), scale);
  kernels.eqTable(low, point.slice(cut), ONE);
  kernels.eqRuns(w, at, runs.length / 2, low, logLow, high);
  kernels.release(mark);
}

/** W[cell] += power·f[cell] on one tensor. */
function addFunctional(kernels: Kernels, w: Ptr, t: TensorLayout, f: Functional, power: Ext): void {
  const coef = mul(power, f.coef);
  const mark = kernels.mark();
  const split = splitAxis(t, f);
  const lead = hold(kernels, paddedDense(t, f, 0, split));
  const inner = hold(kernels, paddedDense(t, f, split, t.dims.length));
  const innerLength = 2 ** t.logs.slice(split).reduce((a, b) => a + b, 0);
  const perRow = 2 ** t.logs.slice(0, split).reduce((a, b) => a + b, 0);
  for (const piece of t.pieces) {
    const m = 2 ** piece.logRows * perRow;
    const from = lead + EXT_BYTES * piece.row * perRow;
    const dst = w + EXT_BYTES * piece.offset;
    // A single column is written as one long row.
    if (innerLength === 1) kernels.outerAdd(dst, m, inner, 1, from, m, coef);
    else kernels.outerAdd(dst, innerLength, from, m, inner, innerLength, coef);
  }
  kernels.release(mark);
}

/** The axis that splits the functional in two factors with the least to write down; beyond the leading axis. */
function splitAxis(t: TensorLayout, f: Functional): number {
  let best = t.dims.length;
  let least = Number.POSITIVE_INFINITY;
  for (let s = Math.min(t.lead + 1, t.dims.length); s <= t.dims.length; s++) {
    if (f.blocks.some((b) => b.axes.some((x) => x < s) && b.axes.some((x) => x >= s))) continue;
    const cost = product(t.dims.slice(0, s)) + product(t.dims.slice(s));
    if (cost < least) {
      least = cost;
      best = s;
    }
  }
  return best;
}

const product = (xs: readonly number[]): number => xs.reduce((a, b) => a * b, 1);

/** The functional's factor on axes [from, to), with the padding of the layout filled with zeros. */
function paddedDense(t: TensorLayout, f: Functional, from: number, to: number): ExtVector {
  const axes = t.dims.map((_, i) => i).slice(from, to);
  const dense = denseOver(
    f.blocks.filter((b) => b.axes.some((x) => x >= from && x < to)),
    axes,
    t.dims,
  );
  const padded = axes.map((i) => (i > t.lead ? 2 ** t.logs[i] : t.dims[i]));
  if (axes.every((i, k) => padded[k] === t.dims[i])) return dense;
  const out = new Uint32Array(4 * product(padded));
  const counter = axes.map(() => 0);
  const n = dense.length / 4;
  for (let i = 0; i < n; i++) {
    let o = 0;
    for (let k = 0; k < axes.length; k++) o = o * padded[k] + counter[k];
    for (let c = 0; c < 4; c++) out[4 * o + c] = dense[4 * i + c];
    for (let k = axes.length - 1; k >= 0; k--) {
      counter[k] = counter[k] + 1 < t.dims[axes[k]] ? counter[k] + 1 : 0;
      if (counter[k] > 0) break;
    }
  }
  return out;
}

function hold(kernels: Kernels, v: ExtVector): Ptr {
  const ptr = kernels.alloc(4 * v.length);
  kernels.u32(ptr, v.length).set(v);
  return ptr;
}
