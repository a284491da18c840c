import pg from 'pg';
import { sqlError } from './sql-errors.js';
import { StoreError } from './store-error.js';

interface Listener {
  channel: string;
  onNotification: (payload: string) => void;
  onGap?: () => void;
}

const HEARTBEAT_MS = 10_000;
const MAX_PAUSE_MS = 2000;

/** One connection for all notifications, made anew with growing pauses when it is lost. */
export class PostgresListener {
  readonly #config: pg.ClientConfig;
  readonly #listeners = new Set<Listener>();
  #client: Promise<pg.Client> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(config: pg.ClientConfig) {
    this.#config = config;
  }

  async listen(channel: string, onNotification: (payload: string) => void, onGap?: () => void) {
    const listener = { channel, onNotification, onGap };
    this.#listeners.add(listener);
    try {
      const client = await this.#connected();
      await client.query(`listen ${channel}`);
    } catch (error) {
      this.#listeners.delete(listener);
      throw sqlError(error);
    }
    return async () => {
      if (!this.#listeners.delete(listener) || this.#closed) return;
      if ([...this.#listeners].some((other) => other.channel === channel)) return;
      // A connection that is lost has forgotten the channel anyway.
      await this.#client?.then((client) => client.query(`unlisten ${channel}`)).catch(() => {});
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.then((open) => open.end()).catch(() => {});
  }

  async #connected(): Promise<pg.Client> {
    if (this.#closed) throw new StoreError('closed', 'The database is closed.', false);
    this.#client ??= this.#connect();
    return this.#client;
  }

  #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#config);
    let heartbeat: NodeJS.Timeout | undefined;
    const lose = () => {
      clearInterval(heartbeat);
      client.removeAllListeners('end');
      client.end().catch(() => {});
      if (this.#client !== connected || this.#closed) return;
      this.#client = undefined;
      this.#reconnect(50);
    };
    client.on('error', lose);
    client.on('end', lose);
    client.on('notification', ({ channel, payload }) => {
      for (const listener of [...this.#listeners]) {
        if (listener.channel === channel) listener.onNotification(payload ?? '');
      }
    });
    const connected = (async () => {
      await client.connect();
      for (const channel of new Set([...this.#listeners].map((listener) => listener.channel))) {
        await client.query(`listen ${channel}`);
      }
      // A server that vanished without a word is noticed by its silence.
      heartbeat = setInterval(() => client.query('select 1').catch(lose), HEARTBEAT_MS);
      heartbeat.unref();
      return client;
    })();
    connected.catch(() => {
      if (this.#client === connected) this.#client = undefined;
      client.end().catch(() => {});
    });
    return connected;
  }

  #reconnect(pauseMs: number): void {
    if (this.#listeners.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#closed) return;
      this.#connected().then(
        () => {
          for (const listener of [...this.#listeners]) listener.onGap?.();
        },
        () => this.#reconnect(Math.min(MAX_PAUSE_MS, pauseMs * 2)),
      );
    }, pauseMs);
  }
}
