/** Several slices in one proof, by the command: as few proofs as memory allows, beside those that are there. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { CALIBRATION, dsperse, MODEL, sample, temporary } from './dsperse-process.js';

const at = temporary();
let fingerprint = '';

beforeAll(async () => {
  const words = ['--calibrate', CALIBRATION, '--slices', 'layers', '--json'];
  const { json } = await dsperse('compile', MODEL, '-o', at('program'), ...words);
  fingerprint = json.fingerprint;
  expect(json.slices).toHaveLength(6);
});

const prove = (run: string, ...words: string[]) =>
  dsperse('prove', at('program'), '-i', sample('3.png'), '-o', at(run), '--json', ...words);
const verify = (run: string, ...words: string[]) =>
  dsperse('verify', at(run), '--fingerprint', fingerprint, '--json', ...words);
const proofs = (run: string): string[] => readdirSync(at(`${run}/slices`)).sort();
const statement = (run: string, i: number) => JSON.parse(readFileSync(at(`${run}/slices/${i}/statement.json`), 'utf8'));

describe('prove --joined', () => {
  it('makes one proof of a program that memory holds', async () => {
    const { code, json } = await prove('whole', '--joined');
    expect(code).toBe(0);
    expect(json).toMatchObject({ slices: [{ index: 0, count: 6 }], kept: [], unproven: [] });
    expect(json.proofBytes).toBe(readFileSync(at('whole/slices/0/proof.bin')).length);
    expect(proofs('whole')).toEqual(['0']);
    expect(statement('whole', 0)).toMatchObject({ index: 0, count: 6 });
    const verified = await verify('whole', '-i', sample('3.png'));
    expect(verified.code).toBe(0);
    expect(verified.json.coverage).toEqual({ proven: [0, 1, 2, 3, 4, 5], unproven: [], linked: true });
    expect(verified.json.slices.map((s: { provenWith: number }) => s.provenWith)).toEqual([0, 0, 0, 0, 0, 0]);
    const { stdout } = await dsperse('verify', at('whole'), '--fingerprint', fingerprint);
    expect(stdout).toMatch(/proof of/);
    expect(stdout).toMatch(/ 5 +0-5 +accepted/);
    const inspected = (await dsperse('inspect', at('whole'), '--json')).json;
    expect(inspected).toMatchObject({ complete: true, sliceCount: 6, proofs: [{ index: 0 }] });
  });

  it('makes more proofs where memory does not', async () => {
    const { json } = await prove('small', '--joined', '--memory', '0.001', '--prover', 'alice');
    expect(json.slices.map((s: { index: number }) => s.index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await verify('small')).code).toBe(0);
    const inBetween = await prove('between', '--joined', '--memory', '0.156', '--prover', 'bob');
    const { slices } = inBetween.json;
    expect(slices.length).toBeGreaterThan(1);
    expect(slices.length).toBeLessThan(6);
    const { code, json: verdict } = await verify('between');
    expect(code).toBe(0);
    expect(verdict.slices.map((s: { prover: string }) => s.prover)).toEqual(Array(6).fill('bob'));
  });

  it('joins what is consecutive of the chosen slices', async () => {
    const { json } = await prove('chosen', '--joined', '--slices', '0,2-4');
    expect(json.slices.map(({ index, count }: { index: number; count?: number }) => [index, count])).toEqual([
      [0, undefined],
      [2, 3],
    ]);
    expect(json.unproven).toEqual([1, 5]);
    const { json: verdict } = await verify('chosen', '--allow-unproven');
    expect(verdict).toMatchObject({ verdict: 'accepted', coverage: { proven: [0, 2, 3, 4], unproven: [1, 5] } });
  });

  it('keeps the proofs that are there, single and joined', async () => {
    await prove('grown', '--slices', '2');
    const single = readFileSync(at('grown/slices/2/proof.bin'));
    const second = await prove('grown', '--joined', '--slices', '3-5');
    expect(second.json).toMatchObject({ kept: [2], unproven: [0, 1] });
    const third = await prove('grown', '--joined');
    expect(third.json.kept).toEqual([2, 3, 4, 5]);
    expect(third.json.slices.map((s: { index: number }) => s.index)).toEqual([0, 2, 3]);
    expect(readFileSync(at('grown/slices/2/proof.bin'))).toEqual(single);
    // Without --joined, what is joined stays so.
    expect((await prove('grown')).json).toMatchObject({ kept: [0, 1, 2, 3, 4, 5], proveMs: 0 });
    expect(proofs('grown')).toEqual(['0', '2', '3']);
    expect((await verify('grown')).code).toBe(0);
  });

  it('lets no proof of a slice stand beside one that covers it', async () => {
    const nonce = (await prove('both', '--slices', '1')).json.nonce;
    const single = {
      statement: readFileSync(at('both/slices/1/statement.json')),
      proof: readFileSync(at('both/slices/1/proof.bin')),
    };
    // A proof of another session at 1 is no proof of this run: it goes when 0-5 are proven.
    writeFileSync(
      at('both/slices/1/statement.json'),
      JSON.stringify({ ...statement('both', 1), nonce: '00'.repeat(32) }),
    );
    const { json } = await prove('both', '--joined');
    expect(json).toMatchObject({ nonce, kept: [], slices: [{ index: 0, count: 6 }] });
    expect(proofs('both')).toEqual(['0']);
    // And one of this session that comes back goes again.
    mkdirSync(at('both/slices/1'));
    writeFileSync(at('both/slices/1/statement.json'), single.statement);
    writeFileSync(at('both/slices/1/proof.bin'), single.proof);
    expect((await verify('both')).json).toMatchObject({ verdict: 'rejected', code: 'proven-twice' });
    expect((await prove('both')).json.kept).toEqual([0, 1, 2, 3, 4, 5]);
    expect(proofs('both')).toEqual(['0']);
    expect((await verify('both')).code).toBe(0);
  });

  it('makes a joined proof again that does not hold', async () => {
    await prove('spoiled', '--joined', '--slices', '1-3');
    const file = at('spoiled/slices/1/proof.bin');
    const bytes = readFileSync(file);
    bytes[1000] ^= 1;
    writeFileSync(file, bytes);
    const again = await prove('spoiled', '--joined');
    expect(again.json).toMatchObject({ kept: [], unproven: [] });
    expect((await verify('spoiled')).code).toBe(0);
    // A statement about more slices than the program has says nothing.
    writeFileSync(at('spoiled/slices/0/statement.json'), JSON.stringify({ ...statement('spoiled', 0), count: 1e9 }));
    expect((await verify('spoiled')).code).toBe(1);
    expect((await prove('spoiled')).json.unproven).toEqual([]);
    expect((await verify('spoiled')).code).toBe(0);
  });

  it('takes --memory in gigabytes, and only with it', async () => {
    for (const words of [
      ['--memory', '2'],
      ['--joined', '--memory', 'much'],
      ['--joined', '--memory', '0'],
    ]) {
      const { code, json } = await prove('never', ...words);
      expect([code, json.error.code]).toEqual([2, 'usage']);
    }
    expect(existsSync(at('never'))).toBe(false);
  });
});

describe('full-run --joined', () => {
  it('compiles, proves in one proof and verifies', async () => {
    const words = ['-i', sample('7.png'), '-o', at('full'), '--slices', '3', '--joined', '--json'];
    const { code, json } = await dsperse('full-run', MODEL, ...words);
    expect(code).toBe(0);
    expect(json).toMatchObject({ verdict: 'accepted', coverage: { proven: [0, 1, 2], linked: true } });
    expect(json.prove.slices).toMatchObject([{ index: 0, count: 3 }]);
    expect(json.slices.map((s: { provenWith: number }) => s.provenWith)).toEqual([0, 0, 0]);
  });
});
