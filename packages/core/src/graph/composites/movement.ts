/** Operators that move or mark cells at constant positions, and those that only make constants. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, listAttribute, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose } from './composer.js';

const FLOAT = 1;
const BOOL = 9;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** The first cells of each sequence the other way round. */
const reverseSequence: Compose = (c) => {
  const dims = c.dims(0);
  const batchAxis = numberAttribute(c.node, 'batch_axis', 1);
  const timeAxis = numberAttribute(c.node, 'time_axis', 0);
  const lengths = c.known(1, 'the length of sequences').data;
  const strides = stridesOf(dims);
  const offsets = range(sizeOf(dims)).map((flat) => {
    const at = (axis: number): number => Math.floor(flat / strides[axis]) % dims[axis];
    const [t, n] = [at(timeAxis), lengths[at(batchAxis)]];
    return t < n ? flat + (n - 1 - 2 * t) * strides[timeAxis] : flat;
  });
  return [c.reshape(c.add('Gather', [c.reshape(c.node.inputs[0], [sizeOf(dims)]), c.ints(offsets)]), dims)];
};

/** The middle of an axis that is too long; zeros around one that is too short. */
const centerCropPad: Compose = (c) => {
  const dims = c.dims(0);
  const shape = c.known(1, 'the shape').data;
  const axes = listAttribute(c.node, 'axes')?.map((a) => normalAxis(c.node, a, dims.length)) ?? range(dims.length);
  if (axes.length !== shape.length)
    throw badShape(c.node, `the shape [${[...shape]}] does not fit ${axes.length} axes`);
  const starts = axes.map((a, i) => Math.max(0, Math.floor((dims[a] - shape[i]) / 2)));
  const ends = axes.map((a, i) => starts[i] + Math.min(dims[a], shape[i]));
  const middle = c.add('Slice', [c.node.inputs[0], c.ints(starts), c.ints(ends), c.ints(axes)]);
  const [begin, end] = [dims.map(() => 0), dims.map(() => 0)];
  axes.forEach((a, i) => {
    const missing = Math.max(0, shape[i] - dims[a]);
    begin[a] = Math.floor(missing / 2);
    end[a] = missing - begin[a];
  });
  return [c.add('Pad', [middle, c.ints([...begin, ...end])])];
};

const compress: Compose = (c) => {
  const kept = [...c.known(1, 'the condition').data].flatMap((x, i) => (x === 0 ? [] : [i]));
  if (kept.length === 0) throw badShape(c.node, 'its condition keeps nothing');
  const isFlat = c.node.attributes.axis === undefined;
  const x = isFlat ? c.reshape(c.node.inputs[0], [sizeOf(c.dims(0))]) : c.node.inputs[0];
  return [c.add('Gather', [x, c.ints(kept)], { axis: isFlat ? 0 : numberAttribute(c.node, 'axis', 0) })];
};

/** Coordinates of the cells that are not zero, a row for each axis. */
const nonZero: Compose = (c) => {
  const { dims, data } = c.known(0, 'the tensor');
  const found = [...data].flatMap((x, i) => (x === 0 ? [] : [i]));
  const rows = stridesOf(dims).map((s, d) => found.map((i) => Math.floor(i / s) % dims[d]));
  return [c.ints(rows.flat(), [dims.length, found.length])];
};

const eyeLike: Compose = (c) => {
  const [rows, columns] = c.dims(0);
  if (c.dims(0).length !== 2) throw badShape(c.node, `[${c.dims(0)}] is no matrix`);
  const k = numberAttribute(c.node, 'k', 0);
  const ones = range(rows * columns).map((i) => Number((i % columns) - Math.floor(i / columns) === k));
  const to = numberAttribute(c.node, 'dtype', c.typeCode(0));
  return [c.add('Cast', [c.floats(ones, [rows, columns])], { to })];
};

/** Σ (-1)^i·a_i·cos(2π·i·n / N), N being the size, less one where the window is not periodic. */
const cosineWindow =
  (coefficients: readonly number[]): Compose =>
  (c) => {
    const [size] = c.known(0, 'the size').data;
    if (!(size >= 1 && size <= 2 ** 20)) throw badShape(c.node, `a window of ${size}`);
    const period = numberAttribute(c.node, 'periodic', 1) === 1 ? size : size - 1;
    const data = range(size).map((n) =>
      coefficients.reduce((sum, a, i) => sum + (i % 2 ? -a : a) * Math.cos((2 * Math.PI * i * n) / period), 0),
    );
    return [c.add('Cast', [c.floats(data, [size])], { to: numberAttribute(c.node, 'output_datatype', FLOAT) })];
  };

const castLike: Compose = (c) => [c.add('Cast', [c.node.inputs[0]], { to: c.typeCode(1) })];

/** The input, and that every cell of it is kept. */
export const dropoutWithMask: Compose = (c) => {
  const [x, ...rest] = c.node.inputs;
  const kept = c.add('Expand', [c.add('Cast', [c.scalar(1)], { to: BOOL }), c.ints(c.dims(0))]);
  return [c.add('Dropout', [x, ...rest], c.node.attributes), kept];
};

/** min(max(x, lo), hi) for computed bounds. */
export const clip: Compose = (c) => {
  const lower = c.has(1) ? c.add('Max', [c.node.inputs[0], c.node.inputs[1]]) : c.node.inputs[0];
  return [c.has(2) ? c.add('Min', [lower, c.node.inputs[2]]) : lower];
};

