/** ScatterElements and ScatterND that join updates with what is there, and those of old operator sets. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, normalAxis, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';
import { oneHot, rowOffsets, scattered } from './selection.js';

/** Updates at computed positions are joined one after the other. */
const MOST_UPDATES = 256;

/** onnx.TensorProto.DataType. */
const INT64 = 7;
const BOOL = 9;

const JOINS: Readonly<Record<string, string>> = { add: 'Add', mul: 'Mul', min: 'Min', max: 'Max' };

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** Of the updates of ScatterElements: the flat offset of the cell but for the indexed axis, and that axis' stride. */
function elements(c: Composer): { base: number[]; stride: number; size: number } {
  const [from, dims] = [c.dims(0), c.dims(1)];
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', 0), from.length);
  if (dims.length !== from.length || dims.some((d, i) => i !== axis && d > from[i]))
    throw badShape(c.node, `indices [${dims}] do not fit [${from}]`);
  const [strides, own] = [stridesOf(from), stridesOf(dims)];
  const base = range(sizeOf(dims)).map((flat) =>
    dims.reduce((sum, d, i) => (i === axis ? sum : sum + (Math.floor(flat / own[i]) % d) * strides[i]), 0),
  );
  return { base, stride: strides[axis], size: from[axis] };
}

function positive(c: Composer, i: number, size: number): number {
  const p = i < 0 ? i + size : i;
  if (!(p >= 0 && p < size)) throw badShape(c.node, `index ${i} is outside an axis of ${size}`);
  return p;
}

/** The flat offset of the cell that each number of the updates goes to. */
function constantOffsets(c: Composer): number[] {
  const index = c.known(1, 'the positions').data;
  if (c.node.op !== 'ScatterND') {
    const { base, stride, size } = elements(c);
    return base.map((b, i) => b + stride * positive(c, index[i], size));
  }
  const [from, dims] = [c.dims(0), c.dims(1)];
  const depth = dims[dims.length - 1];
  const width = sizeOf(from.slice(depth));
  const strides = stridesOf(from);
  return range(index.length / depth).flatMap((row) => {
    const at = range(depth).reduce((sum, k) => sum + strides[k] * positive(c, index[row * depth + k], from[k]), 0);
    return range(width).map((i) => at + i);
  });
}

/** Updates of cells named several times are joined in turns, each of which names a cell once. */
function joinedInTurns(c: Composer, offsets: readonly number[], join: string): string {
  const from = c.dims(0);
  const turns: Map<number, number>[] = [];
  const named = new Map<number, number>();
  offsets.forEach((o, k) => {
    const turn = named.get(o) ?? 0;
    named.set(o, turn + 1);
    if (!turns[turn]) turns[turn] = new Map();
    turns[turn].set(o, k);
  });
  const updates = c.reshape(c.node.inputs[2], [offsets.length]);
  const n = sizeOf(from);
  let y = c.reshape(c.node.inputs[0], [n]);
  for (const turn of turns) {
    // Cells that are not named read any update, and are kept as they were.
    const read = c.add('Gather', [updates, c.ints(range(n).map((o) => turn.get(o) ?? 0))]);
    const made = c.add(join, [y, read]);
    y = turn.size === n ? made : c.add('Where', [c.truths(range(n).map((o) => Number(turn.has(o)))), made, y]);
  }
  return c.reshape(y, from);
}

/** One update after the other, at computed positions. */
function joinedOneByOne(c: Composer, join: string): string {
  const from = c.dims(0);
  let offsets: string;
  let [rows, n, width] = [sizeOf(c.dims(1)), sizeOf(from), 1];
  if (c.node.op === 'ScatterND') {
    const found = rowOffsets(c, from, 0);
    offsets = found.offsets;
    rows = found.rows;
    n = sizeOf(from.slice(0, found.depth));
    width = sizeOf(from) / n;
  } else {
    const { base, stride, size } = elements(c);
    const index = c.fromStart(c.reshape(c.node.inputs[1], [rows]), size);
    offsets = c.add('Add', [c.add('Mul', [index, c.scalar(stride)]), c.ints(base)]);
  }
  if (rows > MOST_UPDATES) throw c.unsupported(`${rows} computed positions`, `join at most ${MOST_UPDATES} updates`);
  const hot = oneHot(c, offsets, [rows], n);
  const updates = c.reshape(c.node.inputs[2], [rows, width]);
  let y = c.reshape(c.node.inputs[0], [n, width]);
  for (let k = 0; k < rows; k++) {
    const row = (x: string) => c.add('Slice', [x, c.ints([k]), c.ints([k + 1]), c.ints([0])]);
    y = c.add('Where', [c.reshape(row(hot), [n, 1]), c.add(join, [y, row(updates)]), y]);
  }
  return c.reshape(y, from);
}

