/** Every check of the verifier is needed: for each, an attack that this check alone stands against. */
import { describe, expect, it } from 'vitest';
import type { RejectCode } from '../../packages/core/src/argument/rejected.js';
import { inv, mul, neg } from '../../packages/core/src/field/qm31.js';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import { type Attempt, attempt, executeWith, PRESET, type Tricks, verdict } from './dishonest-prover.js';
import { persistent } from './persistent-liar.js';
import { changed, denseLayer, named, ramp, total, twoTables } from './relations.js';

const model = denseLayer();
const modes: BoundaryMode[] = ['clear', 'merkle'];
const honest = executeWith(model, new Map());

const lie = (name: string, cell: number, step: number): Tricks => {
  const id = named(model, name);
  const data = honest.get(id);
  return { values: new Map([[id, changed(data, { [cell]: data[cell] + step })]]) };
};

const miscounted: Tricks = {
  multiplicities(m) {
    m[0][1]++;
  },
};

/** Makes the sum of a false tree zero at its top, and nowhere below. */
const evenTop: Tricks = {
  ...miscounted,
  prover: (p) => ({
    fractions(tree, alpha, beta) {
      const own = p.fractions(tree, alpha, beta);
      return {
        ...own,
        top() {
          const [, p1, q0, q1] = own.top();
          return [neg(mul(mul(p1, q0), inv(q1))), p1, q0, q1];
        },
      };
    },
  }),
};

/** Proves from another input than the one committed to. */
function otherInput(): Attempt {
  const x = named(model, 'x');
  const data = honest.get(x);
  const other = changed(data, { 2: data[2] - 1 });
  return attempt(model, modes, {
    values: new Map([[x, other]]),
    boundary: new Map([[0, data]]),
    prover: (p) => ({
      boundaryOpening(i) {
        const opened = p.boundaryOpening(i).slice();
        if (i === 0) opened.set(new Uint8Array(other.slice().buffer), 32);
        return opened;
      },
    }),
  });
}

const sums = total(
  ramp(5, (i) => i),
  { lo: 0, hi: 4 },
);
const beyond = { ...sums, inputs: [ramp(5, (i) => i + 1)] };

/** A nonce that was not worked for. */
const idle = (label: string): Tricks => ({
  message: (l) => (l === label ? new Uint8Array(8).fill(255) : undefined),
});

const attacks: [RejectCode, () => Attempt][] = [
  ['lookup-sum', () => attempt(model, modes, miscounted)],
  ['lookup-sum', () => attempt(twoTables(), modes, miscounted)],
  ['fraction-layer', () => attempt(model, modes, evenTop)],
  ['contraction', () => attempt(model, modes, lie('square', 3, 1))],
  ['contraction', () => attempt(model, modes, lie('acc', 5, 16))],
  ['opening-sum', () => attempt(sums, modes, { values: new Map([[named(sums, 'out'), Int32Array.of(11)]]) })],
  ['opening-sum', () => attempt(model, modes, lie('bias', 2, 16))],
  ['fold', () => attempt(model, modes, persistent(miscounted))],
  ['merkle-path', () => attempt(model, modes, { message: (l) => (l === 'witness' ? new Uint8Array(32) : undefined) })],
  [
    'merkle-path',
    () => attempt(model, modes, { message: (l) => (l === 'opening/fold' ? new Uint8Array(32) : undefined) }),
  ],
  ['grinding', () => attempt(model, modes, idle('opening/nonce'), { ...PRESET, grindingBits: 16 })],
  ['grinding', () => attempt(model, modes, idle('opening/work'), { ...PRESET, logFreeWord: -8 })],
  ['commitment', otherInput],
  ['boundary-range', () => attempt(beyond, ['public', 'merkle'])],
  ['boundary-range', () => attempt(beyond, ['clear', 'merkle'])],
  [
    'clear-claim',
    () => attempt(sums, ['public', 'public'], { values: new Map([[named(sums, 'out'), Int32Array.of(11)]]) }),
  ],
];

describe('the check', () => {
  it.each(attacks)('%s stops an attack that nothing else stops', (code, make) => {
    const attack = make();
    expect(verdict(attack)).toBe(code);
    expect(verdict(attack, { check: code })).toBe('accepted');
  });
});
