/** From a delivered proof to a verdict: linked to its neighbours, then committed, revealed, and counted by stake. */
import type { Address, Hex } from 'viem';
import { type OrderManifest, signedSchema } from '../../messages/index.js';
import { judgeByCommittee, type QuorumResult } from '../../scoring/index.js';
import type { Sql } from '../../store/index.js';
import { tellJudges, tellOrder, tellProver, tellValidators } from './event-log.js';
import type { GatewayContext } from './gateway-context.js';
import { type AttemptKey, isMoreThanTwoThirds, judgesOf } from './judges.js';
import { endCanary } from './order-canaries.js';
import type { AttemptRow, ChunkRow } from './order-rows.js';
import { endAttempt } from './take-work.js';

const verdictSchema = signedSchema('Verdict');

/** Names of tensors that a statement commits to differently than the manifest, which says nothing of final outputs. */
export function unlinkedTensors(attempt: AttemptRow, manifest: OrderManifest): string[] {
  return Object.entries(attempt.delivery?.proof.statement.commitments ?? {}).flatMap(([name, commitment]) => {
    const isOther = Object.hasOwn(manifest.commitments, name) && manifest.commitments[name] !== commitment;
    return isOther ? [name] : [];
  });
}

/** @returns milliseconds since 1970 at which to look again without an event */
export async function judgeChunk(
  g: GatewayContext,
  manifest: OrderManifest,
  chunk: ChunkRow,
  attempt: AttemptRow,
): Promise<number> {
  const now = g.nowMs();
  const key = { order: chunk.order, chunk: chunk.index, attempt: attempt.attempt };
  const unlinked = unlinkedTensors(attempt, manifest);
  if (unlinked.length > 0) {
    await g.sql.transaction(async (tx) => {
      const reason = `other commitments than the manifest: ${unlinked.slice(0, 4).join(', ')}`;
      await endAttempt(tx, attempt, 'unlinked', reason, now);
      await tellOrder(tx, 'rejected', chunk.order, now, { ...keyOf(chunk, attempt), detail: reason });
      await tellProver(tx, attempt.prover, 'released', { ...key, outcome: 'unlinked' }, now);
    });
    g.metrics.attempts.inc({ outcome: 'unlinked' });
    return now;
  }
  const { all, committee, asked } = await judgesOf(g, key, attempt.everyone);
  // The chain lost the reserve: it is made again.
  if (all.length === 0) return now + g.settings.tickMs;
  const judges = new Set(all.map(({ operator }) => operator.toLowerCase()));
  // Validators that came after the order was reserved do not count.
  const committed = new Set([...(await voters(g.sql, 'commits', key))].filter((v) => judges.has(v)));
  const commitMs = (await g.timing()).commitSeconds * 1000;
  if (attempt.revealingMs === undefined) {
    const revealAt = (attempt.receivedMs as number) + commitMs;
    const isEveryone = asked.every((v) => committed.has(v.operator.toLowerCase()));
    // Verdicts of less than a quorum decide nothing: the commitments of the rest are waited for.
    const enough = isMoreThanTwoThirds(committed, asked);
    if (!(isEveryone || (enough && now >= revealAt)) || asked.length === 0) {
      return enough ? revealAt : now + g.settings.tickMs;
    }
    await g.sql.transaction(async (tx) => {
      const changed = await tx.execute(
        `update attempts set revealing_ms = $4
         where order_id = $1 and idx = $2 and attempt = $3 and revealing_ms is null`,
        [chunk.order, chunk.index, attempt.attempt, now],
      );
      if (changed === 0) return;
      await tellOrder(tx, 'committed', chunk.order, now, keyOf(chunk, attempt));
      await tellValidators(tx, 'reveal', key, now);
    });
    return now + g.settings.tickMs;
  }
  const rows = await g.sql.query<{ signed: unknown }>(
    'select signed from verdicts where order_id = $1 and idx = $2 and attempt = $3',
    [chunk.order, chunk.index, attempt.attempt],
  );
  const verdicts = rows
    .map((r) => verdictSchema.parse(r.signed).message)
    .filter(({ validator }) => judges.has(validator.toLowerCase()));
  const result = judgeByCommittee(verdicts, all, committee);
  // A prover is convicted by more verdicts than are needed to turn a proof down: those that were committed to are waited
  // for, for a while.
  const patience = attempt.revealingMs + commitMs;
  const isWaiting = verdicts.length < committed.size && now < patience;
  const isAccepted = result.decision === 'accepted' && attempt.canary === undefined;
  if (!isAccepted && isWaiting) return Math.min(now + g.settings.tickMs, patience);
  if (committee && !attempt.everyone && result.by !== 'committee') {
    await askEveryone(g, attempt);
    return now;
  }
  if (attempt.canary === undefined && result.decision === 'undecided' && result.acceptable) {
    return now + g.settings.tickMs;
  }
  if (attempt.canary !== undefined) {
    await endCanary(g, chunk, attempt, (tx) => endAttempt(tx, attempt, 'canary', 'broken on purpose', g.nowMs()));
    g.metrics.attempts.inc({ outcome: 'canary' });
    return g.nowMs();
  }
  await conclude(g, chunk, attempt, result);
  return now;
}

