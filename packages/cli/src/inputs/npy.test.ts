import { describe, expect, it } from 'vitest';
import { npyFile } from '../../../../tests/fixtures/npy-file.js';
import { decodeNpy } from './npy.js';

const bytesOf = (data: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(data.buffer);

describe('npy', () => {
  it.each([
    ['<f4', Float32Array.of(1.5, -2, 3), 'float'],
    ['<f8', Float64Array.of(1.5, -2, 3), 'float'],
    ['<i4', Int32Array.of(1, -2, 3), 'integer'],
    ['<i8', BigInt64Array.of(1n, -2n, 3n), 'integer'],
    ['<u8', BigUint64Array.of(1n, 2n, 3n), 'integer'],
    ['<i2', Int16Array.of(1, -2, 3), 'integer'],
    ['<u2', Uint16Array.of(1, 2, 65535), 'integer'],
    ['|i1', Int8Array.of(1, -2, 3), 'integer'],
    ['|u1', Uint8Array.of(1, 2, 255), 'integer'],
    ['|b1', Uint8Array.of(1, 0, 1), 'bool'],
  ] as const)('reads %s', (descr, numbers, kind) => {
    const raw = decodeNpy(npyFile(descr, '3,', bytesOf(numbers)), 'x.npy');
    expect([...raw.data]).toEqual(Array.from(numbers as ArrayLike<number | bigint>, Number));
    expect(raw.kind).toBe(kind);
    expect(raw.shape).toEqual([3]);
  });

  it('reads half precision and the other byte order', () => {
    expect([...decodeNpy(npyFile('<f2', '2,', bytesOf(Uint16Array.of(0x3c00, 0xc000))), 'x.npy').data]).toEqual([
      1, -2,
    ]);
    const big = new Uint8Array(8);
    new DataView(big.buffer).setFloat32(0, 1.5);
    new DataView(big.buffer).setFloat32(4, -2);
    expect([...decodeNpy(npyFile('>f4', '2,', big), 'x.npy').data]).toEqual([1.5, -2]);
  });

  it.each([1, 2, 3])('reads version %i', (version) => {
    const raw = decodeNpy(npyFile('<f4', '1, 2', bytesOf(Float32Array.of(1, 2)), false, version), 'x.npy');
    expect(raw.shape).toEqual([1, 2]);
    expect([...raw.data]).toEqual([1, 2]);
  });

  it('reads Fortran order', () => {
    // [[1, 2, 3], [4, 5, 6]], column by column.
    const raw = decodeNpy(npyFile('<f4', '2, 3', bytesOf(Float32Array.of(1, 4, 2, 5, 3, 6)), true), 'x.npy');
    expect([...raw.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('reads a scalar', () => {
    const raw = decodeNpy(npyFile('<f8', '', bytesOf(Float64Array.of(7))), 'x.npy');
    expect(raw.shape).toEqual([]);
    expect([...raw.data]).toEqual([7]);
  });

  it('refuses what is no .npy file, cut off, too long, or of other types', () => {
    const good = npyFile('<f4', '2,', bytesOf(Float32Array.of(1, 2)));
    for (const bytes of [
      new Uint8Array(0),
      good.slice(1),
      good.slice(0, 40),
      good.slice(0, -1),
      new Uint8Array([...good, 0]),
    ]) {
      expect(() => decodeNpy(bytes, 'x.npy')).toThrow(expect.objectContaining({ code: 'broken-npy' }));
    }
    for (const descr of ['<c8', '|O', '<U3', '<M8']) {
      expect(() => decodeNpy(npyFile(descr, '1,', new Uint8Array(8)), 'x.npy')).toThrow(
        expect.objectContaining({ code: 'unsupported-npy' }),
      );
    }
    expect(() => decodeNpy(npyFile('<f4', '99999999999,', new Uint8Array(0)), 'x.npy')).toThrow(/claims/);
  });
});
