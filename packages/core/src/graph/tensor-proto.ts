/** ONNX TensorProto: every encoding of its numbers. */

import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { DType, Tensor } from './graph.js';
import { fields, floats, text, varints, Writer } from './protobuf.js';

/** onnx.TensorProto.DataType. */
const DTYPES: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
};

export function dtypeOf(code: number): DType {
  const dtype = DTYPES[code];
  if (!dtype)
    throw new InputError('unsupported-dtype', `tensor data type ${code} is not supported`, 'export in float32');
  return dtype;
}

export function dtypeCode(dtype: DType): number {
  return Number(Object.keys(DTYPES).find((k) => DTYPES[Number(k)] === dtype));
}

const WIDTH: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
  string: 0,
};

/** Gives the bytes of an external data file, by its location relative to the model. */
export type ExternalData = (location: string) => Uint8Array;

/** IEEE half precision, from its bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16: the upper half of a float32. */
function brainToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits * 65536);
  return view.getFloat32(0);
}

function fromRaw(raw: Uint8Array, dtype: DType, n: number): Float64Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    switch (dtype) {
      case 'float32':
        out[i] = view.getFloat32(4 * i, true);
        break;
      case 'float64':
        out[i] = view.getFloat64(8 * i, true);
        break;
      case 'float16':
        out[i] = halfToNumber(view.getUint16(2 * i, true));
        break;
      case 'bfloat16':
        out[i] = brainToNumber(view.getUint16(2 * i, true));
        break;
      case 'int8':
        out[i] = view.getInt8(i);
        break;
      case 'int16':
        out[i] = view.getInt16(2 * i, true);
        break;
      case 'int32':
        out[i] = view.getInt32(4 * i, true);
        break;
      case 'int64':
        out[i] = Number(view.getBigInt64(8 * i, true));
        break;
      case 'uint8':
      case 'bool':
        out[i] = view.getUint8(i);
        break;
      case 'uint16':
        out[i] = view.getUint16(2 * i, true);
        break;
      case 'uint32':
        out[i] = view.getUint32(4 * i, true);
        break;
      case 'uint64':
        out[i] = Number(view.getBigUint64(8 * i, true));
        break;
      case 'string':
        break;
    }
  }
  return out;
}

/** A TensorProto and its name. */
export function decodeTensorProto(data: Uint8Array, external?: ExternalData): { name: string; tensor: Tensor } {
  const dims: number[] = [];
  let code = 1;
  let name = '';
  let raw: Uint8Array | undefined;
  const typed: number[] = [];
  const where = new Map<string, string>();
  let location = 0;
  for (const f of fields(data)) {
    if (f.number === 1) dims.push(...varints(f));
    else if (f.number === 2) code = Number(f.varint);
    else if (f.number === 4) for (const x of floats(f, 4)) typed.push(x);
    else if (f.number === 5 || f.number === 7 || f.number === 11) for (const x of varints(f)) typed.push(x);
    else if (f.number === 10) for (const x of floats(f, 8)) typed.push(x);
    else if (f.number === 8) name = text(f);
    else if (f.number === 9) raw = f.bytes;
    else if (f.number === 13) {
      let key = '';
      let value = '';
      for (const g of fields(f.bytes)) {
        if (g.number === 1) key = text(g);
        if (g.number === 2) value = text(g);
      }
      where.set(key, value);
    } else if (f.number === 14) location = Number(f.varint);
  }
  const dtype = dtypeOf(code);
  const label = name ? `initializer ${name}` : 'a tensor';
  if (dtype === 'string') throw new InputError('unsupported-dtype', `${label} holds strings`, 'export a numeric model');
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 0)) {
    throw new InputError('bad-shape', `${label} has a negative dimension: [${dims}]`, 'export the model again');
  }
  const n = sizeOf(dims);
  if (n > 2 ** 31) throw new InputError('bad-shape', `${label} of shape [${dims}] is too large`, 'use a smaller model');
  if (location === 1) raw = externalBytes(where, label, n * WIDTH[dtype], external);
  if (raw) {
    if (raw.length !== n * WIDTH[dtype]) {
      throw new InputError(
        'broken-onnx',
        `${label} of shape [${dims}] has ${raw.length} bytes, expected ${n * WIDTH[dtype]}`,
        'export the model again',
      );
    }
    return { name, tensor: { dtype, dims, data: fromRaw(raw, dtype, n) } };
  }
  if (typed.length !== n) {
    throw new InputError(
      'broken-onnx',
      `${label} of shape [${dims}] has ${typed.length} numbers`,
      'export the model again',
    );
  }
  const numbers = Float64Array.from(typed);
  // Half precision numbers are stored as the bits of integers.
  if (dtype === 'float16') return { name, tensor: { dtype, dims, data: numbers.map(halfToNumber) } };
  if (dtype === 'bfloat16') return { name, tensor: { dtype, dims, data: numbers.map(brainToNumber) } };
  return { name, tensor: { dtype, dims, data: numbers } };
}

function externalBytes(
  where: ReadonlyMap<string, string>,
  label: string,
  size: number,
  external?: ExternalData,
): Uint8Array {
  const location = where.get('location') ?? '';
  if (location === '' || location.startsWith('/') || /(^|[\\/])\.\.([\\/]|$)|^[a-zA-Z]:|\\/.test(location)) {
    throw new InputError(
      'unsafe-path',
      `${label} asks for external data at ${JSON.stringify(location)}`,
      'keep external data beside the model',
    );
  }
  if (!external) {
    throw new InputError(
      'missing-external-data',
      `${label} is kept in the file ${location}`,
      'give the model by its path, with its data beside it',
    );
  }
  const file = external(location);
  const offset = Number(where.get('offset') ?? 0);
  const length = where.has('length') ? Number(where.get('length')) : size;
  if (!(offset >= 0) || length !== size || offset + length > file.length) {
    throw new InputError(
      'missing-external-data',
      `${location} does not hold the ${size} bytes of ${label}`,
      'copy the data file again',
    );
  }
  return file.subarray(offset, offset + length);
}

/** Encodes a tensor with its numbers as raw bytes (float32 and int64), the form exporters write. */
export function encodeTensorProto(name: string, tensor: Tensor): Writer {
  const w = new Writer();
  for (const d of tensor.dims) w.varint(1, d);
  const n = tensor.data.length;
  const dtype = tensor.dtype;
  const raw = new Uint8Array(n * WIDTH[dtype]);
  const view = new DataView(raw.buffer);
  tensor.data.forEach((x, i) => {
    if (dtype === 'float32') view.setFloat32(4 * i, x, true);
    else if (dtype === 'float64') view.setFloat64(8 * i, x, true);
    else if (dtype === 'int64') view.setBigInt64(8 * i, BigInt(Math.trunc(x)), true);
    else if (dtype === 'int32') view.setInt32(4 * i, x, true);
    else if (WIDTH[dtype] === 1) view.setUint8(i, x);
    else throw new InputError('unsupported-dtype', `cannot write a tensor of ${dtype}`, 'write float32');
  });
  return w.varint(2, dtypeCode(dtype)).text(8, name).bytes(9, raw);
}

/** A tensor from a `.pb` file. */
export function decodeTensor(data: Uint8Array): Tensor {
  return decodeTensorProto(data).tensor;
}