/** What a committee does not accept goes to all validators: those of the committee have said what they say. */
async function askEveryone(g: GatewayContext, a: AttemptRow): Promise<void> {
  const now = g.nowMs();
  await g.sql.transaction(async (tx) => {
    await tx.execute(
      `update attempts set everyone = true, revealing_ms = null
       where order_id = $1 and idx = $2 and attempt = $3 and not everyone and outcome is null`,
      [a.order, a.index, a.attempt],
    );
    await tellJudges(tx, { order: a.order, chunk: a.index, attempt: a.attempt }, now, true);
  });
}

const percent = (part: bigint, total: bigint): string => `${total > 0n ? (part * 100n) / total : 0n} %`;

const keyOf = (chunk: ChunkRow, attempt: AttemptRow) => ({
  chunk: chunk.index,
  attempt: attempt.attempt,
  prover: attempt.prover,
});

async function voters(sql: Sql, table: 'commits' | 'verdicts', a: AttemptKey): Promise<Set<string>> {
  const rows = await sql.query<{ validator: Address }>(
    `select validator from ${table} where order_id = $1 and idx = $2 and attempt = $3`,
    [a.order, a.chunk, a.attempt],
  );
  return new Set(rows.map((r) => r.validator));
}

async function conclude(g: GatewayContext, chunk: ChunkRow, attempt: AttemptRow, result: QuorumResult): Promise<void> {
  const now = g.nowMs();
  const accepted = result.decision === 'accepted';
  const key = { order: chunk.order, chunk: chunk.index, attempt: attempt.attempt };
  await g.sql.transaction(async (tx) => {
    if (accepted) {
      const changed = await tx.execute(
        `update attempts set outcome = 'accepted', ended_ms = $4
         where order_id = $1 and idx = $2 and attempt = $3 and outcome is null`,
        [chunk.order, chunk.index, attempt.attempt, now],
      );
      if (changed === 0) return;
      await tx.execute(`update chunks set state = 'accepted' where order_id = $1 and idx = $2`, [
        chunk.order,
        chunk.index,
      ]);
      await tx.execute('update orders set spent = spent + $2 where id = $1', [chunk.order, attempt.price]);
    } else if (result.decision === 'rejected') {
      await endAttempt(tx, attempt, 'rejected', 'the validators rejected the proof', now);
    } else {
      await endAttempt(tx, attempt, 'ended', 'the validators are divided', now);
    }
    const detail = `${percent(result.accepting, result.total)} of the stake accepts, ${percent(result.rejecting, result.total)} rejects`;
    await tellOrder(tx, accepted ? 'verdict' : 'rejected', chunk.order, now, { ...keyOf(chunk, attempt), detail });
    await tellProver(tx, attempt.prover, 'judged', { ...key, outcome: result.decision }, now);
  });
  g.metrics.attempts.inc({ outcome: result.decision });
}

/** Whether the attempt awaits verdicts: proven, not ended, and its order has a manifest. */
export const DUTIES_SQL = `
  select a.order_id, a.idx, a.attempt, a.revealing_ms is not null as revealing, a.everyone from attempts a
  join chunks c on c.order_id = a.order_id and c.idx = a.idx and c.attempt = a.attempt
  join orders o on o.id = a.order_id
  where c.state = 'proven' and a.outcome is null and o.manifest is not null
  union all
  -- Accepted by others a moment ago: who has committed is still heard, and paid.
  select order_id, idx, attempt, true, everyone from attempts
  where outcome in ('accepted', 'canary') and ended_ms > (extract(epoch from now()) * 1000)::bigint - 10000`;

export interface DutyRow {
  readonly order_id: Hex;
  readonly idx: number;
  readonly attempt: number;
  readonly revealing: boolean;
  readonly everyone: boolean;
}
