/**
 * Operators that only move numbers: what each reads where, as linear maps. Floats and integers follow the same maps, so
 * an operator's meaning is written once.
 */
import { sizeOf } from '../../base/dims.js';
import {
  badShape,
  constantNumbers,
  listAttribute,
  normalAxis,
  numberAttribute,
  stringAttribute,
} from '../../graph/attributes.js';
import type { GraphNode } from '../../graph/graph.js';
import { axis, broadcastMap } from '../../relation/builder.js';
import { broadcastDims } from '../broadcast.js';
import { INDEXED } from './indexed.js';
import { pad } from './pad.js';
import {
  affine,
  checkSizes,
  dimsOf,
  gatherAxes,
  type Inputs,
  one,
  type Read,
  type Reading,
  reshape,
} from './reading.js';
import { resize } from './resize.js';

export type { Reading, Step } from './reading.js';

function reshapeDims(node: GraphNode, inputs: Inputs): number[] {
  const from = dimsOf(inputs);
  const shape = constantNumbers(node, inputs, 1, 'shape') ?? [];
  const allowZero = numberAttribute(node, 'allowzero', 0) === 1;
  const dims = shape.map((d, i) => (d === 0 && !allowZero ? from[i] : d));
  const open = dims.indexOf(-1);
  const known = dims.reduce((n, d, i) => (i === open ? n : n * d), 1);
  if (open >= 0) dims[open] = sizeOf(from) / known;
  if (sizeOf(dims) !== sizeOf(from) || dims.some((d) => !Number.isInteger(d) || d < 0))
    throw badShape(node, `cannot reshape [${from}] to [${shape}]`);
  return dims;
}

function slice(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const starts = constantNumbers(node, inputs, 1, 'starts') ?? [];
  const ends = constantNumbers(node, inputs, 2, 'ends') ?? [];
  const axes = constantNumbers(node, inputs, 3, 'axes') ?? starts.map((_, i) => i);
  const steps = constantNumbers(node, inputs, 4, 'steps') ?? starts.map(() => 1);
  if (
    [ends, axes, steps].some((list) => list.length !== starts.length) ||
    steps.some((s) => !Number.isInteger(s) || !s)
  )
    throw badShape(node, `starts [${starts}], ends [${ends}], axes [${axes}] and steps [${steps}] do not match`);
  const dims = [...from];
  const maps = from.map((_, i) => axis(i));
  axes.forEach((a, k) => {
    const i = normalAxis(node, a, from.length);
    const n = from[i];
    const step = steps[k];
    const clampTo = (x: number, lo: number, hi: number) => Math.min(hi, Math.max(lo, x < 0 ? x + n : x));
    const start = step > 0 ? clampTo(starts[k], 0, n) : clampTo(starts[k], 0, n - 1);
    const end = step > 0 ? clampTo(ends[k], 0, n) : clampTo(ends[k], -1, n - 1);
    dims[i] = Math.max(0, Math.ceil((end - start) / step));
    maps[i] = axis(i, step, start);
  });
  return one(dims, affine(maps));
}

function concat(node: GraphNode, inputs: Inputs): Reading[] {
  const first = dimsOf(inputs);
  const a = normalAxis(node, numberAttribute(node, 'axis', 1), first.length);
  let offset = 0;
  const offsets = inputs.map((x) => {
    const dims = x?.dims ?? [];
    if (dims.length !== first.length || dims.some((d, i) => i !== a && d !== first[i]))
      throw badShape(node, `cannot concatenate [${first}] and [${dims}]`);
    const o = offset;
    offset += dims[a];
    return o;
  });
  const dims = first.map((d, i) => (i === a ? offset : d));
  return [
    {
      dims,
      terms: offsets.map((o, input) => ({
        input,
        steps: [{ map: affine(dims.map((_, i) => axis(i, 1, i === a ? -o : 0))), dims }],
      })),
    },
  ];
}

function split(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const a = normalAxis(node, numberAttribute(node, 'axis', 0), from.length);
  const n = node.outputs.length;
  const even = Array.from({ length: n }, (_, i) =>
    Math.min(Math.ceil(from[a] / n), from[a] - i * Math.ceil(from[a] / n)),
  );
  const sizes = constantNumbers(node, inputs, 1, 'split') ?? even;
  if (sizes.length !== n || sizes.some((d) => d < 0))
    throw badShape(node, `split [${sizes}] does not fit ${n} outputs`);
  if (sizes.reduce((x, y) => x + y, 0) !== from[a])
    throw badShape(node, `split [${sizes}] does not cover axis ${a} of [${from}]`);
  let offset = 0;
  return sizes.map((size): Reading => {
    const dims = from.map((d, i) => (i === a ? size : d));
    const map = affine(from.map((_, i) => axis(i, 1, i === a ? offset : 0)));
    offset += size;
    return { dims, terms: [{ input: 0, steps: [{ map, dims }] }] };
  });
}

