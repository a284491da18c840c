/** What a gateway says of an epoch, as JSON: the trace with the state before it, and the settlement that follows. */
import { z } from 'zod';
import {
  addressSchema,
  amountSchema,
  bytes32Schema,
  chunkProofSchema,
  type EpochRoot,
  signatureSchema,
  signedSchema,
  weightRevealSchema,
} from '../../messages/index.js';
import type {
  EpochTrace,
  Leaf,
  ProverAccount,
  Settlement,
  SettlementState,
  ValidatorStake,
} from '../../scoring/index.js';

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const amount = amountSchema(256);
const role = z.literal([1, 2]);
const MANY = 1_000_000;

const commits = z.array(signedSchema('VerdictCommit')).max(4096);
const verdicts = z.array(signedSchema('Verdict')).max(4096);

const attemptTraceSchema = z.strictObject({
  lock: signedSchema('Lock'),
  lockedAt: count,
  release: z
    .strictObject({
      at: count,
      signature: signatureSchema,
      reason: z.enum(['boundary-mismatch', 'out-of-range', 'given-back']),
      attested: z.boolean(),
    })
    .optional(),
  receipt: signedSchema('Receipt').optional(),
  acknowledgement: signedSchema('Acknowledgement').optional(),
  excused: z.literal(true).optional(),
  commits,
  verdicts,
});

const judgedDelivery = {
  lock: signedSchema('Lock'),
  receipt: signedSchema('Receipt'),
  proof: chunkProofSchema,
  commits,
  verdicts,
};

const judgedOrder = { id: bytes32Schema, order: signedSchema('Order'), electorate: count, committeeSeats: count };

const orderTraceSchema = z.strictObject({
  ...judgedOrder,
  outcome: z.enum(['delivered', 'failed', 'cancelled', 'expired']),
  endedAt: count,
  chunks: z
    .array(
      z.strictObject({
        index: count,
        slices: z.array(count).max(4096),
        workUnits: count,
        offeredAt: count,
        attempts: z.array(attemptTraceSchema).max(4096),
      }),
    )
    .max(4096),
});

const operatorAccount = { operator: addressSchema, account: addressSchema, toPool: z.boolean().optional() };

export const traceSchema: z.ZodType<EpochTrace> = z.strictObject({
  epoch: count,
  closedAt: count,
  validators: z
    .array(z.strictObject({ ...operatorAccount, stake: amount }) satisfies z.ZodType<ValidatorStake>)
    .max(MANY),
  electorates: z.array(z.array(z.strictObject({ operator: addressSchema, stake: amount })).max(MANY)).max(MANY),
  provers: z.array(z.strictObject(operatorAccount) satisfies z.ZodType<ProverAccount>).max(MANY),
  orders: z.array(orderTraceSchema).max(MANY),
  endings: z
    .array(z.strictObject({ ended: signedSchema('Ended'), delegation: signedSchema('Delegation').optional() }))
    .max(MANY),
  canaries: z.array(z.strictObject({ ...judgedDelivery, salt: bytes32Schema })).max(MANY),
  abandoned: z
    .array(
      z.strictObject({
        ...judgedOrder,
        claims: z.array(z.strictObject({ ...judgedDelivery, workUnits: count })).max(4096),
      }),
    )
    .max(MANY),
  weights: z.strictObject({
    commits: z.array(signedSchema('WeightCommit')).max(MANY),
    reveals: z.array(weightRevealSchema).max(MANY),
  }),
});

const credit = { account: addressSchema, role: role.optional(), cumulative: amount };
/** In one word on the chain, behind a first bit. */
const recall = { validator: addressSchema, answered: count, answers: z.string().regex(/^[01]{1,200}$/) };
const penalty = { operator: addressSchema, role, cumulative: amount, evidence: bytes32Schema };

export const settlementStateSchema: z.ZodType<SettlementState> = z.strictObject({
  epoch: count,
  root: bytes32Schema,
  closedAt: count,
  credits: z.array(z.strictObject(credit)).max(MANY),
  penalties: z.array(z.strictObject(penalty)).max(MANY),
  orders: z.array(z.strictObject({ id: bytes32Schema, epoch: count })).max(MANY),
  minted: amount,
  recalls: z.array(z.strictObject(recall)).max(MANY),
  consensus: z.strictObject({
    commits: z.array(z.strictObject({ validator: addressSchema, commitment: bytes32Schema })).max(MANY),
    provers: z.array(addressSchema).max(MANY),
    bonds: z
      .array(
        z.strictObject({ validator: addressSchema, values: z.array(z.number().int().min(0).max(65_535)).max(MANY) }),
      )
      .max(MANY),
  }),
});

/** `GET /v1/epochs/{n}`: all that the settlement of the epoch follows from, besides the chain's parameters. */
export const epochDocumentSchema = z.strictObject({
  epoch: count,
  trace: traceSchema,
  previous: settlementStateSchema,
});
export type EpochDocument = z.infer<typeof epochDocumentSchema>;

/** What validators sign of an epoch. */
export function rootOf({ epoch, trace, previous }: EpochDocument, { root, totals, leaves }: Settlement): EpochRoot {
  return {
    epoch,
    previous: previous.root,
    root,
    spent: totals.spent,
    minted: totals.minted,
    leaves: leaves.length,
    closedAt: trace.closedAt,
  };
}

export const leafSchema: z.ZodType<Leaf> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal(1), order: bytes32Schema, spent: amount, delivered: z.boolean() }),
  z.strictObject({ kind: z.literal(2), ...credit }),
  z.strictObject({ kind: z.literal(3), ...penalty }),
  z.strictObject({ kind: z.literal(4), ...recall }),
  z.strictObject({ kind: z.literal(5), epoch: count, digest: bytes32Schema }),
]);

const penaltyItem = z.strictObject({
  reason: z.enum(['missed-lock', 'rejected-proof', 'late-release']),
  order: bytes32Schema,
  chunk: count,
  attempt: count,
  collateral: amount,
  amount,
  deadline: count,
  at: count,
  rejecting: amount,
  total: amount,
});

const paidChunk = z.strictObject({
  chunk: count,
  attempt: count,
  prover: addressSchema,
  workUnits: count,
  price: amount,
});

export const settlementSchema: z.ZodType<Settlement> = z.strictObject({
  epoch: count,
  root: bytes32Schema,
  leaves: z.array(leafSchema).max(MANY),
  orders: z
    .array(z.strictObject({ id: bytes32Schema, spent: amount, delivered: z.boolean(), paid: z.array(paidChunk) }))
    .max(MANY),
  credits: z.array(z.strictObject({ ...credit, rise: amount })).max(MANY),
  penalties: z.array(z.strictObject({ ...penalty, rise: amount, items: z.array(penaltyItem) })).max(MANY),
  state: settlementStateSchema,
  totals: z.strictObject({
    spent: amount,
    provers: amount,
    validators: amount,
    burned: amount,
    treasury: amount,
    minted: amount,
    penalties: amount,
  }),
});

/** `GET /v1/epochs/{n}/leaves`. */
export const epochSettlementSchema = z.strictObject({
  state: z.enum(['collecting', 'posted', 'settled']),
  settlement: settlementSchema,
});
export type EpochSettlement = z.infer<typeof epochSettlementSchema>;
