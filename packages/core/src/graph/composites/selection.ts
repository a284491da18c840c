/** Positions that depend on the inputs: arguments of extrema, one-hot vectors, and reads at computed indices. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

/** Most cells of a table of one-hot vectors. */
const MAX_CELLS = 2 ** 24;

/** Rows of a lookup table that cost as much as one cell of a one-hot vector. */
const ROWS_PER_CELL = 2;
const MAX_ROWS = 2 ** 22;

/** onnx.TensorProto.DataType. */
const FLOAT = 1;
const INT64 = 7;

const range = (n: number, f: (k: number) => number = (k) => k): number[] => Array.from({ length: n }, (_, k) => f(k));

/** Shape [1, …, n, …, 1] of `rank` axes. */
const along = (axis: number, n: number, rank: number): number[] => range(rank, (i) => (i === axis ? n : 1));

const isTrue = (c: Composer, x: string): string => c.add('Cast', [x], { to: INT64 });

/** The first (or last) position of the largest cell along an axis, which is kept with size 1. */
export function argMax(c: Composer, x: string, dims: readonly number[], axis: number, last: boolean): string {
  const n = dims[axis];
  const max = c.add('ReduceMax', [x], { axes: [axis], keepdims: 1 });
  const isMax = isTrue(c, c.add('Equal', [x, max]));
  const rank = c.ints(
    range(n, (k) => (last ? k + 1 : n - k)),
    along(axis, n, dims.length),
  );
  const best = c.add('ReduceMax', [c.add('Mul', [isMax, rank])], { axes: [axis], keepdims: 1 });
  return last ? c.add('Sub', [best, c.scalar(1)]) : c.add('Sub', [c.scalar(n), best]);
}

const argExtremum =
  (negate: boolean): Compose =>
  (c) => {
    const dims = c.dims(0);
    const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', 0), dims.length);
    const x = negate ? c.add('Neg', [c.node.inputs[0]]) : c.node.inputs[0];
    const at = argMax(c, x, dims, axis, numberAttribute(c.node, 'select_last_index', 0) !== 0);
    const keep = numberAttribute(c.node, 'keepdims', 1) !== 0;
    return [
      keep
        ? at
        : c.reshape(
            at,
            dims.filter((_, i) => i !== axis),
          ),
    ];
  };

/** 1 at the first maximum along an axis; before operator set 13, over all axes from it on. */
const hardmax: Compose = (c) => {
  const dims = c.dims(0);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', c.opset < 13 ? 1 : -1), dims.length);
  const before = sizeOf(dims.slice(0, axis));
  const view =
    c.opset < 13 ? [before, sizeOf(dims.slice(axis)), 1] : [before, dims[axis], sizeOf(dims.slice(axis + 1))];
  const at = argMax(c, c.reshape(c.node.inputs[0], view), view, 1, false);
  const hot = c.add('Equal', [c.ints(range(view[1]), along(1, view[1], 3)), at]);
  return [c.reshape(c.add('Cast', [hot], { to: FLOAT }), dims)];
};

/** One-hot vectors over n positions along a new last axis, as truth values. */
export function oneHot(c: Composer, indices: string, dims: readonly number[], n: number): string {
  if (!(n >= 1 && sizeOf(dims) * n <= MAX_CELLS)) throw badShape(c.node, `${n} positions for indices [${dims}]`);
  return c.add('Equal', [c.reshape(c.fromStart(indices, n), [...dims, 1]), c.ints(range(n))]);
}

const oneHotNode: Compose = (c) => {
  const dims = c.dims(0);
  const n = c.known(1, 'the depth').data[0];
  const [off, on] = c.known(2, 'the values').data;
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -1), dims.length + 1);
  const indices = c.areWhole(0) ? c.node.inputs[0] : c.add('Cast', [c.node.inputs[0]], { to: INT64 });
  const hot = oneHot(c, indices, dims, n);
  const plain = off === 0 && on === 1;
  const scaled = plain ? c.add('Cast', [hot], { to: FLOAT }) : c.add('Where', [hot, c.floats([on]), c.floats([off])]);
  const perm = range(dims.length);
  perm.splice(axis, 0, dims.length);
  return [c.add('Transpose', [scaled], { perm })];
};

/** Moves an axis to the end; the permutation back is its inverse. */
const toLast = (axis: number, rank: number): number[] => [...range(rank).filter((i) => i !== axis), axis];
const inverse = (perm: readonly number[]): number[] => perm.map((_, i) => perm.indexOf(i));

