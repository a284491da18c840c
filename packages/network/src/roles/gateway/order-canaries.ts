/**
 * Proofs that a prover is asked to break, to test validators (scoring/canaries.ts). The order's secret decides which: gateways
 * on one database agree, and nobody else knows. With several gateways nobody knows all.
 */
import { encodeAbiParameters, type Hex, keccak256 } from 'viem';
import { lockDeadline } from '../../market/index.js';
import { type Lock, type Offer, toJson } from '../../messages/index.js';
import { json, type Sql } from '../../store/index.js';
import { tellOffer, tellOrder, tellProver } from './event-log.js';
import type { GatewayContext } from './gateway-context.js';
import { type AttemptRow, type ChunkRow, loadOrder, type OrderRow } from './order-rows.js';

/** Opens the mark of the attempt's canary. */
export function canarySalt(secret: string, { chunk, attempt }: Pick<Lock, 'chunk' | 'attempt'>): Hex {
  const words = [{ type: 'string' }, { type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }] as const;
  return keccak256(encodeAbiParameters(words, ['canary', `0x${secret}`, BigInt(chunk), BigInt(attempt)]));
}

/** The valid proof is judged after the broken one: the customer must not get it late for that. */
export function hasTimeForCanary(order: Pick<OrderRow, 'deadline'>, lock: Lock, judgingSeconds: number): boolean {
  return order.deadline - lock.deadline >= judgingSeconds;
}

/** Ends a canary; its prover, which has the valid proof, is offered the chunk again first. */
export async function endCanary(
  g: GatewayContext,
  chunk: ChunkRow,
  attempt: AttemptRow,
  end: (tx: Sql) => Promise<boolean>,
): Promise<void> {
  const now = g.nowMs();
  const [policy, order] = await Promise.all([g.policy(), loadOrder(g.sql, chunk.order)]);
  if (!order) return;
  const seconds = Math.floor(now / 1000);
  const { price, collateral } = attempt.lock.message;
  const again: Offer = {
    order: chunk.order,
    chunk: chunk.index,
    attempt: attempt.attempt + 1,
    fingerprint: order.fingerprint,
    slices: [...chunk.slices],
    workUnits: chunk.workUnits,
    price,
    collateral,
    deadline: lockDeadline(
      { workUnits: 0, workInFlight: 0, measuredRate: 1, now: seconds, orderDeadline: order.deadline },
      policy,
    ),
    standsUntilMs: now + g.settings.offerMs,
  };
  await g.sql.transaction(async (tx) => {
    if (!(await end(tx))) return;
    const key = { chunk: chunk.index, attempt: attempt.attempt };
    const detail = 'a proof that was broken on purpose, to test the validators';
    await tellOrder(tx, 'rejected', chunk.order, now, { ...key, prover: attempt.prover, detail });
    await tellProver(tx, attempt.prover, 'judged', { order: chunk.order, ...key, outcome: 'canary' }, now);
    if (order.cancelled || again.deadline <= seconds) return;
    await tx.execute(
      `update chunks set state = 'offered', offered_to = $4, offer = $5, offer_until_ms = $6
       where order_id = $1 and idx = $2 and attempt = $3 and state = 'waiting'`,
      [chunk.order, chunk.index, again.attempt, attempt.prover, json(toJson(again)), again.standsUntilMs],
    );
    await tellOffer(tx, attempt.prover, again, now);
  });
}