/** Products of all cells so far. */
const cumulativeProduct: Compose = (c) => {
  const dims = c.dims(0);
  const axis = normalAxis(c.node, c.known(1, 'the axis').data[0], dims.length);
  const isExclusive = numberAttribute(c.node, 'exclusive', 0) === 1;
  const isReverse = numberAttribute(c.node, 'reverse', 0) === 1;
  const n = dims[axis];
  if (n > 256) throw badShape(c.node, `a running product of ${n} cells`);
  const cell = (k: number): string => c.add('Slice', [c.node.inputs[0], c.ints([k]), c.ints([k + 1]), c.ints([axis])]);
  const one = c.typed(
    new Array<number>(sizeOf(dims) / n).fill(1),
    dims.map((d, i) => (i === axis ? 1 : d)),
  );
  const parts: string[] = [];
  let product: string | undefined;
  for (const k of isReverse ? range(n).reverse() : range(n)) {
    if (isExclusive) parts.push(product ?? one);
    product = product === undefined ? cell(k) : c.add('Mul', [product, cell(k)]);
    if (!isExclusive) parts.push(product);
  }
  return [c.add('Concat', isReverse ? parts.reverse() : parts, { axis })];
};

const MOST_ROWS = 8;

/** Sets of k of n columns, in order. */
const columnSets = (n: number, k: number): number[][] =>
  k === 0
    ? [[]]
    : columnSets(n, k - 1).flatMap((set) => range(n).flatMap((j) => (j > (set.at(-1) ?? -1) ? [[...set, j]] : [])));

/**
 * Laplace's rule from the last row up: the determinants of the last k rows in every set of k columns, from those of one
 * row less. All of one size are one tensor, and each is one sum of products.
 */
const det: Compose = (c) => {
  const dims = c.dims(0);
  const [n, m] = dims.slice(-2);
  const lead = dims.slice(0, -2);
  if (dims.length < 2 || n !== m) throw badShape(c.node, `[${dims}] are no square matrices`);
  if (n > MOST_ROWS) throw c.unsupported(`matrices of ${n} rows`, `use at most ${MOST_ROWS}`);
  const batch = sizeOf(lead);
  const rows = c.reshape(c.node.inputs[0], [batch, n, n]);
  const row = (i: number): string => c.add('Gather', [rows, c.scalar(i)], { axis: 1 });
  let minors = row(n - 1);
  let sets = columnSets(n, 1);
  for (let k = 2; k <= n; k++) {
    const known = new Map(sets.map((set, i) => [set.join(), i]));
    sets = columnSets(n, k);
    const upper = row(n - k);
    const signed = c.add('Concat', [upper, c.add('Neg', [upper])], { axis: 1 });
    const cells = sets.flatMap((set) => set.map((j, i) => j + (i % 2) * n));
    const below = sets.flatMap((set) => set.map((j) => known.get(set.filter((l) => l !== j).join()) as number));
    const of = (x: string, at: readonly number[], shape: readonly number[]): string =>
      c.reshape(c.add('Gather', [x, c.ints(at)], { axis: 1 }), [batch, sets.length, ...shape]);
    minors = c.reshape(c.add('MatMul', [of(signed, cells, [1, k]), of(minors, below, [k, 1])]), [batch, sets.length]);
  }
  return [c.reshape(minors, lead)];
};

/** (x - mean) / (deviation + 1e-9) over some axes. */
const meanVarianceNormalization: Compose = (c) => {
  const [x] = c.node.inputs;
  c.dims(0);
  const attributes = { axes: listAttribute(c.node, 'axes') ?? [0, 2, 3], keepdims: 1 };
  const d = c.add('Sub', [x, c.add('ReduceMean', [x], attributes)]);
  const variance = c.add('ReduceMean', [c.add('Mul', [d, d])], attributes);
  return [c.add('Div', [d, c.add('Sqrt', [c.add('Add', [variance, c.floats([1e-9])])])])];
};

/** PRelu by computed slopes: max(x, 0) - slope·max(-x, 0). */
export const slopes: Compose = (c) => {
  const [x, slope] = c.node.inputs;
  const below = c.add('Mul', [slope, c.add('Relu', [c.add('Neg', [x])])]);
  return [c.add('Sub', [c.add('Relu', [x]), below])];
};

/** Conv by computed weights: the bias is added afterwards. */
export const convWithBias: Compose = (c) => {
  const y = c.add('Conv', c.node.inputs.slice(0, 2), c.node.attributes);
  const channels = c.dims(1)[0];
  return [
    c.add('Add', [
      y,
      c.reshape(c.node.inputs[2], [
        channels,
        ...c
          .dims(0)
          .slice(2)
          .map(() => 1),
      ]),
    ]),
  ];
};

export const MOVEMENT: readonly [string, Compose][] = [
  ['BlackmanWindow', cosineWindow([0.42, 0.5, 0.08])],
  ['CastLike', castLike],
  ['CenterCropPad', centerCropPad],
  ['Compress', compress],
  ['CumProd', cumulativeProduct],
  ['Det', det],
  ['EyeLike', eyeLike],
  ['HammingWindow', cosineWindow([25 / 46, 21 / 46])],
  ['HannWindow', cosineWindow([0.5, 0.5])],
  ['MeanVarianceNormalization', meanVarianceNormalization],
  ['NonZero', nonZero],
  ['ReverseSequence', reverseSequence],
];
