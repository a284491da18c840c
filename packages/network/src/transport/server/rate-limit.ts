/** Token buckets by key, and counts by key, in bounded memory. */
import type { Clock } from '../request/sign-request.js';

export interface Rate {
  readonly perSecond: number;
  /** How many at once after a rest. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class TokenBuckets {
  /** The one used longest ago is first. */
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly rate: Rate,
    private readonly maxKeys: number,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.buckets.size;
  }

  /** 0 where the tokens were there and are taken, else the seconds until they will be. */
  take(key: string, tokens: number): number {
    const bucket = this.bucketOf(key);
    // What costs more than a whole burst is let through by a full bucket.
    const needed = Math.min(tokens, this.rate.burst);
    if (bucket.tokens < needed) return (needed - bucket.tokens) / this.rate.perSecond;
    bucket.tokens -= tokens;
    return 0;
  }

  /** Takes them even where they are not there: the key has to wait longer. At most a burst below nothing. */
  charge(key: string, tokens: number): void {
    const bucket = this.bucketOf(key);
    bucket.tokens = Math.max(-this.rate.burst, bucket.tokens - tokens);
  }

  private bucketOf(key: string): Bucket {
    const nowMs = this.clock();
    const bucket = this.buckets.get(key) ?? { tokens: this.rate.burst, atMs: nowMs };
    const grown = (Math.max(0, nowMs - bucket.atMs) / 1000) * this.rate.perSecond;
    bucket.tokens = Math.min(this.rate.burst, bucket.tokens + grown);
    bucket.atMs = nowMs;
    this.buckets.delete(key);
    this.buckets.set(key, bucket);
    if (this.buckets.size > this.maxKeys) this.buckets.delete(this.buckets.keys().next().value!);
    return bucket;
  }
}

/** How many of something each key holds now; as large as what is held. */
export class Counts {
  private readonly counts = new Map<string, number>();
  constructor(private readonly max: number) {}

  /** Undefined where the key holds `max` already; else what gives it back, once. */
  take(key: string): (() => void) | undefined {
    const count = this.counts.get(key) ?? 0;
    if (count >= this.max) return undefined;
    this.counts.set(key, count + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = this.counts.get(key)! - 1;
      if (left === 0) this.counts.delete(key);
      else this.counts.set(key, left);
    };
  }
}
