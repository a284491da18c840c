import { describe, expect, it } from 'vitest';
import { PRESETS, type Preset } from '../argument/presets.js';
import { axis, identityMap, RelationBuilder } from '../relation/builder.js';
import type { Relation } from '../relation/relation.js';
import type { SliceShape } from './slice-protocol.js';
import { ownConstants, sliceShape } from './slice-shape.js';
import { soundnessBits, spotChecksNeeded } from './soundness.js';

/** A chain of `layers` 3×3 convolutions with rescale and activation, as in a residual network. */
function convolutions(channels: number, side: number, layers: number, preset: Preset): SliceShape {
  const b = new RelationBuilder();
  const dims = [1, channels, side, side];
  const map = identityMap(4);
  let x = b.input('x', dims, { lo: -2048, hi: 2047 });
  for (let i = 0; i < layers; i++) {
    const w = b.constant(`w${i}`, [channels, channels, 3, 3], new Int32Array(channels * channels * 9).fill(1));
    const spatial = (out: number, sum: number) => ({
      start: -1,
      terms: [
        { index: out, step: 1 },
        { index: sum, step: 1 },
      ],
    });
    const acc = b.contract(
      `acc${i}`,
      dims,
      x,
      w,
      [channels, 3, 3],
      [axis(0), axis(4), spatial(2, 5), spatial(3, 6)],
      [axis(1), axis(4), axis(5), axis(6)],
    );
    const q = b.witness(`q${i}`, dims, { lo: -8192, hi: 8191 }, { kind: 'quotient', src: acc, shift: 12 });
    const terms = [
      { src: acc, coef: 1, map },
      { src: q, coef: -4096, map },
    ];
    b.lookup(b.rangeTable(12), b.linear(`r${i}`, dims, terms, 2048));
    const relu = b.functionTable('relu', -8192, () =>
      Int32Array.from({ length: 16384 }, (_, k) => Math.max(0, k - 8192)),
    );
    x = b.witness(`y${i}`, dims, { lo: 0, hi: 8191 }, { kind: 'table', src: q, table: relu });
    b.lookup(relu, q, x);
  }
  b.output(x);
  // Shapes that are not sound enough are refused; here they are looked at all the same.
  const shape = shapeOf(b.build(), { ...preset, minimumBits: 0 });
  return { ...shape, preset, spotChecks: spotChecksNeeded({ ...shape, preset }) ?? shape.spotChecks };
}

const { standard, tiny } = PRESETS;

const shapeOf = (relation: Relation, preset: Preset, slices = 1): SliceShape =>
  sliceShape(relation, preset, ['merkle', 'merkle'], ownConstants(relation, new Uint8Array(32)), slices);

