/** Forgetting: what nobody needs any more goes, so that tables and blobs stay bounded. */
import type { GatewayContext } from './gateway-context.js';

const UPLOAD_MS = 3_600_000;
const EVENTS_MS = 24 * 3_600_000;
const OPERATORS_MS = 7 * 24 * 3_600_000;
const BATCH = 500;
const CHANGING = ['nonces', 'events', 'operators', 'orders', 'chunks', 'attempts', 'commits', 'verdicts', 'blobs'];

export async function sweep(g: GatewayContext): Promise<void> {
  const now = g.nowMs();
  await g.sql.execute('delete from nonces where expires_ms < $1', [now]);
  await g.sql.execute('delete from events where at_ms < $1', [now - Math.max(EVENTS_MS, g.settings.retainMs)]);
  await g.sql.execute('delete from fills where at_ms < $1', [now - 30 * 24 * 3_600_000]);
  await g.sql.execute('delete from operators where seen_ms < $1', [now - OPERATORS_MS]);
  const old = await g.sql.query<{ id: string }>(
    `select id from orders where ended_ms < $1 and (state = 'settled' or not reserved) limit $2`,
    [now - g.settings.retainMs, BATCH],
  );
  const ids = old.map((o) => o.id);
  // Blobs first: a crash in between leaves rows that point at nothing, not blobs that nothing points at.
  const blobs = await g.sql.query<{ digest: string }>(
    `select digest from blobs where order_id = any($1) or (kind = 'uploaded' and created_ms < $2) limit $3`,
    [ids, now - UPLOAD_MS, BATCH * 40],
  );
  for (const { digest } of blobs) await g.blobs.delete(digest);
  await g.sql.execute('delete from blobs where digest = any($1)', [blobs.map((b) => b.digest)]);
  await g.sql.execute('delete from orders where id = any($1)', [ids]);
  // PostgreSQL sees to it by itself: here nobody else would give the room of what was deleted back.
  if (g.sql.kind === 'pglite') for (const table of CHANGING) await g.sql.script(`vacuum (analyze) ${table}`);
}
