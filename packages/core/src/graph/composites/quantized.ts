/** Quantised operators of ONNX, in real and whole-number arithmetic. */
import { normalAxis, numberAttribute } from '../attributes.js';
import { dtypeCode } from '../dtypes.js';
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

/** A parameter of one number or one for each slice of an axis, in the dims that broadcast along it. */
function alongAxis(c: Composer, input: number, rank: number, axis: number): string {
  const dims = c.dims(input);
  const name = c.node.inputs[input];
  if (dims.length !== 1 || dims[0] === 1) return dims.length === 0 ? name : c.reshape(name, []);
  return c.reshape(name, [dims[0], ...new Array<number>(rank - axis - 1).fill(1)]);
}

/** clip(round(x / scale) + zero), as whole numbers of a type. */
function quantized(c: Composer, x: string, scale: string, zero: string | undefined, dtype: DType): string {
  const [lo, hi] = ENDS[dtype] ?? [];
  if (lo === undefined || hi === undefined) throw c.unsupported(`type ${dtype}`, 'use 8 or 16 bits');
  const rounded = c.add('Round', [c.add('Div', [x, scale])]);
  const shifted = zero === undefined ? rounded : c.add('Add', [rounded, c.add('Cast', [zero], { to: FLOAT })]);
  const clipped = c.add('Clip', [shifted, c.floats([lo]), c.floats([hi])]);
  return c.add('Cast', [clipped], { to: dtypeCode(dtype) });
}

const quantizeLinear: Compose = (c) => {
  const rank = c.dims(0).length;
  const axis = rank === 0 ? 0 : normalAxis(c.node, numberAttribute(c.node, 'axis', rank > 1 ? 1 : 0), rank);
  const dtype = c.has(2) ? c.info(2).dtype : 'uint8';
  const zero = c.has(2) ? alongAxis(c, 2, rank, axis) : undefined;
  return [quantized(c, c.node.inputs[0], alongAxis(c, 1, rank, axis), zero, dtype)];
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

/** Inputs: a, its scale and zero point, b, its own, and those of the result. */
const qLinearMatMul: Compose = (c) => {
  const [a, b] = [
    { x: centred(c, 0, 2), scale: c.node.inputs[1] },
    { x: centred(c, 3, 5), scale: c.node.inputs[4] },
  ].map(({ x, scale }) => c.add('Mul', [c.add('Cast', [x], { to: FLOAT }), scale]));
  return [quantized(c, c.add('MatMul', [a, b]), c.node.inputs[6], c.node.inputs[7], c.info(7).dtype)];
};

const qLinearConv: Compose = (c) => {
  const x = c.add('Mul', [c.add('Cast', [centred(c, 0, 2)], { to: FLOAT }), c.node.inputs[1]]);
  const rank = c.dims(3).length;
  const own = c.dims(4);
  const scale =
    own.length === 1 && own[0] > 1
      ? c.reshape(c.node.inputs[4], [own[0], ...new Array<number>(rank - 1).fill(1)])
      : c.reshape(c.node.inputs[4], []);
  const w = c.add('Mul', [c.add('Cast', [centred(c, 3, 5)], { to: FLOAT }), scale]);
  const inputs = [x, w];
  if (c.has(8)) {
    // The bias stands at the product of both scales.
    const unit = c.add('Mul', [c.node.inputs[1], c.node.inputs[4]]);
    inputs.push(c.add('Mul', [c.add('Cast', [c.node.inputs[8]], { to: FLOAT }), unit]));
  }
  const y = c.add('Conv', inputs, c.node.attributes);
  return [quantized(c, y, c.node.inputs[6], c.node.inputs[7], c.info(7).dtype)];
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
