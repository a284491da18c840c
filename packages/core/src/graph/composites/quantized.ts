/** Quantised operators of ONNX, in real and whole-number arithmetic. */
import { badShape, normalAxis, numberAttribute } from '../attributes.js';
import { dtypeCode, dtypeOf } from '../dtypes.js';
import type { DType } from '../graph.js';
import type { Compose, Composer } from './composer.js';

const FLOAT = 1;
const INT32 = 6;

const ENDS: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** A parameter of one number, one for each slice of an axis, or one for each block of it, in dims that broadcast. */
function alongAxis(c: Composer, input: number, rank: number, axis: number): string {
  const dims = c.dims(input);
  const name = c.node.inputs[input];
  const cells = c.dims(0)[axis];
  const given = numberAttribute(c.node, 'block_size', 0);
  if (given > 0 || (rank > 1 && dims.length === rank)) {
    const block = given || Math.ceil(cells / dims[axis]);
    const fits = c.dims(0).every((d, i) => dims[i] === (i === axis ? Math.ceil(d / block) : d));
    if (dims.length !== rank || !fits) throw badShape(c.node, `blocks of ${block} do not fit [${dims}]`);
    const index = Array.from({ length: cells }, (_, i) => Math.floor(i / block));
    return c.add('Gather', [name, c.ints(index)], { axis });
  }
  if (dims.length !== 1 || dims[0] === 1) return dims.length === 0 ? name : c.reshape(name, []);
  return c.reshape(name, [dims[0], ...new Array<number>(rank - axis - 1).fill(1)]);
}

/**
 * clip(round(x / scale) + zero), as whole numbers of a type.
 * @param known the zero points, where they are constants
 */
function quantized(
  c: Composer,
  x: string,
  scale: string,
  zero: string | undefined,
  dtype: DType,
  known?: Float64Array,
): string {
  const [lo, hi] = ENDS[dtype] ?? [];
  if (lo === undefined || hi === undefined) throw c.unsupported(`type ${dtype}`, 'use 8 or 16 bits');
  const rounded = c.add('Round', [c.add('Div', [x, scale])]);
  if (zero === undefined)
    return c.add('Cast', [c.add('Clip', [rounded, c.floats([lo]), c.floats([hi])])], { to: dtypeCode(dtype) });
  const offset = c.add('Cast', [zero], { to: FLOAT });
  if (known === undefined) {
    const clipped = c.add('Clip', [c.add('Add', [rounded, offset]), c.floats([lo]), c.floats([hi])]);
    return c.add('Cast', [clipped], { to: dtypeCode(dtype) });
  }
  // Clipped before the zero point is added: whole numbers between whole bounds stay exactly that.
  const least = c.floats([lo]);
  const most = c.floats([hi]);
  const isSame = known.every((z) => z === known[0]);
  const clipped = isSame
    ? c.add('Clip', [rounded, c.floats([lo - known[0]]), c.floats([hi - known[0]])])
    : c.add('Max', [c.add('Min', [rounded, c.add('Sub', [most, offset])]), c.add('Sub', [least, offset])]);
  return c.add('Cast', [c.add('Add', [clipped, offset])], { to: dtypeCode(dtype) });
}

const quantizeLinear: Compose = (c) => {
  const rank = c.dims(0).length;
  const axis = rank === 0 ? 0 : normalAxis(c.node, numberAttribute(c.node, 'axis', rank > 1 ? 1 : 0), rank);
  const named = numberAttribute(c.node, 'output_dtype', 0);
  const dtype = c.has(2) ? c.info(2).dtype : named === 0 ? 'uint8' : dtypeOf(named);
  const zero = c.has(2) ? alongAxis(c, 2, rank, axis) : undefined;
  return [quantized(c, c.node.inputs[0], alongAxis(c, 1, rank, axis), zero, dtype, c.valueOf(2))];
};

/** (x - zero)·scale as reals. */
function real(c: Composer, x: number, scale: string, zero: string | undefined): string {
  const value = c.add('Cast', [c.node.inputs[x]], { to: FLOAT });
  const less = zero === undefined ? value : c.add('Sub', [value, c.add('Cast', [zero], { to: FLOAT })]);
  return c.add('Mul', [less, scale]);
}

const dequantizeLinear: Compose = (c) => {
  const rank = c.dims(0).length;
  const axis = rank === 0 ? 0 : normalAxis(c.node, numberAttribute(c.node, 'axis', rank > 1 ? 1 : 0), rank);
  return [real(c, 0, alongAxis(c, 1, rank, axis), c.has(2) ? alongAxis(c, 2, rank, axis) : undefined)];
};

