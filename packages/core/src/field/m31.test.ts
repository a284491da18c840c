import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, fromSigned, inv, mul, neg, P, pow, sub } from './m31.js';

const p = BigInt(P);
const mod = (x: bigint): number => Number(((x % p) + p) % p);
const borders = [0, 1, 2, 3, 0x7fff, 0x8000, 0xffff, 0x10000, 2 ** 30 - 1, 2 ** 30, 0x7fff0000, P - 2, P - 1];
const element = fc.oneof(fc.constantFrom(...borders), fc.integer({ min: 0, max: P - 1 }));
const runs = { numRuns: 5000 };

describe('M31', () => {
  it('adds, subtracts, negates and multiplies as BigInt does', () => {
    const check = (a: number, b: number) => {
      expect(add(a, b)).toBe(mod(BigInt(a) + BigInt(b)));
      expect(sub(a, b)).toBe(mod(BigInt(a) - BigInt(b)));
      expect(neg(a)).toBe(mod(-BigInt(a)));
      expect(mul(a, b)).toBe(mod(BigInt(a) * BigInt(b)));
    };
    for (const a of borders) for (const b of borders) check(a, b);
    fc.assert(fc.property(element, element, check), runs);
  });

  it('inverts', () => {
    expect(inv(0)).toBe(0);
    fc.assert(
      fc.property(element, (a) => {
        if (a !== 0) expect(mul(a, inv(a))).toBe(1);
      }),
    );
  });

  it('raises to powers', () => {
    expect(pow(0, 0)).toBe(1);
    expect(pow(5, P - 1)).toBe(1);
    fc.assert(
      fc.property(element, fc.nat(40), (a, e) => {
        expect(pow(a, e)).toBe(mod(BigInt(a) ** BigInt(e)));
      }),
    );
  });

  it('reads signed integers', () => {
    expect([0, 1, -1, P, -P, P - 1, 1 - P].map(fromSigned)).toEqual([0, 1, P - 1, 0, 0, P - 1, 1]);
  });
});
