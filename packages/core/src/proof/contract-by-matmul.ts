/**
 * Contractions of the integer inference as matrix products on the kernels: rows are what only b is read by, columns what
 * only a is read by (a convolution's positions), and what both are read by is a batch (groups, heads).
 */
import { sizeOf, stridesOf } from '../base/dims.js';
import type { Kernels } from '../kernels/kernels.js';
import { type Contract, contractInto, type FlatReading, flatten } from '../relation/execute-contract.js';

/** Fewer rows or columns than this are as well served by plain loops. */
const FEW = 4;
/** Cells of one gathered block of columns. */
const BLOCK_CELLS = 2 ** 22;

/** The same numbers as {@link contractInto}, modulo 2^32. */
export function contractOn(kernels: Kernels): Contract {
  return (out, v, a, dimsA, b, dimsB) => {
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
    if (m < FEW || n < FEW || sums.some((i) => !inA.has(i) || !inB.has(i))) {
      contractInto(out, v, a, dimsA, b, dimsB);
      return;
    }
    const left = flatten(a, dimsA, v.axesA, sizes);
    const right = flatten(b, dimsB, v.axesB, sizes);
    const outSteps = [...stridesOf(v.dims), ...v.sums.map(() => 0)];
    const offsets = (steps: readonly number[], indices: readonly number[]) => offsetsOf(steps, indices, sizes);
    const [toRow, toColumn, toBatch] = [rows, columns, batch].map((i) => offsets(outSteps, i));
    const of = (reading: FlatReading, indices: readonly number[]) => offsets(reading.steps, indices);
    const [aSum, aColumn, aBatch] = [sums, columns, batch].map((i) => of(left.reading, i));
    const [bSum, bRow, bBatch] = [sums, rows, batch].map((i) => of(right.reading, i));
    const block = Math.max(1, Math.min(n, Math.floor(BLOCK_CELLS / k)));
    const mark = kernels.mark();
    const w = kernels.alloc(4 * m * k);
    const x = kernels.alloc(4 * k * block);
    const y = kernels.alloc(4 * m * block);
    for (let g = 0; g < toBatch.length; g++) {
      gather(kernels.i32(w, m * k), right.data, right.reading.start + bBatch[g], bRow, bSum);
      for (let from = 0; from < n; from += block) {
        const count = Math.min(block, n - from);
        const some = aColumn.subarray(from, from + count);
        gather(kernels.i32(x, k * count), left.data, left.reading.start + aBatch[g], aSum, some);
        kernels.matmulInt(y, w, x, m, k, count);
        const result = kernels.i32(y, m * count);
        scatter(out, result, toBatch[g], toRow, toColumn.subarray(from, from + count));
      }
    }
    kernels.release(mark);
  };
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

/** dst[i][j] = src[start + outer[i] + inner[j]]. */
function gather(dst: Int32Array, src: Int32Array, start: number, outer: Int32Array, inner: Int32Array): void {
  const n = inner.length;
  const run = runOf(inner);
  for (let i = 0, to = 0; i < outer.length; i++) {
    const from = start + outer[i];
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
