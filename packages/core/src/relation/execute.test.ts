import { describe, expect, it } from 'vitest';
import { axis, identityMap, RelationBuilder } from './builder.js';
import { execute } from './execute.js';

const WIDE = { lo: -(2 ** 31 - 2), hi: 2 ** 31 - 2 };

describe('constants', () => {
  it('are refused outside their interval, also where others were given before', () => {
    const b = new RelationBuilder();
    const w = b.constant('w', [3], Int32Array.of(-4, 0, 5));
    const relation = b.build();
    const run = (numbers: Int32Array | Int8Array) => execute(relation, new Map([[w, numbers]]), []);
    for (const good of [Int32Array.of(-4, 0, 5), Int8Array.of(5, 5, -4)]) {
      expect(run(good).get(w)).toBe(good);
      expect(run(good).get(w)).toBe(good);
      expect(() => run(Int32Array.of(-4, 0, 6))).toThrow('w holds 6');
      expect(() => run(Int8Array.of(-5, 0, 5))).toThrow('w holds -5');
    }
  });
});

describe('execute', () => {
  it('rounds to the nearest, up in the middle, as the quotient is defined, to the last of the numbers', () => {
    const src = [WIDE.lo, -(2 ** 31) + 9, -25, -24, -9, -8, -7, -1, 0, 7, 8, 9, 23, 24, 2 ** 31 - 9, WIDE.hi];
    for (const shift of [1, 4, 30]) {
      const b = new RelationBuilder();
      const x = b.input('x', [src.length], WIDE);
      const q = b.witness('q', [src.length], WIDE, { kind: 'quotient', src: x, shift });
      const got = execute(b.build(), new Map(), [Int32Array.from(src)]).get(q);
      expect([...got]).toEqual(src.map((z) => Math.floor((z + 2 ** (shift - 1)) / 2 ** shift)));
    }
  });

  it.each([1, 2, 3, 4, 5, 8, 9])('finds each number out of its range among %i', (size) => {
    const b = new RelationBuilder();
    const x = b.input('x', [size], { lo: -5, hi: 2 ** 31 - 2 });
    b.witness('y', [size], { lo: -5, hi: 2 ** 31 - 2 }, { kind: 'copy', src: x });
    const relation = b.build();
    for (let i = 0; i < size; i++) {
      for (const [number, fits] of [
        [-5, true],
        [-6, false],
        [2 ** 31 - 2, true],
        [2 ** 31 - 1, false],
        [-(2 ** 31), false],
      ] as const) {
        const run = () => execute(relation, new Map(), [new Int32Array(size).fill(number, i, i + 1)]);
        if (fits) expect(run).not.toThrow();
        else expect(run).toThrow(`x holds ${number}`);
      }
    }
  });

  it('gives what is asked for where the rest is let go', () => {
    const b = new RelationBuilder();
    const range = { lo: -4096, hi: 4095 };
    const dims = [4, 4];
    const add = (name: string, ...srcs: number[]) =>
      b.linear(
        name,
        dims,
        srcs.map((src) => ({ src, coef: 1, map: identityMap(2) })),
      );
    const x = b.input('x', dims, { lo: -4, hi: 4 });
    const twice = add('twice', x, x);
    // The numbers of `twice` under other names: they are there as long as any of them is read.
    const flat = b.linear('flat', [16], [{ src: twice, coef: 1, map: { kind: 'reshape' } }]);
    const copy = b.witness('copy', [16], range, { kind: 'copy', src: flat });
    const others = [add('a', twice, x), add('b', twice, twice)];
    const product = b.contract('product', dims, others[0], others[1], [4], [axis(0), axis(2)], [axis(2), axis(1)]);
    const half = b.witness('half', dims, range, { kind: 'quotient', src: product, shift: 1 });
    const late = b.linear(
      'late',
      [16],
      [
        { src: copy, coef: 1, map: identityMap(1) },
        { src: half, coef: 1, map: { kind: 'reshape' } },
      ],
    );
    const y = b.witness('y', [16], range, { kind: 'copy', src: late });
    const z = b.witness('z', dims, range, { kind: 'copy', src: half });
    const relation = b.build();
    const input = Int32Array.from({ length: 16 }, (_, i) => (i % 9) - 4);
    const whole = execute(relation, new Map(), [input]);
    const some = execute(relation, new Map(), [input], undefined, [y, z]);
    for (const id of [y, z]) expect(some.get(id)).toEqual(whole.get(id));
    expect(input).toEqual(Int32Array.from({ length: 16 }, (_, i) => (i % 9) - 4));
    // Something was used again, or this would show nothing.
    expect(new Set(relation.values.map((_, id) => some.get(id))).size).toBeLessThan(
      new Set(relation.values.map((_, id) => whole.get(id))).size,
    );
  });
});
