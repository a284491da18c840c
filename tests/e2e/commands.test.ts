import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { npyFile } from '../fixtures/npy-file.js';
import { CALIBRATION, dsperse, MODEL, sample, temporary } from './dsperse-process.js';

const at = temporary();
let fingerprint = '';

beforeAll(async () => {
  const compiled = await dsperse(
    'c',
    MODEL,
    '-o',
    at('program'),
    '--calibrate',
    CALIBRATION,
    '--slices',
    '3',
    '--json',
  );
  expect(compiled.code).toBe(0);
  fingerprint = compiled.json.fingerprint;
  expect((await dsperse('p', at('program'), '-i', sample('3.png'), '-o', at('run'))).code).toBe(0);
});

describe('inspect', () => {
  it('says what a model is made of', async () => {
    const { code, json } = await dsperse('inspect', MODEL, '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ kind: 'model', supported: true, parameters: 21114, unsupported: [] });
    expect((await dsperse('inspect', MODEL)).stdout).toContain('every operator is supported');
  });

  it('says what a program and a run are made of', async () => {
    expect((await dsperse('inspect', at('program'), '--json')).json).toMatchObject({ kind: 'program', fingerprint });
    const { json } = await dsperse('inspect', at('run'), '--json');
    expect(json).toMatchObject({ kind: 'run', complete: true, fingerprint, missing: [] });
  });
});

describe('compile', () => {
  it('makes the same program every time', async () => {
    const words = ['--calibrate', CALIBRATION, '--slices', '3', '--json'];
    const again = await dsperse('compile', MODEL, '-o', at('again'), ...words);
    expect(again.json).toMatchObject({ fingerprint, precision: 'standard', parameters: 21114 });
    for (const file of ['verifier.key', 'slices/0.slice', 'slices/2.slice', 'model.onnx']) {
      expect(readFileSync(at(`again/${file}`))).toEqual(readFileSync(at(`program/${file}`)));
    }
    expect(readFileSync(at('program/verifier.key')).length).toBeLessThan(10_000);
  });

  it('makes another of another precision', async () => {
    const { json } = await dsperse(
      'compile',
      MODEL,
      '-o',
      at('fast'),
      '--precision',
      'fast',
      '--slices',
      '3',
      '--json',
    );
    expect(json.precision).toBe('fast');
    expect(json.fingerprint).not.toBe(fingerprint);
  });

  it('lists slices that together are the model', async () => {
    const { slices } = (await dsperse('inspect', at('program'), '--json')).json;
    expect(slices.map((s: { index: number }) => s.index)).toEqual([0, 1, 2]);
    expect(slices.flatMap((s: { nodes: string[] }) => s.nodes)).toHaveLength(10);
    expect(slices[0].inputs).toEqual(['picture']);
    expect(slices[2].outputs).toEqual(['logits']);
  });
});

describe('slice', () => {
  it('cuts the same program another way, and back', async () => {
    const two = await dsperse('s', at('program'), '-o', at('layers'), '--slices', 'layers', '--json');
    expect(two.code).toBe(0);
    expect(two.json.slices.length).toBeGreaterThan(3);
    const back = await dsperse('slice', at('layers'), '-o', at('back'), '--slices', '3', '--json');
    expect(back.json.fingerprint).toBe(fingerprint);
    const run = (path: string) => dsperse('run', at(path), '-i', sample('5.png'), '--no-fidelity', '--json');
    expect((await run('layers')).json.outputs).toEqual((await run('program')).json.outputs);
    for (const path of ['layers', 'back']) rmSync(at(path), { recursive: true });
  });
});

describe('run', () => {
  it('gives outputs, and the error against floats', async () => {
    const { code, json } = await dsperse('r', at('program'), '-i', sample('3.json'), '-o', at('out.json'), '--json');
    expect(code).toBe(0);
    expect(json.fingerprint).toBe(fingerprint);
    expect(json.outputs.logits.dims).toEqual([1, 10]);
    expect(json.fidelity).toMatchObject({ argmaxAgrees: true, against: expect.any(String) });
    expect(json.fidelity.maxRelError).toBeLessThan(0.02);
    expect(JSON.parse(readFileSync(at('out.json'), 'utf8')).outputs).toEqual(json.outputs);
  });

  it('gives the same for every kind of file', async () => {
    const data = JSON.parse(readFileSync(sample('3.json'), 'utf8')).input_data[0];
    const body = new Uint8Array(Float32Array.from(data).buffer);
    writeFileSync(at('three.npy'), npyFile('<f4', '1, 1, 28, 28', body));
    writeFileSync(at('three.json'), JSON.stringify({ picture: data }));
    const runs = [sample('3.json'), sample('3.png'), at('three.npy'), at('three.json')].map((input) =>
      dsperse('run', at('program'), '-i', input, '--no-fidelity', '--json'),
    );
    const [first, ...others] = (await Promise.all(runs)).map((r) => r.json.outputs);
    for (const outputs of others) expect(outputs).toEqual(first);
  });

  it('names the layer that loses most', async () => {
    const { json } = await dsperse('run', at('program'), '-i', sample('3.json'), '--layers', '--json');
    expect(json.layers.map((l: { tensor: string }) => l.tensor)).toEqual(['r1', 'p1', 'r2', 'p2', 'r3', 'logits']);
    expect((await dsperse('run', at('program'), '-i', sample('3.json'), '--layers')).stdout).toMatch(/most is lost at/);
  });

  it('clamps where it is asked to, and says so', async () => {
    writeFileSync(at('large.json'), JSON.stringify([[1000, ...new Array(783).fill(0)]]));
    const { code, json, stderr } = await dsperse('run', at('program'), '-i', at('large.json'), '--clamp', '--json');
    expect(code).toBe(0);
    expect(json.clamped).toEqual([{ tensor: 'picture', count: 1 }]);
    expect(stderr).toMatch(/clamped 1 of 784/);
  });
});

describe('prove and verify', () => {
  it('accept an honest run, by fingerprint and by key', async () => {
    const { code, json } = await dsperse('verify', at('run'), '--fingerprint', fingerprint, '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({
      verdict: 'accepted',
      fingerprint,
      coverage: { proven: [0, 1, 2], unproven: [], linked: true },
    });
    const { outputs } = (await dsperse('run', at('program'), '-i', sample('3.png'), '--json')).json;
    expect(json.outputs).toEqual(outputs);
    expect((await dsperse('v', at('run'), '--key', at('program/verifier.key'))).stdout).toMatch(/\nACCEPTED\n$/);
  });

  it('reject a run of another program than is trusted, and claim nothing of its slices', async () => {
    const { code, stdout } = await dsperse('verify', at('run'), '--fingerprint', 'ab'.repeat(32));
    expect(code).toBe(1);
    expect(stdout).toMatch(/coverage +nothing was verified\n[\s\S]*none of them verified[\s\S]*REJECTED fingerprint/);
    expect(stdout).not.toMatch(/proven/);
  });

  it('compare the input and the outputs with what is expected', async () => {
    const verify = (...words: string[]) =>
      dsperse('verify', at('run'), '--fingerprint', fingerprint, '--json', ...words);
    expect((await verify('-i', sample('3.json'))).code).toBe(0);
    const other = await verify('-i', sample('4.json'));
    expect([other.code, other.json.code, other.json.outputs]).toEqual([1, 'input-mismatch', {}]);
    await dsperse('run', at('program'), '-i', sample('3.png'), '-o', at('three-out.json'));
    expect((await verify('--expect', at('three-out.json'))).json.expected).toMatchObject({
      maxAbsError: 0,
      agrees: true,
    });
    await dsperse('run', at('program'), '-i', sample('4.png'), '-o', at('four-out.json'));
    const wrong = await verify('--expect', at('four-out.json'));
    expect([wrong.code, wrong.json.code]).toEqual([1, 'output-mismatch']);
    expect((await verify('--expect', at('four-out.json'), '--tolerance', '100')).code).toBe(0);
  });

  it('say by words and exit code what is unproven', async () => {
    const words = ['-i', sample('3.png'), '-o', at('part'), '--share', '0.5', '--seed', '5', '--json'];
    const proven = await dsperse('prove', at('program'), ...words);
    expect(proven.json).toMatchObject({ drawn: { share: 0.5, seed: 5 } });
    expect(proven.json.slices).toHaveLength(2);
    const { unproven } = proven.json;
    const verify = (...more: string[]) => dsperse('verify', at('part'), '--fingerprint', fingerprint, ...more);
    const strict = await verify('--json');
    expect([strict.code, strict.json.verdict, strict.json.code]).toEqual([3, 'undecided', 'unproven-slices']);
    expect(strict.json.coverage).toMatchObject({ unproven, linked: false });
    const lenient = await verify('--allow-unproven');
    expect(lenient.code).toBe(0);
    expect(lenient.stdout).toContain(`slice ${unproven[0]} is UNPROVEN`);
    expect(lenient.stdout).toContain('as far as it is proven');
  });

  it('keep the proofs that are there, and add to them', async () => {
    const prove = (slices: string) =>
      dsperse('prove', at('program'), '-i', sample('3.png'), '-o', at('grown'), '--slices', slices, '--json');
    const first = await prove('0,2');
    expect(first.json).toMatchObject({ kept: [], unproven: [1] });
    const second = await prove('1');
    expect(second.json).toMatchObject({ kept: [0, 2], unproven: [], nonce: first.json.nonce });
    expect((await dsperse('verify', at('grown'), '--fingerprint', fingerprint)).code).toBe(0);
    const other = await dsperse('prove', at('program'), '-i', sample('4.png'), '-o', at('grown'), '--json');
    expect([other.code, other.json.error.code]).toEqual([2, 'other-run']);
  });

  it('are for a nonce and by a prover', async () => {
    const nonce = '5a'.repeat(32);
    const words = [
      '-i',
      sample('3.png'),
      '-o',
      at('for'),
      '--nonce',
      nonce,
      '--prover',
      'alice',
      '--slices',
      '0',
      '--json',
    ];
    expect((await dsperse('prove', at('program'), ...words)).json).toMatchObject({ nonce, prover: 'alice' });
    const verify = (n: string) =>
      dsperse('verify', at('for'), '--fingerprint', fingerprint, '--allow-unproven', '--nonce', n, '--json');
    const { json } = await verify(nonce);
    expect(json).toMatchObject({ verdict: 'accepted', nonce });
    expect(json.slices[0]).toMatchObject({ prover: 'alice' });
    expect((await verify('6b'.repeat(32))).json).toMatchObject({ verdict: 'rejected', code: 'nonce' });
  });
});

