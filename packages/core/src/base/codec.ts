/**
 * The canonical binary encoding of artifacts: every value has one encoding only. The decoder takes numbers, strings and
 * lists in no other; a format that leaves more of a choice encodes again what it decoded, and compares (decodeCanonical).
 *
 * Integers are little-endian base-128 varints, signed ones in zigzag order; strings and byte arrays are prefixed with
 * their length; lists with their count.
 */

import { InputError } from './errors.js';
import { keepShape } from './keep-shape.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Encoder {
  private buffer: Uint8Array;
  private length = 0;

  /** @param expected number of bytes, where it is known: they are not copied on the way then */
  constructor(expected = 1024) {
    this.buffer = new Uint8Array(expected);
  }

  /** Makes room for more bytes (in another buffer, where it must); the position of the first. */
  private room(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.buffer.length) {
      const next = new Uint8Array(Math.max(this.length, 2 * this.buffer.length));
      next.set(this.buffer);
      this.buffer = next;
    }
    return at;
  }

  private byte(x: number): this {
    const at = this.room(1);
    this.buffer[at] = x;
    return this;
  }

  /** A non-negative safe integer. */
  uint(x: number): this {
    while (x >= 128) {
      this.byte((x % 128) + 128);
      x = x < 2 ** 31 ? x >>> 7 : Math.floor(x / 128);
    }
    return this.byte(x);
  }

  /** An integer, |x| < 2^52. */
  int(x: number): this {
    return this.uint(x < 0 ? -2 * x - 1 : 2 * x);
  }

  /** A double, by its bits. */
  float(x: number): this {
    const at = this.room(8);
    new DataView(this.buffer.buffer).setFloat64(at, x, true);
    return this;
  }

  /** Bytes of a length that the reader knows. */
  raw(data: Uint8Array): this {
    const at = this.room(data.length);
    this.buffer.set(data, at);
    return this;
  }

  /** Bytes that `write` fills in. */
  fill(count: number, write: (bytes: Uint8Array) => void): this {
    const at = this.room(count);
    write(this.buffer.subarray(at, at + count));
    return this;
  }

  bytes(data: Uint8Array): this {
    return this.uint(data.length).raw(data);
  }

  text(s: string): this {
    return s === '' ? this.uint(0) : this.bytes(encoder.encode(s));
  }

  list<T>(items: readonly T[], encode: (item: T) => void): this {
    this.uint(items.length);
    for (const item of items) encode(item);
    return this;
  }

  done(): Uint8Array {
    return this.length === this.buffer.length ? this.buffer : this.buffer.slice(0, this.length);
  }
}

/** Reads what {@link Encoder} wrote; never beyond its bytes, never more items than there are bytes. */
export class Decoder {
  private at = 0;
  private readonly data: Uint8Array;

  constructor(
    data: Uint8Array,
    /** What the bytes are meant to be, for messages. */
    private readonly what: string,
  ) {
    this.data = plainBytes(data);
  }

  broken(why: string): InputError {
    return new InputError('broken-artifact', `not a valid ${this.what}: ${why}`, 'get the file again from its source');
  }

  uint(): number {
    const first = this.data[this.at];
    // Most numbers are below 128.
    if (first < 128) {
      this.at++;
      return first;
    }
    let x = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      if (this.at >= this.data.length) throw this.broken('it ends early');
      const byte = this.data[this.at++];
      x += (byte & 127) * factor;
      if (x > Number.MAX_SAFE_INTEGER) break;
      if (byte < 128) {
        if (byte === 0) throw this.broken('a number is written longer than it is');
        return x;
      }
      factor *= 128;
    }
    throw this.broken('a number is too large');
  }

  int(): number {
    const x = this.uint();
    return x % 2 === 1 ? -(x + 1) / 2 : x / 2;
  }

  float(): number {
    const b = this.raw(8);
    return new DataView(b.buffer, b.byteOffset, 8).getFloat64(0, true);
  }

  raw(length: number): Uint8Array {
    if (length > this.data.length - this.at) throw this.broken('it ends early');
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  bytes(): Uint8Array {
    return this.raw(this.uint());
  }

  text(): string {
    try {
      const bytes = this.bytes();
      return bytes.length === 0 ? '' : decoder.decode(bytes);
    } catch (cause) {
      throw cause instanceof InputError ? cause : this.broken('a name is not UTF-8');
    }
  }

  list<T>(decode: () => T): T[] {
    return this.items(this.count(), decode);
  }

  /** Number of items of a list, no larger than that of the bytes left. */
  count(): number {
    const n = this.uint();
    if (n > this.data.length - this.at) throw this.broken('a list is longer than the file');
    return n;
  }

  /** The items of a list of which the count is read. */
  items<T>(count: number, decode: () => T): T[] {
    // Most lists are short: an array that grows would be several times as long.
    const out = new Array<T>(count);
    for (let i = 0; i < count; i++) out[i] = decode();
    return out;
  }

  /** One of `options`, encoded by its number. */
  choice<T>(options: readonly T[]): T {
    const i = this.uint();
    if (i >= options.length) throw this.broken('an unknown kind');
    return options[i];
  }

  end(): void {
    if (this.at !== this.data.length) throw this.broken('bytes are left over');
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The same bytes as no subclass of theirs: parts of Node's buffers are several times as dear as parts of these. */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);

/** Decodes all of `data`. */
export function decodeAll<T>(data: Uint8Array, what: string, decode: (d: Decoder) => T): T {
  const d = new Decoder(data, what);
  const value = decode(d);
  d.end();
  return value;
}

/** Decodes all of `data`, and makes sure that it is the one encoding of what it holds. */
export function decodeCanonical<T>(
  data: Uint8Array,
  what: string,
  decode: (d: Decoder) => T,
  encode: (value: T, expected: number) => Uint8Array,
): T {
  return decodeAll(data, what, (d) => {
    const value = decode(d);
    if (!sameBytes(encode(value, data.length), data)) throw d.broken('another encoding of the same content');
    return value;
  });
}

export const toHex = (data: Uint8Array): string =>
  Array.from(data, (b) => (b < 16 ? '0' : '') + b.toString(16)).join('');

/** Bytes of a lower-case hexadecimal string; undefined where it is none, or not of `length` bytes. */
export function fromHex(s: unknown, length?: number): Uint8Array | undefined {
  if (typeof s !== 'string' || s.length % 2 !== 0 || !/^[0-9a-f]*$/.test(s)) return undefined;
  if (length !== undefined && s.length !== 2 * length) return undefined;
  return Uint8Array.from({ length: s.length / 2 }, (_, i) => Number.parseInt(s.slice(2 * i, 2 * i + 2), 16));
}

keepShape(new Encoder(0));
keepShape(new Decoder(new Uint8Array(0), ''));
