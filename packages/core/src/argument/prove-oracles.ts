/** The prover's side of oracles.ts: filling, encoding and hashing a committed matrix. */
import { sameBytes } from '../base/codec.js';
import { type Integers, widthOf } from '../base/integers.js';
import type { Kernels, Ptr } from '../kernels/kernels.js';
import type { ConstantsStore, StoredPart, StoredPiece } from './constants-store.js';
import type { Stack, TensorLayout } from './layout.js';
import { siblingsOf } from './merkle.js';
import { logWord, type OracleShape, treeLeaves } from './oracles.js';

export interface CommittedOracle {
  readonly shape: OracleShape;
  /** Signed numbers of the tensor that each of the layout is, or is a part of, row-major. */
  readonly data: readonly Integers[];
  /** The code words, position-major [2^logWord][stride], where they are held: else they are made again when asked for. */
  readonly word: Ptr | undefined;
  /** Where they are read from instead. */
  readonly kept?: KeptOracle;
}

/** An oracle in a store: the digests of its leaves, then its code words as above, those of the rows that are encoded at once together. */
export interface KeptOracle {
  readonly store: ConstantsStore;
  /** Of the oracle under a root of its own. */
  readonly root: Uint8Array;
}

/** Oracles under one root. */
export interface CommittedTree {
  readonly oracles: readonly CommittedOracle[];
  /** Nodes in heap order. */
  readonly nodes: Ptr;
  readonly leaves: number;
  readonly root: Uint8Array;
}

/** Code words are held while the kernels' memory in use stays below these bytes. */
export const HELD_BYTES = 2 ** 29;
/** Cells, in whole rows, that are encoded at once where the word is not held. */
const PIECE_CELLS = 2 ** 23;
/** Rows of it: whole blocks of a leaf's hash, 64 bytes each, so that a leaf is hashed piece by piece. */
export const rowsAtOnce = (logRow: number): number => Math.max(16, Math.min(32, PIECE_CELLS / 2 ** logRow));

const strideOf = (rows: number): number => Math.ceil(rows / 4) * 4;

/** What is committed to: a matrix and the signed numbers of its tensors, as above, which are kept and not copied. */
export interface OracleData {
  readonly shape: OracleShape;
  readonly data: readonly Integers[];
  /** What it is in a store, or may be. */
  readonly kept?: KeptOracle;
}

/**
 * @param parts the tree's oracles in order. The digests of those that a store has are taken from there, right or wrong:
 *   whoever gives stores compares the root, and calls again, with `anew`, where it is not what it should be
 */
export function commitTree(kernels: Kernels, parts: readonly OracleData[], anew = false): CommittedTree {
  const leaves = treeLeaves(parts.map((p) => p.shape));
  const nodes = kernels.take(64 * leaves);
  const digests = nodes + 32 * leaves;
  const oracles = parts.map((part, k) => {
    if (k === 0 && 2 ** logWord(part.shape) === leaves) return commitOracle(kernels, part, digests, anew);
    const mark = kernels.mark();
    const own = kernels.take(32 * leaves);
    const oracle = commitOracle(kernels, part, own, anew);
    repeat(kernels, own, 2 ** logWord(part.shape), leaves);
    if (k === 0) kernels.u8(digests, 32 * leaves).set(kernels.u8(own, 32 * leaves));
    else chain(kernels, digests, own, leaves);
    // A word that is held stands beyond the digests.
    if (oracle.word === undefined) kernels.release(mark);
    return oracle;
  });
  kernels.merkle(nodes, leaves);
  return { oracles, nodes, leaves, root: kernels.u8(nodes + 32, 32).slice() };
}

