import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.js';

describe('metrics', () => {
  it('are read as Prometheus text', async () => {
    const metrics = createMetrics({ processMetrics: false, labels: { role: 'prover' } });
    metrics.counter('dsperse_chunks_proven_total', 'Chunks proven', ['outcome']).inc({ outcome: 'accepted' }, 2);
    metrics.histogram('dsperse_prove_seconds', 'Time to prove a chunk').observe(0.3);
    let free = 5;
    metrics.gauge('dsperse_cache_bytes', 'Bytes of the cache', [], (g) => g.set(free));
    free = 7;
    const text = await metrics.text();
    expect(text).toContain('dsperse_chunks_proven_total{outcome="accepted",role="prover"} 2');
    expect(text).toContain('dsperse_prove_seconds_count{role="prover"} 1');
    expect(text).toMatch(/dsperse_prove_seconds_bucket\{.*le="0.5".*\} 1/);
    expect(text).toContain('dsperse_cache_bytes{role="prover"} 7');
    expect(metrics.contentType).toContain('text/plain');
    metrics.close();
  });

  it('are given once for a name, of one kind', () => {
    const metrics = createMetrics({ processMetrics: false });
    const first = metrics.counter('dsperse_a_total', 'a');
    expect(metrics.counter('dsperse_a_total', 'a')).toBe(first);
    metrics.gauge('dsperse_b_bytes', 'b');
    expect(() => metrics.histogram('dsperse_b_bytes', 'b')).toThrow(/another kind/);
  });

  it('have names that say their unit', () => {
    const metrics = createMetrics({ processMetrics: false });
    for (const name of ['chunks_total', 'dsperse_chunks', 'dsperse_Chunks_total', 'dsperse_time_seconds']) {
      expect(() => metrics.counter(name, 'x')).toThrow(/no name of a metric/);
    }
    for (const name of ['dsperse_time', 'dsperse_time_ms', 'dsperse_time_total']) {
      expect(() => metrics.histogram(name, 'x')).toThrow(/no name of a metric/);
      expect(() => metrics.gauge(name, 'x')).toThrow(/no name of a metric/);
    }
  });

  it('tell of the process too', async () => {
    const metrics = createMetrics();
    expect(await metrics.text()).toMatch(/dsperse_process_cpu_seconds_total \d/);
    metrics.close();
    expect(await metrics.text()).not.toContain('process_cpu');
  });
});
