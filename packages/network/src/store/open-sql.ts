import { InputError } from '@dsperse/core/verify';
import { openPglite } from './pglite.js';
import { openPostgres, type PostgresOptions } from './postgres.js';
import type { SqlStore } from './sql.js';

export interface OpenSqlOptions extends Omit<PostgresOptions, 'url'> {
  /** `postgres://…`; without it the database is embedded and lives in the directory. */
  url?: string;
  directory: string;
}

/** The database of this node: a PostgreSQL server where there is a URL, else PGlite in the directory. */
export async function openSql({ url, directory, ...options }: OpenSqlOptions): Promise<SqlStore> {
  if (!url) return openPglite({ directory });
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new InputError('bad-database-url', 'DATABASE_URL is not the URL of a PostgreSQL.', 'Write postgres://….');
  }
  return openPostgres({ ...options, url });
}
