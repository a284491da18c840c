/** Runs with pieces missing, swapped, changed or taken from other runs: nothing of it is accepted, and nothing throws. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CALIBRATION, dsperse, MODEL, sample, temporary } from './dsperse-process.js';

const at = temporary();
let fingerprint = '';
const NONCE = '11'.repeat(32);

beforeAll(async () => {
  const words = ['--calibrate', CALIBRATION, '--slices', '3', '--json'];
  fingerprint = (await dsperse('compile', MODEL, '-o', at('program'), ...words)).json.fingerprint;
  const prove = (name: string, picture: string, ...more: string[]) =>
    dsperse('prove', at('program'), '-i', sample(picture), '-o', at(name), ...more);
  await prove('honest', '3.png', '--nonce', NONCE);
  await prove('other-picture', '4.png', '--nonce', NONCE);
  await prove('other-nonce', '3.png');
});

let counter = 0;
/** A copy of the honest run, spoiled. */
async function verify(spoil: (run: string) => void, ...words: string[]) {
  const run = at(`spoiled-${counter++}`);
  cpSync(at('honest'), run, { recursive: true });
  spoil(run);
  const { code, json } = await dsperse('verify', run, '--fingerprint', fingerprint, '--json', ...words);
  expect(json.verdict).toBe(['accepted', 'rejected', undefined, 'undecided'][code as number]);
  return json;
}