/** Encodes an oracle and writes the digests of its leaves; or reads these, where its words are kept. */
function commitOracle(kernels: Kernels, part: OracleData, digests: Ptr, anew: boolean): CommittedOracle {
  const { shape, data, kept } = part;
  const leaves = 2 ** logWord(shape);
  const stride = strideOf(shape.rows);
  const ownDigests = () => kernels.u8(digests, 32 * leaves);
  if (!anew && kept?.store.read(kept.root, [{ offset: 0, into: ownDigests() }])) {
    return { shape, data, word: undefined, kept };
  }
  const before = kernels.mark();
  if (kept?.store.write(kept.root, leaves * (32 + 4 * stride), stored())) return { shape, data, word: undefined, kept };
  kernels.release(before);
  if (before + 4 * leaves * stride <= HELD_BYTES) {
    const word = kernels.take(4 * leaves * stride);
    const mark = kernels.mark();
    encodeRows(kernels, word, shape, messages(kernels, shape, data), shape.rows);
    kernels.release(mark);
    kernels.hashLeaves(digests, word, leaves, 4 * shape.rows, 4 * stride);
    return { shape, data, word };
  }
  // Where memory is short, messages and code words are not there as a whole at once.
  for (const piece of encodePieces(kernels, shape, data)) hashPiece(kernels, digests, shape, piece);
  return { shape, data, word: undefined };

  /** The code words piece by piece, then the digests that they come to. */
  function* stored(): Generator<StoredPiece> {
    for (const piece of encodePieces(kernels, shape, data)) {
      hashPiece(kernels, digests, shape, piece);
      const bytes = kernels.u8(piece.word, 4 * leaves * strideOf(piece.count));
      yield { offset: wordsAt(shape, piece.from), bytes };
    }
    yield { offset: 0, bytes: ownDigests() };
  }
}

/** Where the words of a piece stand in a store, that begins with row `from`. */
const wordsAt = (shape: OracleShape, from: number): number => 2 ** logWord(shape) * (32 + 4 * from);

/** Takes the rows of a piece to the digests of the leaves. */
function hashPiece(kernels: Kernels, digests: Ptr, shape: OracleShape, { word, from, count }: WordPiece): void {
  const part = { first: from === 0, last: from + count === shape.rows };
  kernels.hashLeaves(digests, word, 2 ** logWord(shape), 4 * count, 4 * strideOf(count), part);
}

/** The root over oracles whose leaves have the given digests. */
export function chainedRoot(kernels: Kernels, digests: readonly Uint8Array[]): Uint8Array {
  const mark = kernels.mark();
  const leaves = Math.max(...digests.map((d) => d.length)) / 32;
  const nodes = kernels.take(64 * leaves);
  const own = kernels.take(32 * leaves);
  digests.forEach((d, k) => {
    const to = k === 0 ? nodes + 32 * leaves : own;
    kernels.u8(to, d.length).set(d);
    repeat(kernels, to, d.length / 32, leaves);
    if (k > 0) chain(kernels, nodes + 32 * leaves, own, leaves);
  });
  kernels.merkle(nodes, leaves);
  const root = kernels.u8(nodes + 32, 32).slice();
  kernels.release(mark);
  return root;
}

/** Repeats the first `period` digests up to `count`. */
function repeat(kernels: Kernels, digests: Ptr, period: number, count: number): void {
  const bytes = kernels.u8(digests, 32 * count);
  for (let n = period; n < count; n *= 2) bytes.copyWithin(32 * n, 0, 32 * n);
}

/** into[i] = H(into[i] ‖ next[i]). */
function chain(kernels: Kernels, into: Ptr, next: Ptr, count: number): void {
  const mark = kernels.mark();
  const pairs = kernels.take(64 * count);
  const [a, b, out] = [kernels.u32(into, 8 * count), kernels.u32(next, 8 * count), kernels.u32(pairs, 16 * count)];
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < 8; k++) {
      out[16 * i + k] = a[8 * i + k];
      out[16 * i + 8 + k] = b[8 * i + k];
    }
  }
  kernels.hashLeaves(into, pairs, count, 64, 64);
  kernels.release(mark);
}

