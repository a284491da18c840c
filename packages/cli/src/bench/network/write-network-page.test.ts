import { expect, test } from 'vitest';
import type { NetworkResults } from './network-results.js';
import { mergeNetworkResults, ORDER_PHASES } from './network-results.js';
import { withMeasured } from './write-network-page.js';

const spread = { min: 1, median: 2, max: 3 };
const results: NetworkResults = {
  machine: { cpu: 'CPU', cores: 2, memoryBytes: 2 ** 34, platform: 'linux', arch: 'x64', node: 'v20', load: 0.5 },
  measured: { orders: { at: '2026-01-01T00:00Z', load: 0.5, commit: 'abc' } },
  times: [
    {
      model: 'lenet5',
      slices: 1,
      chunks: 1,
      orders: 3,
      certificateMs: spread,
      firstMs: 9,
      phases: Object.fromEntries(ORDER_PHASES.map((p) => [p, 1])) as never,
      revealMs: 1,
      aloneMs: spread,
      aloneVerifiedMs: 4,
      overheadMs: 7,
      overheadPercent: 350,
      cpuMs: { gateway: 2, provers: 3, validators: 4, client: 5, chain: 6, alone: 1 },
    },
  ],
  load: [],
  memory: [],
  left: [{ part: 'load', what: 'PostgreSQL', why: 'it is not installed here' }],
};

test('tables replace what was between the marks, and nothing else', () => {
  const page = 'before\n<!-- measured -->\nold\n<!-- end of what was measured -->\nafter\n';
  const once = withMeasured(page, results);
  expect(once).toMatch(/^before\n/);
  expect(once).toMatch(/\nafter\n$/);
  expect(once).not.toContain('old');
  expect(once).toContain('| overhead besides it | 7 ms (350 %) |');
  expect(once).toContain('| all of them | 20 ms |');
  expect(once).toContain('Not measured: PostgreSQL');
  expect(withMeasured(once, results)).toBe(once);
  expect(() => withMeasured('no marks', results)).toThrow(/no place/);
});

test('a part that is measured again replaces what was kept of it, and no other part', () => {
  const occasion = { at: '2026-01-02T00:00Z', load: 1, commit: 'def' };
  const memory = [{ database: 'PGlite' as const, orders: 5, seconds: 1, samples: [], earlyBytes: 1, lateBytes: 2 }];
  const now = { ...results, measured: { memory: occasion }, times: [], load: [], memory, left: [] };
  const merged = mergeNetworkResults(results, now);
  expect(merged.times).toEqual(results.times);
  expect(merged.left).toEqual(results.left);
  expect(merged.memory).toEqual(memory);
  expect(merged.measured).toEqual({ ...results.measured, memory: occasion });
  const loaded = { ...now, measured: { load: occasion }, memory: [] };
  expect(mergeNetworkResults(merged, loaded).left).toEqual([]);
});