function edit(path: string, change: (text: string) => string): void {
  const before = readFileSync(path, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(path, after);
}

const slice = (run: string, i: number) => join(run, 'slices', String(i));
const take = (from: string, i: number) => (run: string) =>
  cpSync(slice(at(from), i), slice(run, i), { recursive: true, force: true });
const remove = (name: string) => (run: string) => rmSync(join(run, name), { recursive: true });

describe('missing pieces are undecided', () => {
  it.each([
    ['slices/1/proof.bin', 'missing-artifact'],
    ['slices/1/statement.json', 'missing-artifact'],
    ['slices/0', 'missing-artifact'],
    ['slices', 'missing-artifact'],
    ['public.json', 'missing-artifact'],
    ['verifier.key', 'missing-artifact'],
    ['run.json', 'unfinished-run'],
  ])('%s', async (name, code) => {
    for (const more of [[], ['--allow-unproven']]) {
      expect(await verify(remove(name), ...more)).toMatchObject({ verdict: 'undecided', code });
    }
  });

  it('the whole run', async () => {
    expect(await verify((run) => rmSync(run, { recursive: true }))).toMatchObject({
      verdict: 'undecided',
      code: 'not-found',
    });
  });

  it('things of another kind in their place', async () => {
    const directory = (name: string) => (run: string) => {
      rmSync(join(run, name), { recursive: true });
      mkdirSync(join(run, name));
    };
    const file = (run: string) => {
      rmSync(join(run, 'slices'), { recursive: true });
      writeFileSync(join(run, 'slices'), 'x');
    };
    for (const name of ['slices/1/proof.bin', 'slices/1/statement.json', 'public.json', 'verifier.key', 'run.json']) {
      expect(await verify(directory(name))).toMatchObject({ verdict: 'undecided' });
    }
    expect(await verify(file)).toMatchObject({ verdict: 'undecided', code: 'missing-artifact' });
  });

  it('a version that is not known', async () => {
    const spoil = (run: string) => edit(join(run, 'run.json'), (t) => t.replace('dsperse-run/1', 'dsperse-run/9'));
    expect(await verify(spoil)).toMatchObject({ verdict: 'undecided', code: 'unknown-version' });
  });

  it('not the prover’s secret, which is none of the verifier’s business', async () => {
    expect(await verify(remove('secret.json'))).toMatchObject({ verdict: 'accepted' });
  });
});

describe('wrong pieces are rejected', () => {
  const swap = (run: string) => {
    renameSync(slice(run, 0), join(run, 'slices/x'));
    renameSync(slice(run, 1), slice(run, 0));
    renameSync(join(run, 'slices/x'), slice(run, 1));
  };
  const swapProofs = (run: string) => {
    const [a, b] = [0, 1].map((i) => join(slice(run, i), 'proof.bin'));
    const [x, y] = [readFileSync(a), readFileSync(b)];
    writeFileSync(a, y);
    writeFileSync(b, x);
  };
  const bytes = (name: string, change: (b: Buffer) => Uint8Array) => (run: string) =>
    writeFileSync(join(run, name), change(readFileSync(join(run, name))));
  const flip = (part: number) => (b: Buffer) => {
    b[Math.floor(part * (b.length - 1))] ^= 1;
    return b;
  };
  const text = (name: string, change: (t: string) => string) => (run: string) => edit(join(run, name), change);
  const relabel = (run: string) => {
    take('other-nonce', 1)(run);
    edit(join(slice(run, 1), 'statement.json'), (t) => t.replace(/"nonce": "[0-9a-f]+"/, `"nonce": "${NONCE}"`));
  };

  it.each<[string, (run: string) => void, string | undefined]>([
    ['two slices swapped', swap, 'slice-index'],
    ['two proofs swapped', swapProofs, undefined],
    ['a middle slice of another picture', take('other-picture', 1), 'link'],
    ['the first slice of another picture', take('other-picture', 0), undefined],
    ['the last slice of another picture', take('other-picture', 2), undefined],
    ['a slice of another session', take('other-nonce', 1), 'nonce'],
    ['a slice of another session, relabelled', relabel, undefined],
    ['a proof’s first byte', bytes('slices/1/proof.bin', flip(0)), undefined],
    ['a bit in the middle of a proof', bytes('slices/1/proof.bin', flip(0.5)), undefined],
    ['a proof’s last byte', bytes('slices/1/proof.bin', flip(1)), undefined],
    ['a proof cut off', bytes('slices/1/proof.bin', (b) => b.subarray(0, -1)), undefined],
    ['a proof with a byte more', bytes('slices/1/proof.bin', (b) => Buffer.concat([b, Buffer.of(0)])), undefined],
    ['an empty proof', bytes('slices/1/proof.bin', () => Buffer.alloc(0)), undefined],
    [
      'an output',
      text('public.json', (t) => t.replace(/("logits":\[)(-?\d+)/, (_, a, n) => `${a}${Number(n) + 1}`)),
      undefined,
    ],
    [
      'an input',
      text('public.json', (t) => t.replace(/("picture":\[)(-?\d+)/, (_, a, n) => `${a}${Number(n) + 1}`)),
      undefined,
    ],
    ['too few outputs', text('public.json', (t) => t.replace(/("logits":\[)-?\d+,/, '$1')), undefined],
    [
      'a fraction for an output',
      text('public.json', (t) => t.replace(/("logits":\[-?\d+)/, '$1.5')),
      'damaged-artifact',
    ],
    ['a commitment', text('slices/1/statement.json', (t) => t.replace(/"r1": "../, '"r1": "zz')), undefined],
    [
      'the prover in a statement',
      text('slices/1/statement.json', (t) => t.replace('"prover": ""', '"prover": "x"')),
      undefined,
    ],
    ['a statement that is no JSON', text('slices/1/statement.json', () => '{'), undefined],
    ['a statement that is null', text('slices/1/statement.json', () => 'null'), undefined],
    ['the nonce of the run', text('run.json', (t) => t.replace(NONCE, '22'.repeat(32))), 'nonce'],
    [
      'the fingerprint of the run',
      text('run.json', (t) => t.replace(/"fingerprint": "../, '"fingerprint": "00')),
      'fingerprint',
    ],
    ['a manifest that is no JSON', text('run.json', () => '{'), 'damaged-artifact'],
    ['a slice too many', (run) => cpSync(slice(run, 0), slice(run, 3), { recursive: true }), 'too-many-slices'],
    ['a bit of the key', bytes('verifier.key', flip(0.5)), 'fingerprint'],
  ])('%s', async (_, spoil, code) => {
    const json = await verify(spoil);
    expect(json.verdict).toBe('rejected');
    if (code) expect(json.code).toBe(code);
    // Nothing of a rejected run is passed on.
    expect(json.outputs).toEqual({});
  });

  it('a run held against another program', async () => {
    const other = await dsperse('verify', at('honest'), '--fingerprint', '00'.repeat(32), '--json');
    expect([other.code, other.json.verdict, other.json.code]).toEqual([1, 'rejected', 'fingerprint']);
    await dsperse('compile', MODEL, '-o', at('fast'), '--precision', 'fast', '--slices', '3');
    const key = await dsperse('verify', at('honest'), '--key', at('fast/verifier.key'), '--json');
    expect([key.code, key.json.verdict]).toEqual([1, 'rejected']);
  });
});

describe('the verifier’s own key says nothing against a run', () => {
  it.each([
    ['is no key', () => MODEL, () => []],
    ['is empty', () => at('empty.key'), () => []],
    ['is of another program than the fingerprint', () => at('fast/verifier.key'), () => ['--fingerprint', fingerprint]],
  ])('where it %s', async (_, key, more) => {
    writeFileSync(at('empty.key'), '');
    const { code, json } = await dsperse('verify', at('honest'), '--key', key(), ...more(), '--json');
    expect([code, json.verdict, json.code]).toEqual([3, 'undecided', 'bad-artifact']);
    expect(json.reason).toContain(key());
  });
});
