/**
 * TopK by ranks: the rank of a cell is the number of those before it in order, of which equal ones keep their places;
 * cell i goes to place t where its rank is t.
 */
import { sizeOf } from '../../base/dims.js';
import { badShape, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

/** onnx.TensorProto.DataType. */
const INT64 = 7;

const MAX_PAIRS = 2 ** 22;

/** Rows up to this length are ranked pair by pair: the comparisons are added up by a matrix of n³/2 numbers. */
const MOST_RANKED_BY_PAIRS = 96;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

export const topK: Compose = (c) => {
  const dims = c.dims(0);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -1), dims.length);
  const k = c.has(1) ? c.known(1, 'k').data[0] : numberAttribute(c.node, 'k', 1);
  const n = dims[axis];
  const rows = sizeOf(dims) / n;
  if (!(k >= 1 && k <= n)) throw badShape(c.node, `the ${k} largest of ${n}`);
  const perm = [...range(dims.length).filter((i) => i !== axis), axis];
  const x = c.reshape(c.add('Transpose', [c.node.inputs[0]], { perm }), [rows, n]);
  const isLargest = numberAttribute(c.node, 'largest', 1) === 1;
  const moved = [...perm.slice(0, -1).map((i) => dims[i]), k];
  const back = { perm: perm.map((_, i) => perm.indexOf(i)) };
  if ((rows * n * n) / 2 > MAX_PAIRS) throw badShape(c.node, `sorting ${rows} rows of ${n} compares too many pairs`);
  const order = isLargest ? 'GreaterOrEqual' : 'LessOrEqual';
  const rank =
    n === 1
      ? c.add('Cast', [c.add('Sub', [x, x])], { to: INT64 })
      : n <= MOST_RANKED_BY_PAIRS
        ? ranksByPairs(c, x, n, order)
        : ranksByRows(c, x, rows, n, order);
  const hot = c.add('Equal', [c.reshape(rank, [rows, 1, n]), c.ints(range(k), [k, 1])]);
  const values = c.internal('Pick', [hot, c.reshape(x, [rows, n, 1])]);
  const places = c.add('MatMul', [c.add('Cast', [hot], { to: INT64 }), c.ints(range(n), [n, 1])]);
  return [values, places].map((y) => c.add('Transpose', [c.reshape(y, moved)], back));
};

/** The rank of each cell of [rows, n]: each pair of cells is compared once. */
function ranksByPairs(c: Composer, x: string, n: number, order: string): string {
  const pairs = range(n).flatMap((i) => range(n - i - 1).map((d) => [i, i + 1 + d] as const));
  // 1 where the first of a pair comes before the second.
  const weights = new Array<number>(pairs.length * n).fill(0);
  pairs.forEach(([first, second], p) => {
    weights[p * n + second] = 1;
    weights[p * n + first] = -1;
  });
  const side = (s: 0 | 1) => c.add('Gather', [x, c.ints(pairs.map((p) => p[s]))], { axis: 1 });
  const before = c.add('Cast', [c.add(order, [side(0), side(1)])], { to: INT64 });
  const sums = c.add('MatMul', [before, c.ints(weights, [pairs.length, n])]);
  return c.add('Add', [sums, c.ints(range(n).map((i) => n - 1 - i))]);
}

/** The same by comparing every cell with every other, [rows, n, n], of which those above the diagonal count. */
function ranksByRows(c: Composer, x: string, rows: number, n: number, order: string): string {
  const compared = c.add(order, [c.reshape(x, [rows, n, 1]), c.reshape(x, [rows, 1, n])]);
  const triangle = c.ints(
    range(n * n).map((i) => Number(Math.floor(i / n) < i % n)),
    [n, n],
  );
  const before = c.add('Mul', [c.add('Cast', [compared], { to: INT64 }), triangle]);
  const sum = (axis: number) => c.add('ReduceSum', [before, c.ints([axis])], { keepdims: 0 });
  return c.add('Add', [c.add('Sub', [sum(1), sum(2)]), c.ints(range(n).map((i) => n - 1 - i))]);
}
