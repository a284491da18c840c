/** Stopped in the middle: nothing half-written is taken for whole, and the work is taken up again. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { CALIBRATION, dsperse, MODEL, sample, start, temporary } from './dsperse-process.js';

const at = temporary();
let fingerprint = '';

beforeAll(async () => {
  const words = ['--calibrate', CALIBRATION, '--slices', 'layers', '--json'];
  fingerprint = (await dsperse('compile', MODEL, '-o', at('program'), ...words)).json.fingerprint;
});

/** Proves, and stops it once a second slice is done. */
async function interrupted(run: string, signal: NodeJS.Signals) {
  const { child, ended } = start(['prove', at('program'), '-i', sample('3.png'), '-o', at(run)]);
  while (!existsSync(at(`${run}/slices/1`)) && child.exitCode === null) await sleep(5);
  child.kill(signal);
  return ended;
}

describe('an interrupted prove', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('is continued (%s)', async (signal) => {
    const run = `run-${signal}`;
    const { code, signal: by } = await interrupted(run, signal);
    expect(code === 130 || code === 143 || by === signal).toBe(true);
    const unfinished = await dsperse('verify', at(run), '--fingerprint', fingerprint, '--json');
    expect([unfinished.code, unfinished.json.code]).toEqual([3, 'unfinished-run']);
    expect((await dsperse('inspect', at(run))).stdout).toMatch(/interrupted/);
    const proof = readFileSync(at(`${run}/slices/0/proof.bin`));
    const { code: done, json } = await dsperse('prove', at('program'), '-i', sample('3.png'), '-o', at(run), '--json');
    expect(done).toBe(0);
    expect(json.kept.length).toBeGreaterThanOrEqual(2);
    expect(json.unproven).toEqual([]);
    expect(readFileSync(at(`${run}/slices/0/proof.bin`))).toEqual(proof);
    expect((await dsperse('verify', at(run), '--fingerprint', fingerprint)).code).toBe(0);
    expect(readdirSync(at(`${run}/slices`)).sort()).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('makes proofs again that do not verify', async () => {
    await interrupted('spoiled', 'SIGKILL');
    writeFileSync(at('spoiled/slices/0/proof.bin'), 'no proof');
    const { json } = await dsperse('prove', at('program'), '-i', sample('3.png'), '-o', at('spoiled'), '--json');
    expect(json.kept).not.toContain(0);
    expect((await dsperse('verify', at('spoiled'), '--fingerprint', fingerprint)).code).toBe(0);
  });

  it('is not continued with another input', async () => {
    await interrupted('other', 'SIGKILL');
    const { code, json } = await dsperse('prove', at('program'), '-i', sample('4.png'), '-o', at('other'), '--json');
    expect([code, json.error.code]).toEqual([2, 'other-run']);
    expect(json.error.hint).toMatch(/another -o/);
  });
});

describe('an output that cannot be written', () => {
  // /dev/full is Linux's: a disk that is always full.
  it.skipIf(!existsSync('/dev/full'))('is told of', async () => {
    const words = ['run', at('program'), '-i', sample('3.png'), '--no-fidelity', '-o', '/dev/full', '--json'];
    const { code, json } = await dsperse(...words);
    expect([code, json.error.code]).toEqual([2, 'no-space']);
  });

  it('is told of where its directory is a file', async () => {
    writeFileSync(at('file'), 'x');
    for (const words of [
      ['compile', MODEL, '-o', at('file/program')],
      ['prove', at('program'), '-i', sample('3.png'), '-o', at('file/run')],
      ['run', at('program'), '-i', sample('3.png'), '-o', at('file/out.json')],
    ]) {
      const { code, stderr } = await dsperse(...words);
      expect(code).toBe(2);
      expect(stderr).not.toMatch(/bug/);
      expect(stderr.trimEnd().split('\n')).toHaveLength(2);
    }
  });
});
