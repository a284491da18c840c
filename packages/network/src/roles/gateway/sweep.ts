/** Forgetting: what nobody needs any more goes, so that tables and blobs stay bounded. */
import type { Hex } from 'viem';
import type { SqlValue } from '../../store/index.js';
import { APPEALS_MS } from './appeals.js';
import { forgetClaims } from './claims.js';
import type { GatewayContext } from './gateway-context.js';
import { forgetOutages } from './outages.js';

const UPLOAD_MS = 3_600_000;
/** Of chunks that were filled lately quotes are made, of fewer than so many. */
const FILLS_MS = 30 * 24 * 3_600_000;
const FILLS_LEFT = 2_000;
const OPERATORS_MS = 7 * 24 * 3_600_000;
const BATCH = 500;
/** For so long after an order ended without a reserve, one is looked for. */
const LATE_MS = 600_000;
const LATE_AT_ONCE = 100;
/** So many of the last epochs stay, however old: each holds all that was earned until then, and claims are made on the last. */
const EPOCHS_LEFT = 8;

export async function sweep(g: GatewayContext): Promise<void> {
  const now = g.nowMs();
  const since = now - g.settings.retainMs;
  await g.sql.execute('delete from nonces where expires_ms < $1', [now]);
  // Those of orders go with their orders: whoever follows one sees it from its first step on.
  await g.sql.execute(`delete from events where at_ms < $1 and topic not like 'order:%'`, [since]);
  await g.sql.execute(
    `delete from fills where at_ms < greatest($1, (select at_ms from fills order by at_ms desc offset $2 limit 1))`,
    [now - FILLS_MS, FILLS_LEFT],
  );
  await g.sql.execute('delete from operators where seen_ms < $1', [now - OPERATORS_MS]);
  await g.sql.execute('delete from appeals where received_ms < $1', [now - APPEALS_MS]);
  await forgetOutages(g);
  await forgetClaims(g);
  await findLateReserves(g);
  while ((await sweepOrders(g, since)) === BATCH);
  await deleteBlobs(g, `kind = 'uploaded' and created_ms < $1`, [now - UPLOAD_MS]);
  await sweepEpochs(g, now);
  if (g.sql.kind !== 'pglite') return;
  // PostgreSQL sees to it by itself: here nobody else would give the room of what was deleted back, nor that of the log.
  const tables = await g.sql.query<{ name: string }>(
    `select quote_ident(tablename) as name from pg_tables where schemaname = current_schema()`,
  );
  for (const { name } of tables) await g.sql.script(`vacuum (analyze) ${name}`);
  // What was just written about all columns.
  await g.sql.script('vacuum pg_statistic');
  await g.sql.script('checkpoint');
}

/**
 * A transaction that was not waited for any longer may have been mined after all: the reserve of an order that ended without
 * one is settled, and so returned, like any other.
 */
async function findLateReserves(g: GatewayContext): Promise<void> {
  const ended = await g.sql.query<{ id: Hex }>(
    `select id from orders where not reserved and epoch is null and ended_ms > $1
     and state in ('failed', 'cancelled', 'expired') order by ended_ms desc limit $2`,
    [g.nowMs() - LATE_MS, LATE_AT_ONCE],
  );
  for (const { id } of ended) {
    const { state, exitAt } = await g.ledger.order(id);
    // One that the requester can take back already is left to it.
    if (state !== 'reserved' || exitAt * 1000 < g.nowMs() + LATE_MS) continue;
    g.log.warn({ order: id }, 'an order that had ended was reserved after all: it is settled');
    await g.sql.execute('update orders set reserved = true where id = $1 and epoch is null', [id]);
  }
}

/** @returns how many were forgotten */
async function sweepOrders(g: GatewayContext, since: number): Promise<number> {
  const old = await g.sql.query<{ id: string }>(
    `select id from orders where ended_ms < $1 and (state = 'settled' or not reserved) limit $2`,
    [since, BATCH],
  );
  const ids = old.map((o) => o.id);
  if (ids.length === 0) return 0;
  // Blobs first: a crash in between leaves rows that point at nothing, not blobs that nothing points at.
  await deleteBlobs(g, 'order_id = any($1)', [ids]);
  await g.sql.transaction(async (tx) => {
    await tx.execute('delete from events where topic = any($1)', [ids.map((id) => `order:${id}`)]);
    await tx.execute('delete from orders where id = any($1)', [ids]);
  });
  return ids.length;
}

async function deleteBlobs(g: GatewayContext, which: string, params: readonly SqlValue[]): Promise<void> {
  const blobs = await g.sql.query<{ digest: string }>(`select digest from blobs where ${which}`, params);
  for (const { digest } of blobs) await g.blobs.delete(digest);
  await g.sql.execute('delete from blobs where digest = any($1)', [blobs.map((b) => b.digest)]);
}

/**
 * Proposals that came to nothing, once a later number is settled: theirs is not given again. And old epochs with their traces.
 * Of what validators said against an epoch nothing is needed any more once one after it is settled.
 */
async function sweepEpochs(g: GatewayContext, now: number): Promise<void> {
  const [{ last }] = await g.sql.query<{ last: number | null }>(
    `select max(epoch) as last from epochs where state = 'settled'`,
  );
  if (last === null) return;
  const old = await g.sql.query<{ epoch: number; state: string; document_digest: string }>(
    `select epoch, state, document_digest from epochs
     where (state = 'abandoned' and epoch < $1) or (state = 'settled' and created_ms < $2)`,
    [last, now - g.settings.retainEpochsMs],
  );
  await deleteBlobs(g, 'digest = any($1)', [old.map((e) => e.document_digest)]);
  const gone = old.filter(({ epoch, state }) => state === 'abandoned' || epoch <= last - EPOCHS_LEFT);
  await g.sql.execute('delete from epochs where epoch = any($1)', [gone.map((e) => e.epoch)]);
  for (const table of ['epoch_refusals', 'epoch_appeals']) {
    await g.sql.execute(`delete from ${table} where epoch < $1`, [last]);
  }
}
