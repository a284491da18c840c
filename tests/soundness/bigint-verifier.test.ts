import { describe, expect, it } from 'vitest';
import { PRESETS, type Preset } from '../../packages/core/src/argument/presets.js';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import { secondOpinion } from './bigint-verifier.js';
import { attempt, type Model, verdict } from './dishonest-prover.js';
import { persistent } from './persistent-liar.js';
import {
  convolution,
  denseLayer,
  depthwise,
  maximum,
  ramp,
  rangeCheck,
  reshaped,
  softmax,
  total,
  twoTables,
} from './relations.js';

const models: [string, Model][] = [
  ['a dense layer', denseLayer()],
  ['a convolution with padding, stride and a reshape', convolution()],
  ['two tables', twoTables()],
  [
    'a range',
    rangeCheck(
      3,
      ramp(24, (i) => (i * 3) % 8),
    ),
  ],
  [
    'a sum',
    total(
      ramp(9, (i) => i - 4),
      { lo: -8, hi: 7 },
    ),
  ],
  ['a maximum', maximum(ramp(7, (i) => [3, -2, 7, 7, 1, -8, 0][i]))],
  ['a softmax', softmax(ramp(5, (i) => [3, -2, 6, 5, 1][i]))],
  ['a gather and a transposition', reshaped()],
  ['a depthwise convolution', depthwise()],
];
const every: BoundaryMode[] = ['public', 'clear', 'merkle'];
const tiny: Preset = { ...PRESETS.tiny, queries: 4 };

describe('the verifier in BigInt', () => {
  it.each(models)('accepts what the verifier accepts, in every mode: %s', (_, model) => {
    for (const input of every) {
      for (const output of every) {
        const honest = attempt(model, [input, output], {}, tiny);
        expect(verdict(honest)).toBe('accepted');
        expect(secondOpinion(honest)).toBe('accepted');
      }
    }
  });

  it.each(models)('rejects what the verifier rejects, for the same reason: %s', (_, model) => {
    let n = 0;
    for (const modes of [
      ['clear', 'merkle'],
      ['public', 'merkle'],
    ] as BoundaryMode[][]) {
      const honest = attempt(model, modes, {}, tiny);
      for (let i = 0; i < 24; i++) {
        const proof = honest.proof.slice();
        const at = (i * 7919 + n * 31) % proof.length;
        proof[at] ^= 1 << (i % 8);
        const bad = { ...honest, proof };
        const found = verdict(bad);
        expect(secondOpinion(bad)).toBe(found);
        expect(found).not.toBe('accepted');
        n++;
      }
      const cut = { ...honest, proof: honest.proof.slice(0, -5) };
      expect(secondOpinion(cut)).toBe(verdict(cut));
      const long = { ...honest, proof: Uint8Array.from([...honest.proof, 0]) };
      expect(secondOpinion(long)).toBe(verdict(long));
    }
  });

  it('agrees on every message tampered with or left unabsorbed', () => {
    const model = twoTables();
    const modes: BoundaryMode[] = ['merkle', 'clear'];
    const honest = attempt(model, modes, {}, tiny);
    const seen = new Map<string, number>();
    for (const { label, size } of honest.messages) {
      const n = seen.get(label) ?? 0;
      seen.set(label, n + 1);
      if (size === 0) continue;
      const tampered = attempt(
        model,
        modes,
        {
          message(l, k, data) {
            if (l !== label || k !== n) return undefined;
            data[0] ^= 4;
            return data;
          },
        },
        tiny,
      );
      const skipped = attempt(model, modes, { skip: (l, k) => l === label && k === n }, tiny);
      for (const a of [tampered, skipped]) expect(secondOpinion(a), `${label} ${n}`).toBe(verdict(a));
    }
  });

  it('agrees on a prover that lies persistently', () => {
    for (const [, model] of models.slice(0, 3)) {
      const found = new Set<string>();
      for (let step = 1; step <= 3; step++) {
        const lie = persistent({
          multiplicities(m) {
            m[0][1] += step;
          },
        });
        const bad = attempt(model, ['clear', 'merkle'], lie, tiny);
        found.add(verdict(bad));
        expect(secondOpinion(bad)).toBe(verdict(bad));
      }
      expect(found.has('lookup-sum')).toBe(false);
    }
  });
});
