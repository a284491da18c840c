/** What a gateway's metrics say that its memory is taken up by. */
import type { MemorySample } from './network-results.js';

export type MemoryParts = Pick<
  MemorySample,
  | 'heapBytes'
  | 'heapHeldBytes'
  | 'externalBytes'
  | 'databaseMemoryBytes'
  | 'inferenceBytes'
  | 'rows'
  | 'tableRows'
  | 'tableBytes'
>;

const METRICS_MS = 5_000;

/** Nothing where it does not answer in time. */
export async function memoryParts(gatewayUrl: string): Promise<MemoryParts> {
  const signal = AbortSignal.timeout(METRICS_MS);
  const answer = await fetch(`${gatewayUrl}/metrics`, { signal }).catch(() => undefined);
  return partsOf((await answer?.text().catch(() => '')) ?? '');
}

/** @param text in Prometheus' format; what it does not say is absent */
export function partsOf(text: string): MemoryParts {
  const one = (key: keyof MemoryParts, name: string) => {
    const values = Object.values(readMetric(text, name));
    return values.length === 0 ? {} : { [key]: values.reduce((sum, value) => sum + value, 0) };
  };
  const byTable = (key: keyof MemoryParts, name: string) => {
    const told = Object.entries(readMetric(text, name, 'table')).filter(([, value]) => value > 0);
    return told.length === 0 ? {} : { [key]: Object.fromEntries(told) };
  };
  return {
    ...one('heapBytes', 'dsperse_nodejs_heap_size_used_bytes'),
    ...one('heapHeldBytes', 'dsperse_nodejs_heap_size_total_bytes'),
    ...one('externalBytes', 'dsperse_nodejs_external_memory_bytes'),
    ...one('databaseMemoryBytes', 'dsperse_gateway_database_memory_bytes'),
    ...one('inferenceBytes', 'dsperse_gateway_inference_memory_bytes'),
    ...one('rows', 'dsperse_gateway_table_rows'),
    ...byTable('tableRows', 'dsperse_gateway_table_rows'),
    ...byTable('tableBytes', 'dsperse_gateway_table_bytes'),
  };
}

/** Its values by one label; by all its labels where none is named. */
function readMetric(text: string, name: string, label?: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [, labels = '', value] of text.matchAll(new RegExp(`^${name}(?:\\{([^}]*)\\})? (\\S+)$`, 'gm'))) {
    const [, of = labels] = (label !== undefined && new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels)) || [];
    found[of] = Number(value);
  }
  return found;
}