describe('the soundness error', () => {
  it('of standard slices is below 2^-100', () => {
    // Stages of ResNet-18 at 224²; the last has 2^22.6 committed cells and 2^22.9 lookups.
    for (const [channels, side, layers] of [
      [64, 56, 4],
      [128, 28, 4],
      [512, 7, 3],
      [64, 56, 16],
      [64, 112, 3],
      [64, 128, 3],
    ]) {
      const shape = convolutions(channels, side, layers, standard);
      const { bits, terms } = soundnessBits(shape);
      expect(bits).toBeGreaterThanOrEqual(100);
      expect(spotChecksNeeded(shape)).toEqual(shape.spotChecks);
      expect(bits).toBeLessThanOrEqual(Math.min(...terms.map((t) => t.bits)));
    }
    const large = convolutions(64, 128, 3, standard);
    expect(large.lookups.map((t) => t.depth)).toEqual([23]);
    expect(Math.log2(large.oracles[large.witness as number].layout.cells)).toBeGreaterThan(22);
  });

  it('is the numbers of docs/soundness.md', () => {
    const { bits, terms } = soundnessBits(convolutions(64, 128, 3, standard));
    expect([...terms.map((t) => [t.name, t.bits]), ['all', bits]]).toMatchInlineSnapshot(`
      [
        [
          "lookup: a false cell meets a row at β",
          108.67,
        ],
        [
          "lookup: sum of fractions at α",
          101.41,
        ],
        [
          "fraction trees",
          114.89,
        ],
        [
          "claims: batching by powers of μ",
          121.41,
        ],
        [
          "contractions: batching by powers of γ",
          122.99,
        ],
        [
          "contractions: sumchecks",
          118.09,
        ],
        [
          "opening: gaps are zero",
          119.47,
        ],
        [
          "opening: batching by powers of λ",
          121.99,
        ],
        [
          "opening: sumcheck",
          118.41,
        ],
        [
          "opening: proximity of the combined rows",
          103.99,
        ],
        [
          "opening: proximity of the folds",
          107.24,
        ],
        [
          "opening: spot checks and proof of work",
          101.04,
        ],
        [
          "hash collisions",
          128,
        ],
        [
          "all",
          100.1,
        ],
      ]
    `);
  });

  it('names every term once, with its theorem', () => {
    const { terms } = soundnessBits(convolutions(64, 56, 4, standard));
    expect(new Set(terms.map((t) => t.name)).size).toBe(terms.length);
    for (const t of terms) expect(t.theorem).not.toBe('');
  });

  it('grows with every query and every bit of work, until another term outweighs them', () => {
    const shape = convolutions(64, 56, 1, standard);
    const bitsOf = (queries: number, grindingBits: number) =>
      soundnessBits({ ...shape, spotChecks: { queries, grindingBits } }).bits;
    let before = 0;
    for (const queries of [1, 2, 8, 32, 100, 128]) {
      const bits = bitsOf(queries, 16);
      expect(bits).toBeGreaterThan(before);
      before = bits;
    }
    for (const grindingBits of [0, 8, 16]) {
      expect(bitsOf(100, grindingBits) - bitsOf(100, 0)).toBeCloseTo(grindingBits, 0);
    }
    expect(bitsOf(1000, 16)).toBeLessThan(124);
  });

  it('falls with the size of the slice, of equally many queries', () => {
    const shapes = [1, 2, 4, 8, 16].map((n) => convolutions(64, 56, n, standard));
    const bits = shapes.map(
      (shape) => soundnessBits({ ...shape, spotChecks: { queries: 128, grindingBits: 16 } }).bits,
    );
    for (let i = 1; i < bits.length; i++) expect(bits[i]).toBeLessThan(bits[i - 1]);
  });

  it('takes as many queries as it needs, and not one more', () => {
    for (const [layers, slices] of [
      [1, 1],
      [4, 1],
      [8, 2],
      [16, 8],
    ]) {
      const { relation } = convolutions(64, 56, layers, standard);
      const shape = shapeOf(relation, standard, slices);
      const allowed = 100 - Math.log2(slices);
      expect(soundnessBits(shape).bits).toBeGreaterThanOrEqual(allowed - 0.01);
      expect(
        soundnessBits({ ...shape, spotChecks: { ...shape.spotChecks, queries: shape.spotChecks.queries - 1 } }).bits,
      ).toBeLessThan(allowed);
      // No fewer than the preset's, whatever is allowed.
      expect(shapeOf(relation, { ...standard, minimumBits: 60 }, slices).spotChecks.queries).toBe(standard.queries);
    }
  });

  it('is asked of every shape that prover and verifier work on', () => {
    const large = convolutions(64, 128, 8, standard);
    expect(spotChecksNeeded(large)).toBeUndefined();
    const { relation } = large;
    expect(() => shapeOf(relation, standard)).toThrow('bits of soundness');
    // Joined slices may have the error of their proofs together.
    const { bits } = soundnessBits({ ...large, spotChecks: { queries: 128, grindingBits: 16 } });
    expect(bits).toBeGreaterThan(99);
    expect(() => shapeOf(relation, standard, 2)).not.toThrow();
    const small = convolutions(64, 56, 4, standard);
    expect(() => shapeOf(small.relation, standard)).not.toThrow();
  });

  it('of the preset for tests is no security', () => {
    const roomy = { ...tiny, maxLogRow: 10 };
    const { bits } = soundnessBits(convolutions(2, 4, 1, roomy));
    expect(bits).toBeLessThan(10);
    expect(spotChecksNeeded(convolutions(2, 4, 1, roomy))?.queries).toBe(roomy.queries);
    expect(spotChecksNeeded(convolutions(2, 4, 1, { ...roomy, minimumBits: 90 }))?.queries).toBeGreaterThan(100);
  });
});
