/** Resize and Upsample by linear or cubic interpolation: a matrix product along each axis that changes. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, listAttribute, normalAxis, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

/** How output positions are mapped to input positions (coordinate_transformation_mode). */
type Position = (o: number, scale: number, from: number, to: number) => number;
const COORDINATES: Readonly<Record<string, Position>> = {
  asymmetric: (o, scale) => o / scale,
  half_pixel: (o, scale) => (o + 0.5) / scale - 0.5,
  half_pixel_symmetric: (o, scale, from, to) => from / 2 - to / (2 * scale) + (o + 0.5) / scale - 0.5,
  pytorch_half_pixel: (o, scale, _, to) => (to > 1 ? (o + 0.5) / scale - 0.5 : 0),
  align_corners: (o, _, from, to) => (to > 1 ? (o * (from - 1)) / (to - 1) : 0),
};

/** Weight of a cell by its distance. */
function weight(mode: string, distance: number, a: number): number {
  const s = Math.abs(distance);
  if (mode === 'linear') return Math.max(0, 1 - s);
  if (s < 1) return ((a + 2) * s - (a + 3)) * s * s + 1;
  return s < 2 ? ((a * s - 5 * a) * s + 8 * a) * s - 4 * a : 0;
}

/** How one axis is interpolated. */
interface Axis {
  readonly mode: string;
  readonly cubic: number;
  /** Cells beyond the ends have no weight, rather than that of the end. */
  readonly excludes: boolean;
  /** Reach of a cell's weight: more than 1 where shrinking averages over many. */
  readonly spread: number;
}

/** Weights of the n cells for the position x. */
function column(x: number, n: number, axis: Axis): Float64Array {
  const out = new Float64Array(n);
  const reach = (axis.mode === 'linear' ? 1 : 2) * axis.spread;
  let sum = 0;
  for (let i = Math.ceil(x - reach); i <= x + reach; i++) {
    const inside = Math.min(n - 1, Math.max(0, i));
    if (axis.excludes && inside !== i) continue;
    const w = weight(axis.mode, (i - x) / axis.spread, axis.cubic);
    out[inside] += w;
    sum += w;
  }
  return axis.excludes || axis.spread > 1 ? out.map((w) => w / sum) : out;
}

/** Begin and end of the crop of every axis, as fractions of it. */
function cropOf(c: Composer, rank: number): [number, number][] {
  const roi = c.known(1, 'the crop').data;
  const axes = listAttribute(c.node, 'axes')?.map((a) => normalAxis(c.node, a, rank));
  if (roi.length !== 2 * (axes?.length ?? rank)) throw badShape(c.node, `a crop of ${roi.length} numbers`);
  return Array.from({ length: rank }, (_, i): [number, number] => {
    const k = axes ? axes.indexOf(i) : i;
    return k < 0 ? [0, 1] : [roi[k], roi[k + roi.length / 2]];
  });
}

const cropped = (o: number, from: number, to: number, [start, end]: readonly [number, number]): number =>
  to > 1 ? start * (from - 1) + (o * (end - start) * (from - 1)) / (to - 1) : 0.5 * (start + end) * (from - 1);

function sizesOf(c: Composer, from: readonly number[]): { dims: number[]; scales: number[] } {
  const old = c.node.op === 'Upsample' || c.opset < 11;
  const list = (index: number, what: string): number[] => (c.has(index) ? [...c.known(index, what).data] : []);
  const sizes = old ? [] : list(3, 'the sizes');
  const given = old
    ? c.has(1)
      ? list(1, 'the scales')
      : [...(listAttribute(c.node, 'scales') ?? [])]
    : list(2, 'the scales');
  const axes = listAttribute(c.node, 'axes')?.map((a) => normalAxis(c.node, a, from.length)) ?? from.map((_, i) => i);
  if ((sizes.length || given.length) !== axes.length) throw badShape(c.node, `sizes do not fit [${from}]`);
  const dims = [...from];
  const scales = from.map(() => 1);
  axes.forEach((i, k) => {
    dims[i] = sizes.length ? sizes[k] : Math.floor(from[i] * given[k]);
    scales[i] = given.length ? given[k] : sizes[k] / from[i];
  });
  return { dims, scales };
}

