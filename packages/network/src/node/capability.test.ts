import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capabilitySchema, toJson } from '../messages/index.js';
import { capabilityOf, measureCapability, measuredCapability } from './capability.js';

let dataDirectory: string;
beforeAll(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), 'dsperse-capability-'));
});
afterAll(() => rmSync(dataDirectory, { recursive: true, force: true }));

describe('the capability of a machine', () => {
  it('is a rate that proving one slice reached, and takes seconds at most', async () => {
    const began = performance.now();
    const measured = await measureCapability({ workers: 1, memoryBytes: 2 ** 30 });
    const tookMs = performance.now() - began;
    expect(tookMs).toBeLessThan(10_000);
    expect(measured).toMatchObject({ workers: 1, memoryBytes: 2 ** 30, cores: availableParallelism() });
    // A hundred million units in less time than the whole took.
    expect(measured.workUnitsPerSecond).toBeGreaterThan(100e6 / (tookMs / 1000));
    const said = capabilityOf(measured, { ask: 5n, capacity: 2 });
    expect(capabilitySchema.parse(toJson(said))).toEqual(said);
  });

  it('is measured again when it is old, of another machine, or broken', async () => {
    const nowMs = Date.now();
    const options = { dataDirectory, workers: 1, nowMs };
    const path = join(dataDirectory, 'capability.json');
    const first = await measuredCapability(options);
    const marked = JSON.parse(readFileSync(path, 'utf8'));
    marked.capability.workUnitsPerSecond = 12_345;
    const mark = (): void => writeFileSync(path, JSON.stringify(marked));
    mark();
    expect(await measuredCapability(options)).toEqual({ ...first, workUnitsPerSecond: 12_345 });
    for (const change of [{ nowMs: nowMs + 8 * 24 * 3600 * 1000 }, { nowMs: nowMs - 1000 }, { workers: 2 }]) {
      mark();
      expect((await measuredCapability({ ...options, ...change })).workUnitsPerSecond).not.toBe(12_345);
    }
    writeFileSync(path, '{');
    expect((await measuredCapability(options)).workUnitsPerSecond).toBeGreaterThan(0);
    expect(statSync(path).mode & 0o077).toBe(0);
  });
});
