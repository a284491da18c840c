import type { Counter, Gauge } from 'prom-client';

export interface GatewayMetrics {
  /** By the state that they reach. */
  readonly orders: Counter<'state'>;
  /** Of chunks, by how they end. */
  readonly attempts: Counter<'outcome'>;
  readonly deliveries: Counter;
  readonly openOrders: Gauge;
  readonly events: Counter<'kind'>;
}
