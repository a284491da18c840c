/** What a gateway counts, and what it takes up. */
import type { Counter, Gauge } from 'prom-client';
import type { Metrics } from '../../node/metrics.js';
import type { SqlStore } from '../../store/index.js';
import type { ActivationPool } from './activation-pool.js';

export interface GatewayMetrics {
  /** By the state that they reach. */
  readonly orders: Counter<'state'>;
  /** Of chunks, by how they end. */
  readonly attempts: Counter<'outcome'>;
  readonly deliveries: Counter;
  readonly openOrders: Gauge;
  readonly unsettledOrders: Gauge;
  readonly unsettledSeconds: Gauge;
  readonly events: Counter<'kind'>;
  /** As the database estimates them. */
  readonly tableRows: Gauge<'table'>;
  readonly tableBytes: Gauge<'table'>;
}

/** Registers them; what the database and the inference thread have of the memory is asked for at each reading. */
export function gatewayMetrics(metrics: Metrics, sql: SqlStore, pool: ActivationPool): GatewayMetrics {
  metrics.gauge(
    'dsperse_gateway_database_memory_bytes',
    'Reserved by the embedded database; 0 with a server',
    [],
    (g) => g.set(sql.memoryBytes),
  );
  metrics.gauge('dsperse_gateway_inference_memory_bytes', 'Of the inference thread, by part', ['part'], (g) => {
    g.reset();
    for (const [part, bytes] of Object.entries(pool.memory ?? {})) g.set({ part }, bytes);
  });
  return {
    orders: metrics.counter('dsperse_gateway_orders_total', 'Orders by the state that they reached', ['state']),
    attempts: metrics.counter('dsperse_gateway_attempts_total', 'Attempts at chunks by how they ended', ['outcome']),
    deliveries: metrics.counter('dsperse_gateway_deliveries_total', 'Proofs of chunks that came in'),
    openOrders: metrics.gauge('dsperse_gateway_open_orders', 'Orders that have not ended'),
    unsettledOrders: metrics.gauge('dsperse_gateway_unsettled_orders', 'Orders that ended and are not settled'),
    unsettledSeconds: metrics.gauge('dsperse_gateway_unsettled_seconds', 'Since the oldest of them ended'),
    events: metrics.counter('dsperse_gateway_events_total', 'Events that followers were given, by kind', ['kind']),
    tableRows: metrics.gauge('dsperse_gateway_table_rows', 'Rows of tables as estimated, after each sweep', ['table']),
    tableBytes: metrics.gauge('dsperse_gateway_table_bytes', 'Tables with their indices, after each sweep', ['table']),
  };
}

/** Tells how far settlement is behind: where more orders end than epochs take, what waits grows until reserves run out. */
export async function measureUnsettled(
  sql: SqlStore,
  { unsettledOrders, unsettledSeconds }: Pick<GatewayMetrics, 'unsettledOrders' | 'unsettledSeconds'>,
  nowMs: number,
): Promise<void> {
  const [{ orders, oldest }] = await sql.query<{ orders: number; oldest: number | null }>(
    `select count(*)::int as orders, min(ended_ms)::bigint as oldest from (
       select ended_ms from orders where epoch is null and reserved and ended_ms is not null
       union all
       select ended_ms from orders where epoch in (select epoch from epochs where state in ('collecting', 'posted'))
     ) unsettled`,
  );
  unsettledOrders.set(orders);
  unsettledSeconds.set(oldest === null ? 0 : Math.max(nowMs - oldest, 0) / 1000);
}

/** Tells how large the tables are; all of the database's own are one, `catalog`. */
export async function measureTables(
  sql: SqlStore,
  { tableRows, tableBytes }: Pick<GatewayMetrics, 'tableRows' | 'tableBytes'>,
): Promise<void> {
  const tables = await sql.query<{ name: string; rows: number; bytes: number }>(
    `select case when n.nspname = 'pg_catalog' then 'catalog' else c.relname::text end as name,
       sum(greatest(c.reltuples, 0))::bigint as rows, sum(pg_total_relation_size(c.oid))::bigint as bytes
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname in (current_schema(), 'pg_catalog') group by 1`,
  );
  for (const { name: table, rows, bytes } of tables) {
    tableRows.set({ table }, rows);
    tableBytes.set({ table }, bytes);
  }
}
