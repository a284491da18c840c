import { expect, test } from 'vitest';
import { nodeBase64url, portableBase64url } from './base64url.js';

const random = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 167 + seed * 31) % 256);

test('both ways give the same text, and the bytes again', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = random(length, length);
    const text = portableBase64url.encode(bytes);
    expect(nodeBase64url.encode(bytes)).toBe(text);
    // A part of a larger buffer.
    expect(nodeBase64url.encode(Uint8Array.of(1, 2, ...bytes).subarray(2))).toBe(text);
    for (const way of [portableBase64url, nodeBase64url]) expect([...(way.decode(text) ?? [])]).toEqual([...bytes]);
  }
});

test.each(['A', 'AAAAA', 'AB', 'AAB', 'AA==', 'AA=', '+A', '/w', 'A A', 'AAA\n', 'ä', 'AA-_!', '\u0000'])(
  '%j is the encoding of nothing',
  (text) => {
    expect(portableBase64url.decode(text)).toBeUndefined();
    expect(nodeBase64url.decode(text)).toBeUndefined();
  },
);
