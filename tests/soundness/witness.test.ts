import { describe, expect, it } from 'vitest';
import { encodeExts } from '../../packages/core/src/argument/channel.js';
import { P } from '../../packages/core/src/field/m31.js';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import type { ValueId } from '../../packages/core/src/relation/relation.js';
import { attempt, executeWith, type Model, type Tricks, verdict } from './dishonest-prover.js';
import { persistent } from './persistent-liar.js';
import { changed, denseLayer, maximum, named, ramp, rangeCheck, softmax, squareRoot, twoTables } from './relations.js';

const modes: BoundaryMode[] = ['clear', 'merkle'];

/**
 * The lie is rejected where it first shows; a prover that lies on at every later check is caught by the spot checks
 * alone, and without them it would be accepted: nothing else stood in its way.
 */
function expectRejected(model: Model, lie: Tricks, code: string): void {
  expect(verdict(attempt(model, modes, lie))).toBe(code);
  const stubborn = attempt(model, modes, persistent(lie));
  expect(verdict(stubborn)).toBe('fold');
  expect(verdict(stubborn, { check: 'fold' })).toBe('accepted');
}

const lie = (model: Model, changes: Record<string, (x: Int32Array) => Int32Array>): Tricks => {
  const honest = executeWith(model, new Map());
  const values = new Map<ValueId, Int32Array>();
  for (const [name, change] of Object.entries(changes)) {
    values.set(named(model, name), change(honest.get(named(model, name))));
  }
  return { values };
};
const plus = (cell: number, step: number) => (x: Int32Array) => changed(x, { [cell]: x[cell] + step });

describe('rescale and activation', () => {
  const model = denseLayer();
  const honest = executeWith(model, new Map());
  const r = honest.get(named(model, 'r'));
  const q = honest.get(named(model, 'q'));

  it('accepts the true values', () => {
    expect(verdict(attempt(model, modes))).toBe('accepted');
    // The persistent prover has nothing to change where nothing is false.
    expect(verdict(attempt(model, modes, persistent({})))).toBe('accepted');
  });

  it('rejects q + 1 with r - 2^s, and q - 1 with r + 2^s', () => {
    for (const cell of [0, 9, 23]) {
      for (const step of [1, -1]) expectRejected(model, lie(model, { q: plus(cell, step) }), 'lookup-sum');
    }
  });

  it('rejects r = -1 and r = 2^s', () => {
    const near = (want: number) => r.indexOf(want);
    expect(near(15)).toBeGreaterThanOrEqual(0);
    expect(near(0)).toBeGreaterThanOrEqual(0);
    expectRejected(model, lie(model, { q: plus(near(15), 1) }), 'lookup-sum');
    expectRejected(model, lie(model, { q: plus(near(0), -1) }), 'lookup-sum');
  });

  it('rejects y of another row', () => {
    const cell = q.findIndex((x) => x > 0);
    for (const step of [1, -1]) expectRejected(model, lie(model, { y: plus(cell, step) }), 'lookup-sum');
    // The clamp below zero: y = q where y = 0 is asked.
    const negative = q.findIndex((x) => x < 0);
    expectRejected(model, lie(model, { y: plus(negative, q[negative]) }), 'lookup-sum');
  });

  it('rejects a quotient that wraps around p: 16·(q + 2^27) = 16·q + 1', () => {
    const cell = r.findIndex((x) => x > 0);
    const square = (x: Int32Array) => x;
    const wrapped = lie(model, { q: plus(cell, 2 ** 27), r: plus(cell, -1), y: square, square });
    expect(verdict(attempt(model, modes, wrapped))).toBe('lookup-sum');
  });

  it('rejects a product that is not the product', () => {
    // The accumulator one off, and all that depends on it computed from it.
    const off = lie(model, { acc: plus(5, 16) });
    expectRejected(model, off, 'contraction');
    expectRejected(model, lie(model, { square: plus(3, 1) }), 'contraction');
  });

  it('rejects a constant other than the committed one', () => {
    const bias = lie(model, { bias: plus(2, 16) });
    expectRejected(model, bias, 'opening-sum');
  });

  it('rejects another constant of any oracle under one root, and other leaves of it', () => {
    const oracles = model.relation.values.flatMap((v, id) => (v.kind === 'constant' ? [[id]] : []));
    const split = { ...model, oracles };
    expect(oracles.length).toBeGreaterThan(2);
    expect(verdict(attempt(split, modes))).toBe('accepted');
    expectRejected(split, lie(split, { bias: plus(2, 16) }), 'opening-sum');
    // What is opened of each oracle is changed by itself.
    oracles.forEach((_, k) => {
      const bad = attempt(split, modes, {
        message: (label, _occurrence, data) => {
          if (label !== `opening/oracle/${k}/leaves`) return undefined;
          data[0] ^= 1;
          return data;
        },
      });
      expect(verdict(bad)).toMatch(/merkle-path|non-canonical/);
      expect(verdict(bad, { check: 'merkle-path' })).toMatch(/fold|non-canonical/);
    });
  });
});

describe('ranges', () => {
  const data = ramp(24, (i) => (i * 3) % 8);
  const model = rangeCheck(3, data);

  it.each([8, 9, 15, -1, P - 1, 2 ** 30])('reject %d in a range of three bits', (x) => {
    expectRejected(model, lie(model, { y: (y) => changed(y, { 5: x }) }), 'lookup-sum');
  });

  it('reject the other zero: a committed word p', () => {
    const zeros = rangeCheck(3, new Int32Array(24));
    const bad = attempt(zeros, modes, {
      kernels: (k) => ({
        encode(dst, message, logLength, stride) {
          k.encode(dst, message, logLength, stride);
          const word = k.u32(dst, 4 * 2 ** logLength * stride);
          for (let i = 0; i < word.length; i++) if (word[i] === 0) word[i] = P;
        },
      }),
    });
    expect(verdict(bad)).toBe('non-canonical');
  });
});

