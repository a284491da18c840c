/** NumPy's .npy files, versions 1 to 3 (NEP 1: A Simple File Format for NumPy Arrays). */
import { halfToNumber, InputError } from '@dsperse/core/graph';
import type { RawNumbers } from './raw-tensor.js';

type Read = (view: DataView, at: number, little: boolean) => number;

/** By kind and size, as in the file's descr. */
const READERS: Readonly<Record<string, Read>> = {
  f2: (v, at, little) => halfToNumber(v.getUint16(at, little)),
  f4: (v, at, little) => v.getFloat32(at, little),
  f8: (v, at, little) => v.getFloat64(at, little),
  i1: (v, at) => v.getInt8(at),
  i2: (v, at, little) => v.getInt16(at, little),
  i4: (v, at, little) => v.getInt32(at, little),
  i8: (v, at, little) => Number(v.getBigInt64(at, little)),
  u1: (v, at) => v.getUint8(at),
  u2: (v, at, little) => v.getUint16(at, little),
  u4: (v, at, little) => v.getUint32(at, little),
  u8: (v, at, little) => Number(v.getBigUint64(at, little)),
  b1: (v, at) => (v.getUint8(at) === 0 ? 0 : 1),
};

const MAX_NUMBERS = 2 ** 28;

/** @throws InputError `broken-npy`, `unsupported-npy` */
export function decodeNpy(bytes: Uint8Array, file: string): RawNumbers {
  const broken = (what: string): InputError =>
    new InputError('broken-npy', `${file} is not a readable .npy file: ${what}`, 'save it again with numpy.save');
  if (bytes.length < 10 || bytes[0] !== 0x93 || String.fromCharCode(...bytes.subarray(1, 6)) !== 'NUMPY') {
    throw broken(bytes.length === 0 ? 'it is empty' : 'it does not begin as one');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version < 1 || version > 3) {
    throw new InputError(
      'unsupported-npy',
      `${file} is a .npy file of version ${version}`,
      'save it as version 1, 2 or 3',
    );
  }
  if (version > 1 && bytes.length < 12) throw broken('it ends too early');
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = (version === 1 ? 10 : 12) + length;
  if (start > bytes.length) throw broken('it ends too early');
  const header = new TextDecoder().decode(bytes.subarray(start - length, start));
  const descr = /['"]descr['"]\s*:\s*['"]([^'"]*)['"]/.exec(header)?.[1];
  const fortran = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  const dims = /['"]shape['"]\s*:\s*\(([^)]*)\)/.exec(header)?.[1];
  if (dims === undefined || fortran === undefined) throw broken('its header is incomplete');
  const shape = dims
    .split(',')
    .map((d) => d.trim().replace(/L$/, ''))
    .filter((d) => d !== '')
    .map(Number);
  const reader = descr === undefined ? undefined : READERS[descr.slice(1)];
  if (descr === undefined || !reader || !'<>|='.includes(descr[0])) {
    throw new InputError(
      'unsupported-npy',
      `${file} holds numbers of the type ${descr ?? 'structured'}`,
      'save floats, integers or booleans',
    );
  }
  if (shape.some((d) => !Number.isSafeInteger(d) || d < 0)) throw broken(`its shape is (${dims})`);
  const count = shape.reduce((a, b) => a * b, 1);
  if (count > MAX_NUMBERS) throw broken(`it claims ${count} numbers`);
  const width = Number(descr.slice(2));
  if (bytes.length - start !== count * width) {
    throw broken(`it has ${bytes.length - start} bytes of numbers, expected ${count * width} for (${dims})`);
  }
  const little = descr[0] !== '>';
  const data = new Float64Array(count);
  const order = fortran === 'True' ? fromFortran(shape) : undefined;
  for (let i = 0; i < count; i++) data[order ? order[i] : i] = reader(view, start + i * width, little);
  const kind = descr[1] === 'b' ? 'bool' : descr[1] === 'f' ? 'float' : 'integer';
  return { shape, data, kind };
}

/** Row-major index of each number of an array that is stored column-major. */
function fromFortran(shape: readonly number[]): Uint32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const at = new Array<number>(shape.length).fill(0);
  const out = new Uint32Array(count);
  let index = 0;
  for (let i = 0; i < count; i++) {
    out[i] = index;
    for (let d = 0; d < shape.length; d++) {
      index += strides[d];
      if (++at[d] < shape[d]) break;
      index -= strides[d] * shape[d];
      at[d] = 0;
    }
  }
  return out;
}