/** Cells of a constant tensor at computed flat offsets, where a table of it is worth its rows. */
function isTable(c: Composer, cells: number, oneHotCells: number): boolean {
  const { value } = c.info(0);
  return value !== undefined && cells <= Math.min(MAX_ROWS, Math.max(2 ** 12, ROWS_PER_CELL * oneHotCells));
}

const lookUp = (c: Composer, offsets: string): string =>
  c.internal('TableLookup', [c.reshapedConstant(0, [sizeOf(c.dims(0))]), offsets]);

/** Offsets [before, indices, after] of whole blocks of a tensor [before, n, after]. */
function blockOffsets(
  c: Composer,
  index: string,
  dims: readonly number[],
  from: readonly number[],
  axis: number,
): string {
  const before = from.slice(0, axis);
  const after = from.slice(axis + 1);
  const inner = sizeOf(after);
  const plain = inner === 1 ? index : c.add('Mul', [index, c.scalar(inner)]);
  const shape = [...before.map(() => 1), ...dims, ...after.map(() => 1)];
  const strides = stridesOf(from);
  const own = [...before, ...dims.map(() => 1), ...after];
  const offsets = range(sizeOf(own), (flat) => {
    const b = Math.floor(flat / inner);
    return b * (axis > 0 ? strides[axis - 1] : 0) + (flat % inner);
  });
  const shaped = c.reshape(plain, shape);
  return sizeOf(own) === 1 ? shaped : c.add('Add', [shaped, c.ints(offsets, own)]);
}

/** One lookup in a constant tensor; else one-hot vectors times the tensor, whose axis stands first. */
const gather: Compose = (c) => {
  const [from, dims] = [c.dims(0), c.dims(1)];
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', 0), from.length);
  const n = from[axis];
  const rest = from.filter((_, i) => i !== axis);
  if (isTable(c, sizeOf(from), sizeOf(dims) * n)) {
    // Along the first axis, negative offsets count from the end of the list too.
    const index = axis === 0 ? c.node.inputs[1] : c.fromStart(c.node.inputs[1], n);
    return [lookUp(c, blockOffsets(c, index, dims, from, axis))];
  }
  const hot = c.reshape(oneHot(c, c.node.inputs[1], dims, n), [sizeOf(dims), n]);
  const first = c.add('Transpose', [c.node.inputs[0]], {
    perm: [axis, ...range(from.length).filter((i) => i !== axis)],
  });
  const picked = c.reshape(c.internal('Pick', [hot, c.reshape(first, [n, sizeOf(rest)])]), [...dims, ...rest]);
  // [indices, before, after] to [before, indices, after].
  const rank = dims.length;
  const perm = [...range(axis, (i) => rank + i), ...range(rank), ...range(rest.length - axis, (i) => rank + axis + i)];
  return [c.add('Transpose', [picked], { perm })];
};

/** One lookup in a constant tensor; else Σ_k onehot(index)[k]·x[k], x cut to the indices' size on the other axes. */
const gatherElements: Compose = (c) => {
  const [from, dims] = [c.dims(0), c.dims(1)];
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', 0), from.length);
  if (dims.length !== from.length || dims.some((d, i) => i !== axis && d > from[i]))
    throw badShape(c.node, `indices [${dims}] do not fit [${from}]`);
  const n = from[axis];
  const strides = stridesOf(from);
  const own = stridesOf(dims);
  if (isTable(c, sizeOf(from), sizeOf(dims) * n)) {
    const index = c.fromStart(c.node.inputs[1], n);
    const offsets = range(sizeOf(dims), (flat) =>
      dims.reduce((sum, d, i) => (i === axis ? sum : sum + (Math.floor(flat / own[i]) % d) * strides[i]), 0),
    );
    return [lookUp(c, c.add('Add', [c.add('Mul', [index, c.scalar(strides[axis])]), c.ints(offsets, dims)]))];
  }
  const others = range(from.length).filter((i) => i !== axis);
  const ends = c.ints(others.map((i) => dims[i]));
  const starts = c.ints(others.map(() => 0));
  const whole = others.every((i) => dims[i] === from[i]);
  const cut = whole ? c.node.inputs[0] : c.add('Slice', [c.node.inputs[0], starts, ends, c.ints(others)]);
  const perm = toLast(axis, from.length);
  const rows = sizeOf(dims) / dims[axis];
  const x = c.reshape(c.add('Transpose', [cut], { perm }), [rows, n, 1]);
  const index = c.reshape(c.add('Transpose', [c.node.inputs[1]], { perm }), [rows, dims[axis]]);
  const picked = c.internal('Pick', [oneHot(c, index, [rows, dims[axis]], n), x]);
  const shaped = c.reshape(
    picked,
    perm.map((i) => dims[i]),
  );
  return [c.add('Transpose', [shaped], { perm: inverse(perm) })];
};

