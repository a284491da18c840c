/** The JSON documents of the HTTP interface (docs/network.md), as schemas from which types and OpenAPI follow. */
import { z } from 'zod';
import {
  addressSchema,
  amountSchema,
  bytes32Schema,
  digestSchema,
  hex64Schema,
  signatureSchema,
  signedSchema,
} from './schemas.js';
import type { WeightReveal } from './weight-commitment.js';

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const name = z.string().min(1).max(512);

/** What a proof of a slice, or of several joined ones, says (core's SliceStatement). */
export const statementSchema = z.strictObject({
  fingerprint: hex64Schema,
  index: count,
  count: count.min(2).max(4096).optional(),
  nonce: hex64Schema,
  prover: z.string().max(256),
  commitments: z.record(name, hex64Schema),
});

// ——— programs

export const programSliceSchema = z.strictObject({
  index: count,
  /** The slice package. */
  package: digestSchema,
  packageBytes: count,
  workUnits: count,
  inputs: z.array(name).max(4096),
  outputs: z.array(name).max(4096),
});

/** A program as gateways and provers need it; its digest stands in the model registry. */
export const programSchema = z.strictObject({
  format: z.literal('dsperse-network-program/1'),
  name: z.string().max(256),
  fingerprint: hex64Schema,
  protocolVersion: count,
  /** The verifier key. */
  key: digestSchema,
  keyBytes: count,
  inputs: z.array(name).max(256),
  outputs: z.array(name).max(256),
  slices: z.array(programSliceSchema).min(1).max(4096),
});
export type ProgramDocument = z.infer<typeof programSchema>;

// ——— operators

/** What a prover says of itself: hashed into its endpoint record. */
export const capabilitySchema = z.strictObject({
  protocolVersion: count,
  /** Measured at start, in work units a second. */
  workUnitsPerSecond: count,
  /** Chunks at once. */
  capacity: count,
  /** The least it works for, in token units per million work units. */
  ask: amountSchema(128),
  memoryBytes: count,
  cores: count,
});
export type Capability = z.infer<typeof capabilitySchema>;

export const endpointSchema = z.strictObject({ record: signedSchema('Endpoint'), capability: capabilitySchema });
export type EndpointDocument = z.infer<typeof endpointSchema>;

/** Parameters by which an endpoint record counts, in seconds. */
export interface EndpointRules {
  /** How far another's clock may be from ours. */
  readonly clockSkewSeconds: number;
  /** Longest life of a record. */
  readonly endpointSecondsMax: number;
}

/** Roles as bits of `Endpoint.roles`. */
export const ROLE = { prover: 1, validator: 2, gateway: 4 } as const;
export type RoleName = keyof typeof ROLE;

export const nodeSchema = z.strictObject({
  endpoint: signedSchema('Endpoint'),
  chainId: count,
  contracts: z.record(z.string(), addressSchema),
  /** Milliseconds since 1970. */
  clockMs: count,
  limits: z.strictObject({ blobBytes: count, bodyBytes: count }),
});
export type NodeDocument = z.infer<typeof nodeSchema>;

// ——— orders

export const ORDER_STATES = [
  'received',
  'reserved',
  'running',
  'delivered',
  'failed',
  'cancelled',
  'expired',
  'settled',
] as const;
export type OrderState = (typeof ORDER_STATES)[number];
export const CHUNK_STATES = ['waiting', 'offered', 'locked', 'proven', 'accepted'] as const;
export type ChunkState = (typeof CHUNK_STATES)[number];
/**
 * How an attempt at a chunk ended. `released`, `unlinked`, `canary` (broken on purpose) and `ended` (with the order) cost the
 * prover nothing.
 */
export const ATTEMPT_OUTCOMES = ['accepted', 'rejected', 'missed', 'released', 'unlinked', 'canary', 'ended'] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

export const submitSchema = z.strictObject({
  order: signedSchema('Order'),
  /** A tensor bundle of the input, sealed to the gateway: base64. Its one salt is that of the input commitment. */
  input: z.base64().max(200_000_000),
  /** X25519 key that what is secret of the order is sealed to. */
  replyKey: bytes32Schema,
  /** Where the requester ran the model itself: a bundle of all tensors that slices read with their salts, sealed as the input. */
  activations: z.base64().max(600_000_000).optional(),
});
export type SubmitDocument = z.infer<typeof submitSchema>;

export const attemptSchema = z.strictObject({
  attempt: count,
  prover: addressSchema,
  outcome: z.enum(ATTEMPT_OUTCOMES).optional(),
  reason: z.string().optional(),
  price: amountSchema(128),
});

