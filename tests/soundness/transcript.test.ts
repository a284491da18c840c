import { describe, expect, it } from 'vitest';
import { encodeExts } from '../../packages/core/src/argument/channel.js';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import { attempt, type Tricks, verdict } from './dishonest-prover.js';
import { denseLayer } from './relations.js';

const MODES: [BoundaryMode, BoundaryMode][] = [
  ['public', 'public'],
  ['clear', 'merkle'],
];

describe.each(MODES)('the transcript, boundary tensors %s and %s', (...modes) => {
  const model = denseLayer();
  const honest = attempt(model, modes);

  it('takes in every kind of message', () => {
    expect(verdict(honest)).toBe('accepted');
    const kinds = new Set(honest.absorbed.map((label) => label.replace(/\d+$/, 'i')));
    for (const kind of [
      'witness',
      'statement',
      'constants',
      'boundary',
      'fractions/top',
      'fractions/round',
      'fractions/children',
      'contractions/values',
      'contractions/round',
      'contractions/ends',
      'opening/round',
      'opening/fold',
      'opening/message',
      'opening/work',
      'opening/nonce',
    ]) {
      expect(kinds).toContain(kind);
    }
    expect(kinds.has('boundary/i')).toBe(modes.some((m) => m !== 'public'));
  });

  // One mutant for every absorb: a challenge drawn without the message would let the prover choose the message last.
  it('rejects a prover that skips any one absorb', () => {
    const seen = new Map<string, number>();
    for (const label of honest.absorbed) {
      const n = seen.get(label) ?? 0;
      seen.set(label, n + 1);
      const skip: Tricks['skip'] = (l, k) => l === label && k === n;
      expect(verdict(attempt(model, modes, { skip })), `${label} ${n}`).not.toBe('accepted');
    }
  });

  it('rejects every message replaced by zeros, and by another with one limb changed', () => {
    const seen = new Map<string, number>();
    for (const { label } of honest.messages) {
      const n = seen.get(label) ?? 0;
      seen.set(label, n + 1);
      for (const change of [
        (data: Uint8Array) => data.fill(0),
        (data: Uint8Array) => {
          data[data.length - 4] ^= 1;
          return data;
        },
      ]) {
        const message: Tricks['message'] = (l, k, data) => (l === label && k === n ? change(data) : undefined);
        const bad = attempt(model, modes, { message });
        const same = Buffer.compare(bad.proof, honest.proof) === 0;
        // A nonce is the prover's choice: another that does the work is as good.
        if (label === 'opening/work') expect(['accepted', 'grinding']).toContain(verdict(bad));
        else if (!same) expect(verdict(bad), `${label} ${n}`).not.toBe('accepted');
      }
    }
  });
});

describe('rounds of the sumchecks', () => {
  const modes: BoundaryMode[] = ['clear', 'merkle'];
  const model = denseLayer();
  const honest = attempt(model, modes);
  const where = {
    'fractions/round': 'fraction-layer',
    'contractions/round': 'contraction',
    'opening/round': 'opening-sum',
  } as const;

  // p(0) + p(1) = claim holds by construction, as p(1) is not sent; a wrong p surfaces at the end of its sumcheck.
  it.each(Object.entries(where))('rejects a wrong %s at the end of its sumcheck', (label, code) => {
    const count = honest.messages.filter((m) => m.label === label).length;
    for (let n = 0; n < count; n++) {
      for (const limb of [0, 5]) {
        const bad = attempt(model, modes, {
          message(l, k, data) {
            if (l !== label || k !== n) return undefined;
            data[4 * limb] ^= 1;
            return data;
          },
        });
        expect(verdict(bad)).toBe(code);
      }
    }
  });

  it('rejects missing and additional elements, rounds and messages', () => {
    for (const { label, offset, size } of honest.messages) {
      if (size === 0) continue;
      const head = honest.proof.subarray(0, offset);
      const own = honest.proof.subarray(offset, offset + size);
      const tail = honest.proof.subarray(offset + size);
      const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((p) => [...p]));
      const element = encodeExts([[1, 2, 3, 4]]);
      for (const proof of [
        join(head, tail),
        join(head, own, own, tail),
        join(head, own, element, tail),
        join(head, element, own, tail),
        join(head, own.subarray(0, size - 1), tail),
      ]) {
        expect(verdict({ ...honest, proof }), label).not.toBe('accepted');
      }
    }
  });
});
