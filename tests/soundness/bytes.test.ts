import { describe, expect, it } from 'vitest';
import { P } from '../../packages/core/src/field/m31.js';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import { attempt, PRESET, verdict } from './dishonest-prover.js';
import { denseLayer } from './relations.js';

/** Deterministic noise. */
function noise(length: number, seed: number): Uint8Array {
  let x = seed * 2654435761 + 1;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

const modes: BoundaryMode[] = ['clear', 'merkle'];
// Fewer queries make a proof small enough to try all of it; a changed byte is caught whatever is queried.
const preset = { ...PRESET, queries: 3, grindingBits: 4 };
const honest = attempt(denseLayer(), modes, {}, preset);

describe('the bytes of a slice proof', () => {
  it('are accepted as they are', () => {
    expect(verdict(honest)).toBe('accepted');
    expect(honest.proof.length).toBeLessThan(12_000);
  });

  it('are rejected with one bit flipped in any byte', () => {
    for (let i = 0; i < honest.proof.length; i++) {
      const proof = honest.proof.slice();
      proof[i] ^= 1 << ((i * 5 + (i >> 3)) % 8);
      const result = verdict({ ...honest, proof });
      expect(result, `byte ${i}`).not.toBe('accepted');
    }
  });

  it('are rejected when cut anywhere, and with anything after them', () => {
    for (let n = 0; n < honest.proof.length; n += 7) {
      expect(verdict({ ...honest, proof: honest.proof.slice(0, n) })).toBe('truncated');
    }
    expect(verdict({ ...honest, proof: honest.proof.slice(0, -1) })).toBe('truncated');
    for (const extra of [1, 4, 16, 1000]) {
      const proof = new Uint8Array(honest.proof.length + extra);
      proof.set(honest.proof);
      expect(verdict({ ...honest, proof })).toBe('trailing-bytes');
    }
  });

  it('are rejected with a limb written as x + p, be it absorbed so or not', () => {
    const limbs = ['fractions/', 'contractions/', 'opening/round', 'opening/message'];
    for (const { label, offset, size } of honest.messages) {
      if (!limbs.some((l) => label.startsWith(l))) continue;
      for (let o = 0; o < size; o += 20) {
        const proof = honest.proof.slice();
        const view = new DataView(proof.buffer);
        view.setUint32(offset + o, view.getUint32(offset + o, true) + P, true);
        expect(verdict({ ...honest, proof }), label).toBe('non-canonical');
      }
    }
    const bad = attempt(denseLayer(), modes, {
      message(label, _, data) {
        if (label !== 'contractions/values') return undefined;
        const view = new DataView(data.buffer);
        view.setUint32(0, view.getUint32(0, true) + P, true);
        return data;
      },
    });
    expect(verdict(bad)).toBe('non-canonical');
  });

  it('are rejected as noise of any length, in bounded time and without another exception', () => {
    const start = performance.now();
    for (let i = 0; i < 300; i++) {
      const length = i < 100 ? i : (i * 97) % (2 * honest.proof.length);
      expect(verdict({ ...honest, proof: noise(length, i) })).not.toBe('accepted');
    }
    expect(verdict({ ...honest, proof: new Uint8Array(2 ** 27) })).not.toBe('accepted');
    for (let i = 0; i < 100; i++) {
      // An honest beginning, then noise.
      const cut = Math.floor((i * honest.proof.length) / 100);
      const proof = noise(honest.proof.length, i);
      proof.set(honest.proof.subarray(0, cut));
      expect(verdict({ ...honest, proof })).not.toBe('accepted');
    }
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
