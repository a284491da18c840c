/**
 * The protobuf wire format (https://protobuf.dev/programming-guides/encoding): as much as ONNX uses. Readers never look
 * beyond their bytes, and a declared length is compared with what is there before anything is allocated.
 */
import { InputError } from '../base/errors.js';
import type { NumberList } from './number-list.js';

export interface Field {
  readonly number: number;
  /** 0 varint, 1 fixed64, 2 bytes, 5 fixed32. */
  readonly wire: number;
  /** Varints as signed 64-bit numbers, rounded to a double beyond 2^53; 0 for other wire types. */
  readonly varint: number;
  /** The bytes of other wire types; none for a varint. */
  readonly bytes: Uint8Array;
}

const broken = (what: string): InputError =>
  new InputError(
    'broken-onnx',
    `not a readable ONNX file: ${what}`,
    'check that the file is complete and is an ONNX model',
  );

const EMPTY = new Uint8Array(0);

/** Largest number of a field. */
const MAX_FIELD = 2 ** 29 - 1;

/** Reads varints from a position that it moves. */
class VarintReader {
  constructor(
    private readonly data: Uint8Array,
    public at: number,
  ) {}

  /** A signed 64-bit number, rounded to a double beyond 2^53. @throws InputError where it does not end */
  next(): number {
    let low = 0;
    let scale = 1;
    // Seven bytes hold 49 bits, exact in a double; longer numbers need whole arithmetic.
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return low;
      scale *= 128;
    }
    let value = BigInt(low);
    for (let shift = 49n; shift <= 63n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw broken('a number is too long');
  }

  private byte(): number {
    if (this.at >= this.data.length) throw broken('it ends inside a number');
    return this.data[this.at++];
  }
}

/** The fields of one message. */
export function* fields(data: Uint8Array): Generator<Field> {
  const reader = new VarintReader(data, 0);
  while (reader.at < data.length) {
    const key = reader.next();
    const wire = key % 8;
    const number = Math.floor(key / 8);
    if (number < 1 || number > MAX_FIELD) throw broken('a field has no valid number');
    if (wire === 0) {
      yield { number, wire, varint: reader.next(), bytes: EMPTY };
      continue;
    }
    let length: number;
    if (wire === 2) length = reader.next();
    else if (wire === 1) length = 8;
    else if (wire === 5) length = 4;
    else throw broken(`unknown wire type ${wire}`);
    if (length < 0 || length > data.length - reader.at) throw broken('a part is longer than the file');
    yield { number, wire, varint: 0, bytes: data.subarray(reader.at, reader.at + length) };
    reader.at += length;
  }
}

/** Appends the numbers of a repeated varint field, packed or not. */
export function appendVarints(to: NumberList, f: Field): void {
  if (f.wire === 0) {
    to.push(f.varint);
    return;
  }
  if (f.wire !== 2) throw broken('a list of whole numbers is of another type');
  const reader = new VarintReader(f.bytes, 0);
  while (reader.at < f.bytes.length) to.push(reader.next());
}

/** Appends the numbers of a repeated float (4) or double (8) field, packed or not. */
export function appendFloats(to: NumberList, f: Field, size: 4 | 8): void {
  if (f.wire === 0 || f.bytes.length % size !== 0) throw broken('a list of floats has a broken length');
  to.append(readFloats(f.bytes, size));
}

/** Little-endian single (4) or double (8) precision numbers. */
export function readFloats(bytes: Uint8Array, size: 4 | 8): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float64Array(bytes.length / size);
  if (size === 4) for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
  else for (let i = 0; i < out.length; i++) out[i] = view.getFloat64(8 * i, true);
  return out;
}

const decoder = new TextDecoder();
export const text = (f: Field): string => decoder.decode(f.bytes);

/** Writes messages; parts are joined once, at the end. */
export class Writer {
  private readonly parts: Uint8Array[] = [];

  varint(number: number, value: number): this {
    return this.raw(number * 8).raw(value);
  }

  bytes(number: number, data: Uint8Array): this {
    this.raw(number * 8 + 2).raw(data.length);
    this.parts.push(data);
    return this;
  }

  text(number: number, value: string): this {
    return this.bytes(number, new TextEncoder().encode(value));
  }

  float(number: number, value: number): this {
    this.raw(number * 8 + 5);
    const data = new Uint8Array(4);
    new DataView(data.buffer).setFloat32(0, value, true);
    this.parts.push(data);
    return this;
  }

  message(number: number, inner: Writer): this {
    return this.bytes(number, inner.done());
  }

  done(): Uint8Array {
    const out = new Uint8Array(this.parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of this.parts) {
      out.set(p, at);
      at += p.length;
    }
    return out;
  }

  private raw(value: number): this {
    const out: number[] = [];
    // Numbers below 2^53 are exact; negative ones stand for their 64-bit complement.
    let v = value;
    for (let rest = BigInt.asUintN(64, BigInt(Math.min(value, 0))); rest > 0n; rest >>= 7n) {
      if (rest < 128n) v = Number(rest);
      else out.push(Number(rest & 127n) | 128);
    }
    for (; v >= 128; v = Math.floor(v / 128)) out.push((v % 128) | 128);
    out.push(v);
    this.parts.push(Uint8Array.from(out));
    return this;
  }
}
