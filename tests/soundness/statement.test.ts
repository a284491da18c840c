import { describe, expect, it } from 'vitest';
import { clearCommitment } from '../../packages/core/src/argument/oracles.js';
import { P } from '../../packages/core/src/field/m31.js';
import { NO_SALT, type SliceShape } from '../../packages/core/src/proof/slice-protocol.js';
import { ownConstants, sliceShape } from '../../packages/core/src/proof/slice-shape.js';
import { type Attempt, attempt, encode, PRESET, verdict } from './dishonest-prover.js';
import { changed, denseLayer, ramp, total } from './relations.js';

const known = (values: Int32Array) => ({ values, salt: NO_SALT, commitment: clearCommitment(NO_SALT, values) });

describe('a slice proof holds for its own statement only', () => {
  const honest = attempt(denseLayer(), ['public', 'public']);
  const other = attempt(
    denseLayer((i) => ((i * 7) % 11) - (i === 4 ? 4 : 5)),
    ['public', 'public'],
  );

  it('is accepted as it is', () => {
    expect(verdict(honest)).toBe('accepted');
    expect(verdict(other)).toBe('accepted');
  });

  it('not for an output that is one off, nor for another input', () => {
    const [x, y] = honest.boundary;
    for (const step of [1, -1]) {
      const off = known(changed(y.values, { 7: y.values[7] + step }));
      expect(verdict({ ...honest, boundary: [x, off] })).not.toBe('accepted');
      // Nor if only one of the two, the commitment and the values, is changed.
      expect(verdict({ ...honest, boundary: [x, { ...off, commitment: y.commitment }] })).toBe('commitment');
      expect(verdict({ ...honest, boundary: [x, { ...y, commitment: off.commitment }] })).toBe('commitment');
    }
    const input = known(changed(x.values, { 0: x.values[0] + 1 }));
    expect(verdict({ ...honest, boundary: [input, y] })).not.toBe('accepted');
    expect(verdict({ ...honest, boundary: [y, x] })).not.toBe('accepted');
  });

  it('not for public tensors of other lengths or outside their interval', () => {
    const [x, y] = honest.boundary;
    for (const n of [0, 1, 11, 13, 10_000]) {
      expect(verdict({ ...honest, boundary: [known(new Int32Array(n)), y] })).toBe('boundary-shape');
    }
    expect(verdict({ ...honest, boundary: [known(changed(x.values, { 3: 8 })), y] })).toBe('boundary-range');
  });

  it('not under another nonce, prover or fingerprint: all are bytes of the statement', () => {
    for (const text of ['', 'statemenu', 'statement ', 'Statement']) {
      expect(verdict({ ...honest, statement: encode(text) })).not.toBe('accepted');
    }
    for (let bit = 0; bit < 8 * honest.statement.length; bit++) {
      const statement = honest.statement.slice();
      statement[bit >> 3] ^= 1 << (bit & 7);
      expect(verdict({ ...honest, statement })).not.toBe('accepted');
    }
  });

  it('not for constants of the same shape', () => {
    expect(verdict({ ...honest, shape: other.shape })).not.toBe('accepted');
    // Whoever sends the leaves of the true constants all the same fails on their Merkle paths.
    const swapped = { ...honest, shape: { ...honest.shape, constants: other.shape.constants } as SliceShape };
    expect(verdict(swapped)).not.toBe('accepted');
  });

  it('not for another table, scale, rounding or preset', () => {
    const { shape } = honest;
    const table = attempt(
      denseLayer(undefined, (x) => Math.max(x, -1)),
      ['public', 'public'],
    );
    expect(verdict({ ...honest, shape: table.shape })).not.toBe('accepted');
    const rounding = (offset: number, coef: number): SliceShape => {
      const values = shape.relation.values.map((v) =>
        v.kind === 'linear' && v.name === 'r'
          ? { ...v, offset, terms: v.terms.map((t) => (t.coef === -16 ? { ...t, coef } : t)) }
          : v,
      );
      return { ...shape, relation: { ...shape.relation, values } };
    };
    expect(verdict({ ...honest, shape: rounding(8, -16) })).toBe('accepted');
    expect(verdict({ ...honest, shape: rounding(7, -16) })).not.toBe('accepted');
    expect(verdict({ ...honest, shape: rounding(8, -8) })).not.toBe('accepted');
    const constants = ownConstants(shape.relation, shape.constants[0]);
    for (const preset of [
      { ...PRESET, queries: 2 * PRESET.queries },
      { ...PRESET, queries: 8 },
      { ...PRESET, logFinal: 5 },
      { ...PRESET, minLogRow: 8 },
    ]) {
      const shaped = sliceShape(shape.relation, preset, ['public', 'public'], constants);
      expect(verdict({ ...honest, shape: shaped })).not.toBe('accepted');
    }
  });
});

describe('an input crafted after the challenges', () => {
  // The sum is all that the relation asks of x: any x' of the same sum satisfies the same claims. Yet it is another
  // statement, and a proof must not serve for both, even where the statement's bytes do not hold the input.
  const model = total(
    ramp(8, (i) => i * 1000),
    { lo: -(P - 1) / 2, hi: (P - 1) / 2 },
  );
  const craft = (a: Attempt): Attempt => {
    const [x, y] = a.boundary;
    const crafted = known(changed(x.values, { 0: x.values[0] + 5, 1: x.values[1] - 5 }));
    return { ...a, boundary: [crafted, y] };
  };

  it('is refused, though it satisfies every claim', () => {
    const honest = attempt(model, ['public', 'merkle']);
    expect(verdict(honest)).toBe('accepted');
    expect(verdict(craft(honest))).not.toBe('accepted');
  });

  it('would be accepted if the commitments of public tensors were not absorbed', () => {
    const attack = attempt(model, ['public', 'merkle'], { skip: (label) => label === 'boundary' });
    expect(verdict(craft(attack), { absorb: 'boundary' })).toBe('accepted');
  });
});
