import { deflateSync } from 'node:zlib';
import { InputError } from '@dsperse/core/graph';
import { describe, expect, it } from 'vitest';
import { pictureInput } from './picture-input.js';
import { decodePng, encodePng, type Picture } from './png.js';

const noise = (width: number, height: number, channels: number): Picture => {
  let state = 12345;
  const data = Uint8Array.from({ length: width * height * channels }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
  return { width, height, channels, data };
};

/** A file with the header of `picture` and these filtered rows as its pixels. */
function withRows(picture: Picture, rows: Uint8Array): Uint8Array {
  const file = Buffer.from(encodePng(picture));
  const head = file.subarray(0, 33);
  const body = deflateSync(rows);
  const chunk = Buffer.alloc(12 + body.length);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write('IDAT', 4, 'latin1');
  body.copy(chunk, 8);
  chunk.writeUInt32BE(crc(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return new Uint8Array(Buffer.concat([head, chunk, file.subarray(file.length - 12)]));
}

/** Bit by bit, from the definition of the CRC (polynomial 0xedb88320, reflected). */
function crc(data: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of data) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof InputError) return error.code;
    throw error;
  }
  return 'none';
};

describe('png', () => {
  it.each([1, 2, 3, 4])('reads what it writes with %i channels', (channels) => {
    const picture = noise(7, 5, channels);
    expect(decodePng(encodePng(picture))).toEqual(picture);
  });

  it('reads every row filter', () => {
    const picture = noise(6, 5, 3);
    const stride = 18;
    const rows = new Uint8Array(5 * (stride + 1));
    const at = (x: number, y: number) => (x < 0 || y < 0 ? 0 : picture.data[y * stride + x]);
    for (let y = 0; y < 5; y++) {
      rows[y * (stride + 1)] = y;
      for (let x = 0; x < stride; x++) {
        const [a, b, c] = [at(x - 3, y), at(x, y - 1), at(x - 3, y - 1)];
        const paeth = [a, b, c].sort((p, q) => Math.abs(a + b - c - p) - Math.abs(a + b - c - q))[0];
        rows[y * (stride + 1) + 1 + x] = at(x, y) - [0, a, b, (a + b) >> 1, paeth][y];
      }
    }
    expect(decodePng(withRows(picture, rows)).data).toEqual(picture.data);
  });

  it('refuses every truncation and a flipped bit in every byte', () => {
    const picture = noise(4, 3, 1);
    const file = encodePng(picture);
    for (let n = 0; n < file.length; n++) expect(codeOf(() => decodePng(file.subarray(0, n)))).toMatch(/-png$/);
    for (let n = 0; n < file.length; n++) {
      const bad = file.slice();
      bad[n] ^= 1;
      expect(codeOf(() => decodePng(bad))).toMatch(/-png$/);
    }
  });

  it('refuses too many, too few and strangely filtered pixels', () => {
    const picture = noise(4, 3, 1);
    expect(codeOf(() => decodePng(withRows(picture, new Uint8Array(14))))).toBe('broken-png');
    expect(codeOf(() => decodePng(withRows(picture, new Uint8Array(1_000_000))))).toBe('broken-png');
    expect(codeOf(() => decodePng(withRows(picture, new Uint8Array(15).fill(5))))).toBe('broken-png');
  });

  it('refuses a header of a billion pixels before unpacking anything', () => {
    const file = Buffer.from(encodePng(noise(4, 3, 1)));
    file.writeUInt32BE(2 ** 31 - 1, 16);
    file.writeUInt32BE(crc(file.subarray(12, 29)), 29);
    expect(codeOf(() => decodePng(file))).toBe('unsupported-png');
  });
});

describe('picture as input', () => {
  it('divides by 255 and averages blocks', () => {
    const picture: Picture = { width: 4, height: 2, channels: 1, data: Uint8Array.of(0, 255, 51, 51, 255, 0, 51, 51) };
    expect([...pictureInput(picture, [1, 1, 1, 2])]).toEqual([0.5, 0.2]);
    expect([...pictureInput(picture, [1, 2, 4])]).toEqual([...picture.data].map((x) => x / 255));
  });

  it('orders RGB by channel, and makes grey of it', () => {
    const picture: Picture = { width: 2, height: 1, channels: 4, data: Uint8Array.of(255, 0, 0, 9, 0, 0, 255, 9) };
    expect([...pictureInput(picture, [1, 3, 1, 2])]).toEqual([1, 0, 0, 0, 0, 1]);
    const grey = pictureInput(picture, [1, 1, 2]);
    expect(grey[0]).toBeCloseTo(0.299);
    expect(grey[1]).toBeCloseTo(0.114);
  });

  it('refuses other sizes and shapes', () => {
    const picture = noise(6, 6, 1);
    expect(codeOf(() => pictureInput(picture, [1, 1, 4, 4]))).toBe('bad-input');
    expect(codeOf(() => pictureInput(picture, [36]))).toBe('bad-input');
  });
});
