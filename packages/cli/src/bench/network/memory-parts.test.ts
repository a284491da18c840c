import { createMetrics } from '@dsperse/network/node';
import { expect, test } from 'vitest';
import { partsOf } from './memory-parts.js';

test('the parts of the memory are read from what metrics say', async () => {
  const metrics = createMetrics();
  metrics.gauge('dsperse_gateway_database_memory_bytes', 'x').set(128);
  const inference = metrics.gauge('dsperse_gateway_inference_memory_bytes', 'x', ['part']);
  inference.set({ part: 'heap' }, 5);
  inference.set({ part: 'kernels' }, 7);
  const rows = metrics.gauge('dsperse_gateway_table_rows', 'x', ['table']);
  rows.set({ table: 'orders' }, 3);
  rows.set({ table: 'catalog' }, 40);
  rows.set({ table: 'passes' }, 0);
  const { heapBytes, heapHeldBytes, externalBytes, ...parts } = partsOf(await metrics.text());
  expect(heapBytes).toBeGreaterThan(1e6);
  expect(heapHeldBytes).toBeGreaterThan(heapBytes as number);
  expect(externalBytes).toBeGreaterThan(0);
  expect(parts).toEqual({
    databaseMemoryBytes: 128,
    inferenceBytes: 12,
    rows: 43,
    tableRows: { orders: 3, catalog: 40 },
  });
  metrics.close();
});

test('what is not told is absent', () => {
  expect(partsOf('')).toEqual({});
});
