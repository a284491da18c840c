/** Nonces that were used, so that a request counts once. */
import type { Address, Hex } from 'viem';
import { TransportError } from '../errors.js';
import type { Clock } from './sign-request.js';

/** Shared by all processes that answer to one audience. */
export interface NonceLedger {
  /**
   * Takes the nonce: true the first time, false ever after until `expiresAt` (seconds since 1970). `sender` is in lower
   * case. Throws TransportError `replay-guard-full` rather than forget a nonce that has not expired.
   */
  use(sender: Address, nonce: Hex, expiresAt: number): Promise<boolean>;
}

/** In memory, for one process. Holds at most `maxNonces`, of one sender at most `maxPerSender`. */
export class MemoryNonceLedger implements NonceLedger {
  /** Nonces by the second at which they expire. */
  private readonly bySecond = new Map<number, string[]>();
  private readonly used = new Set<string>();
  private readonly perSender = new Map<Address, number>();
  private sweptTo = 0;

  constructor(
    private readonly clock: Clock = Date.now,
    private readonly maxNonces = 200_000,
    private readonly maxPerSender = 20_000,
  ) {}

  get size(): number {
    return this.used.size;
  }

  async use(sender: Address, nonce: Hex, expiresAt: number): Promise<boolean> {
    this.sweep();
    const entry = sender + nonce;
    // Where the clock was set back, what expired before may have been used and forgotten.
    if (this.used.has(entry) || expiresAt <= this.sweptTo) return false;
    const count = this.perSender.get(sender) ?? 0;
    if (this.used.size >= this.maxNonces || count >= this.maxPerSender) {
      throw new TransportError('replay-guard-full', 'too many requests are remembered', {
        retryable: true,
        hint: 'try again in a minute',
      });
    }
    this.used.add(entry);
    this.perSender.set(sender, count + 1);
    const second = this.bySecond.get(expiresAt);
    if (second) second.push(entry);
    else this.bySecond.set(expiresAt, [entry]);
    return true;
  }

  /** Forgets what has expired; walks the seconds that passed, at most once each. */
  private sweep(): void {
    const now = Math.floor(this.clock() / 1000);
    if (now <= this.sweptTo) return;
    this.sweptTo = now;
    for (const [second, entries] of this.bySecond) {
      if (second > now) continue;
      this.bySecond.delete(second);
      for (const entry of entries) this.forget(entry);
    }
  }

  private forget(entry: string): void {
    this.used.delete(entry);
    const sender = entry.slice(0, 42) as Address;
    const count = this.perSender.get(sender)! - 1;
    if (count === 0) this.perSender.delete(sender);
    else this.perSender.set(sender, count);
  }
}
