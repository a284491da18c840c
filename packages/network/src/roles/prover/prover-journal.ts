/** What a prover promised and delivered: written before it is sent, kept as evidence. */
import type { Hex } from 'viem';
import {
  type Acknowledgement,
  type Delivery,
  type Lock,
  type Signed,
  signedSchema,
  toJson,
} from '../../messages/index.js';
import { type Journal, KeptRecords, openJournal } from '../../store/index.js';

/** Which attempt at which chunk. */
export interface AttemptKey {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
}

export const keyText = ({ order, chunk, attempt }: AttemptKey): string => `${order.toLowerCase()}/${chunk}/${attempt}`;

type ProverRecord =
  | {
      readonly kind: 'lock';
      readonly atMs: number;
      readonly gateway: string;
      readonly fingerprint: string;
      readonly lock: unknown;
    }
  | { readonly kind: 'receipt'; readonly atMs: number; readonly key: string; readonly delivery: unknown }
  | { readonly kind: 'acknowledged'; readonly atMs: number; readonly key: string; readonly acknowledgement: unknown }
  | { readonly kind: 'ended'; readonly atMs: number; readonly key: string; readonly outcome: string };

export interface KnownLock {
  readonly gateway: string;
  readonly fingerprint: string;
  readonly lock: Signed<Lock>;
}

/** Evidence of what was not settled is kept for as long as anyone may still ask for it. */
const KEEP_MS = 30 * 24 * 3_600_000;
const COMPACT_BYTES = 8 << 20;

const lockSchema = signedSchema('Lock');
const acknowledgementSchema = signedSchema('Acknowledgement');

export class ProverJournal {
  readonly #locks = new Map<string, KnownLock>();
  readonly #acknowledged = new Map<string, Signed<Acknowledgement>>();
  /** Orders that the chain has settled, of which there may be acknowledgements. */
  readonly #settled = new Set<string>();
  readonly #records: KeptRecords<ProverRecord>;

  private constructor(
    journal: Journal<ProverRecord>,
    private readonly nowMs: () => number,
    lookBytes: number,
  ) {
    this.#records = new KeptRecords(journal, {
      lookBytes,
      keep: (records) => this.#needed(records),
      onAppended: (record) => this.#take(record),
      onDropped: (left) => {
        this.#acknowledged.clear();
        this.#settled.clear();
        for (const record of left) this.#take(record);
      },
    });
    for (const record of journal.records) this.#take(record);
  }

  /** @param lookBytes size from which on it is looked for what is not needed any more */
  static async open(path: string, nowMs: () => number = Date.now, lookBytes = COMPACT_BYTES): Promise<ProverJournal> {
    const opened = new ProverJournal(await openJournal<ProverRecord>(path), nowMs, lookBytes);
    await opened.#records.compact();
    return opened;
  }

  #take(record: ProverRecord): void {
    switch (record.kind) {
      case 'lock': {
        const { gateway, fingerprint } = record;
        const lock = lockSchema.parse(record.lock);
        this.#locks.set(keyText(lock.message), { gateway, fingerprint, lock });
        return;
      }
      case 'acknowledged':
        this.#acknowledged.set(record.key, acknowledgementSchema.parse(record.acknowledgement));
        return;
      case 'ended':
        this.#locks.delete(record.key);
    }
  }

  /** Of what has ended only acknowledgements stay, for a time, until their order is settled. */
  #needed(records: readonly ProverRecord[]): readonly ProverRecord[] {
    const since = this.nowMs() - KEEP_MS;
    return records.filter((r) => {
      const key = r.kind === 'lock' ? keyText(lockSchema.parse(r.lock).message) : r.key;
      if (this.#locks.has(key)) return true;
      return r.kind === 'acknowledged' && r.atMs >= since && !this.#settled.has(key.split('/')[0]);
    });
  }

  /** The chain has settled the order: what shows that its proofs were delivered goes when the journal is looked through next. */
  settled(order: Hex): void {
    this.#settled.add(order.toLowerCase());
  }

  /** Locks that were signed and of which no end is known. */
  get openLocks(): ReadonlyMap<string, KnownLock> {
    return this.#locks;
  }

  /** All that are kept. */
  get acknowledgements(): Iterable<Signed<Acknowledgement>> {
    return this.#acknowledged.values();
  }

  acknowledgement(key: AttemptKey): Signed<Acknowledgement> | undefined {
    return this.#acknowledged.get(keyText(key));
  }

  lock(gateway: string, fingerprint: string, lock: Signed<Lock>): Promise<void> {
    return this.#records.append({ kind: 'lock', atMs: this.nowMs(), gateway, fingerprint, lock: toJson(lock) });
  }

  receipt(key: AttemptKey, delivery: Delivery): Promise<void> {
    return this.#records.append({ kind: 'receipt', atMs: this.nowMs(), key: keyText(key), delivery: toJson(delivery) });
  }

  acknowledged(key: AttemptKey, acknowledgement: Signed<Acknowledgement>): Promise<void> {
    const json = toJson(acknowledgement);
    return this.#records.append({ kind: 'acknowledged', atMs: this.nowMs(), key: keyText(key), acknowledgement: json });
  }

  async ended(key: AttemptKey, outcome: string): Promise<void> {
    if (!this.#locks.has(keyText(key))) return;
    await this.#records.append({ kind: 'ended', atMs: this.nowMs(), key: keyText(key), outcome });
  }

  close(): Promise<void> {
    return this.#records.close();
  }
}
