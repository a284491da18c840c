/** Rows of the gateway's tables, typed. */
import type { Address, Hex } from 'viem';
import type {
  Acknowledgement,
  AttemptOutcome,
  ChunkState,
  Delivery,
  EndpointDocument,
  Lock,
  ManifestSeal,
  Offer,
  Order,
  OrderManifest,
  OrderState,
  Signed,
} from '../../messages/index.js';
import { deliverySchema, endpointSchema, offerSchema, orderViewSchema, signedSchema } from '../../messages/index.js';
import type { Sql } from '../../store/index.js';

export interface OrderRow {
  readonly id: Hex;
  readonly requester: Address;
  readonly signed: Signed<Order>;
  readonly replyKey: Hex;
  readonly fingerprint: string;
  readonly state: OrderState;
  readonly reason: string | undefined;
  readonly cancelled: boolean;
  readonly inputDigest: string;
  readonly activationsDigest: string | undefined;
  readonly valuesDigest: string | undefined;
  /** Salts are derived from it: 64 hexadecimal digits. */
  readonly secret: string;
  readonly manifest: OrderManifest | undefined;
  readonly seal: Signed<ManifestSeal> | undefined;
  readonly startedAt: number | undefined;
  readonly deadline: number;
  readonly budget: bigint;
  readonly spent: bigint;
  readonly endedMs: number | undefined;
  readonly epoch: number | undefined;
}

export interface ChunkRow {
  readonly order: Hex;
  readonly index: number;
  readonly slices: readonly number[];
  readonly workUnits: number;
  /** Of the bundle that its prover gets: undefined until the inputs of the chunk are computed. */
  readonly boundaryDigest: string | undefined;
  readonly state: ChunkState;
  readonly attempt: number;
  readonly offer: Offer | undefined;
  readonly offeredTo: Address | undefined;
  readonly offerUntilMs: number | undefined;
}

export interface SentOutputs {
  /** Of their bundle, as the gateway keeps it. */
  readonly digest: string;
  /** What these values commit to, by name. */
  readonly commitments: Readonly<Record<string, string>>;
}

