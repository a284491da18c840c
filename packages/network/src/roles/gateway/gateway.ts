/** The gateway as a service: its loops, its tables, its interface. */
import { availableParallelism } from 'node:os';
import type { Address, Hex } from 'viem';
import type { Ledger } from '../../chain/ledger.js';
import { judgingPolicy, marketPolicy, networkTiming, proverPolicy } from '../../chain/network-parameters.js';
import type { NodeDocument } from '../../messages/index.js';
import type { Identity } from '../../node/index.js';
import type { Metrics } from '../../node/metrics.js';
import type { Settlement } from '../../scoring/index.js';
import { type BlobLocation, type BlobStore, migrate, type SqlStore } from '../../store/index.js';
import type { NonceLedger } from '../../transport/index.js';
import type { Route } from '../../transport/server/route.js';
import { ActivationPool } from './activation-pool.js';
import { OrderRunner } from './advance-order.js';
import { keepDelegations } from './delegations.js';
import { DiskRoom } from './disk-room.js';
import { EventLog } from './event-log.js';
import { GATEWAY_DEFAULTS, type GatewayContext, type GatewaySettings, type Log } from './gateway-context.js';
import { gatewayMetrics, measureTables, measureUnsettled } from './gateway-metrics.js';
import { NonceTable } from './nonce-table.js';
import { startBeats } from './outages.js';
import { gatewayRoutes } from './routes.js';
import { EpochRunner } from './run-epochs.js';
import { MIGRATIONS } from './schema.js';
import { SettlementRoom } from './settlement-room.js';
import { sweep } from './sweep.js';

const SWEEP_MS = 60_000;
const DELEGATE_MS = 5_000;
const AT_ONCE = 16;
const MAX_INFERENCE_THREADS = 4;
/** Between gateways on one database: `<holder> <order>`. */
const WAKE_CHANNEL = 'dsperse_wake';

