import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PGlite, type Transaction } from '@electric-sql/pglite';
import { lockFile } from './lock.js';
import type { Sql, SqlStore, SqlValue, TransactionOptions } from './sql.js';
import { sqlError, stateError } from './sql-errors.js';
import { channelName, OID, parseInt8, toParams } from './sql-values.js';
import { fileError, StoreError } from './store-error.js';
import { TransactionGuard } from './transaction-guard.js';

export interface PgliteOptions {
  /** Where the database lives; made if it is not there. One process at a time. */
  directory: string;
}

/**
 * PostgreSQL within this process, on files. Statements run one after the other and hold up the process while they run;
 * there is no statement timeout. It does not fsync: what was committed survives the death of the process, but not
 * surely a power cut. InputError `in-use` where another process has the directory.
 */
export async function openPglite({ directory }: PgliteOptions): Promise<SqlStore> {
  directory = resolve(directory);
  const unlock = await lockFile(join(directory, 'lock'), 'The database');
  try {
    const data = join(directory, 'data');
    await mkdir(data, { recursive: true, mode: 0o700 });
    const db = new PGlite(data, {
      parsers: { [OID.int8]: parseInt8, [OID.numeric]: (text: string) => text },
    });
    await db.waitReady;
    return new PgliteStore(db, unlock);
  } catch (error) {
    await unlock();
    const known = sqlError(fileError(error, 'Opening the database'));
    if (known !== error || known instanceof StoreError) throw known;
    throw new StoreError('database-damaged', 'The database could not be opened.', false, 'Restore it or remove it.', {
      cause: error,
    });
  }
}

class PgliteStore implements SqlStore {
  readonly kind = 'pglite';
  readonly #db: PGlite;
  readonly #unlock: () => Promise<void>;
  readonly #guard = new TransactionGuard();
  #closing: Promise<void> | undefined;
  #crash: StoreError | undefined;

  constructor(db: PGlite, unlock: () => Promise<void>) {
    this.#db = db;
    this.#unlock = unlock;
  }

  query<T>(sql: string, params?: readonly SqlValue[]): Promise<T[]> {
    return this.#run((db) => db.query<T>(sql, params));
  }
  execute(sql: string, params?: readonly SqlValue[]): Promise<number> {
    return this.#run((db) => db.execute(sql, params));
  }
  script(sql: string): Promise<void> {
    return this.#run((db) => db.script(sql));
  }
  notify(channel: string, payload?: string): Promise<void> {
    return this.#run((db) => db.notify(channel, payload));
  }

  async transaction<R>(work: (tx: Sql) => Promise<R>, _options?: TransactionOptions): Promise<R> {
    this.#checkOpen();
    // One connection: transactions run one after the other, which is as serialisable as it gets.
    return this.#guard.run(async () => {
      try {
        return await this.#db.transaction(async (tx) => {
          let failed = false;
          const result = await work(
            this.#statements(tx, () => {
              failed = true;
            }),
          );
          // A statement failed and the work went on: what it did is lost, and is not to be taken for committed.
          if (failed) await this.#statements(tx).query('select 1');
          return result;
        });
      } catch (error) {
        throw isCrash(error) ? this.#crashed(error) : stateError(error);
      }
    });
  }

  async listen(channel: string, onNotification: (payload: string) => void): Promise<() => Promise<void>> {
    channelName(channel);
    const unlisten = await this.#run(() => this.#driver(() => this.#db.listen(channel, onNotification)));
    return async () => {
      if (!this.#closing) await this.#run(() => this.#driver(() => unlisten()));
    };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      try {
        if (!this.#db.closed && !this.#crash) await this.#db.close();
      } finally {
        await this.#unlock();
      }
    })();
    return this.#closing;
  }

  async #run<R>(work: (db: Sql) => Promise<R>): Promise<R> {
    this.#checkOpen();
    this.#guard.check();
    return work(this.#statements(this.#db));
  }

  async #driver<R>(call: () => Promise<R>): Promise<R> {
    try {
      return await call();
    } catch (error) {
      throw isCrash(error) ? this.#crashed(error) : sqlError(error);
    }
  }

  /** A panic ends the database, not the process: WebAssembly aborts, and nothing can be asked of it any more. */
  #crashed(cause: unknown): StoreError {
    this.#crash ??= new StoreError('database-crashed', 'The database has stopped.', false, 'Restart; see the cause.', {
      cause,
    });
    return this.#crash;
  }

  #statements(db: Pick<Transaction, 'query' | 'exec'>, onFailure?: () => void): Sql {
    const send = async <T>(sql: string, params?: readonly SqlValue[]) => {
      const values = toParams(params);
      return this.#driver(() => db.query<T>(sql, values)).catch((error) => {
        onFailure?.();
        throw error;
      });
    };
    return {
      query: async <T>(sql: string, params?: readonly SqlValue[]) => (await send<T>(sql, params)).rows as T[],
      execute: async (sql, params) => (await send(sql, params)).affectedRows ?? 0,
      script: async (sql) => {
        await this.#driver(() => db.exec(sql)).catch((error) => {
          onFailure?.();
          throw error;
        });
      },
      notify: async (channel, payload = '') => {
        await send('select pg_notify($1, $2)', [channelName(channel), payload]);
      },
    };
  }

  #checkOpen(): void {
    if (this.#closing) throw new StoreError('closed', 'The database is closed.', false);
    if (this.#crash) throw this.#crash;
  }
}

function isCrash(error: unknown): boolean {
  const name = (error as Error | undefined)?.name;
  return name === 'RuntimeError' || name === 'ExitStatus';
}
