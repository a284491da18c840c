import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson, stringifyJson } from './parse-json.js';

const parse = (text: string, depth = 3, values = 5) => parseJson(new TextEncoder().encode(text), { depth, values });

test('whatever JSON.parse reads is read alike, within the limits', () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), (text) => {
      expect(parse(text, 100, 10_000)).toEqual({ value: JSON.parse(text) });
    }),
  );
});

test('any text gives a value or a fault', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', ',', ':', '1', 'a') }), (text) => {
      let expected: unknown;
      try {
        expected = { value: JSON.parse(text) };
      } catch {
        expected = { fault: 'not-json' };
      }
      expect(parse(text, 100, 10_000)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test('brackets and commas inside strings do not count', () => {
  expect(parse('"[[[[[[,,,,,,,,\\"[[[["')).toEqual({ value: '[[[[[[,,,,,,,,"[[[[' });
  expect(parse('["\\\\",[[]]]')).toEqual({ value: ['\\', [[]]] });
});

test('limits hold exactly', () => {
  expect(parse('[[[]]]')).toEqual({ value: [[[]]] });
  expect(parse('[[[[]]]]')).toEqual({ fault: 'too-deep' });
  expect(parse('[1,2,3,4]')).toEqual({ value: [1, 2, 3, 4] });
  expect(parse('[1,2,3,4,5]')).toEqual({ fault: 'too-many-values' });
});

test('bigints are written as decimal strings', () => {
  expect(stringifyJson({ a: 2n ** 70n, b: [1n], c: undefined })).toBe('{"a":"1180591620717411303424","b":["1"]}');
});
