/**
 * Operators that only move numbers: what each reads where, as linear maps. Floats and integers follow the same maps, so
 * an operator's meaning is written once.
 */
import { sizeOf } from '../../base/dims.js';
import { InputError } from '../../base/errors.js';
import {
  badShape,
  constantNumbers,
  listAttribute,
  normalAxis,
  numberAttribute,
  stringAttribute,
} from '../../graph/attributes.js';
import type { GraphNode, Tensor, TensorInfo } from '../../graph/graph.js';
import { axis, broadcastMap } from '../../relation/builder.js';
import type { AxisIndex, LinearMap } from '../../relation/relation.js';
import { broadcastDims } from '../broadcast.js';

/** One reading: maps applied one after the other, each with the dims of its result. */
export interface Step {
  readonly map: LinearMap;
  readonly dims: readonly number[];
}

export interface Reading {
  /** The output: the sum of its terms, of which at most one reads a cell. */
  readonly dims: readonly number[];
  readonly terms: readonly { readonly input: number; readonly steps: readonly Step[] }[];
  /** Value of the cells that no term reads (padding); 0 by default. */
  readonly fill?: number;
}

type Inputs = readonly (Tensor | TensorInfo | undefined)[];
type Read = (node: GraphNode, inputs: Inputs, opset: number) => Reading[];

const reshape: LinearMap = { kind: 'reshape' };

const one = (dims: readonly number[], map: LinearMap): Reading[] => [
  { dims, terms: [{ input: 0, steps: [{ map, dims }] }] },
];

const dimsOf = (inputs: Inputs, i = 0): readonly number[] => inputs[i]?.dims ?? [];

const affine = (axes: AxisIndex[]): LinearMap => ({ kind: 'affine', sums: [], axes });

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
    if (dims[i] === 0) throw badShape(node, `the slice of axis ${i} is empty`);
    maps[i] = axis(i, step, start);
  });
  return one(dims, affine(maps));
}

function pad(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const given = constantNumbers(node, inputs, 1, 'pads') ?? listAttribute(node, 'paddings') ?? [];
  const only = inputs[3]
    ? (constantNumbers(node, inputs, 3, 'axes') as number[]).map((a) => normalAxis(node, a, from.length))
    : from.map((_, i) => i);
  const begin = from.map(() => 0);
  const end = from.map(() => 0);
  only.forEach((i, k) => {
    begin[i] = given[k];
    end[i] = given[k + only.length];
  });
  const dims = from.map((d, i) => d + begin[i] + end[i]);
  if (dims.some((d) => d < 1)) throw badShape(node, `pads [${given}] leave nothing of [${from}]`);
  const mode = stringAttribute(node, 'mode', 'constant');
  if (mode === 'constant') {
    const fill = inputs[2]
      ? (constantNumbers(node, inputs, 2, 'constant_value') as number[])[0]
      : numberAttribute(node, 'value', 0);
    return [
      { dims, terms: [{ input: 0, steps: [{ map: affine(from.map((_, i) => axis(i, 1, -begin[i]))), dims }] }], fill },
    ];
  }
  // Other modes repeat cells of the tensor: a gather for each padded axis.
  const steps: Step[] = [];
  let now = [...from];
  from.forEach((d, i) => {
    if (begin[i] === 0 && end[i] === 0) return;
    now = now.map((x, k) => (k === i ? dims[i] : x));
    const index = Array.from({ length: dims[i] }, (_, o) => {
      const p = o - begin[i];
      if (mode === 'edge') return Math.min(d - 1, Math.max(0, p));
      if (mode === 'wrap') return ((p % d) + d) % d;
      const period = 2 * (d - 1);
      if (period === 0) return 0;
      const m = ((p % period) + period) % period;
      return m < d ? m : period - m;
    });
    steps.push({ map: { kind: 'gather', axis: i, index }, dims: now });
  });
  return [{ dims, terms: [{ input: 0, steps: steps.length > 0 ? steps : [{ map: reshape, dims }] }] }];
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
  if (index.some((i) => i < 0 || i >= from[a])) throw badShape(node, `an index is outside axis ${a} of [${from}]`);
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
  return gatherAxes(
    from,
    from.map((d, i) => Array.from({ length: d * repeats[i] }, (_, k) => k % d)),
  );
}

function gatherAxes(from: readonly number[], indices: readonly number[][]): Reading[] {
  const steps: Step[] = [];
  let now = [...from];
  indices.forEach((index, i) => {
    if (index.length === from[i] && index.every((x, k) => x === k)) return;
    now = now.map((d, k) => (k === i ? index.length : d));
    steps.push({ map: { kind: 'gather', axis: i, index }, dims: now });
  });
  return [{ dims: now, terms: [{ input: 0, steps: steps.length > 0 ? steps : [{ map: reshape, dims: now }] }] }];
}

/** Nearest-neighbour enlargement, the asymmetric and floor rule (Upsample) or the one that the attributes name. */
function resize(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const mode = stringAttribute(node, 'mode', 'nearest');
  const transform =
    node.op === 'Upsample' ? 'asymmetric' : stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  const rounding = node.op === 'Upsample' ? 'floor' : stringAttribute(node, 'nearest_mode', 'round_prefer_floor');
  const scalesAt = node.op === 'Upsample' || inputs.length < 3 ? 1 : 2;
  const scales =
    inputs[scalesAt] || node.attributes.scales ? constantNumbers(node, inputs, scalesAt, 'scales') : undefined;
  const sizes = inputs[3] ? constantNumbers(node, inputs, 3, 'sizes') : undefined;
  if (mode !== 'nearest' || !['asymmetric', 'half_pixel'].includes(transform)) {
    throw new InputError(
      'unsupported-attribute',
      `${node.name} (${node.op}) with mode ${mode}, ${transform} is not supported`,
      'use nearest resizing',
      node.name,
    );
  }
  const indices = from.map((d, i) => {
    const n = sizes?.length ? sizes[i] : Math.floor(d * (scales?.[i] ?? 1));
    const scale = sizes?.length ? n / d : (scales?.[i] ?? 1);
    return Array.from({ length: n }, (_, o) => {
      const x = transform === 'asymmetric' ? o / scale : (o + 0.5) / scale - 0.5;
      const r =
        rounding === 'floor'
          ? Math.floor(x)
          : rounding === 'ceil'
            ? Math.ceil(x)
            : rounding === 'round_prefer_ceil'
              ? Math.floor(x + 0.5)
              : Math.ceil(x - 0.5);
      return Math.min(d - 1, Math.max(0, r));
    });
  });
  return gatherAxes(from, indices);
}

function spaceAndDepth(node: GraphNode, inputs: Inputs): Reading[] {
  const [n, c, h, w] = dimsOf(inputs);
  const b = numberAttribute(node, 'blocksize', 1);
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
    return permuted([n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4], [n, c * b * b, h / b, w / b]);
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
    return one(dims, broadcastMap(d, dims));
  },
  Resize: resize,
  Upsample: resize,
  DepthToSpace: spaceAndDepth,
  SpaceToDepth: spaceAndDepth,
};
