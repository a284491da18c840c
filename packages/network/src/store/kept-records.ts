import type { Journal } from './journal.js';

export interface KeptRecordsOptions<T> {
  /** The journal is not looked through before it is this long. */
  readonly lookBytes: number;
  /** What is still needed of all records, in their order; as it is, or shortened. */
  keep(records: readonly T[]): readonly T[];
  /** Of what was appended. */
  onAppended(record: T): void;
  /** Some were dropped or shortened: these are left. */
  onDropped(left: readonly T[]): void;
}

/**
 * The records of a journal in memory, without those that are not needed any more. It is looked through each time that it has
 * doubled, so that what is kept costs no append anything, however much it is.
 */
export class KeptRecords<T> {
  #records: readonly T[];
  /** Appended while the journal is compacted. */
  #fresh: T[] = [];
  #lookAtBytes = 0;
  #compacting: Promise<void> | undefined;

  constructor(
    private readonly journal: Journal<T>,
    private readonly options: KeptRecordsOptions<T>,
  ) {
    this.#records = [...journal.records];
    this.#setLook();
  }

  /** Durable when it resolves. */
  async append(record: T): Promise<void> {
    await this.journal.append(record);
    this.#fresh.push(record);
    this.options.onAppended(record);
    if (this.journal.bytes > this.#lookAtBytes) await this.compact();
  }

  /** Drops what is not needed any more. */
  compact(): Promise<void> {
    this.#compacting ??= this.#compact().finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  async #compact(): Promise<void> {
    // What was written together with the last record has been taken note of then: each is here, or is written later.
    await new Promise((resolve) => setImmediate(resolve));
    const all = [...this.#records, ...this.#fresh];
    this.#records = all;
    this.#fresh = [];
    const kept = this.options.keep(all);
    if (kept.length < all.length || kept.some((r, i) => r !== all[i])) {
      await this.journal.compact(kept);
      this.#records = kept;
      this.options.onDropped([...kept, ...this.#fresh]);
    }
    this.#setLook();
  }

  #setLook(): void {
    this.#lookAtBytes = Math.max(this.options.lookBytes, 2 * this.journal.bytes);
  }

  close(): Promise<void> {
    return this.journal.close();
  }
}