export interface AttemptRow {
  readonly order: Hex;
  readonly index: number;
  readonly attempt: number;
  readonly prover: Address;
  readonly lock: Signed<Lock>;
  readonly lockedMs: number;
  readonly price: bigint;
  readonly deadline: number;
  readonly release:
    | { readonly at: number; readonly reason: string; readonly attested: boolean; readonly signature: Hex }
    | undefined;
  /** Final outputs that the prover sent: of the last it sent before its receipt. */
  readonly outputs: SentOutputs | undefined;
  readonly delivery: Delivery | undefined;
  readonly acknowledgement: Signed<Acknowledgement> | undefined;
  readonly receivedMs: number | undefined;
  /** Since when verdicts are revealed. */
  readonly revealingMs: number | undefined;
  /** Of a proof that the prover was asked to break, the salt of its mark. */
  readonly canary: Hex | undefined;
  /** A committee did not accept it: all validators judge. */
  readonly everyone: boolean;
  /** Its deadline passed while no gateway was there, or one was not for a part of its time. */
  readonly excused: boolean;
  readonly outcome: AttemptOutcome | undefined;
  readonly reason: string | undefined;
  readonly endedMs: number | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the database gives it; its columns are those of schema.ts.
type Raw = any;

const orderSchema = signedSchema('Order');
const lockSchema = signedSchema('Lock');
const acknowledgementSchema = signedSchema('Acknowledgement');

const absent = <T>(x: T | null): T | undefined => x ?? undefined;
const maybe = <T, R>(x: T | null, read: (x: T) => R): R | undefined => (x === null ? undefined : read(x));

/** Documents are parsed when they are looked at, once: most looks at an order need few of them. */
function parsed<T>(row: object, name: string, parse: () => T): T {
  const value = parse();
  Object.defineProperty(row, name, { value, enumerable: true });
  return value;
}

export function orderRow(r: Raw): OrderRow {
  return {
    id: r.id,
    requester: r.requester,
    get signed() {
      return parsed(this, 'signed', () => orderSchema.parse(r.signed));
    },
    replyKey: r.reply_key,
    fingerprint: r.fingerprint,
    state: orderViewSchema.shape.state.parse(r.state),
    reason: absent(r.reason),
    cancelled: r.cancelled,
    inputDigest: r.input_digest,
    activationsDigest: absent(r.activations_digest),
    valuesDigest: absent(r.values_digest),
    secret: r.secret,
    manifest: absent(r.manifest),
    seal: absent(r.seal),
    startedAt: absent(r.started_at),
    deadline: r.deadline,
    budget: BigInt(r.budget),
    spent: BigInt(r.spent),
    endedMs: absent(r.ended_ms),
    epoch: absent(r.epoch),
  };
}

export function chunkRow(r: Raw): ChunkRow {
  return {
    order: r.order_id,
    index: r.idx,
    slices: r.slices,
    workUnits: r.work_units,
    boundaryDigest: absent(r.boundary_digest),
    state: r.state,
    attempt: r.attempt,
    offer: maybe(r.offer, (x) => offerSchema.parse(x)),
    offeredTo: absent(r.offered_to),
    offerUntilMs: absent(r.offer_until_ms),
  };
}

export function attemptRow(r: Raw): AttemptRow {
  return {
    order: r.order_id,
    index: r.idx,
    attempt: r.attempt,
    prover: r.prover,
    get lock() {
      return parsed(this, 'lock', () => lockSchema.parse(r.lock));
    },
    lockedMs: r.locked_ms,
    price: BigInt(r.price),
    deadline: r.deadline,
    release: absent(r.release),
    outputs: absent(r.outputs),
    get delivery() {
      return parsed(this, 'delivery', () => maybe(r.delivery, (x) => deliverySchema.parse(x)));
    },
    get acknowledgement() {
      return parsed(this, 'acknowledgement', () => maybe(r.acknowledgement, (x) => acknowledgementSchema.parse(x)));
    },
    receivedMs: absent(r.received_ms),
    revealingMs: absent(r.revealing_ms),
    canary: absent(r.canary),
    everyone: r.everyone,
    excused: r.excused,
    outcome: absent(r.outcome),
    reason: absent(r.reason),
    endedMs: absent(r.ended_ms),
  };
}

export const readEndpoint = (stored: unknown): EndpointDocument => endpointSchema.parse(stored);

export async function loadOrder(sql: Sql, id: Hex): Promise<OrderRow | undefined> {
  const rows = await sql.query('select * from orders where id = $1', [id]);
  return rows[0] && orderRow(rows[0]);
}

export async function loadChunks(sql: Sql, order: Hex): Promise<ChunkRow[]> {
  const rows = await sql.query('select * from chunks where order_id = $1 order by idx', [order]);
  return rows.map(chunkRow);
}

export async function loadChunk(sql: Sql, order: Hex, index: number): Promise<ChunkRow | undefined> {
  const rows = await sql.query('select * from chunks where order_id = $1 and idx = $2', [order, index]);
  return rows[0] && chunkRow(rows[0]);
}

/** All attempts at the chunks of an order, by chunk and attempt. */
export async function loadAttempts(sql: Sql, order: Hex): Promise<AttemptRow[]> {
  const rows = await sql.query('select * from attempts where order_id = $1 order by idx, attempt', [order]);
  return rows.map(attemptRow);
}

export async function loadAttempt(
  sql: Sql,
  order: Hex,
  index: number,
  attempt: number,
): Promise<AttemptRow | undefined> {
  const rows = await sql.query('select * from attempts where order_id = $1 and idx = $2 and attempt = $3', [
    order,
    index,
    attempt,
  ]);
  return rows[0] && attemptRow(rows[0]);
}
