/** Bounds of a server that hold for all its routes. */
import type { Rate } from './rate-limit.js';

export interface ServerLimits {
  /** Before it is known who asks: by address (IPv6: by /64). */
  readonly perAddress: Rate;
  /** Of those who signed. */
  readonly perSender: Rate;
  /** What a bad signature costs its address, in requests: checking one takes one to two milliseconds. */
  readonly badSignatureCost: number;
  /** Keys that the rate limits remember, of each kind. */
  readonly maxTrackedKeys: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Requests at once by one sender (on open routes: from one address), streams of events apart. */
  readonly maxConcurrent: number;
  readonly maxStreams: number;
  /** JSON bodies above this are read only where the header `content-digest` let the signature be checked before. */
  readonly strangerBodyBytes: number;
  /** Memory for bodies above 1 MiB that are being read, together. */
  readonly bodyMemoryBytes: number;
  readonly headersTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly heartbeatMs: number;
  /** How long a reader may take nothing of an answer. */
  readonly stallMs: number;
}

export const SERVER_LIMITS: ServerLimits = {
  perAddress: { perSecond: 500, burst: 2000 },
  perSender: { perSecond: 200, burst: 500 },
  badSignatureCost: 20,
  maxTrackedKeys: 20_000,
  maxConnections: 4000,
  maxConnectionsPerAddress: 256,
  maxConcurrent: 32,
  maxStreams: 8,
  strangerBodyBytes: 64 << 10,
  bodyMemoryBytes: 1 << 30,
  headersTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 15_000,
  keepAliveMs: 30_000,
  heartbeatMs: 15_000,
  stallMs: 30_000,
};