/**
 * Rows [first, first + count) of an oracle, row-major [count][2^logRow], canonical base elements, in memory that is
 * allocated for them.
 */
export function messages(
  kernels: Kernels,
  shape: OracleShape,
  data: readonly Integers[],
  first = 0,
  count = shape.rows,
): Ptr {
  const cells = count * 2 ** shape.logRow;
  const rows = kernels.alloc(4 * cells);
  const from = first * 2 ** shape.logRow;
  /** First cells and ends of what is there as 32-bit numbers: canonical in place. */
  const wide: [number, number][] = [];
  shape.layout.tensors.forEach((t, i) => {
    const width = widthOf(data[i]);
    if (width === 4) fillPadded(kernels.i32(rows, cells), t, data[i] as Int32Array, from);
    for (const { offset, logRows } of t.pieces) {
      const start = Math.max(0, offset - from);
      const end = Math.min(cells, offset + 2 ** (logRows + t.logInner) - from);
      if (start >= end) continue;
      if (width === 4) {
        wide.push([start, end]);
        continue;
      }
      const mark = kernels.mark();
      const narrow = kernels.alloc(width * (end - start));
      fillPadded(kernels.integers(narrow, end - start, width), t, data[i], from + start);
      kernels.canonical(rows + 4 * start, narrow, end - start, width);
      kernels.release(mark);
    }
  });
  if (data.every((x) => widthOf(x) === 4)) kernels.canonical(rows, rows, cells);
  else for (const [start, end] of joined(wide)) kernels.canonical(rows + 4 * start, rows + 4 * start, end - start);
  return rows;
}

/** The same stretches, those that follow each other as one. */
function joined(stretches: readonly [number, number][]): [number, number][] {
  const out: [number, number][] = [];
  for (const [start, end] of [...stretches].sort(([a], [b]) => a - b)) {
    const last = out[out.length - 1];
    if (last && last[1] === start) last[1] = end;
    else out.push([start, end]);
  }
  return out;
}

/** Code words of the rows [from, from + count). */
interface WordPiece {
  readonly word: Ptr;
  readonly from: number;
  readonly count: number;
}

/** Encodes an oracle's rows some at a time; the code words are let go when the next ones are asked for. */
function* encodePieces(kernels: Kernels, shape: OracleShape, data: readonly Integers[]): Generator<WordPiece> {
  const most = rowsAtOnce(shape.logRow);
  for (let from = 0; from < shape.rows; from += most) {
    const mark = kernels.mark();
    const count = Math.min(most, shape.rows - from);
    const word = kernels.take(4 * 2 ** logWord(shape) * strideOf(count));
    const inner = kernels.mark();
    encodeRows(kernels, word, shape, messages(kernels, shape, data, from, count), count);
    kernels.release(inner);
    yield { word, from, count };
    kernels.release(mark);
  }
}

/** Code words of `count` rows from `rows` on, position-major. */
function encodeRows(kernels: Kernels, word: Ptr, shape: OracleShape, rows: Ptr, count: number): void {
  const stride = strideOf(count);
  const bytes = 4 * stride * 2 ** shape.logRow;
  // Columns beyond the rows are zero.
  const message = stride === count ? kernels.take(bytes) : kernels.alloc(bytes);
  kernels.transpose(message, rows, count, 2 ** shape.logRow, stride);
  kernels.encode(word, message, shape.logRow, stride);
}

/**
 * Visits the runs of a tensor's real cells that are contiguous in the stack.
 * @param visit told `context`, the first cell of the tensor, the first cell of the stack, length, and the tensor's cells
 *   from one to the next. A function that is made once: engines forget what they compiled of one that is gone
 * @param from runs that end before this cell of the stack, or begin at `to` or later, may be left out
 */
