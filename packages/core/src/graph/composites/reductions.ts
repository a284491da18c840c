/** Reductions that are sums between two functions, running sums, products, and pools of powers. */
import { sizeOf } from '../../base/dims.js';
import { badShape, listAttribute, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** The axes that a reduction runs over, given as an input or an attribute. */
function reducedAxes(c: Composer): number[] {
  const rank = c.dims(0).length;
  const given = c.has(1) ? [...c.known(1, 'the axes').data] : (listAttribute(c.node, 'axes') ?? []);
  if (given.length === 0 && numberAttribute(c.node, 'noop_with_empty_axes', 0) === 1) return [];
  return given.length === 0 ? range(rank) : given.map((a) => normalAxis(c.node, a, rank));
}

/** A result that kept the reduced axes, in the dims that the node asks for. */
function kept(c: Composer, y: string, axes: readonly number[]): string {
  if (numberAttribute(c.node, 'keepdims', 1) === 1) return y;
  return c.reshape(
    y,
    c.dims(0).filter((_, i) => !axes.includes(i)),
  );
}

const logSum: Compose = (c) => {
  const axes = reducedAxes(c);
  return [kept(c, c.add('Log', [c.add('ReduceSum', [c.node.inputs[0]], { axes, keepdims: 1 })]), axes)];
};

/** max x + log Σ exp(x - max x). */
const logSumExp: Compose = (c) => {
  const axes = reducedAxes(c);
  const [x] = c.node.inputs;
  const max = c.add('ReduceMax', [x], { axes, keepdims: 1 });
  const e = c.add('Exp', [c.add('Sub', [x, max])]);
  const log = c.add('Log', [c.add('ReduceSum', [e], { axes, keepdims: 1 })]);
  return [kept(c, c.add('Add', [log, max]), axes)];
};

/** Halves are multiplied until one factor is left. */
const product: Compose = (c) => {
  const dims = c.dims(0);
  const axes = reducedAxes(c);
  const rest = range(dims.length).filter((i) => !axes.includes(i));
  const outer = rest.map((i) => dims[i]);
  let n = sizeOf(axes.map((i) => dims[i]));
  const moved = c.add('Transpose', [c.node.inputs[0]], { perm: [...axes, ...rest] });
  let x = c.reshape(moved, [n, sizeOf(outer)]);
  const rows = (from: number, to: number) => c.add('Slice', [x, c.ints([from]), c.ints([to]), c.ints([0])]);
  while (n > 1) {
    const half = n >> 1;
    const pairs = c.add('Mul', [rows(0, half), rows(half, 2 * half)]);
    x = n % 2 === 0 ? pairs : c.add('Concat', [pairs, rows(n - 1, n)], { axis: 0 });
    n = Math.ceil(n / 2);
  }
  const keep = numberAttribute(c.node, 'keepdims', 1) === 1;
  return [c.reshape(x, keep ? dims.map((d, i) => (axes.includes(i) ? 1 : d)) : outer)];
};

/** A matrix product with a triangle of ones along the axis. */
const cumulativeSum: Compose = (c) => {
  const dims = c.dims(0);
  const axis = normalAxis(c.node, c.known(1, 'the axis').data[0], dims.length);
  const n = dims[axis];
  const exclusive = numberAttribute(c.node, 'exclusive', 0) === 1;
  const reverse = numberAttribute(c.node, 'reverse', 0) === 1;
  if (n > 4096) throw badShape(c.node, `a running sum of ${n} cells`);
  const isSummed = (from: number, to: number): boolean => {
    const [i, j] = reverse ? [to, from] : [from, to];
    return exclusive ? i < j : i <= j;
  };
  const triangle = range(n * n).map((k) => Number(isSummed(Math.floor(k / n), k % n)));
  const perm = [...range(dims.length).filter((i) => i !== axis), axis];
  const moved = c.add('Transpose', [c.node.inputs[0]], { perm });
  const sums = c.add('MatMul', [moved, c.typed(triangle, [n, n])]);
  return [c.add('Transpose', [sums], { perm: perm.map((_, i) => perm.indexOf(i)) })];
};

/** (Σ |x|^p)^(1/p) of windows. */
const lpPool: Compose = (c) => {
  const p = numberAttribute(c.node, 'p', 2);
  const rank = c.dims(0).length;
  const { p: _, ...attributes } = c.node.attributes;
  const kernel = listAttribute(c.node, 'kernel_shape') ?? c.dims(0).slice(2);
  const [x] = c.node.inputs;
  const powers =
    p === 1 ? c.add('Abs', [x]) : p === 2 ? c.add('Mul', [x, x]) : c.add('Pow', [c.add('Abs', [x]), c.floats([p])]);
  const sum =
    c.node.op === 'GlobalLpPool'
      ? c.add('ReduceSum', [powers], { axes: range(rank - 2).map((i) => i + 2), keepdims: 1 })
      : c.add('Mul', [
          c.add('AveragePool', [powers], { ...attributes, count_include_pad: 1 }),
          c.floats([sizeOf(kernel)]),
        ]);
  return [p === 1 ? sum : p === 2 ? c.add('Sqrt', [sum]) : c.add('Pow', [sum, c.floats([1 / p])])];
};

export const REDUCTIONS: readonly [string, Compose][] = [
  ['ReduceLogSum', logSum],
  ['ReduceLogSumExp', logSumExp],
  ['ReduceProd', product],
  ['CumSum', cumulativeSum],
  ['LpPool', lpPool],
  ['GlobalLpPool', lpPool],
];