/** Changes of multiplicities: table, row, step. */
const counted = (steps: readonly (readonly number[])[]): Tricks => ({
  multiplicities(m) {
    for (const [table, row, step] of steps) m[table][row] += step;
  },
});

describe('lookups', () => {
  const model = twoTables();

  it.each([
    ['one too many', [[0, 2, 1]]],
    ['one too few', [[0, 3, -1]]],
    ['negative', [[0, 0, P - 100]]],
    [
      'moved to another row',
      [
        [0, 1, -1],
        [0, 2, 1],
      ],
    ],
    [
      'moved to the same row of another table',
      [
        [0, 1, -1],
        [1, 1, 1],
      ],
    ],
  ])('reject multiplicities %s', (_, steps) => {
    expect(verdict(attempt(model, modes))).toBe('accepted');
    expectRejected(model, counted(steps), 'lookup-sum');
  });

  it('reject a row of another table, counted there', () => {
    // 5 is in the table of three bits, not in the one of two; and (1, 9) is a row of the second function only.
    const wide = lie(model, { narrow: (x) => changed(x, { 4: 5 }) });
    expectRejected(model, { ...wide, ...counted([[1, 5, 1]]) }, 'lookup-sum');
    const other = lie(model, { f: (x) => changed(x, { 2: executeWith(model, new Map()).get(named(model, 'g'))[2] }) });
    expectRejected(model, { ...other, ...counted([[3, 2, 1]]) }, 'lookup-sum');
  });

  it('reject zero denominators, with which any sum would be zero', () => {
    const bad = attempt(model, modes, {
      message: (label, _, data) => (label === 'fractions/top' ? data.fill(0, 32) : undefined),
    });
    expect(verdict(bad)).toBe('zero-denominator');
  });

  it('reject a false cell that is made up for by a padding leaf', () => {
    // Leaves of `narrow`, [3,5] laid down as [5,3] and padded to [5,4], begin somewhere; the fourth is padding.
    const { layout } = attempt(model, modes).shape.lookups[0];
    const at = layout.tensors[0].pieces[0].offset;
    const values = lie(model, { narrow: (x) => changed(x, { 0: 5 }) });
    let first = true;
    const bad = attempt(model, modes, {
      ...values,
      kernels: (k) => ({
        fractionUpBase(dstP, dstQ, p, q, n) {
          if (first) {
            k.u32(p + 4 * (at + 3), 1)[0] = P - 1;
            k.writeExt(q + 16 * (at + 3), k.readExt(q + 16 * at));
          }
          first = false;
          k.fractionUpBase(dstP, dstQ, p, q, n);
        },
      }),
    });
    // The sum is zero and the tree is sound, but its leaves are not those of the relation.
    expect(verdict(bad)).toBe('opening-sum');
  });
});

describe('a maximum', () => {
  const model = maximum(ramp(5, (i) => [3, -2, 7, 7, 1][i]));
  const positives = model.relation.values.flatMap((v) => (v.name.endsWith('/positive') ? [v.name] : []));

  it('accepts the true one', () => {
    expect(verdict(attempt(model, modes))).toBe('accepted');
  });

  it('rejects one below, in no place, or above', () => {
    for (const name of positives) {
      for (const step of [1, -1]) expectRejected(model, lie(model, { [name]: plus(0, step) }), 'lookup-sum');
    }
    for (const step of [1, -1]) expectRejected(model, lie(model, { out: plus(0, step) }), 'opening-sum');
  });
});

describe('softmax', () => {
  const model = softmax(ramp(8, (i) => [3, -2, 6, 5, 1, 0, -5, 6][i]));
  const find = (end: string) => model.relation.values.find((v) => v.name.endsWith(end))?.name as string;

  it('accepts the true quotients', () => {
    expect(verdict(attempt(model, modes))).toBe('accepted');
  });

  it('rejects a maximum that is one off, with everything computed from it', () => {
    for (const v of model.relation.values) {
      if (v.name.endsWith('/positive')) expectRejected(model, lie(model, { [v.name]: plus(0, 1) }), 'lookup-sum');
    }
  });

  it('rejects another shift of the exponentials', () => {
    expectRejected(model, lie(model, { [find('/exp')]: plus(2, -1) }), 'lookup-sum');
  });

  it('rejects a quotient one off: the remainder is the divisor, or below zero', () => {
    for (const step of [1, -1]) expectRejected(model, lie(model, { [find('/y')]: plus(0, step) }), 'lookup-sum');
  });
});

describe('an integer square root', () => {
  const model = squareRoot(ramp(8, (i) => [0, 1, 15, 16, 17, 48, 49, 63][i]));

  it('rejects a root that is one off, and the negative root', () => {
    expect(verdict(attempt(model, modes))).toBe('accepted');
    const roots = executeWith(model, new Map()).get(named(model, 's'));
    for (let cell = 0; cell < 8; cell++) {
      for (const step of [1, -1, -2 * roots[cell]]) {
        if (step !== 0) expectRejected(model, lie(model, { s: plus(cell, step) }), 'lookup-sum');
      }
    }
  });
});

describe('messages out of nothing', () => {
  it('a constant top of the fraction tree is rejected', () => {
    const top = encodeExts([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [1, 0, 0, 0],
      [1, 0, 0, 0],
    ]);
    const bad = attempt(denseLayer(), modes, { message: (label) => (label === 'fractions/top' ? top : undefined) });
    expect(verdict(bad)).toBe('fraction-layer');
  });
});