export function forRuns<C>(
  t: TensorLayout,
  context: C,
  visit: (context: C, cell: number, position: number, length: number, step: number) => void,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): void {
  const inner = t.dims.map((_, i) => i).filter((i) => i !== t.lead && t.dims[i] > 1);
  const cellStrides = t.strides;
  const innermost = inner[inner.length - 1];
  const loops = inner.slice(0, -1);
  // Padded stride of every loop axis.
  const strides = loops.map((i) => 2 ** t.logs.slice(i + 1).reduce((a, b) => a + b, 0));
  const repeats = loops.reduce((n, i) => n * t.dims[i], 1);
  const rowStride = cellStrides[t.lead] ?? 1;
  for (const piece of t.pieces) {
    if (inner.length === 0) {
      visit(context, t.first + piece.row * rowStride, piece.offset, 2 ** piece.logRows, rowStride);
      continue;
    }
    const size = 2 ** t.logInner;
    const first = Math.max(0, Math.floor((from - piece.offset) / size));
    const end = Math.min(2 ** piece.logRows, Math.ceil((to - piece.offset) / size));
    for (let r = first; r < end; r++) {
      const counter = loops.map(() => 0);
      let offset = piece.offset + r * size;
      let cell = t.first + (piece.row + r) * rowStride;
      for (let k = 0; k < repeats; k++) {
        visit(context, cell, offset, t.dims[innermost], cellStrides[innermost]);
        for (let j = loops.length - 1; j >= 0; j--) {
          counter[j]++;
          offset += strides[j];
          cell += cellStrides[loops[j]];
          if (counter[j] < t.dims[loops[j]]) break;
          offset -= strides[j] * counter[j];
          cell -= cellStrides[loops[j]] * counter[j];
          counter[j] = 0;
        }
      }
    }
  }
}

/** Visits the stretches of the stack's first `cells` cells that no tensor has, in no particular order. */
export function forGaps(layout: Stack, cells: number, visit: (position: number, length: number) => void): void {
  for (const t of layout.tensors) {
    if (t.dims.every((d, i) => i === t.lead || d === 2 ** t.logs[i])) continue;
    for (const piece of t.pieces) {
      const before = { next: piece.offset, visit };
      forRuns({ ...t, pieces: [piece] }, before, visitBefore);
      const { next } = before;
      const end = piece.offset + 2 ** (piece.logRows + t.logInner);
      if (end > next) visit(next, end - next);
    }
  }
  if (cells > layout.cells) visit(layout.cells, cells - layout.cells);
}

/** Visits what is between the run before and this one. */
function visitBefore(
  before: { next: number; visit: (position: number, length: number) => void },
  _cell: number,
  position: number,
  length: number,
): void {
  if (position > before.next) before.visit(before.next, position - before.next);
  before.next = position + length;
}

/** Copies what a tensor has of the stack's cells from `first` on to `window`; padding is left as it is. */
export function fillPadded(window: Integers, t: TensorLayout, data: Integers, first = 0): void {
  const last = first + window.length;
  if (isTransposed(t) && window.length >= 2 ** t.logInner) {
    fillTransposed(window, t, data, first);
    return;
  }
  forRuns(t, { window, data, first, last }, copyInto, first, last);
}

/** The stack's cells [first, last), and the numbers of the tensor. */
interface Filled {
  readonly window: Integers;
  readonly data: Integers;
  readonly first: number;
  readonly last: number;
}

/** Copies what a run has of the window. */
function copyInto(
  { window, data, first, last }: Filled,
  cell: number,
  position: number,
  length: number,
  step: number,
): void {
  const skipped = Math.max(0, first - position);
  const n = Math.min(length, last - position) - skipped;
  const from = cell + step * skipped;
  const to = position + skipped - first;
  if (n < 8 || step > 1) for (let i = 0; i < n; i++) window[to + i] = data[from + step * i];
  else window.set(data.subarray(from, from + n), to);
}

/** Whether neighbours in the stack are far apart in the tensor, and neighbours in the tensor on its leading axis. */
function isTransposed(t: TensorLayout): boolean {
  const inner = t.dims.filter((d, i) => i !== t.lead && d > 1).length;
  return inner === 1 && t.strides[t.lead] === 1;
}

