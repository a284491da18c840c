import pg from 'pg';
import { PostgresListener } from './postgres-listener.js';
import type { Sql, SqlStore, SqlValue, TransactionOptions } from './sql.js';
import { isLost, sqlError } from './sql-errors.js';
import { channelName, OID, parseInt8, toParams } from './sql-values.js';
import { StoreError } from './store-error.js';
import { TransactionGuard } from './transaction-guard.js';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with the driver's own options such as `sslmode`. */
  url: string;
  /** Connections at most, besides one for notifications; 10 unless said otherwise. */
  maxConnections?: number;
  /** How long a statement may take; 30,000 unless said otherwise. */
  statementTimeoutMs?: number;
  /** How long to wait for a connection; 5,000 unless said otherwise. */
  connectTimeoutMs?: number;
}

/** How much longer than the server's limit the driver waits, so that a server which vanished is noticed too. */
const GRACE_MS = 5000;

const int8List = listParser(parseInt8);
const textList = listParser((text) => text);
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === OID.int8) return parseInt8;
    if (oid === OID.numeric) return (text: string) => text;
    if (oid === OID.int8Array) return int8List;
    if (oid === OID.numericArray) return textList;
    return pg.types.getTypeParser(oid, format as 'text');
  },
};

/**
 * A PostgreSQL server. While it is away, every call fails with a retryable StoreError; when it is back, calls succeed
 * again, and listeners are told that there was a gap. StoreError where it cannot be reached now.
 */
export async function openPostgres(options: PostgresOptions): Promise<SqlStore> {
  const store = new PostgresStore(options);
  try {
    await store.query('select 1');
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class PostgresStore implements SqlStore {
  readonly kind = 'postgres';
  readonly memoryBytes = 0;
  readonly #pool: pg.Pool;
  readonly #listener: PostgresListener;
  readonly #guard = new TransactionGuard();
  readonly #statementTimeoutMs: number;
  #closing: Promise<void> | undefined;

  constructor({ url, maxConnections = 10, statementTimeoutMs = 30_000, connectTimeoutMs = 5000 }: PostgresOptions) {
    this.#statementTimeoutMs = statementTimeoutMs;
    const connection = {
      connectionString: url,
      application_name: 'dsperse',
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      types,
    };
    this.#pool = new pg.Pool({
      ...connection,
      max: maxConnections,
      idleTimeoutMillis: 30_000,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + GRACE_MS,
    });
    // A connection that dies while no statement runs on it says so by an event, which would else end the process.
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
    this.#listener = new PostgresListener({ ...connection, query_timeout: 10_000 });
  }

  query<T>(sql: string, params?: readonly SqlValue[]): Promise<T[]> {
    return this.#run((client) => statements(client).query<T>(sql, params));
  }
  execute(sql: string, params?: readonly SqlValue[]): Promise<number> {
    return this.#run((client) => statements(client).execute(sql, params));
  }
  script(sql: string): Promise<void> {
    return this.#run((client) => statements(client).script(sql));
  }
  notify(channel: string, payload?: string): Promise<void> {
    return this.#run((client) => statements(client).notify(channel, payload));
  }

  transaction<R>(work: (tx: Sql) => Promise<R>, options: TransactionOptions = {}): Promise<R> {
    const { isolation = 'serializable', statementTimeoutMs = this.#statementTimeoutMs } = options;
    return this.#guard.run(() =>
      this.#withClient(async (client, spoil) => {
        const tx = statements(client, statementTimeoutMs + GRACE_MS);
        await tx.query(`begin isolation level ${isolation === 'serializable' ? 'serializable' : 'read committed'}`);
        try {
          if (statementTimeoutMs !== this.#statementTimeoutMs) {
            await tx.query(`set local statement_timeout = ${Math.max(1, Math.floor(statementTimeoutMs))}`);
          }
          const result = await work(tx);
          const [done] = await tx.commit();
          if (done !== 'COMMIT') throw new StoreError('40000', 'A statement of the transaction failed.', false);
          return result;
        } catch (error) {
          if (!isLost(error)) await tx.query('rollback').catch(spoil);
          throw error;
        }
      }),
    );
  }

  async listen(
    channel: string,
    onNotification: (payload: string) => void,
    onGap?: () => void,
  ): Promise<() => Promise<void>> {
    this.#checkOpen();
    return this.#listener.listen(channelName(channel), onNotification, onGap);
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([this.#listener.close(), this.#pool.end()]).then(() => {});
    return this.#closing;
  }

  async #run<R>(work: (client: pg.PoolClient) => Promise<R>): Promise<R> {
    this.#guard.check();
    return this.#withClient(work);
  }

  async #withClient<R>(work: (client: pg.PoolClient, spoil: () => void) => Promise<R>): Promise<R> {
    this.#checkOpen();
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw sqlError(error);
    }
    let broken = false;
    try {
      return await work(client, () => {
        broken = true;
      });
    } catch (error) {
      broken ||= isLost(error);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  #checkOpen(): void {
    if (this.#closing) throw new StoreError('closed', 'The database is closed.', false);
  }
}

function statements(client: pg.ClientBase, queryTimeoutMs?: number): Sql & { commit(): Promise<string[]> } {
  const send = async (text: string, params?: readonly SqlValue[]) => {
    const values = params?.length ? toParams(params) : undefined;
    try {
      return await client.query({
        text,
        values,
        ...(queryTimeoutMs === undefined ? {} : { query_timeout: queryTimeoutMs }),
      } as pg.QueryConfig);
    } catch (error) {
      throw sqlError(error);
    }
  };
  return {
    query: async <T>(sql: string, params?: readonly SqlValue[]) => (await send(sql, params)).rows as T[],
    execute: async (sql, params) => (await send(sql, params)).rowCount ?? 0,
    script: async (sql) => {
      await send(sql);
    },
    notify: async (channel, payload = '') => {
      await send('select pg_notify($1, $2)', [channelName(channel), payload]);
    },
    // After a statement failed and its error was swallowed, the server answers a commit with ROLLBACK.
    commit: async () => [(await send('commit')).command],
  };
}

function listParser<T>(element: (text: string) => T): (text: string) => (T | null)[] {
  const parse = pg.types.getTypeParser(OID.textArray as number, 'text') as (text: string) => (string | null)[];
  return (text) => parse(text).map((item) => (item === null ? null : element(item)));
}
