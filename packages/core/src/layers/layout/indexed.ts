/** Operators that read or write single cells at constant indices: gathers over the flattened tensor. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { InputError } from '../../base/errors.js';
import { badShape, constantNumbers, normalAxis, numberAttribute, stringAttribute } from '../../graph/attributes.js';
import type { GraphNode } from '../../graph/graph.js';
import { checkSizes, dimsOf, type Inputs, type Read, type Reading, reshape, type Step } from './reading.js';

/** Reads the flattened input at a list of offsets (-1 reads zero); the result has the shape `dims`. */
function flatGather(size: number, index: number[], dims: readonly number[]): Step[] {
  return [
    { map: reshape, dims: [size] },
    { map: { kind: 'gather', axis: 0, index }, dims: [index.length] },
    { map: reshape, dims },
  ];
}

const gathered = (from: readonly number[], index: number[], dims: readonly number[]): Reading[] => [
  { dims, terms: [{ input: 0, steps: flatGather(sizeOf(from), index, dims) }] },
];

/** The data with the cells at `offsets` replaced by the updates (input 2), the later ones winning. */
function scattered(node: GraphNode, from: readonly number[], offsets: number[]): Reading[] {
  if (stringAttribute(node, 'reduction', 'none') !== 'none') {
    throw new InputError(
      'unsupported-attribute',
      `${node.name} (${node.op}) with a reduction is not supported`,
      'export it without one',
      node.name,
    );
  }
  const size = sizeOf(from);
  const kept = Array.from({ length: size }, (_, i) => i);
  const updated = new Array<number>(size).fill(-1);
  offsets.forEach((o, k) => {
    kept[o] = -1;
    updated[o] = k;
  });
  return [
    {
      dims: from,
      terms: [
        { input: 0, steps: flatGather(size, kept, from) },
        { input: 2, steps: flatGather(offsets.length, updated, from) },
      ],
    },
  ];
}

/** A position on an axis, counted from the end where it is negative. */
function position(node: GraphNode, i: number, size: number): number {
  const p = i < 0 ? i + size : i;
  if (!Number.isInteger(p) || p < 0 || p >= size) throw badShape(node, `index ${i} is outside an axis of ${size}`);
  return p;
}

/** Flat offsets that GatherElements and ScatterElements address: the index replaces the coordinate of one axis. */
function elementOffsets(node: GraphNode, inputs: Inputs): number[] {
  const from = dimsOf(inputs);
  const dims = dimsOf(inputs, 1);
  const a = normalAxis(node, numberAttribute(node, 'axis', 0), from.length);
  if (dims.length !== from.length || dims.some((d, i) => i !== a && d > from[i]))
    throw badShape(node, `indices [${dims}] do not fit [${from}]`);
  checkSizes(node, dims);
  const strides = stridesOf(from);
  return (constantNumbers(node, inputs, 1, 'indices') ?? []).map((index, flat) => {
    let offset = position(node, index, from[a]) * strides[a];
    for (let i = dims.length - 1, rest = flat; i >= 0; i--) {
      if (i !== a) offset += (rest % dims[i]) * strides[i];
      rest = Math.floor(rest / dims[i]);
    }
    return offset;
  });
}

/**
 * Flat offsets that GatherND and ScatterND address: each row of the indices names the leading coordinates, after
 * `batch` shared axes, of a block of cells.
 */
function blockOffsets(node: GraphNode, inputs: Inputs, batch: number): { offsets: number[]; block: readonly number[] } {
  const from = dimsOf(inputs);
  const dims = dimsOf(inputs, 1);
  const depth = dims[dims.length - 1] ?? 0;
  const fits = batch < dims.length && batch + depth <= from.length && depth > 0;
  if (!fits || dims.slice(0, batch).some((d, i) => d !== from[i]))
    throw badShape(node, `indices [${dims}] do not fit [${from}]`);
  const block = from.slice(batch + depth);
  const size = sizeOf(block);
  const strides = stridesOf(from);
  const index = constantNumbers(node, inputs, 1, 'indices') ?? [];
  const rows = index.length / depth;
  checkSizes(node, [rows, ...block]);
  const perBatch = rows / sizeOf(from.slice(0, batch));
  const span = sizeOf(from.slice(batch));
  const offsets: number[] = [];
  for (let r = 0; r < rows; r++) {
    let at = Math.floor(r / perBatch) * span;
    for (let k = 0; k < depth; k++) at += position(node, index[r * depth + k], from[batch + k]) * strides[batch + k];
    for (let i = 0; i < size; i++) offsets.push(at + i);
  }
  return { offsets, block };
}

/** The triangle of the last two axes, with zeros elsewhere. */
const trilu: Read = (node, inputs) => {
  const from = dimsOf(inputs);
  if (from.length < 2) throw badShape(node, `[${from}] is no matrix`);
  const k = (inputs[1] ? constantNumbers(node, inputs, 1, 'k') : undefined)?.[0] ?? 0;
  const upper = numberAttribute(node, 'upper', 1) !== 0;
  const [m, n] = from.slice(-2);
  const index = Array.from({ length: sizeOf(from) }, (_, i) => {
    const beyond = (i % n) - (Math.floor(i / n) % m) - k;
    return (upper ? beyond >= 0 : beyond <= 0) ? i : -1;
  });
  return gathered(from, index, from);
};

export const INDEXED: Readonly<Record<string, Read>> = {
  GatherElements: (node, inputs) => gathered(dimsOf(inputs), elementOffsets(node, inputs), dimsOf(inputs, 1)),
  GatherND: (node, inputs) => {
    const batch = numberAttribute(node, 'batch_dims', 0);
    const { offsets, block } = blockOffsets(node, inputs, batch);
    return gathered(dimsOf(inputs), offsets, [...dimsOf(inputs, 1).slice(0, -1), ...block]);
  },
  ScatterElements: (node, inputs) => {
    if (dimsOf(inputs, 2).join() !== dimsOf(inputs, 1).join())
      throw badShape(node, `updates [${dimsOf(inputs, 2)}] and indices [${dimsOf(inputs, 1)}] do not match`);
    return scattered(node, dimsOf(inputs), elementOffsets(node, inputs));
  },
  ScatterND: (node, inputs) => {
    const { offsets, block } = blockOffsets(node, inputs, 0);
    const dims = [...dimsOf(inputs, 1).slice(0, -1), ...block];
    if (dimsOf(inputs, 2).join() !== dims.join())
      throw badShape(node, `updates [${dimsOf(inputs, 2)}] do not fit [${dims}]`);
    return scattered(node, dimsOf(inputs), offsets);
  },
  Trilu: trilu,
};
