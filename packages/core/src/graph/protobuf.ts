/**
 * The protobuf wire format (https://protobuf.dev/programming-guides/encoding): as much as ONNX uses. Readers never look
 * beyond their bytes, and a declared length is compared with what is there before anything is allocated.
 */
import { InputError } from '../base/errors.js';

export interface Field {
  readonly number: number;
  /** 0 varint, 1 fixed64, 2 bytes, 5 fixed32. */
  readonly wire: number;
  /** Varints as signed 64-bit; fixed32 and fixed64 as raw bytes in `bytes`. */
  readonly varint: bigint;
  readonly bytes: Uint8Array;
}

const broken = (what: string): InputError =>
  new InputError(
    'broken-onnx',
    `not a readable ONNX file: ${what}`,
    'check that the file is complete and is an ONNX model',
  );

const EMPTY = new Uint8Array(0);

function readVarint(data: Uint8Array, at: number): [bigint, number] {
  let low = 0;
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    if (at + i >= data.length) throw broken('it ends inside a number');
    const byte = data[at + i];
    if (i < 4) {
      low += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return [BigInt(low), at + i + 1];
      if (i === 3) value = BigInt(low);
    } else {
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return [BigInt.asIntN(64, value), at + i + 1];
    }
  }
  throw broken('a number is too long');
}

/** The fields of one message. */
export function* fields(data: Uint8Array): Generator<Field> {
  let at = 0;
  while (at < data.length) {
    const [key, next] = readVarint(data, at);
    const wire = Number(key & 7n);
    const number = Number(BigInt.asUintN(61, key >> 3n));
    at = next;
    if (wire === 0) {
      const [varint, end] = readVarint(data, at);
      at = end;
      yield { number, wire, varint, bytes: EMPTY };
      continue;
    }
    let length: number;
    if (wire === 2) {
      const [size, end] = readVarint(data, at);
      if (size < 0n || size > BigInt(data.length - end)) throw broken('a part is longer than the file');
      length = Number(size);
      at = end;
    } else if (wire === 1) length = 8;
    else if (wire === 5) length = 4;
    else throw broken(`unknown wire type ${wire}`);
    if (length > data.length - at) throw broken('it ends inside a value');
    yield { number, wire, varint: 0n, bytes: data.subarray(at, at + length) };
    at += length;
  }
}

/** Numbers of a repeated varint field, packed or not. */
export function varints(f: Field): number[] {
  if (f.wire === 0) return [Number(f.varint)];
  const out: number[] = [];
  let at = 0;
  while (at < f.bytes.length) {
    const [value, next] = readVarint(f.bytes, at);
    out.push(Number(value));
    at = next;
  }
  return out;
}

/** Numbers of a repeated float (4) or double (8) field, packed or not. */
export function floats(f: Field, size: 4 | 8): number[] {
  const view = new DataView(f.bytes.buffer, f.bytes.byteOffset, f.bytes.byteLength);
  if (f.bytes.length % size !== 0) throw broken('a list of floats has a broken length');
  return Array.from({ length: f.bytes.length / size }, (_, i) =>
    size === 4 ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true),
  );
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
    let v = BigInt.asUintN(64, BigInt(value));
    while (v >= 128n) {
      out.push(Number(v & 127n) | 128);
      v >>= 7n;
    }
    out.push(Number(v));
    this.parts.push(Uint8Array.from(out));
    return this;
  }
}
