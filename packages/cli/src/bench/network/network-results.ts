/** What `dsperse bench --network` finds. */

import type { Machine, Occasion } from '../results.js';
import type { Spread } from '../spread.js';

/** Steps of an order in their sequence, each from the end of the one before it; together the time to the certificate. */
export const ORDER_PHASES = [
  'submitted',
  'reserved',
  'chunked',
  'offered',
  'locked',
  'proven',
  'committed',
  'verdict',
  'delivered',
  'certified',
] as const;
export type OrderPhase = (typeof ORDER_PHASES)[number];

/** Processes of one kind together. */
export const ORDER_PROCESSES = ['gateway', 'provers', 'validators', 'client', 'chain'] as const;
export type OrderProcess = (typeof ORDER_PROCESSES)[number];

/** An order on a network of processes beside proving alone in one process, in the same run. All times in milliseconds. */
export interface OrderTimes {
  readonly model: string;
  readonly slices: number;
  readonly chunks: number;
  readonly orders: number;
  /** From the call that places the order to the certificate that the requester has verified. */
  readonly certificateMs: Spread;
  /** Of the first order: provers and validators fetch the program, nothing is warm. */
  readonly firstMs: number;
  /** Medians; where chunks run at the same time, a step ends with the last of them. */
  readonly phases: Readonly<Record<OrderPhase, number>>;
  /** Between the last validator's commitment and the verdict: what committing before revealing costs. */
  readonly revealMs: number;
  /** Proving of all slices in one process with all threads, weights committed before. */
  readonly aloneMs: Spread;
  /** Proving and verifying in one process. */
  readonly aloneVerifiedMs: number;
  /** By the medians, without the reveal. */
  readonly overheadMs: number;
  readonly overheadPercent: number;
  /** Processor time of an order by process, and of proving alone: the means, in milliseconds. */
  readonly cpuMs?: Readonly<Record<OrderProcess | 'alone', number>>;
}

export type DatabaseName = 'PGlite' | 'PostgreSQL';

/** One gateway under load; provers and validators are simulated (load-node.ts). */
export interface LoadResult {
  readonly database: DatabaseName;
  readonly provers: number;
  readonly orders: number;
  readonly chunks: number;
  readonly seconds: number;
  readonly ordersPerSecond: number;
  readonly chunksPerSecond: number;
  /** Processor seconds of the gateway for each chunk. */
  readonly gatewayCpuMsPerChunk: number;
  /** Median time of an order, in milliseconds. */
  readonly orderMs: number;
}

/** Of the gateway, when so many orders had ended. */
export interface MemorySample {
  readonly orders: number;
  /** Since the first was placed. */
  readonly seconds?: number;
  readonly rssBytes: number;
  /** JavaScript objects of the main thread, garbage included. */
  readonly heapBytes?: number;
  /** What the heap holds, free places included: it grows with garbage, and is given back late. */
  readonly heapHeldBytes?: number;
  /** Outside of the main thread's heap: its buffers, and the memory of the embedded database. */
  readonly externalBytes?: number;
  /** WebAssembly memory of the embedded database: as far as it has grown. */
  readonly databaseMemoryBytes?: number;
  /** The inference thread: heap, buffers and the kernels' memory. */
  readonly inferenceBytes?: number;
  /** Files of the embedded database. */
  readonly databaseBytes?: number;
  /** Of all its tables, after the last sweep. */
  readonly rows?: number;
  /** By table, those with a row at least, after the last sweep. */
  readonly tableRows?: Readonly<Record<string, number>>;
  /** By table, with its indices; the database's own as `catalog`. */
  readonly tableBytes?: Readonly<Record<string, number>>;
}

/** Memory of the gateway over many orders. */
export interface MemoryResult {
  readonly database: DatabaseName;
  readonly orders: number;
  readonly seconds: number;
  readonly samples: readonly MemorySample[];
  /** Resident, the median of the second quarter and of the last quarter of the orders. */
  readonly earlyBytes: number;
  readonly lateBytes: number;
}

/** What can be measured apart: times of orders beside proving alone, a gateway under load, its memory over many orders. */
export const NETWORK_PARTS = ['orders', 'load', 'memory'] as const;
export type NetworkPart = (typeof NETWORK_PARTS)[number];

export interface NetworkResults {
  readonly machine: Machine;
  /** When each part was measured; those that were not are absent. */
  readonly measured: Readonly<Partial<Record<NetworkPart, Occasion>>>;
  readonly times: readonly OrderTimes[];
  readonly load: readonly LoadResult[];
  readonly memory: readonly MemoryResult[];
  /** What was not measured, and why. */
  /** What was not measured; `stood` where its orders stood still. */
  readonly left: readonly {
    readonly part: NetworkPart;
    readonly what: string;
    readonly why: string;
    readonly stood?: boolean;
  }[];
}

/** Parts that were measured now stand in place of what was kept of them before. */
export function mergeNetworkResults(before: NetworkResults | undefined, now: NetworkResults): NetworkResults {
  if (!before) return now;
  const of = <T>(part: NetworkPart, pick: (r: NetworkResults) => T): T => pick(now.measured[part] ? now : before);
  return {
    machine: now.machine,
    measured: { ...before.measured, ...now.measured },
    times: of('orders', (r) => r.times),
    load: of('load', (r) => r.load),
    memory: of('memory', (r) => r.memory),
    left: [...before.left.filter((l) => !now.measured[l.part]), ...now.left],
  };
}
