/**
 * Times in which no gateway on the database was there, or the database itself was not: a prover that held a lock then may have
 * had nobody to fetch from or to deliver to. What it missed is not held against it.
 */
import type { GatewayContext } from './gateway-context.js';

export const BEAT_MS = 1_000;
/** A gateway that says nothing for longer was not there: far more than a busy one needs. */
const OUTAGE_MS = 10_000;
/** Locks are shorter than orders. */
const REMEMBERED_MS = 8 * 24 * 3_600_000;

/** Says that a gateway is there; the first that comes back notes since when none was. */
export async function beat(g: GatewayContext): Promise<void> {
  const now = g.nowMs();
  await g.sql.transaction(async (tx) => {
    const [last] = await tx.query<{ until_ms: number }>(`select until_ms from leases where name = 'there' for update`);
    if (last && last.until_ms + OUTAGE_MS < now) {
      await tx.execute('insert into outages (from_ms, until_ms) values ($1, $2) on conflict do nothing', [
        last.until_ms,
        now,
      ]);
      g.log.warn({ seconds: Math.round((now - last.until_ms) / 1000) }, 'no gateway was there for a while');
    }
    await tx.execute(
      `insert into leases (name, holder, until_ms) values ('there', $1, $2)
       on conflict (name) do update set holder = excluded.holder, until_ms = greatest(leases.until_ms, excluded.until_ms)`,
      [g.holder, now],
    );
  });
}

/** Whether no gateway was there at some time between the two. */
export async function wasAway(g: GatewayContext, fromMs: number, untilMs: number): Promise<boolean> {
  const rows = await g.sql.query('select 1 from outages where from_ms < $2 and until_ms > $1 limit 1', [
    fromMs,
    untilMs,
  ]);
  return rows.length > 0;
}

export const forgetOutages = (g: GatewayContext): Promise<number> =>
  g.sql.execute('delete from outages where until_ms < $1', [g.nowMs() - REMEMBERED_MS]);
