import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { openConstantsCache } from './constants-cache.js';

const base = mkdtempSync(join(tmpdir(), 'dsperse-constants-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const fileOf = (directory: string, n: number): string =>
  join(directory, `${n.toString(16).padStart(2, '0').repeat(32)}.words`);
const filled = (n: number, x: number): Uint8Array => new Uint8Array(n).fill(x);
const whole = (bytes: Uint8Array) => ({ offset: 0, bytes });
const opened = (name: string, options = {}) => {
  const directory = join(base, name);
  return { directory, cache: openConstantsCache({ directory, leastBytes: 1, ...options }) };
};

describe('the cache of commitments to constants', () => {
  it('gives back what it was given, in any parts, from shared memory too', () => {
    const { cache, directory } = opened('round');
    const shared = new Uint8Array(new SharedArrayBuffer(300));
    shared.forEach((_, i) => {
      shared[i] = i % 251;
    });
    expect(cache.read(root(1), [{ offset: 0, into: new Uint8Array(1) }])).toBe(false);
    // The first bytes last, as a digest of the others would be.
    const pieces = [
      { offset: 100, bytes: shared.subarray(100) },
      { offset: 0, bytes: shared.subarray(0, 100) },
    ];
    expect(cache.write(root(1), 300, pieces)).toBe(true);
    const parts = [
      { offset: 290, into: new Uint8Array(10) },
      { offset: 0, into: new Uint8Array(new SharedArrayBuffer(101)) },
    ];
    expect(openConstantsCache({ directory }).read(root(1), parts)).toBe(true);
    for (const { offset, into } of parts) expect([...into]).toEqual([...shared.subarray(offset, offset + into.length)]);
    expect(readdirSync(directory)).toHaveLength(1);
    if (process.platform !== 'win32') expect(statSync(fileOf(directory, 1)).mode & 0o077).toBe(0);
  });

  it('has nothing of an entry that is too short, removed or no file', () => {
    const { cache, directory } = opened('short');
    cache.write(root(1), 100, [whole(filled(100, 1))]);
    truncateSync(fileOf(directory, 1), 50);
    expect(cache.read(root(1), [{ offset: 0, into: new Uint8Array(50) }])).toBe(true);
    expect(cache.read(root(1), [{ offset: 0, into: new Uint8Array(51) }])).toBe(false);
    cache.remove(root(1));
    cache.remove(root(1));
    expect(cache.read(root(1), [{ offset: 0, into: new Uint8Array(1) }])).toBe(false);
    mkdirSync(fileOf(directory, 2));
    expect(cache.read(root(2), [{ offset: 0, into: new Uint8Array(1) }])).toBe(false);
    expect(cache.write(root(2), 10, [whole(filled(10, 1))])).toBe(false);
    expect(readdirSync(directory).filter((f) => f.endsWith('.partial'))).toEqual([]);
  });

  it('lets go of what was used longest ago, and of nothing else', () => {
    const { cache, directory } = opened('bounded', { mostBytes: 300 });
    for (const n of [1, 2, 3]) {
      expect(cache.write(root(n), 100, [whole(filled(100, n))])).toBe(true);
      utimesSync(fileOf(directory, n), n, n);
    }
    // Read, and so used.
    expect(cache.read(root(1), [{ offset: 0, into: new Uint8Array(1) }])).toBe(true);
    writeFileSync(join(directory, 'another file'), filled(1000, 0));
    expect(cache.write(root(4), 150, [whole(filled(150, 4))])).toBe(true);
    expect([1, 2, 3, 4].map((n) => cache.read(root(n), [{ offset: 0, into: new Uint8Array(1) }]))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(cache.write(root(5), 301, [whole(filled(301, 5))])).toBe(false);
    expect(statSync(join(directory, 'another file')).size).toBe(1000);
  });

  it('keeps no small entries, and removes what a dead process began', () => {
    const { cache, directory } = opened('small', { leastBytes: 50 });
    expect(cache.write(root(1), 49, [whole(filled(49, 1))])).toBe(false);
    mkdirSync(directory, { recursive: true });
    for (const name of ['old', 'new']) writeFileSync(join(directory, `1.2.${name}.partial`), 'x');
    utimesSync(join(directory, '1.2.old.partial'), 1, 1);
    expect(cache.write(root(1), 50, [whole(filled(50, 1))])).toBe(true);
    expect(readdirSync(directory).filter((f) => f.endsWith('.partial'))).toEqual(['1.2.new.partial']);
  });

  it('is no error where it cannot be', () => {
    writeFileSync(join(base, 'file'), 'x');
    const cache = openConstantsCache({ directory: join(base, 'file', 'under'), leastBytes: 1 });
    expect(cache.write(root(1), 10, [whole(filled(10, 1))])).toBe(false);
    expect(cache.read(root(1), [{ offset: 0, into: new Uint8Array(1) }])).toBe(false);
    cache.remove(root(1));
  });

  it('is shared by processes: what one reads is whole, of one of them', async () => {
    const directory = join(base, 'shared');
    const script = fileURLToPath(new URL('../../dist/store/constants-cache.js', import.meta.url));
    // Each writes entries of one byte again and again, with room for two of three, and reads what is there.
    const program = `
      const { openConstantsCache } = await import(${JSON.stringify(script)});
      const cache = openConstantsCache({ directory: ${JSON.stringify(directory)}, leastBytes: 1, mostBytes: 250000 });
      let read = 0;
      for (let i = 0; i < 150; i++) {
        const root = new Uint8Array(32).fill(i % 3);
        const bytes = new Uint8Array(50000).fill(process.pid);
        cache.write(root, 100000, [0, 50000].map((offset) => ({ offset, bytes })));
        const into = new Uint8Array(100000);
        if (!cache.read(new Uint8Array(32).fill((i + 1) % 3), [{ offset: 0, into }])) continue;
        read++;
        if (into.some((x) => x !== into[0])) throw new Error('a mixture');
      }
      console.log(read);`;
    const run = promisify(execFile);
    const ended = await Promise.all([0, 1, 2].map(() => run(process.execPath, ['--input-type=module', '-e', program])));
    for (const { stdout } of ended) expect(Number(stdout)).toBeGreaterThan(0);
    expect(readdirSync(directory).filter((f) => f.endsWith('.partial'))).toEqual([]);
  });
});
