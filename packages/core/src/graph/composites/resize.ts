/** Resize and Upsample by linear or cubic interpolation: a matrix product along each axis that changes. */
import { badShape, listAttribute, normalAxis, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

/** How output positions are mapped to input positions (coordinate_transformation_mode). */
const COORDINATES: Readonly<Record<string, (o: number, scale: number, from: number, to: number) => number>> = {
  asymmetric: (o, scale) => o / scale,
  half_pixel: (o, scale) => (o + 0.5) / scale - 0.5,
  half_pixel_symmetric: (o, scale, from, to) => from / 2 - to / (2 * scale) + (o + 0.5) / scale - 0.5,
  pytorch_half_pixel: (o, scale, _, to) => (to > 1 ? (o + 0.5) / scale - 0.5 : 0),
  align_corners: (o, _, from, to) => (to > 1 ? (o * (from - 1)) / (to - 1) : 0),
};

/** Weights of the neighbours floor(x) - 1 … floor(x) + 2 by the fraction of x. */
function weights(mode: string, t: number, a: number): number[] {
  if (mode === 'linear') return [0, 1 - t, t, 0];
  const near = (s: number) => ((a + 2) * s - (a + 3)) * s * s + 1;
  const far = (s: number) => ((a * s - 5 * a) * s + 8 * a) * s - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

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
    scales[i] = sizes.length ? sizes[k] / from[i] : given[k];
  });
  return { dims, scales };
}

export const interpolation: Compose = (c) => {
  const from = c.dims(0);
  const old = c.node.op === 'Upsample' || c.opset < 11;
  const mode = stringAttribute(c.node, 'mode', 'nearest');
  const transform = old ? 'asymmetric' : stringAttribute(c.node, 'coordinate_transformation_mode', 'half_pixel');
  const position = Object.hasOwn(COORDINATES, transform) ? COORDINATES[transform] : undefined;
  const policy = stringAttribute(c.node, 'keep_aspect_ratio_policy', 'stretch');
  const plain = numberAttribute(c.node, 'antialias', 0) === 0 && numberAttribute(c.node, 'exclude_outside', 0) === 0;
  if (!['linear', 'cubic'].includes(mode) || !position || policy !== 'stretch' || !plain)
    throw c.unsupported(`mode ${mode}, ${transform}, ${policy}`, 'use nearest, linear or cubic resizing');
  const { dims, scales } = sizesOf(c, from);
  let [x] = c.node.inputs;
  dims.forEach((to, i) => {
    const n = from[i];
    if (to === n && scales[i] === 1) return;
    const matrix = new Float64Array(n * to);
    for (let o = 0; o < to; o++) {
      const at = position(o, scales[i], n, to);
      const base = Math.floor(at);
      weights(mode, at - base, numberAttribute(c.node, 'cubic_coeff_a', -0.75)).forEach((w, k) => {
        matrix[Math.min(n - 1, Math.max(0, base - 1 + k)) * to + o] += w;
      });
    }
    const perm = [...dims.map((_, k) => k).filter((k) => k !== i), i];
    const product = c.add('MatMul', [c.add('Transpose', [x], { perm }), c.floats(matrix, [n, to])]);
    x = c.add('Transpose', [product], { perm: perm.map((_, k) => perm.indexOf(k)) });
  });
  return [x === c.node.inputs[0] ? c.add('Identity', [x]) : x];
};
