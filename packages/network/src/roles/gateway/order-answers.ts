/** What a requester is told of an order. */
import type { Address, Hex } from 'viem';
import { quote } from '../../market/index.js';
import {
  type Cancel,
  type Certificate,
  isSignedBy,
  type OrderView,
  type Signed,
  sealingContext,
  signedSchema,
} from '../../messages/index.js';
import { seal } from '../../transport/seal/seal.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { GatewayContext } from './gateway-context.js';
import { standingOffers } from './operators.js';
import { loadAttempts, loadChunks, loadOrder, type OrderRow } from './order-rows.js';
import { chunksOf } from './plan-chunks.js';
import { findProgram } from './programs.js';
import { withOutputs } from './take-outputs.js';

const verdictSchema = signedSchema('Verdict');

/** The order, if it is the sender's. Others learn nothing, not even that it exists. */
export async function ownOrder(g: GatewayContext, sender: Address | undefined, id: Hex): Promise<OrderRow> {
  const order = await loadOrder(g.sql, id);
  if (!order || order.requester !== sender) {
    throw new Refusal(
      404,
      'unknown-order',
      'you have no such order here',
      'check its id, or ask the gateway that took it',
    );
  }
  return order;
}

export async function viewOrder(g: GatewayContext, order: OrderRow): Promise<OrderView> {
  const [chunks, attempts] = await Promise.all([loadChunks(g.sql, order.id), loadAttempts(g.sql, order.id)]);
  return {
    id: order.id,
    state: order.state,
    ...(order.reason === undefined ? {} : { reason: order.reason }),
    fingerprint: `0x${order.fingerprint}`,
    deadline: order.deadline,
    budget: order.budget,
    spent: order.spent,
    ...(order.epoch === undefined ? {} : { epoch: order.epoch }),
    chunks: chunks.map((c) => ({
      index: c.index,
      slices: [...c.slices],
      workUnits: c.workUnits,
      state: c.state,
      attempts: attempts
        .filter((a) => a.index === c.index)
        .map((a) => ({
          attempt: a.attempt,
          prover: a.prover,
          ...(a.outcome === undefined ? {} : { outcome: a.outcome }),
          ...(a.reason === undefined ? {} : { reason: a.reason }),
          price: a.price,
        })),
    })),
  };
}

/** All that a verdict on the order rests on: the requester judges it again. */
export async function certificateOf(g: GatewayContext, order: OrderRow): Promise<Certificate> {
  const program = await findProgram(g, order.fingerprint);
  const chunks = await loadChunks(g.sql, order.id);
  if (!order.manifest || !order.seal || !program || chunks.some((c) => c.state !== 'accepted')) {
    throw new Refusal(409, 'not-delivered', `the order is ${order.state}`, 'follow its events');
  }
  const attempts = await loadAttempts(g.sql, order.id);
  const verdicts = await g.sql.query<{ idx: number; attempt: number; signed: unknown }>(
    'select idx, attempt, signed from verdicts where order_id = $1 order by validator',
    [order.id],
  );
  return {
    format: 'dsperse-certificate/1',
    ...g.network,
    order: order.signed,
    manifest: order.manifest,
    seal: order.seal,
    key: program.key,
    chunks: attempts
      .filter((a) => a.outcome === 'accepted')
      .map((a) => ({
        lock: a.lock,
        delivery: a.delivery as NonNullable<typeof a.delivery>,
        verdicts: verdicts
          .filter((v) => v.idx === a.index && v.attempt === a.attempt)
          .map((v) => verdictSchema.parse(v.signed)),
      })),
  };
}

/** Public inputs and outputs, sealed to the key that came with the order. */
export async function valuesOf(g: GatewayContext, order: OrderRow): Promise<Uint8Array> {
  const chunks = await loadChunks(g.sql, order.id);
  // Before the proofs are accepted, outputs would be had for nothing: by an order that is cancelled then.
  if (!order.valuesDigest || chunks.some((c) => c.state !== 'accepted')) {
    throw new Refusal(409, 'not-delivered', `the order is ${order.state}`, 'follow its events');
  }
  const key = new Uint8Array(Buffer.from(order.replyKey.slice(2), 'hex'));
  const accepted = (await loadAttempts(g.sql, order.id)).filter((a) => a.outcome === 'accepted');
  const bundle = await withOutputs(g, order.valuesDigest, accepted);
  return seal(key, bundle, sealingContext.values(order.id, order.requester));
}

/** No further work is given out; what is locked is still taken and paid. */
export async function cancelOrder(g: GatewayContext, order: OrderRow, signed: Signed<Cancel>): Promise<void> {
  if (signed.message.order !== order.id || !isSignedBy(g.network, 'Cancel', signed, order.requester)) {
    throw new Refusal(403, 'bad-signature', 'the cancellation is not signed for this order', 'sign it again');
  }
  await g.sql.execute('update orders set cancelled = true where id = $1', [order.id]);
  g.wake(order.id);
}

/** What an order of this program would cost, how long it would take, and the chance that it is filled. */
export async function quoteFor(
  g: GatewayContext,
  terms: { fingerprint: string; priceMin: bigint; priceMax: bigint; rampSeconds: number; deadlineSeconds: number },
) {
  await g.requireSettlement();
  const program = await findProgram(g, terms.fingerprint);
  if (!program) throw new Refusal(404, 'unknown-program', 'no such program is published here', 'publish it first');
  const rows = await g.sql.query<{ unit_price: string; seconds: number; filled: boolean }>(
    'select trunc(unit_price)::text as unit_price, seconds, filled from fills order by at_ms desc limit 1000',
  );
  const history = rows.map((r) => ({
    unitPrice: BigInt(r.unit_price),
    seconds: Math.ceil(r.seconds),
    filled: r.filled,
  }));
  const chunks = (await chunksOf(g, program)).map((c) => c.workUnits);
  const offers = (await standingOffers(g)).map((o) => ({ ...o, workOfOrder: 0 }));
  const { deadlineSeconds } = terms;
  return quote({ curve: terms, chunks, deadlineSeconds }, history, offers, await g.policy());
}
