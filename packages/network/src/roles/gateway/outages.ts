/**
 * Times in which no gateway on the database was there, or the database itself was not: a prover that held a lock then may have
 * had nobody to fetch from or to deliver to. What it missed is not held against it.
 */
import type { GatewayContext } from './gateway-context.js';

const BEAT_MS = 1_000;
/** A gateway that says nothing for longer was not there: far more than a busy one needs. */
export const OUTAGE_MS = 10_000;
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

/**
 * Beats until it is ended, by a clock of its own: what else the gateway waits for, as a slow chain, is no outage.
 * @returns once the first beat was made or refused; ends it, once no beat is under way
 */
export async function startBeats(g: GatewayContext): Promise<() => Promise<void>> {
  const attempt = () =>
    beat(g).catch((error: Error) => {
      g.log.warn({ error: error.message }, 'saying that a gateway is there is tried again');
    });
  let beating: Promise<void> | undefined;
  const timer = setInterval(() => {
    beating ??= attempt().finally(() => {
      beating = undefined;
    });
  }, BEAT_MS);
  // Before locks are found missed.
  await attempt();
  return async () => {
    clearInterval(timer);
    await beating;
  };
}

/** Whether no gateway was there at some time between the two; also where none has said since that it is back. */
export async function wasAway(g: GatewayContext, fromMs: number, untilMs: number): Promise<boolean> {
  const rows = await g.sql.query(
    `select 1 from outages where from_ms < $2 and until_ms > $1
     union all
     select 1 from leases where name = 'there' and until_ms + $3 < $4 and until_ms < $2 and $4 > $1 limit 1`,
    [fromMs, untilMs, OUTAGE_MS, g.nowMs()],
  );
  return rows.length > 0;
}

export const forgetOutages = (g: GatewayContext): Promise<number> =>
  g.sql.execute('delete from outages where until_ms < $1', [g.nowMs() - REMEMBERED_MS]);
