/** The prover's side of oracles.ts: filling, encoding and hashing a committed matrix. */
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { Stack, TensorLayout } from './layout.js';
import { siblingCount, walk } from './merkle.js';
import { logWord, type OracleShape } from './oracles.js';

export interface CommittedOracle {
  readonly shape: OracleShape;
  /** Signed numbers of each tensor of the layout, row-major. */
  readonly data: readonly Int32Array[];
  /** The code words, position-major [2^logWord][stride], where they are held: else they are made again when asked for. */
  readonly word: Ptr | undefined;
  /** Merkle tree in heap order over 2^logWord leaves. */
  readonly tree: Ptr;
  readonly root: Uint8Array;
}

/** Code words are held while the kernels' memory in use stays below these bytes. */
const HELD_BYTES = 2 ** 29;
/** Rows that are encoded at once for the queries of a word that is not held. */
const ROWS_AT_ONCE = 32;

const strideOf = (rows: number): number => Math.ceil(rows / 4) * 4;

/** @param data signed numbers of each tensor of the layout, row-major; kept, not copied */
export function commitOracle(kernels: Kernels, shape: OracleShape, data: readonly Int32Array[]): CommittedOracle {
  const leaves = 2 ** logWord(shape);
  const stride = strideOf(shape.rows);
  const tree = kernels.alloc(64 * leaves);
  const before = kernels.mark();
  const word = kernels.alloc(4 * leaves * stride);
  const held = kernels.mark() <= HELD_BYTES;
  const mark = kernels.mark();
  encodeRows(kernels, word, shape, messages(kernels, shape, data), shape.rows);
  kernels.release(mark);
  kernels.hashLeaves(tree + 32 * leaves, word, leaves, 4 * shape.rows, 4 * stride);
  if (!held) kernels.release(before);
  kernels.merkle(tree, leaves);
  return { shape, data, word: held ? word : undefined, tree, root: kernels.u8(tree + 32, 32).slice() };
}

/** The rows of an oracle, row-major [rows][2^logRow], canonical base elements, in memory that is allocated for them. */
export function messages(kernels: Kernels, shape: OracleShape, data: readonly Int32Array[]): Ptr {
  const cells = shape.rows * 2 ** shape.logRow;
  const rows = kernels.alloc(4 * cells);
  const view = kernels.i32(rows, cells);
  shape.layout.tensors.forEach((t, i) => {
    fillPadded(view, t, data[i]);
  });
  kernels.canonical(rows, rows, cells);
  return rows;
}

/** Code words of `count` rows from `rows` on, position-major. */
function encodeRows(kernels: Kernels, word: Ptr, shape: OracleShape, rows: Ptr, count: number): void {
  const stride = strideOf(count);
  const message = kernels.alloc(4 * stride * 2 ** shape.logRow);
  kernels.transpose(message, rows, count, 2 ** shape.logRow, stride);
  kernels.encode(word, message, shape.logRow, stride);
}

/** Visits the contiguous runs of a tensor's real cells: (first cell of the tensor, first cell of the stack, length). */
export function forRuns(t: TensorLayout, visit: (cell: number, position: number, length: number) => void): void {
  const inner = t.dims.map((_, i) => i).filter((i) => i > t.lead && t.dims[i] > 1);
  const run = inner.length > 0 ? t.dims[inner[inner.length - 1]] : 1;
  const loops = inner.slice(0, -1);
  // Padded stride of every loop axis.
  const strides = loops.map((i) => 2 ** t.logs.slice(i + 1).reduce((a, b) => a + b, 0));
  const repeats = loops.reduce((n, i) => n * t.dims[i], 1);
  const rowCells = repeats * run;
  for (const piece of t.pieces) {
    if (inner.length === 0) {
      visit(piece.row, piece.offset, 2 ** piece.logRows);
      continue;
    }
    for (let r = 0; r < 2 ** piece.logRows; r++) {
      const counter = loops.map(() => 0);
      let offset = piece.offset + r * 2 ** t.logInner;
      for (let k = 0; k < repeats; k++) {
        visit((piece.row + r) * rowCells + k * run, offset, run);
        for (let j = loops.length - 1; j >= 0; j--) {
          counter[j]++;
          offset += strides[j];
          if (counter[j] < t.dims[loops[j]]) break;
          offset -= strides[j] * counter[j];
          counter[j] = 0;
        }
      }
    }
  }
}

/** Visits the stretches of the stack's first `cells` cells that no tensor has, in no particular order. */
export function forGaps(layout: Stack, cells: number, visit: (position: number, length: number) => void): void {
  for (const t of layout.tensors) {
    if (t.dims.every((d, i) => i <= t.lead || d === 2 ** t.logs[i])) continue;
    for (const piece of t.pieces) {
      let next = piece.offset;
      forRuns({ ...t, pieces: [piece] }, (_, position, length) => {
        if (position > next) visit(next, position - next);
        next = position + length;
      });
      const end = piece.offset + 2 ** (piece.logRows + t.logInner);
      if (end > next) visit(next, end - next);
    }
  }
  if (cells > layout.cells) visit(layout.cells, cells - layout.cells);
}

/** Copies a tensor to its place in the stack; padding is left as it is. */
export function fillPadded(stack: Int32Array, t: TensorLayout, data: Int32Array): void {
  forRuns(t, (cell, position, length) => {
    if (length < 8) for (let i = 0; i < length; i++) stack[position + i] = data[cell + i];
    else stack.set(data.subarray(cell, cell + length), position);
  });
}

/** The words of the given leaves, one leaf after the other. */
export function leafBytes(kernels: Kernels, o: CommittedOracle, leaves: readonly number[]): Uint8Array {
  const { rows, logRow } = o.shape;
  const out = new Uint8Array(4 * rows * leaves.length);
  /** Copies what `word` holds of rows [from, from + count). */
  const copy = (word: Ptr, from: number, count: number): void => {
    leaves.forEach((leaf, i) => {
      out.set(kernels.u8(word + 4 * strideOf(count) * leaf, 4 * count), 4 * (rows * i + from));
    });
  };
  if (o.word !== undefined) {
    copy(o.word, 0, rows);
    return out;
  }
  const before = kernels.mark();
  const all = messages(kernels, o.shape, o.data);
  for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
    const mark = kernels.mark();
    const count = Math.min(ROWS_AT_ONCE, rows - from);
    const word = kernels.alloc(4 * 2 ** logWord(o.shape) * strideOf(count));
    encodeRows(kernels, word, o.shape, all + 4 * from * 2 ** logRow, count);
    copy(word, from, count);
    kernels.release(mark);
  }
  kernels.release(before);
  return out;
}

/** The siblings of a multiproof in a tree in heap order. */
export function siblingBytes(kernels: Kernels, tree: Ptr, count: number, leaves: readonly number[]): Uint8Array {
  const out = new Uint8Array(32 * siblingCount(leaves, count));
  let n = 0;
  walk(leaves, count, (node) => {
    out.set(kernels.u8(tree + 32 * node, 32), 32 * n);
    n++;
  });
  return out;
}
