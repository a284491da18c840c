/** Nearest-neighbour resizing as readings. */
import { InputError } from '../../base/errors.js';
import { badShape, constantNumbers, listAttribute, normalAxis, stringAttribute } from '../../graph/attributes.js';
import type { GraphNode } from '../../graph/graph.js';
import { checkSizes, dimsOf, gatherAxes, type Inputs, type Reading } from './reading.js';

const { fround } = Math;

/**
 * How output positions are mapped to input positions (ONNX Resize, coordinate_transformation_mode). In single precision,
 * as other runtimes compute it, so that ties fall alike.
 */
const COORDINATES: Readonly<Record<string, (o: number, scale: number, from: number, to: number) => number>> = {
  asymmetric: (o, scale) => fround(o / scale),
  half_pixel: (o, scale) => fround(fround((o + 0.5) / scale) - 0.5),
  pytorch_half_pixel: (o, scale, _, to) => (to > 1 ? fround(fround((o + 0.5) / scale) - 0.5) : 0),
  align_corners: (o, _, from, to) => (to > 1 ? fround((o * (from - 1)) / (to - 1)) : 0),
};

/** Which neighbour of a position is read (nearest_mode); `simple` is that of the operator sets before 11. */
const ROUNDINGS: Readonly<Record<string, (x: number, scale: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  simple: (x, scale) => (scale < 1 ? Math.ceil(x) : Math.floor(x)),
};

/** Nearest-neighbour resizing (Upsample and Resize). */
export function resize(node: GraphNode, inputs: Inputs, opset: number): Reading[] {
  const from = dimsOf(inputs);
  const old = node.op === 'Upsample' || opset < 11;
  const mode = stringAttribute(node, 'mode', 'nearest');
  const transform = old ? 'asymmetric' : stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  const position = Object.hasOwn(COORDINATES, transform) ? COORDINATES[transform] : undefined;
  const rounding = old ? 'simple' : stringAttribute(node, 'nearest_mode', 'round_prefer_floor');
  const round = Object.hasOwn(ROUNDINGS, rounding) ? ROUNDINGS[rounding] : undefined;
  const policy = stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch');
  if (mode !== 'nearest' || !position || !round || policy !== 'stretch') {
    throw new InputError(
      'unsupported-attribute',
      `${node.name} (${node.op}) with mode ${mode}, ${transform}, ${rounding}, ${policy} is not supported`,
      'use nearest resizing',
      node.name,
    );
  }
  const sizes = inputs[3] ? constantNumbers(node, inputs, 3, 'sizes') : undefined;
  const given =
    inputs[old ? 1 : 2] || !sizes?.length ? constantNumbers(node, inputs, old ? 1 : 2, 'scales') : undefined;
  const scales = given?.length ? given : undefined;
  const axes = listAttribute(node, 'axes')?.map((a) => normalAxis(node, a, from.length)) ?? from.map((_, i) => i);
  if ((sizes?.length ? sizes : scales)?.length !== axes.length)
    throw badShape(node, `sizes [${sizes ?? []}] or scales [${scales ?? []}] do not fit [${from}]`);
  const dims = from.map((d, i) => {
    const k = axes.indexOf(i);
    if (k < 0) return d;
    return sizes?.length ? sizes[k] : Math.floor(d * (scales as number[])[k]);
  });
  checkSizes(node, dims);
  return gatherAxes(
    from,
    from.map((d, i) => {
      const k = axes.indexOf(i);
      const scale = fround(k >= 0 && scales ? scales[k] : dims[i] / d);
      return Array.from({ length: dims[i] }, (_, o) =>
        Math.min(d - 1, Math.max(0, round(position(o, scale, d, dims[i]), scale))),
      );
    }),
  );
}
