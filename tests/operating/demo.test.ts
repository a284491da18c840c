/** The demo as a user runs it: the whole network, a prover that cheats and one that vanishes. */
import { describe, expect, it } from 'vitest';
import { dsperse, sample, temporary } from '../e2e/dsperse-process.js';

const at = temporary();

interface Prover {
  readonly name: string;
  readonly address: string;
  readonly chunks: readonly number[];
  readonly failed: readonly { readonly outcome: string }[];
  readonly paid: string;
  readonly slashed: string;
}

describe('demo', () => {
  it('catches who cheats and who vanishes, pays the others, and accounts for every token', async () => {
    const { code, json } = await dsperse('demo', '--keep', at('demo'), '--json');
    expect(json).toMatchObject({
      verdict: 'accepted',
      order: { state: 'settled' },
      output: { name: 'logits', prediction: 3 },
      ledger: { conserved: true },
    });
    expect(code).toBe(0);
    const provers = json.provers as Prover[];
    const [cheat, vanished] = provers;
    expect(cheat.failed.map((f) => f.outcome)).toContain('rejected');
    expect(vanished.failed.map((f) => f.outcome)).toContain('missed');
    for (const p of [cheat, vanished]) {
      expect(p).toMatchObject({ chunks: [], paid: '0' });
      expect(BigInt(p.slashed)).toBeGreaterThan(0n);
    }
    const honest = provers.slice(2);
    expect(honest.flatMap((p) => p.chunks).sort()).toEqual([0, 1, 2, 3]);
    for (const p of honest) expect(p.slashed).toBe('0');
    for (const v of json.validators) {
      expect(v.verified).toBeGreaterThanOrEqual(5);
      expect(v.rejected).toBeGreaterThanOrEqual(1);
      expect(BigInt(v.paid)).toBeGreaterThan(0n);
    }
    expect(json.tampered.length).toBeGreaterThanOrEqual(7);
    for (const { verdict, code: reason } of json.tampered) {
      expect(verdict).toBe('rejected');
      expect(reason).not.toBe('');
    }
    expect((await dsperse('verify', json.run, '--fingerprint', json.fingerprint)).code).toBe(0);
  }, 240_000);

  it('tells people the same', async () => {
    const { code, stdout } = await dsperse('demo', sample('8.png'));
    expect(stdout).toMatch(/prediction +8/);
    expect(stdout).toContain('ACCEPTED');
    expect(stdout).toContain('is accounted for');
    expect(code).toBe(0);
  }, 240_000);
});