/** One scale for all resized axes: the smallest (or largest) of those that the sizes ask for. */
export const keepingAspect: Compose = (c) => {
  const from = c.dims(0);
  const axes = listAttribute(c.node, 'axes')?.map((a) => normalAxis(c.node, a, from.length)) ?? from.map((_, i) => i);
  const sizes = [...c.known(3, 'the sizes').data];
  if (sizes.length !== axes.length) throw badShape(c.node, `sizes [${sizes}] do not fit [${from}]`);
  const isSmallest = stringAttribute(c.node, 'keep_aspect_ratio_policy', 'stretch') === 'not_larger';
  const ratios = axes.map((a, k) => sizes[k] / from[a]);
  const ratio = isSmallest ? Math.min(...ratios) : Math.max(...ratios);
  const wanted = c.ints(axes.map((a) => Math.floor(from[a] * ratio + 0.5)));
  const { keep_aspect_ratio_policy: _, ...attributes } = c.node.attributes;
  const [x, roi = ''] = c.node.inputs;
  // Sizes are rounded; positions follow the scale.
  return [
    c.add(
      'Resize',
      [
        x,
        roi,
        c.floats(
          axes.map(() => ratio),
          [axes.length],
        ),
        wanted,
      ],
      attributes,
    ),
  ];
};

export const interpolation: Compose = (c) => {
  const from = c.dims(0);
  const old = c.node.op === 'Upsample' || c.opset < 11;
  const mode = stringAttribute(c.node, 'mode', 'nearest');
  const transform = old ? 'asymmetric' : stringAttribute(c.node, 'coordinate_transformation_mode', 'half_pixel');
  const isCrop = transform === 'tf_crop_and_resize';
  const position = Object.hasOwn(COORDINATES, transform) ? COORDINATES[transform] : undefined;
  if (!['linear', 'cubic'].includes(mode) || !(position || isCrop))
    throw c.unsupported(`mode ${mode}, ${transform}`, 'use nearest, linear or cubic resizing');
  const roi = isCrop ? cropOf(c, from.length) : undefined;
  const antialias = numberAttribute(c.node, 'antialias', 0) === 1;
  const { dims, scales } = sizesOf(c, from);
  let [x] = c.node.inputs;
  const outside = dims.map(() => new Set<number>());
  dims.forEach((to, i) => {
    const n = from[i];
    if (to === n && scales[i] === 1 && (!roi || (roi[i][0] === 0 && roi[i][1] === 1))) return;
    const matrix = new Float64Array(n * to);
    const axis: Axis = {
      mode,
      cubic: numberAttribute(c.node, 'cubic_coeff_a', -0.75),
      excludes: numberAttribute(c.node, 'exclude_outside', 0) === 1,
      spread: antialias && scales[i] < 1 ? 1 / scales[i] : 1,
    };
    for (let o = 0; o < to; o++) {
      const at = roi ? cropped(o, n, to, roi[i]) : (position as Position)(o, scales[i], n, to);
      if (roi && (at < 0 || at > n - 1)) outside[i].add(o);
      column(at, n, axis).forEach((w, k) => {
        matrix[k * to + o] = w;
      });
    }
    const perm = [...dims.map((_, k) => k).filter((k) => k !== i), i];
    const product = c.add('MatMul', [c.add('Transpose', [x], { perm }), c.floats(matrix, [n, to])]);
    x = c.add('Transpose', [product], { perm: perm.map((_, k) => perm.indexOf(k)) });
  });
  if (outside.every((list) => list.size === 0)) return [x === c.node.inputs[0] ? c.add('Identity', [x]) : x];
  const strides = stridesOf(dims);
  const isOutside = Array.from({ length: sizeOf(dims) }, (_, flat) =>
    Number(strides.some((s, i) => outside[i].has(Math.floor(flat / s) % dims[i]))),
  );
  const value = c.floats([numberAttribute(c.node, 'extrapolation_value', 0)]);
  return [c.add('Where', [c.truths(isOutside, dims), value, x])];
};
