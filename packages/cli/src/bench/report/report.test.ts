import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BenchResults, ModelResult, SlicingPlan } from '../results.js';
import { emptyResults, mergeResults, readResults, writeResults } from '../results-file.js';
import { linearAxis, logAxis, place } from './axis.js';
import { charts } from './charts.js';
import { page } from './page.js';

const machine = { cpu: 'a', cores: 2, memoryBytes: 8e9, platform: 'p', arch: 'x', node: 'v20', load: 0.1 };
const measured = { at: '2026-01-02T03:04Z', load: 0.1, commit: 'abc' };
const same = (median: number) => ({ min: median, median, max: median });
const phases = { execute: 1, commit: 2, lookups: 3, contractions: 1, opening: 4, other: 0 };

const model = (name: string, ms: number): ModelResult => ({
  model: name,
  about: name,
  measured,
  parameters: 1000 * ms,
  multiplications: 5000 * ms,
  slices: 7,
  proofs: 3,
  runs: 3,
  compileMs: ms,
  compilePeakRssBytes: 2e8,
  executeMs: 1,
  keyBytes: 10,
  packageBytes: 10,
  workers: 2,
  prepareMs: 1,
  firstProveMs: ms,
  proveMs: same(ms),
  phases,
  peakRssBytes: 1e8,
  byWorkers: [1, 2].map((workers) => ({
    workers,
    prepareMs: 1,
    firstProveMs: ms,
    proveMs: same(ms / workers),
    phases,
    peakRssBytes: 1e8,
  })),
  firstVerifyMs: 2,
  verifyMs: same(1),
  proofBytes: 1000,
  onnxruntimeMs: 1,
  inferenceMs: 1,
  inferenceBy: 'floats',
  ratio: ms,
});

const plan = (slices: number): SlicingPlan => ({
  slices,
  compileMs: 1,
  proofBytes: 1000 * slices,
  verifyMs: 1,
  boundaryBytes: 10,
  sliceMs: Array(slices).fill(100 / slices),
  oneProcessMs: same(100),
  twoProcessesMs: slices > 1 ? same(60) : null,
  peakRssBytes: 1e8,
});

const results: BenchResults = {
  ...emptyResults(machine),
  results: [model('small', 10), model('large', 5000)],
  failures: [{ model: 'huge', measured, stage: 'prove', code: 'memory-limit', message: 'too much | of it' }],
  slicing: [{ model: 'large', measured, plans: [plan(1), plan(2)], failed: [] }],
};

describe('the report', () => {
  it('draws every chart, with finite coordinates', () => {
    const drawn = charts(results);
    expect(drawn.map((c) => c.name)).toEqual(['time', 'memory', 'phases', 'workers', 'slices']);
    const nothing = charts({ ...results, results: [{ ...model('none', 1), parameters: 0, multiplications: 0 }] });
    for (const { svg } of [...drawn, ...nothing]) expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('says what was measured and what was not', () => {
    const text = page(results, charts(results), new Set(['time']));
    expect(text).toContain('| small ');
    expect(text).toMatch(/\| small .*\| +7 \| +3 \|/);
    expect(text).toContain('memory-limit');
    expect(text).toContain('too much \\| of it');
    expect(text).toContain('](time.png)');
    expect(text).toContain('](memory.svg)');
    expect(text).not.toMatch(/NaN|undefined|null/);
  });

  it('of nothing is no more than the machine', () => {
    expect(charts(emptyResults(machine))).toEqual([]);
    expect(page(emptyResults(machine), [], new Set())).toContain('Machine: a');
  });

  it('takes fresh results for old ones of the same model, and none of another machine', () => {
    const fresh = { ...emptyResults(machine), results: [model('huge', 20), model('small', 11)] };
    const merged = mergeResults(results, fresh);
    expect(merged.results.map((r) => [r.model, r.proveMs.median])).toEqual([
      ['large', 5000],
      ['huge', 20],
      ['small', 11],
    ]);
    expect(merged.failures).toEqual([]);
    expect(merged.slicing).toEqual(results.slicing);
    const elsewhere = { ...fresh, machine: { ...machine, cpu: 'b' } };
    expect(mergeResults(results, elsewhere)).toBe(elsewhere);
  });

  it('is kept without a path of this machine', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'dsperse-results-')), 'results.json');
    const message = 'no space is left for /home/someone/some-where/model.onnx: 3/4 of https://a.b/c/d';
    writeResults(file, { ...results, failures: [{ ...results.failures[0], message }] });
    const kept = readResults(file);
    expect(kept?.failures[0].message).toBe('no space is left for model.onnx: 3/4 of https://a.b/c/d');
    expect(kept?.results).toEqual(results.results);
    rmSync(dirname(file), { recursive: true });
  });

  it('has axes that hold what is on them', () => {
    expect(logAxis([3, 4000])).toMatchObject({ from: 1, to: 10_000 });
    const axis = linearAxis([7]);
    expect(axis.to).toBeGreaterThan(7);
    expect(place(axis, 0)).toBe(0);
    expect(place(logAxis([1, 100]), 10)).toBeCloseTo(0.5);
  });
});
