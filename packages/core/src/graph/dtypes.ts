/** Number formats of ONNX tensors, and their little-endian bytes. */
import { InputError } from '../base/errors.js';
import type { DType } from './graph.js';
import { readFloats } from './protobuf.js';

/** onnx.TensorProto.DataType. */
const DTYPES: ReadonlyMap<number, DType> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [8, 'string'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
]);

/** @throws InputError on a format that is not read here (complex numbers, 8-bit floats, 4-bit integers) */
export function dtypeOf(code: number): DType {
  const dtype = DTYPES.get(code);
  if (!dtype)
    throw new InputError('unsupported-dtype', `tensor data type ${code} is not supported`, 'export in float32');
  return dtype;
}

export function dtypeCode(dtype: DType): number {
  for (const [code, name] of DTYPES) if (name === dtype) return code;
  return 0;
}

/** Bytes of one number. */
export const WIDTH: Readonly<Record<DType, number>> = {
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

/** IEEE half precision, from its bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16, from its bits: the upper half of a float32. */
export function brainToNumber(bits: number): number {
  scratch.setUint32(0, bits * 65536);
  return scratch.getFloat32(0);
}

const READERS: Readonly<Record<DType, (view: DataView, at: number) => number>> = {
  float32: (v, at) => v.getFloat32(at, true),
  float64: (v, at) => v.getFloat64(at, true),
  float16: (v, at) => halfToNumber(v.getUint16(at, true)),
  bfloat16: (v, at) => brainToNumber(v.getUint16(at, true)),
  int8: (v, at) => v.getInt8(at),
  int16: (v, at) => v.getInt16(at, true),
  int32: (v, at) => v.getInt32(at, true),
  int64: (v, at) => Number(v.getBigInt64(at, true)),
  uint8: (v, at) => v.getUint8(at),
  uint16: (v, at) => v.getUint16(at, true),
  uint32: (v, at) => v.getUint32(at, true),
  uint64: (v, at) => Number(v.getBigUint64(at, true)),
  bool: (v, at) => v.getUint8(at),
  string: () => 0,
};

/** The numbers that raw bytes hold; as many as fit. */
export function fromRaw(raw: Uint8Array, dtype: DType): Float64Array {
  if (dtype === 'float32') return readFloats(raw, 4);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const read = READERS[dtype];
  const width = WIDTH[dtype];
  const out = new Float64Array(raw.length / width);
  for (let i = 0; i < out.length; i++) out[i] = read(view, i * width);
  return out;
}

const WRITERS: Partial<Record<DType, (view: DataView, at: number, x: number) => void>> = {
  float32: (v, at, x) => v.setFloat32(at, x, true),
  float64: (v, at, x) => v.setFloat64(at, x, true),
  int8: (v, at, x) => v.setInt8(at, x),
  int16: (v, at, x) => v.setInt16(at, x, true),
  int32: (v, at, x) => v.setInt32(at, x, true),
  int64: (v, at, x) => v.setBigInt64(at, BigInt(Math.trunc(x)), true),
  uint8: (v, at, x) => v.setUint8(at, x),
  uint16: (v, at, x) => v.setUint16(at, x, true),
  uint32: (v, at, x) => v.setUint32(at, x, true),
  bool: (v, at, x) => v.setUint8(at, x),
};

/** @throws InputError on formats that are only read */
export function toRaw(data: Float64Array, dtype: DType): Uint8Array {
  const write = WRITERS[dtype];
  if (!write) throw new InputError('unsupported-dtype', `cannot write a tensor of ${dtype}`, 'write float32');
  const width = WIDTH[dtype];
  const raw = new Uint8Array(data.length * width);
  const view = new DataView(raw.buffer);
  for (let i = 0; i < data.length; i++) write(view, i * width, data[i]);
  return raw;
}
