/** Images read between their cells: GridSample, AffineGrid, RoiAlign, and the sums of columns of Col2Im. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, listAttribute, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';
import { gathered, merged, type Tap, weightedReads } from './weighted-reads.js';

const FLOAT = 1;

/** Most weights of reads at constant positions, and most cells of a product by computed ones. */
const MOST_TAPS = 2 ** 24;
const MOST_CELLS = 2 ** 22;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** x [batch, channels, …] as [channels, batch·cells]. */
function byChannel(c: Composer): string {
  const [batch, channels, ...space] = c.dims(0);
  const flat = [batch, channels, sizeOf(space)];
  const x = c.reshape(c.node.inputs[0], flat);
  const first = batch === 1 ? x : c.add('Transpose', [x], { perm: [1, 0, 2] });
  return c.reshape(first, [channels, batch * flat[2]]);
}

/** [channels, points] as [leading, channels, …]. */
function toBatch(c: Composer, y: string, channels: number, [leading, ...space]: readonly number[]): string {
  const apart = c.reshape(y, [channels, leading, sizeOf(space)]);
  return c.reshape(c.add('Transpose', [apart], { perm: [1, 0, 2] }), [leading, channels, ...space]);
}

const clamp = (x: number, lo: number, hi: number): number => Math.min(hi, Math.max(lo, x));

/** Back and forth between two borders. */
function reflected(x: number, lo: number, hi: number): number {
  const size = hi - lo;
  if (size <= 0) return lo;
  const beyond = x < lo ? lo - x : x > hi ? x - hi : 0;
  if (beyond === 0) return x;
  const turns = Math.floor(beyond / size);
  const rest = beyond - turns * size;
  return turns % 2 === (x < lo ? 0 : 1) ? lo + rest : hi - rest;
}

