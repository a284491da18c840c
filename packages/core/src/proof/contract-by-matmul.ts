/**
 * Contractions of the integer inference as matrix products on the kernels: rows are what only b is read by, columns what
 * only a is read by (a convolution's positions), and what both are read by is a batch (groups, heads).
 */
import { sizeOf, stridesOf } from '../base/dims.js';
import { asInt32, type Integers, type Width, widthOf } from '../base/integers.js';
import type { Kernels, Ptr, ReadMatrix } from '../kernels/kernels.js';
import { Arrays } from '../relation/arrays.js';
import {
  type Contract,
  type ContractValue,
  contractInto,
  type FlatReading,
  flatReading,
  padInto,
} from '../relation/execute-contract.js';
import { copyRun, offsetsOf } from '../relation/loops.js';

/** Fewer rows or columns than this are as well served by plain loops. */
const FEW = 4;
/** Cells of one gathered block of columns. */
const BLOCK_CELLS = 2 ** 22;

/** The same numbers as {@link contractInto}, modulo 2^32. */
export function contractOn(kernels: Kernels): Contract {
  return (out, v, a, dimsA, b, dimsB, arrays = new Arrays(0)) => {
    const plan = planOf(v, dimsA, dimsB);
    if (!plan) {
      contractInto(out, v, a, dimsA, b, dimsB, arrays);
      return;
    }
    const { m, n, k, toBatch } = plan;
    const block = Math.max(1, Math.min(n, Math.floor(BLOCK_CELLS / k)));
    const mark = kernels.mark();
    const right = hold(kernels, b, plan.right);
    const left = hold(kernels, a, plan.left);
    const y = kernels.take(4 * m * block);
    for (let g = 0; g < toBatch.length; g++) {
      const rows = matrixOf(right, g, 0);
      for (let from = 0; from < n; from += block) {
        const count = Math.min(block, n - from);
        kernels.matmulRead(y, rows, matrixOf(left, g, from), m, k, count);
        scatter(out, kernels.i32(y, m * count), toBatch[g], plan, from, count);
      }
    }
    kernels.release(mark);
  };
}

/** How an operand is read: offsets of what is summed, of the rows or columns that it alone makes, and of the batch. */
interface OperandPlan {
  readonly reading: FlatReading;
  readonly sums: Int32Array;
  readonly kept: Int32Array;
  readonly batch: Int32Array;
}

/** What a contraction is as matrix products. It follows from the relation alone, which is there as long as its program. */
interface Plan {
  /** Rows, columns, summed. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: OperandPlan;
  readonly right: OperandPlan;
  /** Offsets in the output. */
  readonly toRow: Int32Array;
  readonly toColumn: Int32Array;
  readonly toBatch: Int32Array;
  /** Whether columns follow one another in the output; and rows too. */
  readonly inRuns: boolean;
  readonly inOneRun: boolean;
}

const plans = new WeakMap<ContractValue, Plan | 'none'>();

/** undefined where plain loops do as well. */
function planOf(v: ContractValue, dimsA: readonly number[], dimsB: readonly number[]): Plan | undefined {
  const known = plans.get(v) ?? makePlan(v, dimsA, dimsB) ?? 'none';
  plans.set(v, known);
  return known === 'none' ? undefined : known;
}

function makePlan(v: ContractValue, dimsA: readonly number[], dimsB: readonly number[]): Plan | undefined {
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
  const offsets = (steps: readonly number[], indices: readonly number[]): Int32Array =>
    offsetsOf(
      indices.map((i) => steps[i]),
      indices.map((i) => sizes[i]),
    );
  const operand = (dims: readonly number[], axes: typeof v.axesA, kept: readonly number[]): OperandPlan => {
    const reading = flatReading(dims, axes, sizes);
    const [ofSums, ofKept, ofBatch] = [sums, kept, batch].map((indices) => offsets(reading.steps, indices));
    return { reading, sums: ofSums, kept: ofKept, batch: ofBatch };
  };
  const outSteps = stridesOf(v.dims);
  const [toRow, toColumn, toBatch] = [rows, columns, batch].map((indices) => offsets(outSteps, indices));
  const inRuns = toColumn.every((to, j) => to === j);
  return {
    m,
    n,
    k,
    left: operand(dimsA, v.axesA, columns),
    right: operand(dimsB, v.axesB, rows),
    toRow,
    toColumn,
    toBatch,
    inRuns,
    inOneRun: inRuns && toRow.every((to, i) => to === i * n),
  };
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

/** Numbers are taken to the kernels' memory as they are where no more than these times the cells that are read. */
const MOST_UNREAD = 2;

/** An operand in the kernels' memory. */
interface Held {
  readonly width: Width;
  readonly fits16: boolean;
  /** By number in the batch: where the first number that is read stands. */
  readonly starts: readonly Ptr[];
  /** Offsets of the rows or columns that it alone makes, and of what is summed. */
  readonly kept: Ptr;
  readonly sums: Ptr;
}

function hold(kernels: Kernels, data: Integers, { reading, sums, kept, batch }: OperandPlan): Held {
  const { start, padding } = reading;
  const size = padding ? sizeOf(padding.padded) : data.length;
  const cells = kept.length * sums.length;
  if (size > MOST_UNREAD * cells * batch.length) {
    const src = padding ? new Int32Array(size) : data;
    if (padding) padInto(src as Int32Array, asInt32(data), padding);
    const at = kernels.take(4 * cells * batch.length);
    for (let g = 0; g < batch.length; g++) {
      gather(kernels.i32(at + 4 * cells * g, cells), src, start + batch[g], sums, kept);
    }
    return {
      width: 4,
      fits16: kernels.fits16(at, cells * batch.length),
      starts: Array.from(batch, (_, g) => at + 4 * cells * g),
      kept: holdOffsets(kernels, offsetsOf([1], [kept.length])),
      sums: holdOffsets(kernels, offsetsOf([kept.length], [sums.length])),
    };
  }
  const width = padding ? 4 : widthOf(data);
  const at = padding ? kernels.alloc(width * size) : kernels.take(width * size);
  if (padding) padInto(kernels.i32(at, size), asInt32(data), padding);
  else kernels.integers(at, size, width).set(data);
  return {
    width,
    fits16: width < 4 || kernels.fits16(at, size),
    starts: Array.from(batch, (offset) => at + width * (start + offset)),
    kept: holdOffsets(kernels, kept),
    sums: holdOffsets(kernels, sums),
  };
}

function holdOffsets(kernels: Kernels, offsets: Int32Array): Ptr {
  const ptr = kernels.take(4 * offsets.length);
  kernels.i32(ptr, offsets.length).set(offsets);
  return ptr;
}

/** The matrix of a number in the batch, from a row or column of its own on. */
const matrixOf = ({ width, fits16, starts, kept, sums }: Held, g: number, from: number): ReadMatrix => {
  return { src: starts[g], width, fits16, outer: kept + 4 * from, inner: sums };
};

/** dst[i][j] = src[start + outer[i] + inner[j]]. */
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

/** out[start + toRow[i] + toColumn[from + j]] = src[i][j], j < count. */
function scatter(out: Int32Array, src: Int32Array, start: number, plan: Plan, from: number, count: number): void {
  const { n, toRow, toColumn, inRuns, inOneRun } = plan;
  if (inOneRun && count === n) {
    out.set(src, start);
    return;
  }
  for (let i = 0, at = 0; i < toRow.length; i++, at += count) {
    const to = start + toRow[i];
    if (inRuns) copyRun(out, to + from, count, src, at);
    else for (let j = 0; j < count; j++) out[to + toColumn[from + j]] = src[at + j];
  }
}