export const orderViewSchema = z.strictObject({
  id: bytes32Schema,
  state: z.enum(ORDER_STATES),
  /** Why it failed. */
  reason: z.string().optional(),
  fingerprint: bytes32Schema,
  deadline: count,
  budget: amountSchema(128),
  spent: amountSchema(128),
  epoch: count.optional(),
  chunks: z.array(
    z.strictObject({
      index: count,
      slices: z.array(count),
      workUnits: count,
      state: z.enum(CHUNK_STATES),
      attempts: z.array(attemptSchema),
    }),
  ),
});
export type OrderView = z.infer<typeof orderViewSchema>;

/** What the gateway says of an order's slices and tensors, and signs by its digest. */
export const manifestSchema = z.strictObject({
  order: bytes32Schema,
  fingerprint: hex64Schema,
  /** When the price curve starts, in seconds. */
  startedAt: count,
  chunks: z.array(z.strictObject({ index: count, slices: z.array(count).min(1), workUnits: count })).min(1),
  /** Of every tensor that a chunk reads, by name. */
  commitments: z.record(name, hex64Schema),
});
export type OrderManifest = z.infer<typeof manifestSchema>;

// ——— provers

export const offerSchema = z.strictObject({
  order: bytes32Schema,
  chunk: count,
  attempt: count,
  fingerprint: hex64Schema,
  slices: z.array(count).min(1),
  workUnits: count,
  /** For the whole chunk. */
  price: amountSchema(128),
  collateral: amountSchema(128),
  /** Of the lock, in seconds. */
  deadline: count,
  /** Until when the offer stands, in milliseconds. */
  standsUntilMs: count,
});
export type Offer = z.infer<typeof offerSchema>;

export const workSchema = z.strictObject({ offers: z.array(offerSchema), locks: z.array(signedSchema('Lock')) });
export type WorkDocument = z.infer<typeof workSchema>;

export const lockAnswerSchema = z.strictObject({
  order: signedSchema('Order'),
  slices: z.array(programSliceSchema),
  /** Public outputs that no other chunk reads: their values are asked for before the receipt. */
  outputs: z.array(name).min(1).max(256).optional(),
  /** Where a proof is asked for that is broken on purpose, to test validators: the salt of its mark. */
  canary: bytes32Schema.optional(),
});
export type LockAnswer = z.infer<typeof lockAnswerSchema>;

export const RELEASE_REASONS = [
  'boundary-mismatch',
  'out-of-range',
  'no-capacity',
  'missing-package',
  'stopping',
] as const;
export const releaseSchema = z.strictObject({
  attempt: count,
  reason: z.enum(RELEASE_REASONS),
  /** Of the `Release` that says when it was given back, in seconds. */
  at: count,
  signature: signatureSchema,
  detail: z.string().max(500).optional(),
});

/** What a prover delivers of a chunk, one proof of all its slices: the receipt is over the digest of its canonical JSON. */
export const chunkProofSchema = z.strictObject({
  /** Of a proof that was broken on purpose, to test validators, a hash that shows it afterwards; random otherwise. */
  mark: bytes32Schema.optional(),
  /** Digest of the `Lock` that it is delivered for: so verdicts on it are about this price. */
  lock: bytes32Schema,
  statement: statementSchema,
  proof: digestSchema,
  proofBytes: count,
});
export type ChunkProof = z.infer<typeof chunkProofSchema>;
export const deliverySchema = z.strictObject({ receipt: signedSchema('Receipt'), proof: chunkProofSchema });
export type Delivery = z.infer<typeof deliverySchema>;

// ——— validators

/** All that a verdict on a chunk rests on, besides the proofs and the public values. */
export const caseSchema = z.strictObject({
  order: signedSchema('Order'),
  manifest: manifestSchema,
  seal: signedSchema('Manifest'),
  /** Where another gateway than the order's own sealed the manifest. */
  delegation: signedSchema('Delegation').optional(),
  /** Where another gateway than the order's own gives the case: that it acts for that one. */
  serving: signedSchema('Delegation').optional(),
  lock: signedSchema('Lock'),
  delivery: deliverySchema,
});
export type CaseDocument = z.infer<typeof caseSchema>;

const chunkKey = { order: bytes32Schema, chunk: count, attempt: count };
export const dutySchema = z.discriminatedUnion('kind', [
  /** `proof`: so that it can be fetched with the case, which alone says what it is; or the case itself. */
  z.strictObject({
    kind: z.literal('verify'),
    ...chunkKey,
    proof: digestSchema.optional(),
    case: caseSchema.optional(),
  }),
  z.strictObject({ kind: z.literal('reveal'), ...chunkKey }),
  z.strictObject({ kind: z.literal('epoch'), epoch: count }),
  /** Settled here: weights are to be revealed that were committed to in it, and committed to for the next. */
  z.strictObject({ kind: z.literal('weights'), epoch: count }),
  /** Of a prover whose proof no gateway of the order acknowledges. */
  z.strictObject({ kind: z.literal('appeal'), ...chunkKey }),
  /** Of an order that its gateway settles in no epoch: the verdict is to be given to this one. */
  z.strictObject({ kind: z.literal('testify'), ...chunkKey }),
  /** The gateway lacks an epoch that the validator signed: it sends what it signed. */
  z.strictObject({ kind: z.literal('document'), epoch: count }),
]);
export type Duty = z.infer<typeof dutySchema>;
export const dutiesSchema = z.strictObject({ duties: z.array(dutySchema) });