describe('prove-slice', () => {
  it('proves from a package and boundary values; the proofs make a run', async () => {
    await dsperse('run', at('program'), '-i', sample('7.png'), '--boundaries', at('boundaries'), '--no-fidelity');
    for (const i of [0, 1]) {
      const words = [
        '-b',
        at(`boundaries/${i}.json`),
        '-o',
        at(`apart/slices/${i}/proof.bin`),
        '--prover',
        `prover-${i}`,
      ];
      const { code, json } = await dsperse('prove-slice', at(`program/slices/${i}.slice`), ...words, '--json');
      expect(code).toBe(0);
      expect(json).toMatchObject({ slice: i, fingerprint, statement: { prover: `prover-${i}` } });
    }
    const words = ['-i', sample('7.png'), '-o', at('apart'), '--boundaries', at('boundaries'), '--json'];
    expect((await dsperse('prove', at('program'), ...words)).json).toMatchObject({ kept: [0, 1], unproven: [] });
    const { json } = await dsperse('verify', at('apart'), '--fingerprint', fingerprint, '--json');
    expect(json.verdict).toBe('accepted');
    expect(json.slices.map((s: { prover: string }) => s.prover)).toEqual(['prover-0', 'prover-1', '']);
  });

  it('refuses boundary values of another slice or changed ones', async () => {
    await dsperse('run', at('program'), '-i', sample('7.png'), '--boundaries', at('others'), '--no-fidelity');
    const prove = (boundary: string) =>
      dsperse('prove-slice', at('program/slices/1.slice'), '-b', boundary, '-o', at('wrong/proof.bin'), '--json');
    expect((await prove(at('others/0.json'))).json.error.code).toBe('bad-boundary');
    const boundary = JSON.parse(readFileSync(at('others/1.json'), 'utf8'));
    boundary.tensors.r3.values[0]++;
    writeFileSync(at('others/1.json'), JSON.stringify(boundary));
    const wrong = await prove(at('others/1.json'));
    expect([wrong.code, wrong.json.error.code]).toEqual([2, 'bad-boundary']);
    expect(existsSync(at('wrong/proof.bin'))).toBe(false);
  });
});

