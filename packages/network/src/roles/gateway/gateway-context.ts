/** What every part of the gateway works with. */
import type { Hex } from 'viem';
import type { Ledger } from '../../chain/ledger.js';
import type { JudgingPolicy, NetworkTiming, ProverPolicy } from '../../chain/network-parameters.js';
import type { MarketPolicy } from '../../market/index.js';
import type { NetworkId } from '../../messages/index.js';
import type { Identity } from '../../node/index.js';
import type { BlobStore, SqlStore } from '../../store/index.js';
import type { GatewayMetrics } from './gateway-metrics.js';

/** What this gateway decides itself, within the network's parameters. */
export interface GatewaySettings {
  /** Work units that a chunk should have. */
  readonly chunkWorkUnits: number;
  readonly maxChunks: number;
  /** Of a prover that a chunk of several slices is cut for. */
  readonly proverMemoryBytes: number;
  /** How long an offer stands before it passes to the next prover. */
  readonly offerMs: number;
  /** A prover that said nothing for this long gets no offers. */
  readonly silenceMs: number;
  /** How often what is running is looked at when nothing wakes it. */
  readonly tickMs: number;
  /** After an order ended and is settled, until it is forgotten with its blobs and events. */
  readonly retainMs: number;
  /** After an epoch is settled, until its trace is forgotten: it explains penalties, and shows what was signed. */
  readonly retainEpochsMs: number;
  readonly maxBlobBytes: number;
  /** Of an order with its input, or with activations. */
  readonly maxOrderBytes: number;
  /** Bytes of blobs that one address may have here. */
  readonly maxBytesPerOwner: number;
  readonly maxOpenOrders: number;
  readonly maxOpenOrdersPerRequester: number;
  /** Free bytes of the disk below which nothing new is taken. */
  readonly minFreeBytes: number;
}

export const GATEWAY_DEFAULTS: GatewaySettings = {
  chunkWorkUnits: 200_000_000,
  maxChunks: 16,
  proverMemoryBytes: 2 ** 31,
  offerMs: 2_000,
  silenceMs: 20_000,
  tickMs: 1_000,
  retainMs: 24 * 3_600_000,
  // Longer than stake can be thawing.
  retainEpochsMs: 60 * 24 * 3_600_000,
  maxBlobBytes: 1 << 30,
  maxOrderBytes: 64 * 2 ** 20,
  maxBytesPerOwner: 4 * 2 ** 30,
  maxOpenOrders: 2_000,
  maxOpenOrdersPerRequester: 200,
  minFreeBytes: 256 * 2 ** 20,
};

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface GatewayContext {
  /** Distinguishes gateways on one database. */
  readonly holder: string;
  readonly identity: Identity;
  readonly network: NetworkId;
  readonly contracts: Readonly<Record<string, Hex>>;
  readonly ledger: Ledger;
  readonly sql: SqlStore;
  readonly blobs: BlobStore;
  readonly settings: GatewaySettings;
  /** Governed parameters, read from the chain. */
  policy(): Promise<MarketPolicy>;
  timing(): Promise<NetworkTiming>;
  judging(): Promise<JudgingPolicy>;
  provers(): Promise<ProverPolicy>;
  /** What is wrong with the packages of a program, by digests; undefined where nothing is. */
  checkPackages(key: string, packages: readonly string[]): Promise<string | undefined>;
  /** Nothing new is taken while the disk is nearly full: what runs needs the rest. @throws Refusal `disk-full` */
  requireRoom(): Promise<void>;
  /** Nothing is ordered while what waits could not be settled in time. @throws Refusal `settlement-behind` */
  requireSettlement(): Promise<void>;
  /** An order was taken, which is to be settled too. */
  noteTaken(): void;
  readonly log: Log;
  readonly metrics: GatewayMetrics;
  /** Looks at the order soon. */
  wake(order: Hex): void;
  /** Milliseconds since 1970, by this machine. */
  nowMs(): number;
}
