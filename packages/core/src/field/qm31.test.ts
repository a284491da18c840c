import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { P } from './m31.js';
import {
  add,
  type Ext,
  eqOf,
  equal,
  fromBase,
  inv,
  isCanonical,
  mul,
  mulBase,
  neg,
  ONE,
  square,
  sub,
  ZERO,
} from './qm31.js';
import { dot, dotBase, dotSigned, eqTable } from './qm31-array.js';

const p = BigInt(P);
const mod = (x: bigint): number => Number(((x % p) + p) % p);
const limb = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x10000, P - 1), fc.integer({ min: 0, max: P - 1 }));
const element = fc.tuple(limb, limb, limb, limb);
const runs = { numRuns: 1000 };

/** The product from the definition: coefficients of i^a·u^b, then i² = -1 and u² = 2 + i. */
function product(a: Ext, b: Ext): Ext {
  const re = [0n, 0n, 0n];
  const im = [0n, 0n, 0n];
  for (let j = 0; j < 2; j++) {
    for (let k = 0; k < 2; k++) {
      const [ar, ai, br, bi] = [a[2 * j], a[2 * j + 1], b[2 * k], b[2 * k + 1]].map(BigInt);
      re[j + k] += ar * br - ai * bi;
      im[j + k] += ar * bi + ai * br;
    }
  }
  return [mod(re[0] + 2n * re[2] - im[2]), mod(im[0] + re[2] + 2n * im[2]), mod(re[1]), mod(im[1])];
}

const flat = (xs: readonly Ext[]): Uint32Array => Uint32Array.from(xs.flat());
const largest: Ext = [P - 1, P - 1, P - 1, P - 1];

describe('QM31', () => {
  it('adds, subtracts and negates by coefficient', () => {
    fc.assert(
      fc.property(element, element, (a, b) => {
        expect(add(a, b)).toEqual(a.map((x, i) => mod(BigInt(x) + BigInt(b[i]))));
        expect(sub(a, b)).toEqual(a.map((x, i) => mod(BigInt(x) - BigInt(b[i]))));
        expect(add(a, neg(a))).toEqual(ZERO);
      }),
      runs,
    );
  });

  it('multiplies as the definition says', () => {
    for (const a of [ZERO, ONE, largest])
      for (const b of [ZERO, ONE, largest]) expect(mul(a, b)).toEqual(product(a, b));
    fc.assert(
      fc.property(element, element, limb, (a, b, s) => {
        expect(mul(a, b)).toEqual(product(a, b));
        expect(square(a)).toEqual(product(a, a));
        expect(mulBase(a, s)).toEqual(product(a, fromBase(s)));
        expect(isCanonical(mul(a, b))).toBe(true);
      }),
      runs,
    );
  });

  it('inverts', () => {
    expect(inv(ZERO)).toEqual(ZERO);
    fc.assert(
      fc.property(element, (a) => {
        if (!equal(a, ZERO)) expect(mul(a, inv(a))).toEqual(ONE);
      }),
    );
  });

  it('tells canonical elements', () => {
    expect(isCanonical(largest)).toBe(true);
    for (const x of [P, -1, 0.5, Number.NaN, 2 ** 32]) expect(isCanonical([0, 0, x, 0])).toBe(false);
    expect(isCanonical([0, 0, 0])).toBe(false);
  });
});

describe('flat arrays over QM31', () => {
  const sum = (xs: readonly Ext[]): Ext => xs.reduce(add, ZERO);

  it('takes dot products', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(element, element), { maxLength: 70 }), (pairs) => {
        const a = pairs.map((x) => x[0]);
        const b = pairs.map((x) => x[1]);
        expect(dot(flat(a), flat(b))).toEqual(sum(pairs.map(([x, y]) => product(x, y))));
        const base = Uint32Array.from(a, (x) => x[2]);
        const among = Uint32Array.of(7, P - 1, ...base, 5);
        expect(dotBase(among, 2, flat(b))).toEqual(sum(pairs.map(([x, y]) => product(fromBase(x[2]), y))));
      }),
      { numRuns: 200 },
    );
    const many = new Array<Ext>(3001).fill(largest);
    expect(dot(flat(many), flat(many))).toEqual(product(product(largest, largest), fromBase(3001)));
    expect(dotBase(new Uint32Array(3001).fill(P - 1), 0, flat(many))).toEqual(product(largest, fromBase(P - 3001)));
  });

  it('takes dot products with signed integers', () => {
    const signed = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const small = fc.integer({ min: -(2 ** 16), max: 2 ** 16 - 1 });
    const list = (y: fc.Arbitrary<number>) => fc.array(fc.tuple(element, y), { maxLength: 40 });
    fc.assert(
      fc.property(fc.oneof(list(signed), list(small)), fc.nat(3), (pairs, from) => {
        const x = Int32Array.from([...new Array<number>(from).fill(7), ...pairs.map((pair) => pair[1])]);
        const expected = pairs.map(([e, y]) => product(e, fromBase(((y % P) + P) % P)));
        expect(dotSigned(flat(pairs.map((pair) => pair[0])), x, from)).toEqual(sum(expected));
      }),
    );
    for (const y of [-(2 ** 31), 2 ** 31 - 1, -(2 ** 16), 2 ** 16 - 1]) {
      const many = flat(new Array<Ext>(3001).fill(largest));
      const factor = Number((((BigInt(y) * 3001n) % BigInt(P)) + BigInt(P)) % BigInt(P));
      expect(dotSigned(many, new Int32Array(3001).fill(y), 0)).toEqual(product(largest, fromBase(factor)));
    }
  });

  it('tabulates eq, the first coordinate being the most significant bit', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 5 }), element, (point, scale) => {
        const table = eqTable(point, scale);
        expect(table.length).toBe(4 * 2 ** point.length);
        for (let i = 0; i < 2 ** point.length; i++) {
          const bits = point.map((_, k) => (i >> (point.length - 1 - k)) & 1);
          const value = point.reduce<Ext>((v, r, k) => product(v, bits[k] === 1 ? r : sub(ONE, r)), scale);
          expect([...table.subarray(4 * i, 4 * i + 4)]).toEqual(value);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('multiplies eq of coordinates', () => {
    fc.assert(
      fc.property(element, element, (a, b) => {
        expect(eqOf(a, b)).toEqual(add(product(a, b), product(sub(ONE, a), sub(ONE, b))));
      }),
    );
  });
});
