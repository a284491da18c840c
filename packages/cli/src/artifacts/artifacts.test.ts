import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readBoundaryFile, writeBoundaryFile } from './boundary-file.js';
import {
  checkProgramTarget,
  type ProgramManifest,
  readProgram,
  readProgramFile,
  writeProgram,
} from './program-directory.js';
import { checkRunTarget, finishRun, readRun, readRunManifest, writeSliceProof } from './run-directory.js';
import { inputDigest, openRunSecret } from './run-secret.js';
import { writeWholeDirectory, writeWholeFile } from './write-whole.js';

const root = mkdtempSync(join(tmpdir(), 'dsperse-artifacts-'));
afterAll(() => rmSync(root, { recursive: true }));

let directory = '';
let counter = 0;
beforeEach(() => {
  directory = join(root, String(counter++));
  mkdirSync(directory);
});

const code = (expected: string) => expect.objectContaining({ name: 'InputError', code: expected });

describe('writing whole', () => {
  it('leaves the old file and nothing else where it fails', async () => {
    const path = join(directory, 'file');
    await writeWholeFile(path, 'old');
    const broken = { toString: () => 'x' } as unknown as string;
    await expect(writeWholeFile(path, broken)).rejects.toThrow();
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('makes a directory with all of its files, or none', async () => {
    const path = join(directory, 'out');
    const failing = writeWholeDirectory(path, async (d) => {
      await writeFile(join(d, 'a'), '1');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(readdirSync(directory)).toEqual([]);
    await writeWholeDirectory(path, (d) => writeFile(join(d, 'a'), '1'));
    await writeWholeDirectory(path, (d) => writeFile(join(d, 'b'), '2'));
    expect(readdirSync(path)).toEqual(['b']);
    expect(readdirSync(directory)).toEqual(['out']);
  });

  it('removes what a killed process left there', async () => {
    // No process has this id: it is above the largest one.
    mkdirSync(join(directory, '.out.99999999.0.partial'));
    const ours = `.out.${process.pid}.99.partial`;
    mkdirSync(join(directory, ours));
    await writeWholeDirectory(join(directory, 'out'), async () => {});
    expect(readdirSync(directory).sort()).toEqual([ours, 'out'].sort());
  });

  it('names the path that the user gave in errors', async () => {
    await expect(writeWholeFile(join(directory, 'no/such/file'), 'x')).rejects.toMatchObject({
      code: 'ENOENT',
      path: join(directory, 'no/such/file'),
    });
  });
});

const MANIFEST: Omit<ProgramManifest, 'files'> = {
  name: 'm',
  fingerprint: 'ab'.repeat(32),
  precision: 'standard',
  slicePlan: 'auto',
  inputShapes: { x: [1] },
  calibration: { samples: 0 },
  ranges: { x: [0, 1] },
  inputs: ['x'],
  outputs: ['y'],
  slices: [{ index: 0, nodes: ['n'], workUnits: 1, parameters: 0, multiplications: 0, inputs: ['x'], outputs: ['y'] }],
  parameters: 0,
  multiplications: 0,
};
const FILES = new Map([
  ['verifier.key', Uint8Array.of(1)],
  ['slices/0.slice', Uint8Array.of(2)],
]);

describe('a program directory', () => {
  it('gives back what was written, and checks its files', async () => {
    const path = join(directory, 'program');
    await writeProgram(path, MANIFEST, FILES);
    const program = readProgram(path);
    expect(program.manifest).toMatchObject(MANIFEST);
    expect(readProgramFile(program, 'slices/0.slice')).toEqual(Buffer.from([2]));
    writeFileSync(join(path, 'slices/0.slice'), Uint8Array.of(3));
    expect(() => readProgramFile(program, 'slices/0.slice')).toThrow(code('damaged-artifact'));
    rmSync(join(path, 'slices/0.slice'));
    expect(() => readProgramFile(program, 'slices/0.slice')).toThrow(code('missing-artifact'));
  });

  it('tells what is not a program', async () => {
    const path = join(directory, 'program');
    expect(() => readProgram(path)).toThrow(code('not-found'));
    mkdirSync(path);
    expect(() => readProgram(path)).toThrow(code('bad-artifact'));
    await writeProgram(path, MANIFEST, FILES);
    const manifest = join(path, 'program.json');
    const text = readFileSync(manifest, 'utf8');
    for (const [changed, expected] of [
      ['{', 'damaged-artifact'],
      ['[]', 'damaged-artifact'],
      [text.replace('dsperse-program/1', 'dsperse-program/2'), 'unknown-version'],
      [text.replace('dsperse-program/1', 'other/1'), 'bad-artifact'],
      [text.replace(MANIFEST.fingerprint, 'x'), 'damaged-artifact'],
    ]) {
      writeFileSync(manifest, changed);
      expect(() => readProgram(path)).toThrow(code(expected));
    }
  });

  it('replaces a program, and nothing else', async () => {
    const path = join(directory, 'program');
    await writeProgram(path, MANIFEST, FILES);
    await writeProgram(path, { ...MANIFEST, name: 'other' }, FILES);
    expect(readProgram(path).manifest.name).toBe('other');
    writeFileSync(join(directory, 'notes'), 'x');
    expect(() => checkProgramTarget(directory)).toThrow(code('exists'));
    expect(() => checkProgramTarget(join(directory, 'notes'))).toThrow(code('exists'));
  });
});

describe('a run directory', () => {
  const hex = 'cd'.repeat(32);
  const statement = { fingerprint: hex, index: 0, nonce: hex, prover: 'p', commitments: {} };
  const manifest = {
    fingerprint: hex,
    nonce: hex,
    prover: 'p',
    sliceCount: 2,
    slices: [{ index: 0, proveMs: 1, proofBytes: 2 }],
  };
  const values = new Map([['x', Int32Array.of(1, -2)]]);

  it('gives back what was written, and names what is missing', async () => {
    await writeSliceProof(directory, { statement, proof: Uint8Array.of(1, 2) });
    await finishRun(directory, manifest, Uint8Array.of(9), values);
    const { run, missing } = readRun(directory);
    expect(missing).toEqual([]);
    expect(run.nonce).toBe(hex);
    expect(run.values).toEqual(values);
    expect(run.slices).toEqual([{ statement, proof: Buffer.from([1, 2]) }]);
    rmSync(join(directory, 'slices/0/proof.bin'));
    expect(readRun(directory).missing).toEqual(['slices/0/proof.bin']);
    expect(readRun(directory).run.slices).toEqual([undefined]);
  });

  it('reads a malformed statement as none, for the verifier to reject', async () => {
    await writeSliceProof(directory, { statement, proof: Uint8Array.of(1, 2) });
    await finishRun(directory, manifest, Uint8Array.of(9), values);
    writeFileSync(join(directory, 'slices/0/statement.json'), '{');
    expect(readRun(directory).run.slices[0]?.statement).toBeUndefined();
  });

  it('is unfinished until its manifest is there', async () => {
    const wanted = { fingerprint: hex, inputDigest: inputDigest(values) };
    await openRunSecret(directory, wanted);
    expect(() => readRunManifest(directory)).toThrow(code('unfinished-run'));
    expect(() => checkRunTarget(directory)).not.toThrow();
  });

  it('keeps its secret to itself, and only for the same run', async () => {
    const wanted = { fingerprint: hex, inputDigest: inputDigest(values), prover: 'p' };
    const first = await openRunSecret(directory, wanted);
    expect(statSync(join(directory, 'secret.json')).mode & 0o777).toBe(0o600);
    expect(await openRunSecret(directory, wanted)).toMatchObject({ secret: first.secret, resumed: true });
    const other = inputDigest(new Map([['x', Int32Array.of(1, 2)]]));
    for (const change of [{ fingerprint: 'ef'.repeat(32) }, { inputDigest: other }, { nonce: hex }, { prover: 'q' }]) {
      await expect(openRunSecret(directory, { ...wanted, ...change })).rejects.toMatchObject({ code: 'other-run' });
    }
  });
});

describe('a boundary file', () => {
  const hex = '12'.repeat(32);
  it('gives back what was written', async () => {
    const path = join(directory, '0.json');
    const tensors = new Map([
      ['x', { salt: hex, values: Int32Array.of(-1, 2) }],
      ['y', { salt: hex }],
    ]);
    const boundary = { fingerprint: hex, slice: 0, nonce: hex, tensors };
    await writeBoundaryFile(path, boundary);
    expect(readBoundaryFile(path)).toEqual(boundary);
  });

  it('is refused where it is malformed', () => {
    const path = join(directory, '0.json');
    const good = { fingerprint: hex, slice: 0, nonce: hex, tensors: { x: { salt: hex, values: [1] } } };
    const bad = [
      [],
      { ...good, fingerprint: 'x' },
      { ...good, slice: -1 },
      { ...good, nonce: undefined },
      { ...good, tensors: null },
      { ...good, tensors: { x: { salt: 'ab', values: [1] } } },
      { ...good, tensors: { x: { salt: hex, values: [1.5] } } },
      { ...good, tensors: { x: { salt: hex, values: [2 ** 31] } } },
    ];
    for (const value of bad) {
      writeFileSync(path, JSON.stringify(value));
      expect(() => readBoundaryFile(path)).toThrow(code('bad-boundary'));
    }
    writeFileSync(path, JSON.stringify({ ...good, format: 'dsperse-boundary/2' }));
    expect(() => readBoundaryFile(path)).toThrow(code('unknown-version'));
  });
});