export const scatter: Compose = (c) => {
  const reduction = stringAttribute(c.node, 'reduction', 'none');
  if (reduction !== 'none' && !Object.hasOwn(JOINS, reduction))
    throw c.unsupported(`reduction ${reduction}`, 'use none, add, mul, min or max');
  const isConstant = c.info(1).value !== undefined;
  if (reduction === 'none') {
    if (c.node.op === 'Scatter') return [c.add('ScatterElements', c.node.inputs, c.node.attributes)];
    return [scatteredAt(c)];
  }
  if (isConstant) return [joinedInTurns(c, constantOffsets(c), JOINS[reduction])];
  return [reduction === 'add' ? scatteredAt(c) : joinedOneByOne(c, JOINS[reduction])];
};

/** Replaced, or added to, at computed positions. */
function scatteredAt(c: Composer): string {
  const from = c.dims(0);
  if (c.node.op === 'ScatterND') {
    const { offsets, rows, depth } = rowOffsets(c, from, 0);
    const n = sizeOf(from.slice(0, depth));
    const last = lastOfEqual(c, offsets, [rows], 0);
    return c.reshape(scattered(c, offsets, rows, n, sizeOf(from.slice(depth)), last), from);
  }
  const { base, stride, size } = elements(c);
  const rows = base.length;
  const index = c.fromStart(c.reshape(c.node.inputs[1], [rows]), size);
  const offsets = c.add('Add', [c.add('Mul', [index, c.scalar(stride)]), c.ints(base)]);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', 0), from.length);
  const last = lastOfEqual(c, index, c.dims(1), axis);
  return c.reshape(scattered(c, offsets, rows, sizeOf(from), 1, last), from);
}

/**
 * Where updates replace, of those that name the same cell the last one stays: 1 for each number of the flat indices (of
 * `dims`) that none after it along the axis is equal to. Undefined where all stay.
 */
function lastOfEqual(c: Composer, index: string, dims: readonly number[], axis: number): string | undefined {
  const n = dims[axis];
  if (n === 1 || stringAttribute(c.node, 'reduction', 'none') !== 'none') return undefined;
  const others = range(dims.length).filter((i) => i !== axis);
  const perm = [...others, axis];
  const rows = c.reshape(c.add('Transpose', [c.reshape(index, dims)], { perm }), [sizeOf(dims) / n, n]);
  const [own, other] = [c.reshape(rows, [sizeOf(dims) / n, n, 1]), c.reshape(rows, [sizeOf(dims) / n, 1, n])];
  const equal = c.add('Cast', [c.add('Equal', [own, other])], { to: INT64 });
  const later = c.ints(
    range(n * n).map((k) => Number(k % n > Math.floor(k / n))),
    [n, n],
  );
  const replaced = c.add('ReduceMax', [c.add('Mul', [equal, later])], { axes: [2], keepdims: 0 });
  const stays = c.add('Not', [c.add('Cast', [replaced], { to: BOOL })]);
  const back = perm.map((_, i) => perm.indexOf(i));
  const shaped = c.reshape(
    stays,
    perm.map((i) => dims[i]),
  );
  return c.reshape(c.add('Transpose', [shaped], { perm: back }), [sizeOf(dims)]);
}

/** Whether a scatter is written out: constant positions without a reduction are plain readings. */
export const isWrittenOut = (op: string, reduction: unknown, isComputed: boolean): boolean =>
  isComputed || op === 'Scatter' || (reduction !== undefined && reduction !== 'none');
