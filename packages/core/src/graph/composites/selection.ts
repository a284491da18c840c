/** Positions that depend on the inputs: arguments of extrema, one-hot vectors, and reads at computed indices. */
import { sizeOf } from '../../base/dims.js';
import { badShape, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';
import { equalWhole, invert } from './logic.js';

/** Most cells of a table of one-hot vectors. */
const MAX_CELLS = 2 ** 24;

const range = (n: number, f: (k: number) => number = (k) => k): number[] => Array.from({ length: n }, (_, k) => f(k));

/** Shape [1, …, n, …, 1] of `rank` axes. */
const along = (axis: number, n: number, rank: number): number[] => range(rank, (i) => (i === axis ? n : 1));

/** The first (or last) position of the largest cell along an axis, which is kept with size 1. */
function argMax(c: Composer, x: string, dims: readonly number[], axis: number, last: boolean): string {
  const n = dims[axis];
  const max = c.add('ReduceMax', [x], { axes: [axis], keepdims: 1 });
  const isMax = invert(c, c.add('Sign', [c.add('Sub', [max, x])]));
  const rank = c.floats(
    range(n, (k) => (last ? k + 1 : n - k)),
    along(axis, n, dims.length),
  );
  const best = c.add('ReduceMax', [c.add('Mul', [isMax, rank])], { axes: [axis], keepdims: 1 });
  return last ? c.add('Sub', [best, c.floats([1])]) : c.add('Sub', [c.floats([n]), best]);
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
  return [c.reshape(equalWhole(c, c.floats(range(view[1]), along(1, view[1], 3)), at), dims)];
};

/** One-hot vectors over n positions along a new last axis; negative indices count from the end. */
function oneHot(c: Composer, indices: string, dims: readonly number[], n: number): string {
  if (!(n >= 1 && sizeOf(dims) * n <= MAX_CELLS)) throw badShape(c.node, `${n} positions for indices [${dims}]`);
  const apart = c.reshape(indices, [...dims, 1]);
  const forwards = equalWhole(c, apart, c.floats(range(n), [n]));
  return c.add('Add', [
    forwards,
    equalWhole(
      c,
      apart,
      c.floats(
        range(n, (k) => k - n),
        [n],
      ),
    ),
  ]);
}

const oneHotNode: Compose = (c) => {
  const dims = c.dims(0);
  const n = c.known(1, 'the depth').data[0];
  const [off, on] = c.known(2, 'the values').data;
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -1), dims.length + 1);
  const hot = oneHot(c, c.node.inputs[0], dims, n);
  const scaled =
    off === 0 && on === 1 ? hot : c.add('Add', [c.add('Mul', [hot, c.floats([on - off])]), c.floats([off])]);
  const perm = range(dims.length);
  perm.splice(axis, 0, dims.length);
  return [c.add('Transpose', [scaled], { perm })];
};

/** Moves an axis to the end; the permutation back is its inverse. */
const toLast = (axis: number, rank: number): number[] => [...range(rank).filter((i) => i !== axis), axis];
const inverse = (perm: readonly number[]): number[] => perm.map((_, i) => perm.indexOf(i));

/** One-hot vectors times the table, whose axis stands first. */
const gather: Compose = (c) => {
  const [from, dims] = [c.dims(0), c.dims(1)];
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', 0), from.length);
  const n = from[axis];
  const rest = from.filter((_, i) => i !== axis);
  const hot = c.reshape(oneHot(c, c.node.inputs[1], dims, n), [sizeOf(dims), n]);
  const first = c.add('Transpose', [c.node.inputs[0]], {
    perm: [axis, ...range(from.length).filter((i) => i !== axis)],
  });
  const picked = c.reshape(c.add('MatMul', [hot, c.reshape(first, [n, sizeOf(rest)])]), [...dims, ...rest]);
  // [indices, before, after] to [before, indices, after].
  const rank = dims.length;
  const perm = [...range(axis, (i) => rank + i), ...range(rank), ...range(rest.length - axis, (i) => rank + axis + i)];
  return [c.add('Transpose', [picked], { perm })];
};

/** Σ_k onehot(index)[k]·x[k] along the axis; x is cut to the indices' size on the others. */
const gatherElements: Compose = (c) => {
  const [from, dims] = [c.dims(0), c.dims(1)];
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', 0), from.length);
  if (dims.length !== from.length || dims.some((d, i) => i !== axis && d > from[i]))
    throw badShape(c.node, `indices [${dims}] do not fit [${from}]`);
  const others = range(from.length).filter((i) => i !== axis);
  const ends = c.ints(others.map((i) => dims[i]));
  const starts = c.ints(others.map(() => 0));
  const whole = others.every((i) => dims[i] === from[i]);
  const cut = whole ? c.node.inputs[0] : c.add('Slice', [c.node.inputs[0], starts, ends, c.ints(others)]);
  const perm = toLast(axis, from.length);
  const rows = sizeOf(dims) / dims[axis];
  const x = c.reshape(c.add('Transpose', [cut], { perm }), [rows, 1, from[axis]]);
  const index = c.reshape(c.add('Transpose', [c.node.inputs[1]], { perm }), [rows, dims[axis]]);
  const hot = oneHot(c, index, [rows, dims[axis]], from[axis]);
  const picked = c.add('ReduceSum', [c.add('Mul', [hot, x])], { axes: [2], keepdims: 0 });
  const shaped = c.reshape(
    picked,
    perm.map((i) => dims[i]),
  );
  return [c.add('Transpose', [shaped], { perm: inverse(perm) })];
};

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
]);