export interface GatewayOptions {
  readonly identity: Identity;
  readonly ledger: Ledger;
  readonly contracts: Readonly<Record<string, Address>>;
  readonly sql: SqlStore;
  readonly blobs: BlobStore;
  /** Where the inference thread opens the same blobs. */
  readonly blobLocation: BlobLocation;
  readonly settings?: Partial<GatewaySettings>;
  readonly inference?: { readonly threads?: number; readonly cacheBytes?: number };
  /** Told every epoch that settles, once its orders are paid; must not throw or take long. */
  readonly onSettled?: (settlement: Settlement) => void;
  /** What GET /v1/node answers. */
  readonly node: () => NodeDocument;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Gateway {
  readonly name: 'gateway';
  readonly routes: readonly Route[];
  /** Replay protection that gateways on one database share. */
  readonly nonces: NonceLedger;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { identity, ledger, sql, blobs, log, metrics } = options;
  const settings = { ...GATEWAY_DEFAULTS, ...options.settings };
  const pool = new ActivationPool({
    blobs: options.blobLocation,
    threads: options.inference?.threads ?? Math.min(MAX_INFERENCE_THREADS, availableParallelism()),
    cacheBytes: options.inference?.cacheBytes ?? 2 ** 31,
  });
  const events = new EventLog(sql, (kind) => g.metrics.events.inc({ kind }));
  const room = new DiskRoom(options.blobLocation.directory, settings.minFreeBytes);
  const settlement = new SettlementRoom({ sql, ledger, log, nowMs: () => Date.now() });
  const due = new Map<Hex, number>();
  const running = new Set<Hex>();
  let loop: Promise<void> | undefined;
  let stopping = false;
  let wakeLoop: () => void = () => {};

  const g: GatewayContext = {
    holder: `${identity.account.address.toLowerCase()}-${process.pid}-${Date.now()}`,
    identity,
    network: ledger.network,
    contracts: options.contracts,
    ledger,
    sql,
    blobs,
    settings,
    policy: () => marketPolicy(ledger),
    timing: () => networkTiming(ledger),
    judging: () => judgingPolicy(ledger),
    provers: () => proverPolicy(ledger),
    checkPackages: (key, packages) => pool.check(key, packages),
    requireRoom: () => room.require(),
    requireSettlement: () => settlement.require(),
    noteTaken: () => settlement.noteTaken(),
    log,
    metrics: gatewayMetrics(metrics, sql, pool),
    wake(order) {
      due.set(order, 0);
      // PGlite is of one process: nobody else listens.
      if (sql.kind !== 'pglite') sql.notify(WAKE_CHANNEL, `${g.holder} ${order}`).catch(() => {});
      wakeLoop();
    },
    nowMs: () => Date.now(),
  };
  const runner = new OrderRunner(g, pool);
  const epochs = new EpochRunner(g, options.onSettled);

  async function advance(id: Hex): Promise<void> {
    running.add(id);
    try {
      const next = await runner.advance(id);
      // Woken meanwhile: at once again.
      if (next === undefined) due.delete(id);
      else if (due.get(id) !== 0) due.set(id, next);
    } catch (error) {
      log.warn({ order: id, error: (error as Error).message }, 'an order is tried again');
      due.set(id, Date.now() + settings.tickMs);
    } finally {
      running.delete(id);
      wakeLoop();
    }
  }

  async function listOpen(): Promise<void> {
    const rows = await sql.query<{ id: Hex }>(
      `select id from orders where state in ('received', 'reserved', 'running')`,
    );
    g.metrics.openOrders.set(rows.length);
    for (const { id } of rows) if (!due.has(id)) due.set(id, 0);
  }

  /** Something that is done every so often, whatever it throws. */
  async function every(ms: number, state: { at: number }, what: string, work: () => Promise<void>): Promise<void> {
    const now = Date.now();
    if (now < state.at) return;
    state.at = now + ms;
    try {
      await work();
    } catch (error) {
      log.warn({ error: (error as Error).message }, `${what} is tried again`);
    }
  }

  async function sweepAll(): Promise<void> {
    await sweep(g);
    await measureTables(sql, g.metrics);
    await measureUnsettled(sql, g.metrics, g.nowMs());
  }

  async function runLoop(): Promise<void> {
    const listing = { at: 0 };
    const delegating = { at: 0 };
    const sweepMs = Math.min(SWEEP_MS, settings.retainMs);
    const sweeping = { at: Date.now() + sweepMs };
    const settling = { at: 0 };
    let epochWork: Promise<void> | undefined;
    let sweepWork: Promise<void> | undefined;
    while (!stopping) {
      await every(DELEGATE_MS, delegating, 'delegating', () => keepDelegations(g));
      await every(settings.tickMs * 2, listing, 'listing open orders', listOpen);
      // Both ask the chain: orders do not wait for it.
      sweepWork ??= every(sweepMs, sweeping, 'sweeping', sweepAll).finally(() => {
        sweepWork = undefined;
      });
      epochWork ??= every(settings.tickMs, settling, 'settling', () => epochs.advance()).finally(() => {
        epochWork = undefined;
      });
      const now = Date.now();
      const ready = [...due].filter(([id, at]) => at <= now && !running.has(id)).slice(0, AT_ONCE - running.size);
      for (const [id] of ready) {
        due.set(id, now + settings.tickMs);
        void advance(id);
      }
      const waits = [...due].filter(([id]) => !running.has(id)).map(([, at]) => at - Date.now());
      const pause = running.size >= AT_ONCE ? settings.tickMs : Math.min(settings.tickMs, ...waits);
      if (pause > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pause);
          wakeLoop = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
    await Promise.all([epochWork, sweepWork]);
    while (running.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  let stopBeats: (() => Promise<void>) | undefined;
  let stopListening: (() => Promise<void>) | undefined;
  return {
    name: 'gateway',
    routes: gatewayRoutes(g, events, epochs, options.node),
    nonces: new NonceTable(sql),
    async start() {
      await migrate(sql, MIGRATIONS);
      await events.start();
      pool.warm();
      stopListening = await sql.listen(WAKE_CHANNEL, (message) => {
        const [holder, order] = message.split(' ');
        if (holder === g.holder) return;
        due.set(order as Hex, 0);
        wakeLoop();
      });
      stopBeats = await startBeats(g);
      loop = runLoop();
    },
    async stop() {
      stopping = true;
      wakeLoop();
      await loop;
      await stopBeats?.();
      await stopListening?.();
      await events.stop();
      await pool.stop();
    },
  };
}
