/**
 * Reading and writing pictures: 8-bit, non-interlaced PNG of the colour types grey, grey with alpha, RGB and RGBA
 * (W3C, Portable Network Graphics (PNG) Specification, third edition: §5 chunks, §9 filters, annex D checksum).
 */
import { deflateSync, inflateSync } from 'node:zlib';
import { InputError } from '@dsperse/core/graph';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
  readonly channels: number;
  /** Samples 0 … 255, row by row from the top, the channels of a pixel side by side. */
  readonly data: Uint8Array;
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

/** Channels of each colour type that is read; palettes (3) are not. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 4: 2, 6: 4 };
const COLOUR_TYPE: Readonly<Record<number, number>> = { 1: 0, 2: 4, 3: 2, 4: 6 };

/** Largest number of pixels that is read. */
const MAX_PIXELS = 2 ** 26;

const broken = (what: string, cause?: unknown): InputError =>
  new InputError('broken-png', `not a readable PNG file: ${what}`, 'save the picture again as PNG', undefined, {
    cause,
  });

const unsupported = (what: string): InputError =>
  new InputError('unsupported-png', `${what} is not read`, 'save the picture as 8-bit grey or RGB, not interlaced');

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(data: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of data) c = CRC_TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** @throws InputError `broken-png` or `unsupported-png` */
export function decodePng(bytes: Uint8Array): Picture {
  if (SIGNATURE.some((b, i) => bytes[i] !== b)) throw broken('it does not begin as one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: { width: number; height: number; channels: number } | undefined;
  const packed: Uint8Array[] = [];
  let at = SIGNATURE.length;
  let ended = false;
  while (!ended) {
    if (at + 12 > bytes.length) throw broken('it ends too early');
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) throw broken('a chunk is longer than the file');
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw broken(`the checksum of its ${type} chunk is wrong`);
    }
    at += 12 + length;
    if (!header) {
      if (type !== 'IHDR') throw broken('it has no header');
      header = readHeader(body);
    } else if (type === 'IDAT') packed.push(body);
    else if (type === 'IEND') ended = true;
    else if ((type.charCodeAt(0) & 32) === 0 && type !== 'PLTE') throw unsupported(`a PNG with a ${type} chunk`);
  }
  if (!header) throw broken('it has no header');
  const { width, height, channels } = header;
  const size = height * (1 + width * channels);
  return { width, height, channels, data: unfilter(inflate(packed, size), width * channels, height, channels) };
}

function readHeader(body: Uint8Array): { width: number; height: number; channels: number } {
  if (body.length !== 13) throw broken('its header has a wrong length');
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth, colour, compression, filter, interlace] = body.subarray(8);
  if (width === 0 || height === 0) throw broken(`it is ${width} x ${height} pixels`);
  if (width * height > MAX_PIXELS) throw unsupported(`a picture of ${width} x ${height} pixels`);
  if (compression !== 0 || filter !== 0 || interlace > 1) throw broken('its header holds an unknown method');
  if (interlace === 1) throw unsupported('an interlaced PNG');
  if (depth !== 8) throw unsupported(`a PNG of ${depth} bits per sample`);
  const channels = CHANNELS[colour];
  if (!channels) throw unsupported(`a PNG of colour type ${colour}`);
  return { width, height, channels };
}

function inflate(packed: readonly Uint8Array[], size: number): Uint8Array {
  let rows: Uint8Array;
  try {
    rows = inflateSync(Buffer.concat(packed), { maxOutputLength: size + 1 });
  } catch (cause) {
    throw broken('its pixels cannot be unpacked', cause);
  }
  if (rows.length !== size) throw broken(`it holds ${rows.length} bytes of pixels, expected ${size}`);
  return rows;
}

/** Undoes the filter of each row; `pixel` is the number of bytes of a pixel, `stride` that of a row. */
function unfilter(rows: Uint8Array, stride: number, height: number, pixel: number): Uint8Array {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)];
    if (filter > 4) throw broken(`row ${y} has the unknown filter ${filter}`);
    const from = y * (stride + 1) + 1;
    const to = y * stride;
    for (let x = 0; x < stride; x++) {
      const left = x >= pixel ? out[to + x - pixel] : 0;
      const up = y > 0 ? out[to - stride + x] : 0;
      const corner = y > 0 && x >= pixel ? out[to - stride + x - pixel] : 0;
      out[to + x] = rows[from + x] + predicted(filter, left, up, corner);
    }
  }
  return out;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter === 0) return 0;
  const p = left + up - corner;
  const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** Writes rows without a filter: the bytes depend on the picture and on zlib only. */
export function encodePng(picture: Picture): Uint8Array {
  const { width, height, channels, data } = picture;
  const colour = COLOUR_TYPE[channels];
  if (colour === undefined || data.length !== width * height * channels || data.length === 0) {
    throw new InputError('bad-picture', `${data.length} samples are not ${width} x ${height} pixels of ${channels}`);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, colour], 8);
  const stride = width * channels;
  const rows = new Uint8Array(height * (stride + 1));
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', new Uint8Array(0)),
  ];
  return new Uint8Array(Buffer.concat(parts));
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  out.set(Buffer.from(type, 'latin1'), 4);
  out.set(body, 8);
  view.setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)));
  return out;
}