/** What a prover shows of its work, where no gateway of the order acknowledges it, or where it settles the order in no epoch. */
export const appealSchema = z.strictObject({
  order: signedSchema('Order'),
  lock: signedSchema('Lock'),
  delivery: deliverySchema,
});
export type Appeal = z.infer<typeof appealSchema>;

export const commitsSchema = z.strictObject({ commits: z.array(signedSchema('VerdictCommit')).min(1).max(256) });
/** Weights of provers, opened. */
export const weightRevealSchema: z.ZodType<WeightReveal> = z.strictObject({
  validator: addressSchema,
  provers: z.array(addressSchema).min(1).max(1024),
  weights: z.array(z.number().int().min(1).max(65_535)).min(1).max(1024),
  salt: bytes32Schema,
});

export const verdictsSchema = z.strictObject({ verdicts: z.array(signedSchema('Verdict')).min(1).max(256) });

/** A verdict that was revealed to a gateway which does not settle its order, and its commitment. */
export const testimonySchema = z.strictObject({
  commit: signedSchema('VerdictCommit'),
  verdict: signedSchema('Verdict'),
});
export type Testimony = z.infer<typeof testimonySchema>;
export const testimoniesSchema = z.strictObject({
  testimonies: z.array(testimonySchema).max(256),
  /** Of what was asked for, what it has given no verdict on. */
  none: z.array(z.strictObject(chunkKey)).max(256),
});
export type Testimonies = z.infer<typeof testimoniesSchema>;

/** Of the verdicts that were sent those that came too late to count: all others will stand in the trace. */
export const takenSchema = z.strictObject({ late: z.array(z.strictObject(chunkKey)).max(256).optional() });
export type TakenVerdicts = z.infer<typeof takenSchema>;

/** Why a validator does not sign an epoch, where some of its orders are at fault: without them it may sign. */
export const refusalSchema = z.strictObject({
  code: z.string().max(64),
  orders: z.array(bytes32Schema).min(1).max(256),
  /** Locks that it says were missed, and of which the validator has proofs that came in time: excused, they cost nothing. */
  appealed: z.array(z.strictObject(chunkKey)).max(256).optional(),
});
export type EpochRefusal = z.infer<typeof refusalSchema>;

// ——— results

export const certificateSchema = z.strictObject({
  format: z.literal('dsperse-certificate/1'),
  chainId: count,
  market: addressSchema,
  settlement: addressSchema,
  order: signedSchema('Order'),
  manifest: manifestSchema,
  seal: signedSchema('Manifest'),
  /** The verifier key. */
  key: digestSchema,
  chunks: z.array(
    z.strictObject({
      lock: signedSchema('Lock'),
      delivery: deliverySchema,
      verdicts: z.array(signedSchema('Verdict')),
    }),
  ),
});
export type Certificate = z.infer<typeof certificateSchema>;

/** An event of an order's life. */
export const EVENT_KINDS = [
  'accepted',
  'reserved',
  'chunked',
  'offered',
  'locked',
  'proven',
  'committed',
  'verdict',
  'released',
  'missed',
  'rejected',
  'delivered',
  'failed',
  'cancelled',
  'expired',
  'settled',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];
export const orderEventSchema = z.strictObject({
  kind: z.enum(EVENT_KINDS),
  order: bytes32Schema,
  atMs: count,
  chunk: count.optional(),
  attempt: count.optional(),
  prover: addressSchema.optional(),
  validator: addressSchema.optional(),
  price: amountSchema(128).optional(),
  /** Of `proven`: what was delivered, whatever comes of it. */
  proof: digestSchema.optional(),
  /** Of `proven`: what the proof is said to show, for whoever verifies it before the order ends. */
  statement: statementSchema.optional(),
  detail: z.string().optional(),
});
export type OrderEvent = z.infer<typeof orderEventSchema>;

export const quoteRequestSchema = z.strictObject({
  fingerprint: hex64Schema,
  priceMin: amountSchema(128),
  priceMax: amountSchema(128),
  rampSeconds: count,
  deadlineSeconds: count,
});

export const quoteSchema = z.strictObject({
  /** Expected, for the whole order. */
  price: amountSchema(256),
  unitPrice: amountSchema(256),
  seconds: count,
  /** Of being filled in full, in basis points. */
  chanceBps: count,
  /** Past offers that the chance rests on. */
  samples: count,
});
export type QuoteDocument = z.infer<typeof quoteSchema>;
