import { describe, expect, it } from 'vitest';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import { axis, identityMap, RelationBuilder } from '../../packages/core/src/relation/builder.js';
import type { ValueId } from '../../packages/core/src/relation/relation.js';
import { attempt, type Model, PRESET, type Tricks, verdict } from './dishonest-prover.js';
import { named, ramp, rangeCheck } from './relations.js';

const modes: BoundaryMode[] = ['public', 'merkle'];
const preset = { ...PRESET, queries: 24, grindingBits: 0 };

const verdictOf = (model: Model, tricks: Tricks): string => verdict(attempt(model, modes, tricks, preset));

/** q = round(x / 4) in [-2, 1] for two cells: r and q + 2 are looked up in the range of two bits. */
function halving(): Model {
  const b = new RelationBuilder();
  const x = b.input('x', [2], { lo: -8, hi: 5 });
  const q = b.witness('q', [2], { lo: -2, hi: 1 }, { kind: 'quotient', src: x, shift: 2 });
  const map = identityMap(1);
  const terms = [
    { src: x, coef: 1, map },
    { src: q, coef: -4, map },
  ];
  b.lookup(b.rangeTable(2), b.linear('r', [2], terms, 2));
  b.lookup(b.rangeTable(2), b.linear('q/from', [2], [{ src: q, coef: 1, map }], 2));
  b.output(q);
  return { relation: b.build(), constants: b.constants, inputs: [Int32Array.of(-7, 5)] };
}

/** out = a·b over one summed index of two; nothing else. */
function innerProduct(): Model {
  const b = new RelationBuilder();
  const x = b.input('x', [2], { lo: 0, hi: 7 });
  const y = b.witness('y', [2], { lo: 0, hi: 7 }, { kind: 'copy', src: x });
  const product = b.contract('product', [1], x, y, [2], [axis(1)], [axis(1)]);
  const out = b.witness('out', [1], { lo: 0, hi: 98 }, { kind: 'copy', src: product });
  const map = identityMap(1);
  const terms = [
    { src: out, coef: 1, map },
    { src: product, coef: -1, map },
  ];
  b.zero(b.linear('same', [1], terms, 0, { lo: 0, hi: 0 }));
  b.output(out);
  return { relation: b.build(), constants: b.constants, inputs: [Int32Array.of(3, 5)] };
}

describe('every witness of a toy relation', () => {
  it('but the true one is rejected', () => {
    const model = halving();
    const q = named(model, 'q');
    const accepted: string[] = [];
    for (let a = -6; a <= 6; a++) {
      for (let b = -6; b <= 6; b++) {
        const values = new Map<ValueId, Int32Array>([[q, Int32Array.of(a, b)]]);
        if (verdictOf(model, { values }) === 'accepted') accepted.push(`${a},${b}`);
      }
    }
    expect(accepted).toEqual(['-2,1']);
  });

  it('with wrong remainders besides is rejected: the remainder follows from what is committed', () => {
    const model = halving();
    const [q, r] = [named(model, 'q'), named(model, 'r')];
    for (let a = -3; a <= 2; a++) {
      for (let rest = 0; rest < 4; rest++) {
        const lie: [ValueId, Int32Array][] = [
          [q, Int32Array.of(a, 1)],
          [r, Int32Array.of(rest, 3)],
        ];
        const found = verdictOf(model, { values: new Map(lie) });
        expect(found === 'accepted', `${a} ${rest}`).toBe(a === -2 && rest === 3);
      }
    }
  });

  it('with any other multiplicities is rejected', () => {
    const model = rangeCheck(1, Int32Array.of(0, 1, 1));
    const accepted: string[] = [];
    for (let m = 0; m <= 4; m++) {
      for (let n = 0; n <= 4; n++) {
        const multiplicities: Tricks['multiplicities'] = ([counts]) => counts.set([m, n]);
        if (verdictOf(model, { multiplicities }) === 'accepted') accepted.push(`${m},${n}`);
      }
    }
    expect(accepted).toEqual(['1,2']);
  });

  it('with any other pair of a function table is rejected', () => {
    const b = new RelationBuilder();
    const x = b.input('x', [1], { lo: 0, hi: 3 });
    const table = b.functionTable('f', 0, () => Int32Array.of(2, 0, 3, 1));
    const y = b.witness('y', [1], { lo: 0, hi: 3 }, { kind: 'table', src: x, table });
    b.lookup(table, x, y);
    b.output(y);
    const relation = b.build();
    for (let input = 0; input < 4; input++) {
      const model = { relation, constants: b.constants, inputs: [Int32Array.of(input)] };
      for (let out = -1; out <= 4; out++) {
        const found = verdictOf(model, { values: new Map([[y, Int32Array.of(out)]]) });
        expect(found === 'accepted', `${input} ${out}`).toBe(out === [2, 0, 3, 1][input]);
      }
    }
  });
});

describe('every message near the true one', () => {
  const model = innerProduct();
  const honest = attempt(model, modes, {}, preset);
  /** Adds to the limbs of the elements of a message: one step for each limb named. */
  const shifted = (label: string, limbs: readonly number[], steps: readonly number[]): Tricks => ({
    message(l, _, data) {
      if (l !== label) return undefined;
      const view = new DataView(data.buffer);
      limbs.forEach((limb, i) => {
        const x = view.getUint32(4 * limb, true) + steps[i];
        view.setUint32(4 * limb, (x + 2147483647) % 2147483647, true);
      });
      return data;
    },
  });
  const steps = [-2, -1, 0, 1, 2];

  it('is accepted as it is; the sumcheck has one variable', () => {
    expect(verdict(honest)).toBe('accepted');
    expect(honest.messages.filter((m) => m.label === 'contractions/round')).toHaveLength(1);
  });

  it.each([
    ['contractions/round', [0, 4]],
    ['contractions/round', [1, 7]],
    ['contractions/values', [0, 3]],
    ['contractions/ends', [0, 4]],
    ['contractions/ends', [2, 6]],
    ['opening/message', [0, 4]],
  ])('is rejected: %s, limbs %j', (label, limbs) => {
    for (const a of steps) {
      for (const b of steps) {
        const found = verdictOf(model, shifted(label, limbs, [a, b]));
        expect(found === 'accepted', `${a} ${b}`).toBe(a === 0 && b === 0);
      }
    }
  });
});

describe('every bit', () => {
  it('of a small proof counts', () => {
    // The nonce is the one free choice: another that does the work asks other queries, which these bytes do not answer.
    // Among few positions they may be the same, so that here the work itself has to tell.
    const work = { ...PRESET, queries: 1, grindingBits: 16 };
    const small = attempt(
      rangeCheck(
        1,
        ramp(3, (i) => i % 2),
      ),
      modes,
      {},
      work,
    );
    expect(verdict(small)).toBe('accepted');
    let accepted = 0;
    for (let bit = 0; bit < 8 * small.proof.length; bit++) {
      const proof = small.proof.slice();
      proof[bit >> 3] ^= 1 << (bit & 7);
      if (verdict({ ...small, proof }) === 'accepted') accepted++;
    }
    expect(accepted).toBe(0);
  });
});
