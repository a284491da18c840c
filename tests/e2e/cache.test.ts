/** Commitments to weights are kept between runs of the command; whatever becomes of them, runs verify. */
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../packages/cli/src/bench/load-model.js';
import { defaultDirectory } from '../../packages/cli/src/proving/constants-store.js';
import { dsperse, start, temporary } from './dsperse-process.js';

const at = temporary();
let fingerprint = '';

beforeAll(async () => {
  const { bytes, input } = loadModel('lenet5');
  writeFileSync(at('model.onnx'), bytes);
  const [[, { data }]] = input;
  writeFileSync(at('input.json'), JSON.stringify({ input_data: [Array.from(data as ArrayLike<number>)] }));
  const compiled = await dsperse(
    'compile',
    at('model.onnx'),
    '-o',
    at('program'),
    '--calibrate',
    at('input.json'),
    '--json',
  );
  fingerprint = compiled.json.fingerprint;
});

const words = ['--nonce', '5a'.repeat(32), '--json'];
const prove = (run: string, ...more: string[]) =>
  dsperse('prove', at('program'), '-i', at('input.json'), '-o', at(run), ...words, ...more);
const accepted = async (run: string): Promise<void> =>
  expect((await dsperse('verify', at(run), '--fingerprint', fingerprint)).code).toBe(0);

describe('a cache of commitments', () => {
  it('is filled once, read then, and made again where it is damaged', async () => {
    const cache = ['--cache', at('cache')];
    expect((await prove('first', ...cache)).code).toBe(0);
    const [name, ...others] = readdirSync(at('cache'));
    expect(others).toEqual([]);
    const file = join(at('cache'), name);
    const entry = readFileSync(file);
    const made = statSync(file).ino;
    expect((await prove('second', ...cache)).code).toBe(0);
    expect(statSync(file).ino).toBe(made);
    // Digests and words: a bit in each of the two is made good.
    for (const i of [40, entry.length - 40]) {
      const bad = Buffer.from(entry);
      bad[i] ^= 1;
      writeFileSync(file, bad);
      expect((await prove(`damaged-${i}`, ...cache)).code).toBe(0);
      await accepted(`damaged-${i}`);
    }
    writeFileSync(file, entry);
    truncateSync(file, entry.length / 2);
    expect((await prove('short', ...cache)).code).toBe(0);
    for (const run of ['first', 'second', 'short']) await accepted(run);
  });

  it('is in the way of no run where it cannot be written, and is not there where it is not wanted', async () => {
    writeFileSync(at('file'), 'x');
    expect((await prove('nowhere', '--cache', at('file/cache'))).code).toBe(0);
    await accepted('nowhere');
    const home = { XDG_CACHE_HOME: at('home') };
    const program = ['prove', at('program'), '-i', at('input.json')];
    expect((await start([...program, '-o', at('without'), '--no-cache'], undefined, home).ended).code).toBe(0);
    expect(existsSync(at('home'))).toBe(false);
    expect((await start([...program, '-o', at('with')], undefined, home).ended).code).toBe(0);
    expect(readdirSync(at('home/dsperse/weights'))).toHaveLength(1);
    await accepted('without');
  });

  it('lies in the cache of the user', () => {
    expect(defaultDirectory({ XDG_CACHE_HOME: '/xdg' }, 'linux')).toBe(join('/xdg', 'dsperse', 'weights'));
    expect(defaultDirectory({ XDG_CACHE_HOME: 'relative' }, 'linux')).toMatch(/\.cache.dsperse.weights$/);
    expect(defaultDirectory({}, 'darwin')).toMatch(/Caches.dsperse.weights$/);
    expect(defaultDirectory({ LOCALAPPDATA: '/local' }, 'win32')).toBe(join('/local', 'dsperse', 'cache', 'weights'));
  });
});
