/**
 * TopK by ranks: the rank of a cell is the number of those before it in order, of which equal ones keep their places.
 * Each pair is compared once; cell i goes to place t where its rank is t.
 */
import { sizeOf } from '../../base/dims.js';
import { badShape, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose } from './composer.js';

const INT64 = 7;
const MAX_PAIRS = 2 ** 22;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

export const topK: Compose = (c) => {
  const dims = c.dims(0);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -1), dims.length);
  const k = c.has(1) ? c.known(1, 'k').data[0] : numberAttribute(c.node, 'k', 1);
  const n = dims[axis];
  const rows = sizeOf(dims) / n;
  if (!(k >= 1 && k <= n)) throw badShape(c.node, `the ${k} largest of ${n}`);
  const pairs = range(n).flatMap((i) => range(n - i - 1).map((d) => [i, i + 1 + d] as const));
  if (pairs.length * rows > MAX_PAIRS) throw badShape(c.node, `sorting ${rows} rows of ${n} compares too many pairs`);
  const perm = [...range(dims.length).filter((i) => i !== axis), axis];
  const x = c.reshape(c.add('Transpose', [c.node.inputs[0]], { perm }), [rows, n]);
  const order = numberAttribute(c.node, 'largest', 1) === 1 ? 'GreaterOrEqual' : 'LessOrEqual';
  // 1 where the first of a pair comes before the second.
  const weights = new Float64Array(pairs.length * n);
  pairs.forEach(([first, second], p) => {
    weights[p * n + second] = 1;
    weights[p * n + first] = -1;
  });
  const start = c.ints(range(n).map((i) => n - 1 - i));
  let rank = start;
  if (n > 1) {
    const side = (s: 0 | 1) => c.add('Gather', [x, c.ints(pairs.map((p) => p[s]))], { axis: 1 });
    const before = c.add('Cast', [c.add(order, [side(0), side(1)])], { to: INT64 });
    rank = c.add('Add', [c.add('MatMul', [before, c.ints([...weights], [pairs.length, n])]), start]);
  } else rank = c.add('Cast', [c.add('Sub', [x, x])], { to: INT64 });
  const hot = c.add('Equal', [c.reshape(rank, [rows, 1, n]), c.ints(range(k), [k, 1])]);
  const values = c.internal('Pick', [hot, c.reshape(x, [rows, n, 1])]);
  const places = c.add('MatMul', [c.add('Cast', [hot], { to: INT64 }), c.ints(range(n), [n, 1])]);
  const moved = [...perm.slice(0, -1).map((i) => dims[i]), k];
  const back = { perm: perm.map((_, i) => perm.indexOf(i)) };
  return [values, places].map((y) => c.add('Transpose', [c.reshape(y, moved)], back));
};
