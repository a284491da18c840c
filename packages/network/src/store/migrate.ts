import { createHash } from 'node:crypto';
import { InputError } from '@dsperse/core/verify';
import type { SqlStore } from './sql.js';

export interface Migration {
  /** Never changed once released; they run in the order of the list. */
  id: string;
  sql: string;
}

/** The advisory lock's key: any number will do, if all processes use the same. */
const LOCK = 0x4453_5045;
const TIMEOUT_MS = 10 * 60_000;

/**
 * Brings the schema up to date: what has not run yet runs, all of it or nothing; returns the ids that ran. Of several
 * processes at once on one database, one does it and the others wait. InputError `migration-changed` where the SQL of one
 * that ran is another now, `schema-newer` where the database has some that this list does not know. Lists with different
 * `scope`s do not know of each other.
 */
export async function migrate(store: SqlStore, migrations: readonly Migration[], scope = 'main'): Promise<string[]> {
  const ids = new Set(migrations.map(({ id }) => id));
  if (ids.size !== migrations.length) {
    throw new InputError('migration-twice', 'Two migrations have the same id.', 'Give each its own.');
  }
  // Not serialisable: that would look at the table as it was before the wait for the lock.
  const options = { isolation: 'read committed', statementTimeoutMs: TIMEOUT_MS } as const;
  return store.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await tx.script(`create table if not exists dsperse_migrations (
      scope text not null, id text not null, checksum text not null, applied_ms bigint not null,
      primary key (scope, id))`);
    const rows = await tx.query<{ id: string; checksum: string }>(
      'select id, checksum from dsperse_migrations where scope = $1',
      [scope],
    );
    const applied = new Map(rows.map((row) => [row.id, row.checksum]));
    for (const id of applied.keys()) {
      if (ids.has(id)) continue;
      const message = `The database has the migration ${id}, which this version does not know.`;
      throw new InputError('schema-newer', message, 'Use the version that wrote the database, or a newer one.');
    }
    const ran: string[] = [];
    for (const { id, sql } of migrations) {
      const checksum = createHash('sha256').update(sql).digest('hex');
      const before = applied.get(id);
      if (before === checksum) continue;
      if (before !== undefined) {
        const message = `The migration ${id} has run with other SQL than it has now.`;
        throw new InputError('migration-changed', message, 'Never change a migration; add another.');
      }
      await tx.script(sql);
      await tx.execute('insert into dsperse_migrations values ($1, $2, $3, $4)', [scope, id, checksum, Date.now()]);
      ran.push(id);
    }
    return ran;
  }, options);
}
