import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { domainPoint, encodeColumns, encodeExt, twiddles } from './domain.js';
import { add, mul, neg, P, sub } from './m31.js';

const half = (x: number): number => sub(mul(2, mul(x, x)), 1);

/** f(x) by the recursion f(x) = e0(2x²-1) + x·e1(2x²-1) on the halves of the message. */
function evaluate(message: readonly number[], x: number): number {
  if (message.length === 1) return message[0];
  const n = message.length / 2;
  return add(evaluate(message.slice(0, n), half(x)), mul(x, evaluate(message.slice(n), half(x))));
}

describe('evaluation domains', () => {
  it('are closed under sign and halve under 2x² - 1', () => {
    for (let mu = 1; mu <= 10; mu++) {
      const m = 2 ** mu;
      const points = Array.from({ length: m }, (_, i) => domainPoint(mu, i));
      expect(new Set(points).size).toBe(m);
      for (let i = 0; i < m / 2; i++) expect(points[i + m / 2]).toBe(neg(points[i]));
      for (let i = 0; i < m; i++) expect(half(points[i])).toBe(domainPoint(mu - 1, i % (m / 2)));
      expect([...twiddles(mu)]).toEqual(points.slice(0, m / 2));
    }
    expect(domainPoint(0, 0)).toBe(0);
  });

  it('halve in the largest domains too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 11, max: 28 }), fc.nat(2 ** 28 - 1), (mu, index) => {
        const i = index % 2 ** mu;
        const x = domainPoint(mu, i);
        expect(half(x)).toBe(domainPoint(mu - 1, i % 2 ** (mu - 1)));
        expect(domainPoint(mu, (i + 2 ** (mu - 1)) % 2 ** mu)).toBe(neg(x));
      }),
      { numRuns: 200 },
    );
  });
});

describe('the code', () => {
  const value = fc.integer({ min: 0, max: P - 1 });

  it('evaluates the message polynomial on the domain', () => {
    for (let log = 0; log <= 5; log++) {
      fc.assert(
        fc.property(fc.array(value, { minLength: 2 ** log, maxLength: 2 ** log }), (message) => {
          const word = encodeColumns(Uint32Array.from(message), 1);
          expect(word.length).toBe(4 * message.length);
          expect([...word]).toEqual([...word.keys()].map((i) => evaluate(message, domainPoint(log + 2, i))));
        }),
        { numRuns: 10 },
      );
    }
  });

  it('encodes columns independently', () => {
    const columns = [0, 1, 2, 3].map((c) => Uint32Array.from({ length: 16 }, (_, i) => (i * 7919 + c * 104729) % P));
    const message = Uint32Array.from({ length: 64 }, (_, i) => columns[i % 4][i >> 2]);
    const word = encodeExt(message);
    columns.forEach((column, c) => {
      expect(word.filter((_, i) => i % 4 === c)).toEqual(encodeColumns(column, 1));
    });
  });

  it('has the distance of a Reed-Solomon code: a non-zero word has fewer than n zeros', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 16, maxLength: 16 }), (message) => {
        const zeros = encodeColumns(Uint32Array.from(message), 1).filter((x) => x === 0).length;
        expect(zeros).toBeLessThan(message.some((x) => x !== 0) ? 16 : 65);
      }),
    );
  });
});
