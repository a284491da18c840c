import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, digestAsBytes32, digestOfBytes, isDigest } from './canonical.js';

test('members are sorted by UTF-16 code units, as in RFC 8785', () => {
  const names = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
  const text = canonicalJson(Object.fromEntries(names.map((name, i) => [name, i])));
  const order = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'];
  expect(Object.keys(JSON.parse(text)).filter((k) => k !== '1')).toEqual(order.filter((k) => k !== '1'));
  expect(text.indexOf('"1"')).toBeGreaterThan(text.indexOf('"\\r"'));
});

test('strings are escaped as RFC 8785 says', () => {
  expect(canonicalJson('\u20ac$\u000f\nA\'B"\\"/')).toBe('"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/"');
});

test('bigints are decimal strings, -0 is 0, undefined members are left out', () => {
  expect(canonicalJson({ b: 2n ** 100n, a: -0, c: undefined, d: [null, true] })).toBe(
    '{"a":0,"b":"1267650600228229401496703205376","d":[null,true]}',
  );
});

test.each([
  ['a fraction', 0.5],
  ['an unsafe integer', 2 ** 53],
  ['NaN', Number.NaN],
  ['undefined', undefined],
  ['a hole', [undefined]],
  ['a function', () => 0],
  ['bytes', new Uint8Array(2)],
  ['a Map', new Map()],
  ['an unpaired surrogate', '\ud800x'],
  ['an unpaired surrogate in a name', { '\udc00': 1 }],
])('%s has no encoding', (_, value) => {
  expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ name: 'InputError', code: 'not-canonical' }));
});

test('cycles and deep nesting are refused', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  expect(() => canonicalJson(cycle)).toThrow(expect.objectContaining({ code: 'too-deep' }));
});

const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('node'), { maxKeys: 4 }),
  ),
})).node;

function reversed(x: unknown): unknown {
  if (Array.isArray(x)) return x.map(reversed);
  if (x === null || typeof x !== 'object') return x;
  return Object.fromEntries(
    Object.entries(x)
      .reverse()
      .map(([k, v]) => [k, reversed(v)]),
  );
}

test('what is encoded reads back, and has the same encoding in every order of members', () => {
  fc.assert(
    fc.property(value, (x) => {
      const text = canonicalJson(x);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
      expect(canonicalJson(reversed(x))).toBe(text);
      expect(JSON.stringify(JSON.parse(text)).length).toBe(text.length);
    }),
  );
});

test('a digest is the SHA-256 of the bytes', () => {
  const bytes = new TextEncoder().encode('dsperse');
  const digest = digestOfBytes(bytes);
  expect(digest).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  expect(digestAsBytes32(digest)).toBe(`0x${digest.slice(7)}`);
  expect([isDigest(digest), isDigest(digest.toUpperCase()), isDigest(`${digest}0`)]).toEqual([true, false, false]);
});
