/** MaxPool with the positions of its maxima, and MaxUnpool, which puts numbers back there. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, listAttribute, numberAttribute } from '../attributes.js';
import { type Windows, windows } from '../spatial.js';
import type { Compose } from './composer.js';

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** The cells of one plane that the windows read, tap by tap; a tap outside reads the first that is inside. */
function cellsOf(s: Windows): number[] {
  const coordinates = (dims: readonly number[]): number[][] =>
    range(sizeOf(dims)).map((flat) => stridesOf(dims).map((stride, d) => Math.floor(flat / stride) % dims[d]));
  const strides = stridesOf(s.input);
  const taps = coordinates(s.kernel);
  return coordinates(s.output).flatMap((at) => {
    const cells = taps.map((tap) => {
      const p = at.map((o, d) => o * s.strides[d] + tap[d] * s.dilations[d] - s.begin[d]);
      return p.every((x, d) => x >= 0 && x < s.input[d]) ? p.reduce((sum, x, d) => sum + x * strides[d], 0) : -1;
    });
    const first = cells.find((cell) => cell >= 0) ?? 0;
    return cells.map((cell) => (cell < 0 ? first : cell));
  });
}

/** Where a cell of a plane stands when its first axis runs fastest. */
const columnMajor = (cell: number, [height, width]: readonly number[]): number =>
  (cell % width) * height + Math.floor(cell / width);

/** The maxima, and the flat positions of the first of each window. */
export const maxPoolWithIndices: Compose = (c) => {
  const dims = c.dims(0);
  const [x] = c.node.inputs;
  if (dims.length < 3) throw badShape(c.node, `input [${dims}] has no spatial axes`);
  const s = windows(c.node, dims.slice(2), listAttribute(c.node, 'kernel_shape') ?? []);
  const [planes, taps, outputs] = [dims[0] * dims[1], sizeOf(s.kernel), sizeOf(s.output)];
  const cells = cellsOf(s);
  const flat = c.reshape(x, [planes, sizeOf(s.input)]);
  const apart = c.reshape(c.add('Gather', [flat, c.ints(cells)], { axis: 1 }), [planes, outputs, taps]);
  const tap = c.add('ArgMax', [apart], { axis: 2, keepdims: 0 });
  const isColumns = numberAttribute(c.node, 'storage_order', 0) === 1 && s.input.length === 2;
  const table = cells.map((cell) => (isColumns ? columnMajor(cell, s.input) : cell));
  const at = c.add('Add', [tap, c.ints(range(outputs).map((o) => o * taps))]);
  const within = c.internal('TableLookup', [c.ints(table), at]);
  const plane = c.ints(
    range(planes).map((k) => k * sizeOf(s.input)),
    [planes, 1],
  );
  const shape = [...dims.slice(0, 2), ...s.output];
  const { storage_order: _, ...attributes } = c.node.attributes;
  return [c.add('MaxPool', [x], attributes), c.reshape(c.add('Add', [within, plane]), shape)];
};

/** Inputs: numbers, their flat positions in the tensor that was pooled, and the shape to make of it. */
export const maxUnpool: Compose = (c) => {
  const dims = c.dims(0);
  const rank = dims.length - 2;
  const list = (name: string, fallback: readonly number[]): readonly number[] =>
    listAttribute(c.node, name) ?? fallback;
  const kernel = list('kernel_shape', []);
  const strides = list(
    'strides',
    kernel.map(() => 1),
  );
  const pads = list('pads', new Array<number>(2 * rank).fill(0));
  if (rank < 1 || kernel.length !== rank) throw badShape(c.node, `kernel [${kernel}] does not fit [${dims}]`);
  const inferred = dims.slice(2).map((d, i) => (d - 1) * strides[i] - pads[i] - pads[i + rank] + kernel[i]);
  const pooled = [...dims.slice(0, 2), ...inferred];
  const n = sizeOf(dims);
  const zeros = c.typed(new Array<number>(sizeOf(pooled)).fill(0));
  const [values, at] = [0, 1].map((i) => c.reshape(c.node.inputs[i], [n]));
  const y = c.reshape(c.add('ScatterElements', [zeros, at, values], { axis: 0 }), pooled);
  if (!c.has(2)) return [y];
  const shape = [...c.known(2, 'the shape').data];
  const more = shape.map((d, i) => d - pooled[i]);
  if (shape.length !== pooled.length || more.some((d) => d < 0))
    throw badShape(c.node, `[${pooled}] within [${shape}]`);
  return [more.every((d) => d === 0) ? y : c.add('Pad', [y, c.ints([...more.map(() => 0), ...more])])];
};