/** Runs that are copied together: a cache line of bytes. */
const TOGETHER = 64;

/** The same for a transposed tensor; the window is aligned to its runs. */
function fillTransposed(window: Integers, t: TensorLayout, data: Integers, first: number): void {
  const axis = t.dims.findIndex((d, i) => i !== t.lead && d > 1);
  const step = t.strides[axis];
  const size = 2 ** t.logInner;
  for (const piece of t.pieces) {
    const begin = Math.max(0, (first - piece.offset) / size);
    const end = Math.min(2 ** piece.logRows, (first + window.length - piece.offset) / size);
    for (let r = begin; r < end; r += TOGETHER) {
      const count = Math.min(TOGETHER, end - r);
      for (let i = 0; i < t.dims[axis]; i++) {
        const from = t.first + piece.row + r + step * i;
        const to = piece.offset + size * r + i - first;
        for (let k = 0; k < count; k++) window[to + size * k] = data[from + k];
      }
    }
  }
}

/** The words of the given leaves, one leaf after the other. */
export function leafBytes(kernels: Kernels, o: CommittedOracle, leaves: readonly number[]): Uint8Array {
  const { rows } = o.shape;
  const out = new Uint8Array(4 * rows * leaves.length);
  /** Copies what `word` holds of rows [from, from + count). */
  const copy = (word: Ptr, from: number, count: number): void => {
    for (let i = 0; i < leaves.length; i++) {
      out.set(kernels.u8(word + 4 * strideOf(count) * leaves[i], 4 * count), 4 * (rows * i + from));
    }
  };
  if (o.word !== undefined) {
    copy(o.word, 0, rows);
    return out;
  }
  if (o.kept && readLeaves(kernels, o.shape, o.kept, leaves, out)) return out;
  for (const { word, from, count } of encodePieces(kernels, o.shape, o.data)) copy(word, from, count);
  return out;
}

/** Fills `out` with kept leaves; false, and the entry is removed, where one of them does not have its digest. */
function readLeaves(
  kernels: Kernels,
  shape: OracleShape,
  { store, root }: KeptOracle,
  leaves: readonly number[],
  out: Uint8Array,
): boolean {
  const { rows } = shape;
  const size = 4 * rows;
  const digests = new Uint8Array(32 * leaves.length);
  const words: StoredPart[] = [];
  const most = rowsAtOnce(shape.logRow);
  for (let from = 0; from < rows; from += most) {
    const own = Math.min(most, rows - from);
    leaves.forEach((leaf, i) => {
      const into = out.subarray(size * i + 4 * from, size * i + 4 * (from + own));
      words.push({ offset: wordsAt(shape, from) + 4 * strideOf(own) * leaf, into });
    });
  }
  const theirs = leaves.map((leaf, i) => ({ offset: 32 * leaf, into: digests.subarray(32 * i, 32 * (i + 1)) }));
  const mark = kernels.mark();
  const at = kernels.alloc(size * leaves.length);
  const hashes = kernels.alloc(32 * leaves.length);
  const isWhole = store.read(root, [...words, ...theirs]);
  kernels.u8(at, out.length).set(out);
  kernels.hashLeaves(hashes, at, leaves.length, size, size);
  const isRight = isWhole && sameBytes(kernels.u8(hashes, digests.length), digests);
  kernels.release(mark);
  if (!isRight) store.remove(root);
  return isRight;
}

/** The siblings of a multiproof in a tree in heap order. */
export function siblingBytes(kernels: Kernels, tree: Ptr, count: number, leaves: readonly number[]): Uint8Array {
  const siblings = siblingsOf(leaves, count);
  const out = new Uint8Array(32 * siblings.length);
  for (let n = 0; n < siblings.length; n++) out.set(kernels.u8(tree + 32 * siblings[n], 32), 32 * n);
  return out;
}
