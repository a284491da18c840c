/** ONNX TensorProto: every encoding of its numbers. */
import { sizeOf, stridesOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import { brainToNumber, dtypeCode, dtypeOf, fromRaw, halfToNumber, toRaw, WIDTH } from './dtypes.js';
import { type ExternalData, externalBytes } from './external-data.js';
import type { DType, Tensor } from './graph.js';
import { NumberList } from './number-list.js';
import { appendFloats, appendVarints, fields, text, Writer } from './protobuf.js';

export type { ExternalData } from './external-data.js';

/** Most axes of a tensor. */
export const MAX_RANK = 32;
/** Most numbers of a tensor in a file. */
const MAX_CELLS = 2 ** 31;

/** Most cells of a sparse tensor, which is held with its zeros. */
const MAX_DENSE_CELLS = 2 ** 26;

/** The repeated field that holds the numbers of each format, where they are not raw. */
const FLOATS = 4;
const INT32S = 5;
const INT64S = 7;
const DOUBLES = 10;
const UINT64S = 11;
const FIELD_OF: Partial<Record<DType, number>> = {
  float32: FLOATS,
  float64: DOUBLES,
  int64: INT64S,
  uint32: UINT64S,
  uint64: UINT64S,
};

interface Parts {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dtype: DType;
  readonly raw?: Uint8Array;
  readonly typed: ReadonlyMap<number, NumberList>;
  /** Entries that name an external file, where the numbers stand in one. */
  readonly external?: ReadonlyMap<string, string>;
}

function decodeParts(data: Uint8Array): Parts {
  const dims = new NumberList();
  const typed = new Map<number, NumberList>();
  const list = (number: number): NumberList => {
    const found = typed.get(number) ?? new NumberList();
    typed.set(number, found);
    return found;
  };
  const where = new Map<string, string>();
  let code = 1;
  let name = '';
  let raw: Uint8Array | undefined;
  let isExternal = false;
  for (const f of fields(data)) {
    if (f.number === 1) appendVarints(dims, f);
    else if (f.number === 2) code = f.varint;
    else if (f.number === FLOATS) appendFloats(list(FLOATS), f, 4);
    else if (f.number === INT32S || f.number === INT64S || f.number === UINT64S) appendVarints(list(f.number), f);
    else if (f.number === DOUBLES) appendFloats(list(DOUBLES), f, 8);
    else if (f.number === 8) name = text(f);
    else if (f.number === 9) raw = f.bytes;
    else if (f.number === 13) decodeEntry(f.bytes, where);
    else if (f.number === 14) isExternal = f.varint === 1;
  }
  const shape = [...dims.numbers().subarray(0, MAX_RANK + 1)];
  return { name, dims: shape, dtype: dtypeOf(code), raw, typed, external: isExternal ? where : undefined };
}

function decodeEntry(data: Uint8Array, to: Map<string, string>): void {
  let key = '';
  let value = '';
  for (const f of fields(data)) {
    if (f.number === 1) key = text(f);
    if (f.number === 2) value = text(f);
  }
  to.set(key, value);
}

/** The name alone, of a TensorProto of any type. */
export function nameOfTensorProto(data: Uint8Array): string {
  let name = '';
  for (const f of fields(data)) if (f.number === 8) name = text(f);
  return name;
}

/**
 * A TensorProto and its name.
 * @throws InputError where the numbers do not fit the shape, or are of a kind that is not read
 */
export function decodeTensorProto(data: Uint8Array, external?: ExternalData): { name: string; tensor: Tensor } {
  const parts = decodeParts(data);
  const { name, dims, dtype } = parts;
  const label = name ? `initializer ${name}` : 'a tensor';
  if (dtype === 'string') throw new InputError('unsupported-dtype', `${label} holds strings`, 'export a numeric model');
  if (dims.length > MAX_RANK)
    throw new InputError('bad-shape', `${label} has more than ${MAX_RANK} axes`, 'export the model again');
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 0)) {
    throw new InputError('bad-shape', `${label} has a negative dimension: [${dims}]`, 'export the model again');
  }
  const n = sizeOf(dims);
  if (!(n <= MAX_CELLS))
    throw new InputError('bad-shape', `${label} of shape [${dims}] is too large`, 'use a smaller model');
  const size = n * WIDTH[dtype];
  const raw = parts.external ? externalBytes(parts.external, label, size, external) : parts.raw;
  if (raw && raw.length !== size) {
    throw new InputError(
      'broken-onnx',
      `${label} of shape [${dims}] has ${raw.length} bytes, expected ${size}`,
      'export the model again',
    );
  }
  const numbers = raw ? fromRaw(raw, dtype) : typedNumbers(parts);
  if (numbers.length !== n) {
    throw new InputError(
      'broken-onnx',
      `${label} of shape [${dims}] has ${numbers.length} numbers`,
      'export the model again',
    );
  }
  return { name, tensor: { dtype, dims, data: numbers } };
}

