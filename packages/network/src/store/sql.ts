/**
 * What may stand for `$1`, `$2`, …. Amounts go in as bigint or decimal string, JSON through `json(value)`, lists for
 * `= any($1)` as arrays.
 */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly (string | number | bigint | boolean | null)[];

/**
 * Statements in the PostgreSQL dialect. What comes back: `numeric` as string (amounts), `bigint` as number (milliseconds,
 * counts; beyond 2^53 a StoreError `unsafe-integer`), `jsonb` parsed, `bytea` as Uint8Array, `text[]` as array.
 * Every failure is a StoreError: `code` is the SQLSTATE where the database said one.
 */
export interface Sql {
  /** The rows of one statement. */
  query<T = Record<string, unknown>>(sql: string, params?: readonly SqlValue[]): Promise<T[]>;
  /** Runs one statement and returns the number of rows that it touched. */
  execute(sql: string, params?: readonly SqlValue[]): Promise<number>;
  /** Runs several statements without parameters, such as a schema. */
  script(sql: string): Promise<void>;
  /** Wakes up who listens on the channel (of any process on the same database); in a transaction, when it commits. */
  notify(channel: string, payload?: string): Promise<void>;
}

export interface TransactionOptions {
  /** `serializable` unless said otherwise. */
  isolation?: 'serializable' | 'read committed';
  /** How long one statement in it may take; the store's limit unless said otherwise. */
  statementTimeoutMs?: number;
}

export interface SqlStore extends Sql {
  readonly kind: 'pglite' | 'postgres';
  /** Bytes that the database has reserved within this process: 0 where it is a server. */
  readonly memoryBytes: number;
  /**
   * All of the work or none of it. The work may run several times (conflicts are tried again a bounded number of times,
   * then thrown as retryable), so it does nothing but use `tx`. Using the store itself within the work is an error.
   */
  transaction<R>(work: (tx: Sql) => Promise<R>, options?: TransactionOptions): Promise<R>;
  /**
   * Calls back for every notification until the returned function is called. Notifications are lost while the database is
   * away: `onGap` is called when they flow again. They only wake up; the tables tell the truth.
   */
  listen(channel: string, onNotification: (payload: string) => void, onGap?: () => void): Promise<() => Promise<void>>;
  /** Waits for what is running, then lets go of the database. */
  close(): Promise<void>;
}

/** A value for a `json` or `jsonb` parameter. Bigints become decimal strings. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? inner.toString() : inner));
}
