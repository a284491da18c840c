/**
 * Appeals: what a prover shows whose proof the gateways of the order do not acknowledge. Any gateway passes it on to validators,
 * for an hour; it judges nothing, and keeps no more of a prover than a few.
 */
import type { Address, Hex } from 'viem';
import { type Appeal, appealSchema, type Duty, toJson } from '../../messages/index.js';
import { PROVER_ROLE } from '../../scoring/index.js';
import { json } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import { appealFault } from '../validator/check-appeal.js';
import type { GatewayContext } from './gateway-context.js';

/** As long as an upload is kept that nothing else needs. */
export const APPEALS_MS = 3_600_000;
const PER_PROVER = 16;
const LISTED = 100;

/** @throws Refusal where it is not its prover's, too late, or one too many */
export async function takeAppeal(g: GatewayContext, sender: Address, appeal: Appeal): Promise<void> {
  const { order, chunk, attempt, prover, deadline } = appeal.lock.message;
  const fault = prover === sender ? appealFault(g.network, appeal) : 'prover';
  if (fault) throw new Refusal(400, 'bad-appeal', `the appeal does not fit together: ${fault}`, 'show what was signed');
  const { active } = await g.ledger.stakeOf(PROVER_ROLE, sender);
  if (active === 0n) throw new Refusal(403, 'no-stake', `${sender} has no stake as a prover`, 'stake first');
  const now = g.nowMs();
  if (now > (deadline + (await g.timing()).lockGraceSeconds) * 1000) {
    throw new Refusal(409, 'late', 'the deadline of the lock is over', '');
  }
  if ((await g.ledger.order(order)).state !== 'reserved') {
    throw new Refusal(409, 'not-reserved', 'the chain holds no reserve for the order', '');
  }
  const { proof } = appeal.delivery.proof;
  if (!(await g.blobs.has(proof))) {
    throw new Refusal(409, 'missing-blobs', `the proof ${proof} is not here`, `PUT /v1/blobs/${proof}`);
  }
  const taken = await g.sql.execute(
    `insert into appeals (order_id, idx, attempt, prover, appeal, received_ms)
     select $1, $2, $3, $4, $5, $6
     where (select count(*) from appeals where prover = $4 and received_ms > $7) < $8
     on conflict do nothing`,
    [order, chunk, attempt, sender, json(toJson(appeal)), now, now - APPEALS_MS, PER_PROVER],
  );
  if (taken > 0) return;
  const [known] = await g.sql.query('select 1 from appeals where order_id = $1 and idx = $2 and attempt = $3', [
    order,
    chunk,
    attempt,
  ]);
  if (!known) throw new Refusal(429, 'too-many', 'too many appeals of yours stand', 'ask another gateway');
}

/** Again at each poll: a validator knows which it has heard. */
export async function appealDuties(g: GatewayContext): Promise<Duty[]> {
  const rows = await g.sql.query<{ order_id: Hex; idx: number; attempt: number }>(
    'select order_id, idx, attempt from appeals where received_ms > $1 order by received_ms desc limit $2',
    [g.nowMs() - APPEALS_MS, LISTED],
  );
  return rows.map((r): Duty => ({ kind: 'appeal', order: r.order_id, chunk: r.idx, attempt: r.attempt }));
}

export async function appealOf(g: GatewayContext, order: Hex, index: number, attempt: number): Promise<Appeal> {
  const [row] = await g.sql.query<{ appeal: unknown }>(
    'select appeal from appeals where order_id = $1 and idx = $2 and attempt = $3',
    [order, index, attempt],
  );
  if (!row) throw new Refusal(404, 'unknown-case', 'there is no such appeal', 'GET /v1/duties lists what there is');
  return appealSchema.parse(row.appeal);
}