function gather(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const a = normalAxis(node, numberAttribute(node, 'axis', 0), from.length);
  const index = (constantNumbers(node, inputs, 1, 'indices') ?? []).map((i) => (i < 0 ? i + from[a] : i));
  if (index.some((i) => !Number.isInteger(i) || i < 0 || i >= from[a]))
    throw badShape(node, `an index is outside axis ${a} of [${from}]`);
  const flat = from.map((d, i) => (i === a ? index.length : d));
  const dims = [...from.slice(0, a), ...dimsOf(inputs, 1), ...from.slice(a + 1)];
  return [
    {
      dims,
      terms: [
        {
          input: 0,
          steps: [
            { map: { kind: 'gather', axis: a, index }, dims: flat },
            { map: reshape, dims },
          ],
        },
      ],
    },
  ];
}

function tile(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const repeats = constantNumbers(node, inputs, 1, 'repeats') ?? [];
  if (repeats.length !== from.length) throw badShape(node, `repeats [${repeats}] do not fit [${from}]`);
  checkSizes(
    node,
    from.map((d, i) => d * repeats[i]),
  );
  return gatherAxes(
    from,
    from.map((d, i) => Array.from({ length: d * repeats[i] }, (_, k) => k % d)),
  );
}

function spaceAndDepth(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const [n, c, h, w] = from;
  const b = numberAttribute(node, 'blocksize', 1);
  const fits = node.op === 'SpaceToDepth' ? h % b === 0 && w % b === 0 : c % (b * b) === 0;
  if (from.length !== 4 || !Number.isInteger(b) || b < 1 || !fits)
    throw badShape(node, `blocks of ${b} do not fit [${from}]`);
  const permuted = (split: number[], perm: number[], dims: number[]): Reading[] => {
    const moved = perm.map((p) => split[p]);
    const axes = split.map((_, i) => axis(perm.indexOf(i)));
    return [
      {
        dims,
        terms: [
          {
            input: 0,
            steps: [
              { map: reshape, dims: split },
              { map: affine(axes), dims: moved },
              { map: reshape, dims },
            ],
          },
        ],
      },
    ];
  };
  if (node.op === 'SpaceToDepth') {
    const order = stringAttribute(node, 'mode', 'DCR') === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4];
    return permuted([n, c, h / b, b, w / b, b], order, [n, c * b * b, h / b, w / b]);
  }
  const dims = [n, c / (b * b), h * b, w * b];
  return stringAttribute(node, 'mode', 'DCR') === 'DCR'
    ? permuted([n, b, b, c / (b * b), h, w], [0, 3, 4, 1, 5, 2], dims)
    : permuted([n, c / (b * b), b, b, h, w], [0, 1, 4, 2, 5, 3], dims);
}

export const READINGS: Readonly<Record<string, Read>> = {
  Flatten: (node, inputs) => {
    const d = dimsOf(inputs);
    const a = numberAttribute(node, 'axis', 1);
    const cut = a < 0 ? a + d.length : a;
    if (!Number.isInteger(cut) || cut < 0 || cut > d.length) throw badShape(node, `axis ${a} is outside [${d}]`);
    return one([sizeOf(d.slice(0, cut)), sizeOf(d.slice(cut))], reshape);
  },
  Reshape: (node, inputs) => one(reshapeDims(node, inputs), reshape),
  Squeeze: (node, inputs) => {
    const d = dimsOf(inputs);
    const axes = constantNumbers(node, inputs, 1, 'axes')?.map((a) => normalAxis(node, a, d.length));
    if (axes?.some((a) => d[a] !== 1)) throw badShape(node, `cannot squeeze axes [${axes}] of [${d}]`);
    return one(
      d.filter((x, i) => (axes ? !axes.includes(i) : x !== 1)),
      reshape,
    );
  },
  Unsqueeze: (node, inputs) => {
    const d = dimsOf(inputs);
    const given = constantNumbers(node, inputs, 1, 'axes') ?? [];
    const rank = d.length + given.length;
    const axes = given.map((a) => normalAxis(node, a, rank));
    if (new Set(axes).size !== axes.length) throw badShape(node, `axes [${given}] are not distinct`);
    const rest = [...d];
    return one(
      Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() as number))),
      reshape,
    );
  },
  Transpose: (node, inputs) => {
    const d = dimsOf(inputs);
    const perm = listAttribute(node, 'perm') ?? d.map((_, i) => d.length - 1 - i);
    if ([...perm].sort((a, b) => a - b).some((p, i) => p !== i) || perm.length !== d.length)
      throw badShape(node, `[${perm}] is no permutation of the axes of [${d}]`);
    return one(
      perm.map((p) => d[p]),
      affine(d.map((_, i) => axis(perm.indexOf(i)))),
    );
  },
  Concat: concat,
  Slice: slice,
  Split: split,
  Pad: pad,
  Gather: gather,
  Tile: tile,
  Expand: (node, inputs) => {
    const d = dimsOf(inputs);
    const dims = broadcastDims(node, [d, constantNumbers(node, inputs, 1, 'shape') ?? []]);
    checkSizes(node, dims);
    return one(dims, broadcastMap(d, dims));
  },
  Resize: resize,
  Upsample: resize,
  ...INDEXED,
  DepthToSpace: spaceAndDepth,
  SpaceToDepth: spaceAndDepth,
};
