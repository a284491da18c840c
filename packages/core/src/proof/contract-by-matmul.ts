/**
 * Contractions of the integer inference as matrix products on the kernels: rows are what only b is read by, columns what
 * only a is read by (a convolution's positions), and what both are read by is a batch (groups, heads).
 */
import { sizeOf, stridesOf } from '../base/dims.js';
import { type Integers, widthOf } from '../base/integers.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import { Arrays } from '../relation/arrays.js';
import {
  type Contract,
  type ContractValue,
  contractInto,
  type FlatReading,
  flatten,
} from '../relation/execute-contract.js';

/** Fewer rows or columns than this are as well served by plain loops. */
const FEW = 4;
/** Cells of one gathered block of columns. */
const BLOCK_CELLS = 2 ** 22;

/** The same numbers as {@link contractInto}, modulo 2^32. */
export function contractOn(kernels: Kernels): Contract {
  return (out, v, a, dimsA, b, dimsB, arrays = new Arrays(0)) => {
    const plan = planOf(v);
    if (!plan) {
      contractInto(out, v, a, dimsA, b, dimsB, arrays);
      return;
    }
    const { sizes, m, n, k, toRow, toColumn, toBatch } = plan;
    const left = flatten(a, dimsA, v.axesA, sizes, arrays);
    const right = flatten(b, dimsB, v.axesB, sizes, arrays);
    const [aSum, aColumn, aBatch] = plan.offsetsOfA(left.reading);
    const [bSum, bRow, bBatch] = plan.offsetsOfB(right.reading);
    const block = Math.max(1, Math.min(n, Math.floor(BLOCK_CELLS / k)));
    const mark = kernels.mark();
    const w = kernels.alloc(4 * m * k);
    const x = kernels.alloc(4 * k * block);
    const y = kernels.alloc(4 * m * block);
    const fromRight = source(kernels, right.data, m * k * toBatch.length);
    const fromLeft = source(kernels, left.data, k * n * toBatch.length);
    for (let g = 0; g < toBatch.length; g++) {
      fromRight(w, right.reading.start + bBatch[g], bRow, bSum);
      for (let from = 0; from < n; from += block) {
        const count = Math.min(block, n - from);
        const some = aColumn.subarray(from, from + count);
        fromLeft(x, left.reading.start + aBatch[g], aSum, some);
        kernels.matmulInt(y, w, x, m, k, count);
        const result = kernels.i32(y, m * count);
        scatter(out, result, toBatch[g], toRow, toColumn.subarray(from, from + count));
      }
    }
    kernels.release(mark);
    if (left.data !== a) arrays.give(left.data as Int32Array);
    if (right.data !== b) arrays.give(right.data as Int32Array);
  };
}

/** What a contraction is as matrix products. It follows from the relation alone, which is there as long as its program. */
interface Plan {
  readonly sizes: readonly number[];
  /** Rows, columns, summed. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Offsets in the output. */
  readonly toRow: Int32Array;
  readonly toColumn: Int32Array;
  readonly toBatch: Int32Array;
  /** Of the summed, the columns (of b: the rows) and the batch, in an operand. */
  readonly offsetsOfA: (reading: FlatReading) => readonly Int32Array[];
  readonly offsetsOfB: (reading: FlatReading) => readonly Int32Array[];
}

const plans = new WeakMap<ContractValue, Plan | 'none'>();

/** undefined where plain loops do as well. */
function planOf(v: ContractValue): Plan | undefined {
  const known = plans.get(v) ?? makePlan(v) ?? 'none';
  plans.set(v, known);
  return known === 'none' ? undefined : known;
}

function makePlan(v: ContractValue): Plan | undefined {
  const sizes = [...v.dims, ...v.sums];
  const rank = v.dims.length;
  const readBy = (axes: typeof v.axesA) => new Set(axes.flatMap((x) => x.terms.map((t) => t.index)));
  const [inA, inB] = [readBy(v.axesA), readBy(v.axesB)];
  const outs = v.dims.map((_, i) => i);
  const batch = outs.filter((i) => inA.has(i) && inB.has(i));
  const columns = outs.filter((i) => !inB.has(i));
  const rows = outs.filter((i) => inB.has(i) && !inA.has(i));
  const sums = v.sums.map((_, i) => rank + i);
  const [m, n, k] = [rows, columns, sums].map((indices) => sizeOf(indices.map((i) => sizes[i])));
  if (m < FEW || n < FEW || sums.some((i) => !inA.has(i) || !inB.has(i))) return undefined;
  const outSteps = [...stridesOf(v.dims), ...v.sums.map(() => 0)];
  const [toRow, toColumn, toBatch] = [rows, columns, batch].map((i) => offsetsOf(outSteps, i, sizes));
  // The steps of a reading are the same whatever the numbers are.
  const once = (indices: readonly (readonly number[])[]) => {
    let found: readonly Int32Array[] | undefined;
    return ({ steps }: FlatReading) => (found ??= indices.map((i) => offsetsOf(steps, i, sizes)));
  };
  const [offsetsOfA, offsetsOfB] = [once([sums, columns, batch]), once([sums, rows, batch])];
  return { sizes, m, n, k, toRow, toColumn, toBatch, offsetsOfA, offsetsOfB };
}

