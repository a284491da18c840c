/** Replay protection that gateways on one database share. What comes while one statement runs goes together in the next. */
import type { Address, Hex } from 'viem';
import type { SqlStore } from '../../store/index.js';
import type { NonceLedger } from '../../transport/index.js';

interface Waiting {
  readonly sender: string;
  readonly nonce: string;
  readonly expiresMs: number;
  readonly resolve: (isFresh: boolean) => void;
  readonly reject: (error: unknown) => void;
}

const AT_ONCE = 256;

export class NonceTable implements NonceLedger {
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(private readonly sql: SqlStore) {}

  use(sender: Address, nonce: Hex, expiresAt: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sender: sender.toLowerCase(), nonce, expiresMs: expiresAt * 1000, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, AT_ONCE);
      try {
        await this.#take(batch);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isRunning = false;
  }

  async #take(batch: readonly Waiting[]): Promise<void> {
    const rows = await this.sql.query<{ sender: string; nonce: string }>(
      `insert into nonces (sender, nonce, expires_ms) select * from unnest($1::text[], $2::text[], $3::bigint[])
       on conflict do nothing returning sender, nonce`,
      [batch.map((w) => w.sender), batch.map((w) => w.nonce), batch.map((w) => w.expiresMs)],
    );
    const fresh = new Set(rows.map((r) => `${r.sender} ${r.nonce}`));
    // Each counts once, also of two that came together.
    for (const w of batch) w.resolve(fresh.delete(`${w.sender} ${w.nonce}`));
  }
}