/**
 * A SparseTensorProto as the dense tensor that it stands for. Its indices are flat, or rows of coordinates.
 * @throws InputError where they are outside the shape
 */
export function decodeSparseTensorProto(data: Uint8Array, external?: ExternalData): { name: string; tensor: Tensor } {
  const sizes = new NumberList();
  let values: { name: string; tensor: Tensor } | undefined;
  let indices: Tensor | undefined;
  for (const f of fields(data)) {
    if (f.number === 1) values = decodeTensorProto(f.bytes, external);
    else if (f.number === 2) indices = decodeTensorProto(f.bytes, external).tensor;
    else if (f.number === 3) appendVarints(sizes, f);
  }
  const dims = [...sizes.numbers().subarray(0, MAX_RANK + 1)];
  const isShape = dims.every((d) => Number.isSafeInteger(d) && d >= 0) && sizeOf(dims) <= MAX_DENSE_CELLS;
  if (!values || !indices || dims.length > MAX_RANK || !isShape)
    throw new InputError('broken-onnx', `a sparse tensor of shape [${dims}] is incomplete`, 'export dense weights');
  const { name, tensor } = values;
  const strides = indices.dims.length === 2 ? stridesOf(dims) : [1];
  const dense = new Float64Array(sizeOf(dims));
  if (indices.data.length !== tensor.data.length * strides.length)
    throw new InputError('broken-onnx', `${name} has indices of shape [${indices.dims}]`, 'export dense weights');
  tensor.data.forEach((x, i) => {
    const at = strides.reduce((sum, s, k) => sum + s * (indices as Tensor).data[i * strides.length + k], 0);
    if (!(at >= 0 && at < dense.length))
      throw new InputError('broken-onnx', `${name} has an index outside [${dims}]`, 'export dense weights');
    dense[at] = x;
  });
  return { name, tensor: { dtype: tensor.dtype, dims, data: dense } };
}

/** Numbers of a typed field. Half precision is stored as the bits of integers, unsigned integers as signed ones. */
function typedNumbers({ dtype, typed }: Parts): Float64Array {
  const numbers = typed.get(FIELD_OF[dtype] ?? INT32S)?.numbers() ?? new Float64Array(0);
  if (dtype === 'float16') return numbers.map(halfToNumber);
  if (dtype === 'bfloat16') return numbers.map(brainToNumber);
  if (dtype === 'uint64') return numbers.map((x) => (x < 0 ? x + 2 ** 64 : x));
  return numbers;
}

/** Encodes a tensor with its numbers as raw bytes, the form exporters write. */
export function encodeTensorProto(name: string, tensor: Tensor): Writer {
  const w = new Writer();
  for (const d of tensor.dims) w.varint(1, d);
  return w.varint(2, dtypeCode(tensor.dtype)).text(8, name).bytes(9, toRaw(tensor.data, tensor.dtype));
}

/** A tensor from a `.pb` file. */
export function decodeTensor(data: Uint8Array): Tensor {
  return decodeTensorProto(data).tensor;
}
