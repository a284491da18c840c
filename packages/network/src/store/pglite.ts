import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { lockFile } from './lock.js';
import { PgliteStatements } from './pglite-statements.js';
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
 * surely a power cut. Where the database panics (a full disk), what runs fails retryably, and the next call opens it
 * anew. InputError `in-use` where another process has the directory.
 */
export async function openPglite({ directory }: PgliteOptions): Promise<SqlStore> {
  directory = resolve(directory);
  const unlock = await lockFile(join(directory, 'lock'), 'The database');
  const open = async () => {
    const data = join(directory, 'data');
    await mkdir(data, { recursive: true, mode: 0o700 });
    const db = new PGlite(data, { parsers: { [OID.int8]: parseInt8, [OID.numeric]: (text: string) => text } });
    await db.waitReady;
    return db;
  };
  try {
    return new PgliteStore(await open(), open, unlock);
  } catch (error) {
    await unlock();
    const known = stateError(fileError(error, 'Opening the database'));
    if (known instanceof Error && known !== error) throw known;
    const hint = 'Free space on the disk; else restore the directory from a backup.';
    throw new StoreError('database-damaged', 'The database could not be opened.', false, hint, { cause: error });
  }
}

/** Where its recovery finds no room, the database does not always say so, and never gets ready. */
const REOPEN_MS = 10_000;

interface Listener {
  channel: string;
  onNotification: (payload: string) => void;
  onGap?: () => void;
  unlisten: () => Promise<void>;
}

class PgliteStore implements SqlStore {
  readonly kind = 'pglite';
  readonly #guard = new TransactionGuard();
  readonly #listeners = new Set<Listener>();
  /** One thing after the other: nothing may reach a database that has panicked. */
  #queue: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #crash: StoreError | undefined;
  #prepared: PgliteStatements;

  constructor(
    private db: PGlite,
    private readonly open: () => Promise<PGlite>,
    private readonly unlock: () => Promise<void>,
  ) {
    this.#prepared = new PgliteStatements(db);
  }

  /** Its WebAssembly memory, which grows and never shrinks: shared buffers, and what statements need besides. */
  get memoryBytes(): number {
    return this.db.Module.wasmMemory.buffer.byteLength;
  }

  query<T>(sql: string, params?: readonly SqlValue[]): Promise<T[]> {
    return this.#run(() => this.#statements().query<T>(sql, params));
  }
  execute(sql: string, params?: readonly SqlValue[]): Promise<number> {
    return this.#run(() => this.#statements().execute(sql, params));
  }
  script(sql: string): Promise<void> {
    return this.#run(() => this.#statements().script(sql));
  }
  notify(channel: string, payload?: string): Promise<void> {
    return this.#run(() => this.#statements().notify(channel, payload));
  }

  /** One connection: transactions run one after the other, which is as serialisable as it gets. */
  transaction<R>(work: (tx: Sql) => Promise<R>, _options?: TransactionOptions): Promise<R> {
    return this.#run((attempt) =>
      attempt(async () => {
        let failed = false;
        const scope = { open: true };
        const tx = this.#statements(scope, () => {
          failed = true;
        });
        await tx.query('begin');
        try {
          const result = await work(tx);
          // A statement failed and the work went on: what it did is lost, and is not to be taken for committed.
          if (failed) await tx.query('select 1');
          await tx.query('commit');
          return result;
        } catch (error) {
          if (!this.#crash) await tx.query('rollback').catch(() => {});
          throw error;
        } finally {
          scope.open = false;
        }
      }),
    );
  }

  async listen(channel: string, onNotification: (payload: string) => void, onGap?: () => void) {
    channelName(channel);
    const listener: Listener = { channel, onNotification, onGap, unlisten: async () => {} };
    await this.#run(() => this.#attach(listener));
    this.#listeners.add(listener);
    return async () => {
      if (this.#listeners.delete(listener) && !this.#closing) await this.#run(() => this.#driver(listener.unlisten));
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.then(async () => {
      try {
        if (!this.#crash) await this.db.close();
      } finally {
        await this.unlock();
      }
    });
    return this.#closing;
  }

  async #run<R>(work: (attempt: <T>(inside: () => Promise<T>) => Promise<T>) => Promise<R>): Promise<R> {
    if (this.#closing) throw new StoreError('closed', 'The database is closed.', false);
    this.#guard.check();
    const running = this.#queue.then(async () => {
      if (this.#crash) await this.#reopen();
      return work((inside) => this.#guard.run(inside));
    });
    this.#queue = running.catch(() => {});
    return running;
  }

  async #driver<R>(call: () => Promise<R>): Promise<R> {
    if (this.#crash) throw this.#crash;
    try {
      return await call();
    } catch (error) {
      throw isCrash(error) ? this.#crashed(error) : sqlError(error);
    }
  }

  #crashed(cause: unknown): StoreError {
    const why = cause instanceof Error ? cause.message : String(cause);
    const hint = 'Check the disk; the next call opens the database anew.';
    this.#crash = new StoreError('database-crashed', `The database stopped: ${why}.`, true, hint, { cause });
    return this.#crash;
  }

  /** A new database on the same files, which recovers what was committed. The old one is only forgotten. */
  async #reopen(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('it does not start again')), REOPEN_MS);
    });
    try {
      this.db = await Promise.race([this.open(), late]).finally(() => clearTimeout(timer));
    } catch (error) {
      throw this.#crashed(error);
    }
    this.#crash = undefined;
    this.#prepared = new PgliteStatements(this.db);
    for (const listener of this.#listeners) await this.#attach(listener);
    for (const listener of [...this.#listeners]) listener.onGap?.();
  }

  async #attach(listener: Listener): Promise<void> {
    listener.unlisten = await this.#driver(() => this.db.listen(listener.channel, listener.onNotification));
  }

  #statements(scope = { open: true }, onFailure?: () => void): Sql {
    const { db } = this;
    const prepared = this.#prepared;
    const guarded = async <R>(call: () => Promise<R>) => {
      if (!scope.open) throw new StoreError('closed', 'The transaction has ended.', false);
      try {
        return await this.#driver(call);
      } catch (error) {
        onFailure?.();
        throw error;
      }
    };
    const send = <T>(sql: string, params?: readonly SqlValue[]) =>
      guarded(async () => prepared.run<T>(sql, toParams(params)));
    return {
      query: async <T>(sql: string, params?: readonly SqlValue[]) => (await send<T>(sql, params)).rows as T[],
      execute: async (sql, params) => (await send(sql, params)).affectedRows,
      script: async (sql) => {
        // These change nothing that statements rest on.
        if (!/^\s*(vacuum|checkpoint)\b/i.test(sql)) prepared.forget();
        await guarded(() => db.exec(sql));
      },
      notify: async (channel, payload = '') => {
        await send('select pg_notify($1, $2)', [channelName(channel), payload]);
      },
    };
  }
}

/** A panic ends the database, not the process: WebAssembly aborts, and nothing can be asked of it any more. */
function isCrash(error: unknown): boolean {
  const { name, severity } = (error ?? {}) as { name?: string; severity?: string };
  return name === 'RuntimeError' || name === 'ExitStatus' || severity === 'PANIC' || severity === 'FATAL';
}
