import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { nodeCrypto, startSha256 } from './sha256.js';

test('both means give the same digest, of the whole and of parts', () => {
  expect(nodeCrypto?.createHash).toBeTypeOf('function');
  for (const length of [0, 1, 55, 56, 64, 1000]) {
    const bytes = new Uint8Array(randomBytes(length));
    const digest = startSha256().update(bytes).digest();
    const half = length >> 1;
    expect(startSha256(undefined).update(bytes).digest()).toEqual(digest);
    for (const parts of [startSha256(), startSha256(null as never)]) {
      expect(parts.update(bytes.subarray(0, half)).update(bytes.subarray(half)).digest()).toEqual(digest);
    }
  }
  expect(Buffer.from(startSha256().digest()).toString('hex')).toMatch(/^e3b0c44298fc1c14/);
});
