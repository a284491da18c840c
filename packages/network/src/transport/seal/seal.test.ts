import * as crypto from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aeadBy } from './aead.js';
import { exchangeBy, nodeExchange, portableExchange } from './key-exchange.js';
import { open, portableAead, SEAL_OVERHEAD_BYTES, seal, sealingKeys } from './seal.js';

const { secretKey, publicKey } = sealingKeys();
const nodeAead = aeadBy(crypto);
const notOpenable = expect.objectContaining({ name: 'InputError', code: 'not-openable' });

test('what is sealed opens, with either cipher, in its context only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.boolean(), (plaintext, context, isNode) => {
      const [first, second] = isNode ? [nodeAead, portableAead] : [portableAead, nodeAead];
      const sealed = seal(publicKey, plaintext, context, first);
      expect(sealed.length).toBe(plaintext.length + SEAL_OVERHEAD_BYTES);
      expect(Buffer.from(open(secretKey, sealed, context, second))).toEqual(Buffer.from(plaintext));
      expect(() => open(secretKey, sealed, `${context}x`, second)).toThrow(notOpenable);
    }),
    { numRuns: 30 },
  );
});

test('both ciphers give the same bytes', () => {
  const args = [new Uint8Array(32).fill(7), new Uint8Array(12).fill(9), new Uint8Array(33).fill(1)] as const;
  for (const length of [0, 1, 15, 16, 17, 64, 65, 1000]) {
    const plaintext = new Uint8Array(length).fill(3);
    const [one, other] = [nodeAead, portableAead].map((aead) => {
      const box = new Uint8Array(length + 16);
      aead.encrypt(...args, plaintext, box);
      return box;
    });
    expect(Buffer.from(one)).toEqual(Buffer.from(other));
  }
});

test('both ways to agree on a key give the same bytes, and refuse the same keys', () => {
  const [ours, theirs] = [nodeExchange, portableExchange];
  if (!ours) throw new Error('Node has no X25519');
  for (let i = 0; i < 20; i++) {
    const [a, b] = [sealingKeys(), sealingKeys()];
    for (const way of [ours, theirs]) expect(way.publicKeyOf(a.secretKey)).toEqual(a.publicKey);
    const shared = ours.sharedSecret(a.secretKey, b.publicKey);
    expect(shared).toEqual(theirs.sharedSecret(b.secretKey, a.publicKey));
    expect(shared).toEqual(ours.sharedSecret(b.secretKey, a.publicKey));
  }
  const one = new Uint8Array(32).fill(1, 0, 1);
  for (const bad of [new Uint8Array(32), one, publicKey.subarray(1), new Uint8Array(33)]) {
    for (const way of [ours, theirs]) expect(() => way.sharedSecret(secretKey, bad)).toThrow();
  }
});

test('where Node refuses a key whose public half is not said, it takes it in another form; or none is taken there', () => {
  const refusing = (formats: readonly string[]) => {
    const createPrivateKey = (key: { format: string }) => {
      if (formats.includes(key.format)) throw new TypeError('Invalid JWK OKP key');
      return crypto.createPrivateKey(key as never);
    };
    return exchangeBy({ ...crypto, createPrivateKey } as never);
  };
  const other = sealingKeys();
  for (const formats of [['jwk'], ['jwk', 'raw-private']]) {
    const way = refusing(formats);
    expect(way?.publicKeyOf(secretKey)).toEqual(publicKey);
    expect(way?.sharedSecret(secretKey, other.publicKey)).toEqual(
      portableExchange.sharedSecret(other.secretKey, publicKey),
    );
    expect(() => way?.publicKeyOf(new Uint8Array(31))).toThrow('32 bytes');
  }
  expect(refusing(['jwk', 'raw-private', 'der'])).toBeUndefined();
});

test('every byte counts, and so does the key', () => {
  const sealed = seal(publicKey, new Uint8Array([1, 2, 3]), 'c');
  for (const aead of [portableAead, nodeAead]) {
    for (let i = 0; i < sealed.length; i++) {
      const damaged = Uint8Array.from(sealed);
      damaged[i] ^= 0x41;
      expect(() => open(secretKey, damaged, 'c', aead)).toThrow(notOpenable);
    }
    for (const length of [0, 1, 33, 48, sealed.length - 1]) {
      expect(() => open(secretKey, sealed.subarray(0, length), 'c', aead)).toThrow(notOpenable);
    }
    expect(() => open(sealingKeys().secretKey, sealed, 'c', aead)).toThrow(notOpenable);
    expect(() => open(new Uint8Array(31), sealed, 'c', aead)).toThrow(notOpenable);
  }
});

test('all failures read alike', () => {
  const sealed = seal(publicKey, new Uint8Array(3), 'c');
  const messages = [sealed.subarray(1), sealed.with(0, 2), sealed.with(60 - 10, 0xff), new Uint8Array(0)].map(
    (bytes) => {
      try {
        return open(secretKey, bytes, 'other');
      } catch (error) {
        return (error as Error).message;
      }
    },
  );
  expect(new Set(messages).size).toBe(1);
});

/** Points of order 1, 2, 4 and 8 on Curve25519, and their non-canonical encodings. */
const LOW_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
];

test.each(LOW_ORDER)('the low-order point %s is refused on both sides', (hex) => {
  const point = new Uint8Array(Buffer.from(hex, 'hex'));
  expect(() => seal(point, new Uint8Array(1), 'c')).toThrow(expect.objectContaining({ code: 'bad-sealing-key' }));
  const sealed = seal(publicKey, new Uint8Array(1), 'c');
  sealed.set(point, 1);
  expect(() => open(secretKey, sealed, 'c')).toThrow(notOpenable);
});

test('two boxes of the same are different, and keys follow from their seed', () => {
  expect(seal(publicKey, new Uint8Array(4), 'c')).not.toEqual(seal(publicKey, new Uint8Array(4), 'c'));
  const seed = new Uint8Array(32).fill(5);
  expect(sealingKeys(seed)).toEqual(sealingKeys(seed));
  expect(() => seal(new Uint8Array(31), new Uint8Array(1), 'c')).toThrow(
    expect.objectContaining({ code: 'bad-sealing-key' }),
  );
});