/** Offsets of the blocks that rows of indices name by their leading coordinates: [rows]. */
export function rowOffsets(
  c: Composer,
  from: readonly number[],
  batch: number,
): { offsets: string; rows: number; depth: number } {
  const dims = c.dims(1);
  const depth = dims[dims.length - 1];
  const fits = dims.length > batch && depth >= 1 && batch + depth <= from.length;
  if (!fits || dims.slice(0, batch).some((d, i) => d !== from[i]))
    throw badShape(c.node, `indices [${dims}] do not fit [${from}]`);
  const rows = sizeOf(dims) / depth;
  const table = c.reshape(c.node.inputs[1], [rows, depth]);
  // In blocks of the addressed axes.
  const span = from.slice(batch, batch + depth);
  const strides = stridesOf(span);
  const parts = range(depth).map((k) => {
    const column = c.reshape(c.add('Slice', [table, c.ints([k]), c.ints([k + 1]), c.ints([1])]), [rows]);
    const index = c.fromStart(column, span[k]);
    return strides[k] === 1 ? index : c.add('Mul', [index, c.scalar(strides[k])]);
  });
  const sum = parts.reduce((a, b) => c.add('Add', [a, b]));
  if (batch === 0) return { offsets: sum, rows, depth };
  const perBatch = rows / sizeOf(from.slice(0, batch));
  const base = c.ints(range(rows, (r) => Math.floor(r / perBatch) * sizeOf(span)));
  return { offsets: c.add('Add', [sum, base]), rows, depth };
}

const gatherND: Compose = (c) => {
  const from = c.dims(0);
  const batch = numberAttribute(c.node, 'batch_dims', 0);
  const { offsets, rows, depth } = rowOffsets(c, from, batch);
  const block = from.slice(batch + depth);
  const n = sizeOf(from.slice(0, batch + depth));
  const out = [...c.dims(1).slice(0, -1), ...block];
  const width = sizeOf(block);
  if (isTable(c, sizeOf(from), rows * n))
    return [c.reshape(lookUp(c, blockOffsets(c, offsets, [rows], [n, width], 0)), out)];
  const picked = c.internal('Pick', [oneHot(c, offsets, [rows], n), c.reshape(c.node.inputs[0], [n, width])]);
  return [c.reshape(picked, out)];
};

/**
 * The data as [n, width], with the rows at offsets replaced by, or (`reduction`) added to, those of the updates:
 * data·(1 - Σ_k onehot_k) + Σ_k onehot_k·update_k.
 * @param stays truth values [rows]: the rows that are scattered; all of them where it is not said. Those that replace
 * name different positions.
 */
export function scattered(
  c: Composer,
  offsets: string,
  rows: number,
  n: number,
  width: number,
  stays?: string,
): string {
  const isAdded = c.node.attributes.reduction === 'add';
  const all = oneHot(c, offsets, [rows], n);
  const chosen = stays === undefined ? all : c.add('And', [all, c.reshape(stays, [rows, 1])]);
  const hot = c.add('Cast', [chosen], { to: c.typeCode(0) });
  const given = c.reshape(c.node.inputs[2], [rows, width]);
  const turned = (x: string) => c.add('Transpose', [x], { perm: [1, 0] });
  // Where they replace, a position has at most one update.
  const updates = isAdded ? c.add('MatMul', [turned(hot), given]) : c.internal('Pick', [turned(chosen), given]);
  if (c.info(0).value?.data.every((x) => x === 0)) return updates;
  const data = c.reshape(c.node.inputs[0], [n, width]);
  if (isAdded) return c.add('Add', [data, updates]);
  const named = c.reshape(c.add('ReduceMax', [hot], { axes: [0], keepdims: 0 }), [n, 1]);
  const isKept = c.add('Cast', [c.add('Not', [c.add('Cast', [named], { to: 9 })])], { to: 9 });
  const zero = c.typed([0], []);
  return c.add('Add', [c.add('Where', [isKept, data, zero]), updates]);
}

export const SELECTION: ReadonlyMap<string, Compose> = new Map([
  ['ArgMax', argExtremum(false)],
  ['ArgMin', argExtremum(true)],
  ['Hardmax', hardmax],
  ['OneHot', oneHotNode],
]);

/** Where the indices (input 1) are computed; constant ones are plain readings. */
export const COMPUTED_INDICES: ReadonlyMap<string, Compose> = new Map([
  ['Gather', gather],
  ['GatherElements', gatherElements],
  ['GatherND', gatherND],
]);