/** Scale and zero point from the extrema, which are made to include zero. */
const dynamicQuantizeLinear: Compose = (c) => {
  const [x] = c.node.inputs;
  const zero = c.floats([0]);
  const max = c.add('Max', [c.add('ReduceMax', [x], { keepdims: 0 }), zero]);
  const min = c.add('Min', [c.add('ReduceMin', [x], { keepdims: 0 }), zero]);
  const scale = c.add('Mul', [c.add('Sub', [max, min]), c.floats([1 / 255])]);
  const whole = c.add('Round', [c.add('Div', [c.add('Neg', [min]), scale])]);
  const zeroPoint = c.add('Cast', [c.add('Clip', [whole, c.floats([0]), c.floats([255])])], { to: dtypeCode('uint8') });
  return [quantized(c, x, scale, zeroPoint, 'uint8'), scale, zeroPoint];
};

/** Whole numbers less their zero point. */
function centred(c: Composer, x: number, zero: number): string {
  const value = c.add('Cast', [c.node.inputs[x]], { to: INT32 });
  if (!c.has(zero)) return value;
  const own = c.dims(zero);
  const rank = c.dims(x).length;
  // One zero point for each output channel of the weights of a Conv, or for each column of a matrix.
  const perChannel = own.length === 1 && own[0] > 1;
  const name = c.node.inputs[zero];
  const shaped =
    perChannel && c.node.op !== 'MatMulInteger' && c.node.op !== 'QLinearMatMul'
      ? c.reshape(name, [own[0], ...new Array<number>(rank - 1).fill(1)])
      : own.length === 1 && own[0] === 1
        ? c.reshape(name, [])
        : name;
  return c.add('Sub', [value, c.add('Cast', [shaped], { to: INT32 })]);
}

const matMulInteger: Compose = (c) => [c.add('MatMul', [centred(c, 0, 2), centred(c, 1, 3)])];

const convInteger: Compose = (c) => [c.add('Conv', [centred(c, 0, 2), centred(c, 1, 3)], c.node.attributes)];

/** A scale of one number, or one for each slice of the axis that `rank` axes less those after it leave. */
function scaleAlong(c: Composer, input: number, after: number): string {
  const own = c.dims(input);
  const shape = own.length === 1 && own[0] > 1 ? [own[0], ...new Array<number>(after).fill(1)] : [];
  return c.reshape(c.node.inputs[input], shape);
}

/**
 * A whole sum of products at the product of two scales, as whole numbers of the result's type: exact up to the one
 * rounding that the operator has.
 */
function requantized(c: Composer, sum: string, left: string, right: string): string {
  const scale = c.add('Div', [c.node.inputs[6], c.add('Mul', [left, right])]);
  const x = c.add('Cast', [sum], { to: FLOAT });
  return quantized(
    c,
    x,
    scale,
    c.has(7) ? c.node.inputs[7] : undefined,
    c.has(7) ? c.info(7).dtype : 'uint8',
    c.valueOf(7),
  );
}

/** Inputs: a, its scale and zero point, b, its own, and those of the result. */
const qLinearMatMul: Compose = (c) => {
  const sum = c.add('MatMul', [centred(c, 0, 2), centred(c, 3, 5)]);
  return [requantized(c, sum, scaleAlong(c, 1, 1), scaleAlong(c, 4, 0))];
};

/** Inputs: as of QLinearMatMul, and a bias at the product of both scales. */
const qLinearConv: Compose = (c) => {
  const after = c.dims(3).length - 2;
  const y = c.add('Conv', [centred(c, 0, 2), centred(c, 3, 5)], c.node.attributes);
  const bias = (): string => {
    const whole = c.add('Cast', [c.node.inputs[8]], { to: INT32 });
    return c.reshape(whole, [c.dims(8)[0], ...new Array<number>(after).fill(1)]);
  };
  const sum = c.has(8) ? c.add('Add', [y, bias()]) : y;
  return [requantized(c, sum, scaleAlong(c, 1, 0), scaleAlong(c, 4, after))];
};

export const QUANTIZED: readonly [string, Compose][] = [
  ['QuantizeLinear', quantizeLinear],
  ['DequantizeLinear', dequantizeLinear],
  ['DynamicQuantizeLinear', dynamicQuantizeLinear],
  ['MatMulInteger', matMulInteger],
  ['ConvInteger', convInteger],
  ['QLinearMatMul', qLinearMatMul],
  ['QLinearConv', qLinearConv],
];