/** Σ step·index for every assignment of the indices, row-major. */
function offsetsOf(steps: readonly number[], indices: readonly number[], sizes: readonly number[]): Int32Array {
  let out = Int32Array.of(0);
  for (const i of indices) {
    const next = new Int32Array(out.length * sizes[i]);
    for (let j = 0, at = 0; j < out.length; j++) {
      for (let k = 0; k < sizes[i]; k++) next[at++] = out[j] + k * steps[i];
    }
    out = next;
  }
  return out;
}

/** The largest number that offsets come in runs of: each follows the one before it, but for the first of a run. */
function runOf(offsets: Int32Array): number {
  let run = offsets.length;
  for (let i = 1, since = 1; i < offsets.length; i++, since++) {
    if (offsets[i] === offsets[i - 1] + 1) continue;
    // Runs of two lengths are runs of what divides both.
    for (let rest = since; rest > 0; ) [run, rest] = [rest, run % rest];
    since = 0;
  }
  return run;
}

/** The step after which offsets follow one another, where there is one: those of a kernel's taps, channels within. */
function strideOf(offsets: Int32Array): number | undefined {
  const stride = offsets.indexOf(offsets[0] + 1);
  if (stride < 2 || offsets.length % stride !== 0) return undefined;
  for (let i = stride; i < offsets.length; i++) if (offsets[i] !== offsets[i - stride] + 1) return undefined;
  return stride;
}

/** dst[i][j] = src[start + outer[i] + inner[j]]. */
type Gather = (dst: Ptr, start: number, outer: Int32Array, inner: Int32Array) => void;

/** Numbers are taken to the kernels' memory as they are where no more than these times the cells that are gathered. */
const MOST_UNREAD = 2;

/** @param cells gathered from the source in all */
function source(kernels: Kernels, src: Integers, cells: number): Gather {
  const width = widthOf(src);
  let at: Ptr | undefined;
  if (src.length <= MOST_UNREAD * cells) {
    at = kernels.alloc(width * src.length);
    kernels.integers(at, src.length, width).set(src);
  }
  return (dst, start, outer, inner) => {
    if (at === undefined) {
      gather(kernels.i32(dst, outer.length * inner.length), src, start, outer, inner);
      return;
    }
    const mark = kernels.mark();
    const [rows, columns] = [outer, inner].map((offsets) => {
      const ptr = kernels.alloc(4 * offsets.length);
      kernels.i32(ptr, offsets.length).set(offsets);
      return ptr;
    });
    kernels.gather(dst, at + width * start, width, rows, outer.length, columns, inner.length);
    kernels.release(mark);
  };
}

/** The same by plain loops. */
function gather(dst: Int32Array, src: Integers, start: number, outer: Int32Array, inner: Int32Array): void {
  const n = inner.length;
  const run = runOf(inner);
  const stride = run === 1 ? strideOf(inner) : undefined;
  for (let i = 0, to = 0; i < outer.length; i++) {
    const from = start + outer[i];
    if (stride !== undefined) {
      // Read in order: what is written is near, what is read may be anywhere.
      for (let j = 0; j < stride; j++) {
        for (let k = from + inner[j], at = to + j; at < to + n; at += stride) dst[at] = src[k++];
      }
      to += n;
      continue;
    }
    if (run === n) {
      dst.set(src.subarray(from + inner[0], from + inner[0] + n), to);
      to += n;
      continue;
    }
    for (let j = 0; j < n; j += run) {
      for (let k = from + inner[j], end = k + run; k < end; k++) dst[to++] = src[k];
    }
  }
}

/** dst[start + outer[i] + inner[j]] = src[i][j]. */
function scatter(dst: Int32Array, src: Int32Array, start: number, outer: Int32Array, inner: Int32Array): void {
  const n = inner.length;
  const isOneRun = runOf(inner) === n;
  for (let i = 0; i < outer.length; i++) {
    const to = start + outer[i];
    const from = i * n;
    if (isOneRun) dst.set(src.subarray(from, from + n), to + inner[0]);
    else for (let j = 0; j < n; j++) dst[to + inner[j]] = src[from + j];
  }
}
