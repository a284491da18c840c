import { blake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Hasher, hash, hashPair } from './blake3.js';

/** The input of the official test vectors: bytes 0, 1, …, 250, 0, 1, … */
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);
const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');

const borders = [0, 1, 2, 3, 31, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 3073];

describe('BLAKE3', () => {
  it('gives the digest of the empty message', () => {
    expect(hex(hash(new Uint8Array(0)))).toBe('af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262');
  });

  it('agrees with an independent implementation at the borders of blocks, chunks and subtrees', () => {
    for (const length of [...borders, 4096, 5121, 7169, 8192, 16385, 31744, 102_400]) {
      const message = pattern(length);
      expect(hash(message), String(length)).toEqual(blake3(message));
    }
  });

  it('agrees on views at odd offsets and on shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3000));
    shared.set(pattern(3000));
    for (const at of [1, 2, 3, 7])
      expect(hash(shared.subarray(at, at + 1500))).toEqual(blake3(shared.slice(at, at + 1500)));
    for (const [from, to] of [
      [3, 3],
      [1, 80],
      [5, 1029],
      [5, 2900],
    ])
      expect(hash(shared, from, to)).toEqual(blake3(shared.slice(from, to)));
  });

  it('does not touch earlier digests', () => {
    const first = hash(pattern(5));
    const copy = first.slice();
    hash(pattern(6));
    expect(first).toEqual(copy);
  });

  it('hashes pairs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        expect(hashPair(bytes.subarray(0, 32), bytes.subarray(32))).toEqual(blake3(bytes));
      }),
    );
  });

  it('hashes in pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2500), { maxLength: 8 }), (lengths) => {
        const message = pattern(lengths.reduce((a, b) => a + b, 0));
        const hasher = new Hasher();
        let at = 0;
        for (const n of lengths) {
          hasher.update(message.subarray(at, at + n));
          at += n;
        }
        expect(hasher.digest()).toEqual(blake3(message));
        expect(hasher.digest()).toEqual(blake3(message));
      }),
      { numRuns: 50 },
    );
  });

  it('may be fed on after a digest', () => {
    const message = pattern(9000);
    const hasher = new Hasher();
    for (let at = 0; at < message.length; at += 1000) {
      hasher.update(message.subarray(at, at + 1000));
      expect(hasher.digest()).toEqual(blake3(message.subarray(0, at + 1000)));
    }
  });
});