/** To the nearest whole number, of two equally near ones to the even one. */
function nearest(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** Weights of the four cells around a point, `t` behind the second. */
function cubic(t: number): number[] {
  const a = -0.75;
  const near = (s: number): number => ((a + 2) * s - (a + 3)) * s * s + 1;
  const far = (s: number): number => ((a * s - 5 * a) * s + 8 * a) * s - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

interface Grid {
  readonly mode: 'linear' | 'nearest' | 'cubic';
  readonly padding: string;
  readonly aligns: boolean;
}

function gridOf(c: Composer): Grid {
  const said = stringAttribute(c.node, 'mode', 'linear').replace(/^bi(?=linear|cubic)/, '');
  const padding = stringAttribute(c.node, 'padding_mode', 'zeros');
  const isKnown = ['linear', 'nearest', 'cubic'].includes(said) && ['zeros', 'border', 'reflection'].includes(padding);
  if (!isKnown) throw c.unsupported(`mode ${said}, padding ${padding}`, 'use linear, nearest or cubic sampling');
  return { mode: said as Grid['mode'], padding, aligns: numberAttribute(c.node, 'align_corners', 0) === 1 };
}

/** Cells of an axis of n that a coordinate in [-1, 1] reads. */
function tapsAlong(coordinate: number, n: number, g: Grid): Tap[] {
  let x = Math.fround(g.aligns ? ((coordinate + 1) / 2) * (n - 1) : ((coordinate + 1) * n - 1) / 2);
  if (g.mode === 'nearest') x = nearest(x);
  const [lo, hi] = g.aligns ? [0, n - 1] : [-0.5, n - 0.5];
  // Of four cells each is looked for by itself.
  if (g.mode !== 'cubic' && (x < lo || x > hi)) {
    if (g.padding === 'border') x = clamp(x, 0, n - 1);
    else if (g.padding === 'reflection') x = reflected(x, lo, hi);
  }
  const first = g.mode === 'nearest' ? Math.trunc(x) : Math.floor(x);
  const t = x - first;
  const weights = g.mode === 'nearest' ? [1] : g.mode === 'linear' ? [1 - t, t] : cubic(t);
  const from = g.mode === 'cubic' ? first - 1 : first;
  return weights.flatMap((weight, k): Tap[] => {
    const i = from + k;
    if (i >= 0 && i < n) return [[i, weight]];
    if (g.padding === 'zeros') return [];
    return [[g.padding === 'border' ? clamp(i, 0, n - 1) : Math.trunc(reflected(i, lo, hi)), weight]];
  });
}

/** Positions of the grid stand last axis first. */
export const gridSample: Compose = (c) => {
  const [batch, channels, ...space] = c.dims(0);
  const [own, ...out] = c.dims(1);
  const rank = space.length;
  if (rank < 1 || own !== batch || out.length !== rank + 1 || out.pop() !== rank)
    throw badShape(c.node, `the grid [${c.dims(1)}] does not fit [${c.dims(0)}]`);
  const grid = gridOf(c);
  const positions = c.valueOf(1);
  if (!positions) return [atComputed(c, grid, out)];
  const strides = stridesOf(space);
  const points = range(batch * sizeOf(out)).map((p) => {
    const start = Math.floor(p / sizeOf(out)) * sizeOf(space);
    return merged(
      space.reduce<Tap[]>(
        (taps, n, axis) => {
          const along = tapsAlong(positions[p * rank + rank - 1 - axis], n, grid);
          return taps.flatMap(([cell, w]) => along.map(([i, v]): Tap => [cell + i * strides[axis], w * v]));
        },
        [[start, 1]],
      ),
    );
  });
  if (channels * points.reduce((n, p) => n + p.length, 0) > MOST_TAPS)
    throw badShape(c.node, `a grid of ${points.length} points for ${channels} channels`);
  const y = weightedReads(c, byChannel(c), [channels, batch * sizeOf(space)], points);
  return [toBatch(c, y, channels, [batch, ...out])];
};

/** Where the grid is computed: weights of all columns, then of all rows, for every point. */
function atComputed(c: Composer, g: Grid, out: readonly number[]): string {
  const [batch, channels, ...space] = c.dims(0);
  const count = sizeOf(out);
  const is = g.mode !== 'cubic' && g.padding !== 'reflection' && space.length === 2;
  if (!is)
    throw c.unsupported(`a computed grid, mode ${g.mode}, padding ${g.padding}`, 'use linear sampling and zeros');
  const [height, width] = space;
  if (batch * count * Math.max(channels * height, height + width) > MOST_CELLS)
    throw badShape(c.node, `a computed grid of ${count} points on [${c.dims(0)}] needs too many cells`);
  const grid = c.reshape(c.node.inputs[1], [batch, count, 2]);
  const weights = (axis: number, n: number): string => {
    const coordinate = c.add('Slice', [grid, c.ints([axis]), c.ints([axis + 1]), c.ints([2])]);
    const [by, plus] = g.aligns ? [(n - 1) / 2, (n - 1) / 2] : [n / 2, (n - 1) / 2];
    const at = c.add('Add', [c.add('Mul', [coordinate, c.floats([by])]), c.floats([plus])]);
    // Beyond a cell's distance nothing is read.
    const [low, high] = g.padding === 'border' ? [0, n - 1] : [-1, n];
    const inside = c.add('Clip', [at, c.floats([low]), c.floats([high])]);
    if (g.mode === 'nearest') {
      const hit = c.add('Equal', [c.add('Cast', [c.add('Round', [inside])], { to: 7 }), c.ints(range(n))]);
      return c.add('Cast', [hit], { to: FLOAT });
    }
    const distance = c.add('Abs', [c.add('Sub', [inside, c.floats(range(n), [n])])]);
    return c.add('Relu', [c.add('Sub', [c.floats([1]), distance])]);
  };
  const columns = c.add('Transpose', [weights(0, width)], { perm: [0, 2, 1] });
  const rows = c.add('Transpose', [weights(1, height)], { perm: [0, 2, 1] });
  const lines = c.reshape(c.node.inputs[0], [batch, channels * height, width]);
  const read = c.reshape(c.add('MatMul', [lines, columns]), [batch, channels, height, count]);
  const weighted = c.add('Mul', [read, c.reshape(rows, [batch, 1, height, count])]);
  return c.reshape(c.add('ReduceSum', [weighted], { axes: [2], keepdims: 0 }), [batch, channels, ...out]);
}

/** Cell centres (or corners) of the image, in [-1, 1], under an affine map. */
export const affineGrid: Compose = (c) => {
  const size = [...c.known(1, 'the size').data];
  const space = size.slice(2);
  const rank = space.length;
  const [batch] = c.dims(0);
  if (rank < 1 || c.dims(0).join() !== [size[0], rank, rank + 1].join())
    throw badShape(c.node, `the map [${c.dims(0)}] does not fit the size [${size}]`);
  const aligns = numberAttribute(c.node, 'align_corners', 0) === 1;
  const centre = (i: number, n: number): number => (aligns ? (n > 1 ? (2 * i) / (n - 1) - 1 : 0) : (2 * i + 1) / n - 1);
  const strides = stridesOf(space);
  const points = range(sizeOf(space)).flatMap((p) => [
    ...space.map((n, axis) => centre(Math.floor(p / strides[axis]) % n, n)).reverse(),
    1,
  ]);
  const base = c.floats(points, [sizeOf(space), rank + 1]);
  const mapped = c.add('MatMul', [base, c.add('Transpose', [c.node.inputs[0]], { perm: [0, 2, 1] })]);
  return [c.reshape(mapped, [batch, ...space, rank])];
};

/** The four cells around a point of an image; none where it lies outside. */
function around(y: number, x: number, height: number, width: number): Tap[] {
  if (y < -1 || y > height || x < -1 || x > width) return [];
  const along = (v: number, n: number): Tap[] => {
    const at = Math.max(v, 0);
    const low = Math.floor(at);
    if (low >= n - 1)
      return [
        [n - 1, 1],
        [n - 1, 0],
      ];
    return [
      [low, 1 - (at - low)],
      [low + 1, at - low],
    ];
  };
  return along(y, height).flatMap(([i, v]) => along(x, width).map(([j, w]): Tap => [i * width + j, v * w]));
}

export const roiAlign: Compose = (c) => {
  const [batch, channels, height, width] = c.dims(0);
  const rois = c.known(1, 'the regions');
  const of = [...c.known(2, 'the images of regions').data];
  const count = rois.dims[0];
  const isFit = c.dims(0).length === 4 && rois.dims[1] === 4 && of.length === count;
  if (!isFit || of.some((b) => !(b >= 0 && b < batch)))
    throw badShape(c.node, `regions [${rois.dims}] of images ${of} do not fit [${c.dims(0)}]`);
  const number = (name: string, fallback: number): number => numberAttribute(c.node, name, fallback);
  const [rows, columns] = [number('output_height', 1), number('output_width', 1)];
  const isHalf =
    c.opset >= 16 && stringAttribute(c.node, 'coordinate_transformation_mode', 'half_pixel') === 'half_pixel';
  const isMax = stringAttribute(c.node, 'mode', 'avg') === 'max';
  const ratio = number('sampling_ratio', 0);
  const scale = number('spatial_scale', 1);
  const points: Tap[][] = [];
  for (let r = 0; r < count; r++) {
    const [x0, y0, x1, y1] = [0, 1, 2, 3].map((k) => rois.data[4 * r + k] * scale - (isHalf ? 0.5 : 0));
    const least = isHalf ? Number.NEGATIVE_INFINITY : 1;
    const [high, wide] = [Math.max(y1 - y0, least) / rows, Math.max(x1 - x0, least) / columns];
    const [samplesY, samplesX] = [high, wide].map((bin) => (ratio > 0 ? ratio : Math.ceil(bin)));
    const start = of[r] * height * width;
    for (let bin = 0; bin < rows * columns; bin++) {
      const [i, j] = [Math.floor(bin / columns), bin % columns];
      const taps = range(Math.max(0, samplesY * samplesX)).flatMap((s): readonly Tap[] => {
        const y = y0 + i * high + ((Math.floor(s / samplesX) + 0.5) * high) / samplesY;
        const x = x0 + j * wide + (((s % samplesX) + 0.5) * wide) / samplesX;
        const cells = around(y, x, height, width);
        return cells.length > 0 ? cells : [[0, 0]];
      });
      const share = isMax ? 1 : 1 / Math.max(1, samplesY * samplesX);
      points.push(taps.map(([cell, w]): Tap => [start + cell, w * share]));
      if (channels * points.reduce((n, p) => n + p.length, 0) > MOST_TAPS)
        throw badShape(c.node, `${count} regions read too many cells`);
    }
  }
  const x = byChannel(c);
  const shape = [count, rows, columns];
  if (!isMax)
    return [toBatch(c, weightedReads(c, x, [channels, batch * height * width], points.map(merged)), channels, shape)];
  // The largest of the weighted cells, as onnxruntime takes it, not of interpolated points.
  const { cells, weights, width: taps } = gathered(c, x, points, (p) => p[0] ?? [0, 0]);
  const weighted = c.add('Mul', [cells, c.floats(weights, [points.length, taps])]);
  return [toBatch(c, c.add('ReduceMax', [weighted], { axes: [2], keepdims: 0 }), channels, shape)];
};

/** Each cell of the image is the sum of the columns' cells that lie on it. */
export const col2im: Compose = (c) => {
  const image = [...c.known(1, 'the shape of the image').data];
  const block = [...c.known(2, 'the shape of blocks').data];
  const rank = image.length;
  const dilations = listAttribute(c.node, 'dilations') ?? image.map(() => 1);
  const strides = listAttribute(c.node, 'strides') ?? image.map(() => 1);
  const pads = listAttribute(c.node, 'pads') ?? [...image, ...image].map(() => 0);
  const [batch, width, length] = c.dims(0);
  const counts = image.map(
    (n, i) => Math.floor((n + pads[i] + pads[i + rank] - dilations[i] * (block[i] - 1) - 1) / strides[i]) + 1,
  );
  const cells = sizeOf(block);
  if (c.dims(0).length !== 3 || width % cells !== 0 || sizeOf(counts) !== length || block.length !== rank)
    throw badShape(c.node, `columns [${c.dims(0)}] do not fit an image [${image}]`);
  const [ofBlock, ofCounts, ofImage] = [block, counts, image].map(stridesOf);
  const points = range(sizeOf(image)).map((): Tap[] => []);
  for (let k = 0; k < cells; k++) {
    for (let l = 0; l < length; l++) {
      const at = image.map(
        (_, i) =>
          (Math.floor(l / ofCounts[i]) % counts[i]) * strides[i] -
          pads[i] +
          (Math.floor(k / ofBlock[i]) % block[i]) * dilations[i],
      );
      if (at.every((x, i) => x >= 0 && x < image[i]))
        points[at.reduce((sum, x, i) => sum + x * ofImage[i], 0)].push([k * length + l, 1]);
    }
  }
  const channels = width / cells;
  const x = c.reshape(c.node.inputs[0], [batch * channels, cells * length]);
  const y = weightedReads(c, x, [batch * channels, cells * length], points);
  return [c.reshape(y, [batch, channels, ...image])];
};
