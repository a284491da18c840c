import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { npyFile } from '../../../../tests/fixtures/npy-file.js';
import { decodeNpz } from './npz.js';

/** A ZIP archive; checksums are left at zero. */
function zip(entries: readonly (readonly [string, Uint8Array])[], deflate: boolean): Uint8Array {
  const [parts, directory]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [name, data] of entries) {
    const body = deflate ? deflateRawSync(data) : Buffer.from(data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(body.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    directory.push(entry, Buffer.from(name));
    parts.push(local, Buffer.from(name), body);
    at += 30 + name.length + body.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, central, end]);
}

const array = (...numbers: number[]): Uint8Array =>
  npyFile('<f4', `${numbers.length},`, new Uint8Array(Float32Array.from(numbers).buffer));

describe('npz', () => {
  it.each([false, true])('reads named arrays (deflated: %s)', (deflate) => {
    const file = decodeNpz(
      zip(
        [
          ['a.npy', array(1, 2)],
          ['b.npy', array(3)],
        ],
        deflate,
      ),
      'x.npz',
    );
    expect('named' in file && [...file.named].map(([name, raw]) => [name, 'data' in raw && [...raw.data]])).toEqual([
      ['a', [1, 2]],
      ['b', [3]],
    ]);
  });

  it('takes arr_0, arr_1 in order', () => {
    const file = decodeNpz(
      zip(
        [
          ['arr_1.npy', array(3)],
          ['arr_0.npy', array(1, 2)],
        ],
        true,
      ),
      'x.npz',
    );
    expect('listed' in file && file.listed.map((raw) => 'data' in raw && [...raw.data])).toEqual([[1, 2], [3]]);
  });

  it('refuses what is no archive, cut off, damaged or empty', () => {
    const good = zip([['a.npy', array(1, 2)]], true);
    const damaged = good.slice();
    damaged[40] ^= 255;
    for (const bytes of [new Uint8Array(0), good.subarray(0, -1), good.subarray(3), zip([], true), damaged]) {
      expect(() => decodeNpz(bytes, 'x.npz')).toThrow(expect.objectContaining({ name: 'InputError' }));
    }
  });
});