describe('full-run', () => {
  it('compiles, proves and verifies', async () => {
    const words = ['-i', sample('7.png'), '-o', at('full'), '--slices', '2', '--program', at('full-program'), '--json'];
    const { code, json } = await dsperse('fr', MODEL, ...words);
    expect(code).toBe(0);
    expect(json).toMatchObject({ verdict: 'accepted', run: at('full'), coverage: { proven: [0, 1], linked: true } });
    const largest = json.outputs.logits.data.indexOf(Math.max(...json.outputs.logits.data));
    expect(largest).toBe(7);
    expect((await dsperse('verify', at('full'), '--key', at('full-program/verifier.key'))).code).toBe(0);
  });
});

describe('bench', () => {
  it('measures a model', async () => {
    const { code, json } = await dsperse('bench', 'digits', '--runs', '1', '--json');
    expect(code).toBe(0);
    expect(json.machine).toMatchObject({ cores: expect.any(Number), node: process.version });
    expect(json.results).toHaveLength(1);
    const [result] = json.results;
    expect(result).toMatchObject({ model: 'digits', parameters: 21114, proveMs: { median: expect.any(Number) } });
    expect(result.peakRssBytes).toBeGreaterThan(2e7);
    expect(result.proofBytes).toBeGreaterThan(1e4);
    const { execute, commit, lookups, contractions, opening, other } = result.phases;
    const together = execute + commit + lookups + contractions + opening + other;
    expect(together / result.proveMs.median).toBeGreaterThan(0.5);
    const [{ plans }] = json.slicing;
    expect(plans.map((p: { slices: number }) => p.slices)).toEqual([1, 2, 4]);
    expect(plans[1].twoProcessesMs.median).toBeGreaterThan(0);
  });
});
