/**
 * What a validator has signed. It stands here before anything is sent, and what stands here is never signed otherwise:
 * two verdicts on one attempt, or two roots of one epoch, are evidence against the validator. The latest verdicts are in memory,
 * those before them in files beside the journal.
 */
import { InputError } from '@dsperse/core/verify';
import type { Hex } from 'viem';
import {
  type EpochRoot,
  messageSchema,
  toJson,
  type VerdictMessage,
  type WeightReveal,
  weightCommitmentOf,
  weightRevealSchema,
} from '../../messages/index.js';
import type { SeenDelivery, SettlementState } from '../../scoring/index.js';
import { type Journal, KeptRecords, openJournal } from '../../store/index.js';
import { settlementStateSchema } from '../peer/epoch-document.js';
import { type ArchivedVerdict, ArchivedVerdicts } from './archived-verdicts.js';

type ValidatorRecord =
  | {
      readonly kind: 'verdict';
      readonly atMs: number;
      readonly verdict: unknown;
      /** Of an accepted proof. */
      readonly seen?: SeenDelivery;
    }
  | { readonly kind: 'appeal'; readonly atMs: number; readonly case: string; readonly appeal: SeenAppeal }
  /** Of a verdict that is in the files. */
  | { readonly kind: 'seen'; readonly atMs: number; readonly seen: SeenDelivery }
  | { readonly kind: 'weights'; readonly atMs: number; readonly epoch: number; readonly reveal: unknown }
  /** The gateway has these verdicts of ours, by `caseText`. */
  | { readonly kind: 'taken'; readonly atMs: number; readonly cases: readonly string[] }
  | { readonly kind: 'epoch'; readonly atMs: number; readonly root: unknown; readonly state: unknown };

const verdictSchema = messageSchema('Verdict');
const rootSchema = messageSchema('EpochRoot');

/** Longer than any order and its challenge window live. */
const KEEP_MS = 90 * 24 * 3_600_000;
const COMPACT_BYTES = 32 << 20;
const STATES_KEPT = 4;
/** Verdicts that are in memory when the journal has been looked through. */
const VERDICTS_HELD = 20_000;

export interface CaseKeyParts {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
}

export const caseText = ({ order, chunk, attempt }: CaseKeyParts): string =>
  `${order.toLowerCase()}/${chunk}/${attempt}`;

/** A proof that a prover showed of a lock, and that holds. */
export interface SeenAppeal {
  /** The slices that it is of. */
  readonly index: number;
  readonly count: number;
  /** Whether we heard of it before the deadline of the lock was over. */
  readonly inTime: boolean;
}

/** Weights that were committed to. */
export interface Weighed {
  readonly atMs: number;
  readonly epoch: number;
  readonly reveal: WeightReveal;
}

export interface JournalLimits {
  /** Size from which on it is looked for what is not needed any more, or not in memory. */
  readonly lookBytes?: number;
  /** Verdicts that stay in memory then. */
  readonly held?: number;
}

export class ValidatorJournal {
  readonly #verdicts = new Map<string, VerdictMessage>();
  readonly #taken = new Set<string>();
  readonly #appeals = new Map<string, SeenAppeal>();
  readonly #ofOrder = new Map<string, VerdictMessage[]>();
  readonly #epochs = new Map<number, { readonly root: EpochRoot; readonly state: SettlementState | undefined }>();
  readonly #deliveries: { readonly atMs: number; readonly seen: SeenDelivery }[] = [];
  /** By commitment, the oldest first. */
  readonly #weights = new Map<Hex, Weighed>();
  /** Being written: a second one meanwhile is refused all the same. */
  readonly #pending = new Map<string, Promise<VerdictMessage>>();
  readonly #records: KeptRecords<ValidatorRecord>;
  readonly #held: number;
  /** Deliveries before this are not asked for any more, in milliseconds. */
  #seenSinceMs = 0;

  private constructor(
    journal: Journal<ValidatorRecord>,
    private readonly archive: ArchivedVerdicts,
    private readonly nowMs: () => number,
    { lookBytes = COMPACT_BYTES, held = VERDICTS_HELD }: JournalLimits,
  ) {
    this.#held = held;
    this.#records = new KeptRecords(journal, {
      lookBytes,
      keep: (records) => this.#needed(records),
      onAppended: (record) => this.#take(record),
      onDropped: (left) => this.#takeAnew(left),
    });
    for (const record of journal.records) this.#take(record);
  }

  static async open(
    path: string,
    nowMs: () => number = Date.now,
    limits: JournalLimits = {},
  ): Promise<ValidatorJournal> {
    const journal = await openJournal<ValidatorRecord>(path);
    try {
      const opened = new ValidatorJournal(journal, ArchivedVerdicts.open(`${path}.verdicts`), nowMs, limits);
      await opened.#records.compact();
      return opened;
    } catch (error) {
      await journal.close();
      throw error;
    }
  }

  #take(record: ValidatorRecord): void {
    if (record.kind === 'verdict') {
      const verdict = verdictSchema.parse(record.verdict);
      if (record.seen) this.#deliveries.push({ atMs: record.atMs, seen: record.seen });
      // The first counts, whatever comes behind it.
      if (this.#verdicts.has(caseText(verdict))) return;
      this.#verdicts.set(caseText(verdict), verdict);
      const order = verdict.order.toLowerCase();
      const others = this.#ofOrder.get(order);
      if (others) others.push(verdict);
      else this.#ofOrder.set(order, [verdict]);
      return;
    }
    if (record.kind === 'seen') {
      this.#deliveries.push({ atMs: record.atMs, seen: record.seen });
      return;
    }
    if (record.kind === 'appeal') {
      this.#appeals.set(record.case, record.appeal);
      return;
    }
    if (record.kind === 'weights') {
      const reveal = weightRevealSchema.parse(record.reveal);
      this.#weights.set(weightCommitmentOf(reveal), { atMs: record.atMs, epoch: record.epoch, reveal });
      return;
    }
    if (record.kind === 'taken') {
      for (const key of record.cases) this.#taken.add(key);
      return;
    }
    const root = rootSchema.parse(record.root);
    const state = record.state === undefined ? undefined : settlementStateSchema.parse(record.state);
    this.#epochs.set(root.epoch, { root, state });
  }

  verdict(key: CaseKeyParts): VerdictMessage | undefined {
    return this.#verdicts.get(caseText(key)) ?? this.#archived(key)?.verdict;
  }

  #archived(key: CaseKeyParts): ArchivedVerdict | undefined {
    return this.archive.of(key.order).find(({ verdict: v }) => v.chunk === key.chunk && v.attempt === key.attempt);
  }

  /** Verdicts in memory. */
  get held(): number {
    return this.#verdicts.size;
  }

  /** A gateway said that it has these verdicts: from then on it cannot leave them out. */
  async take(keys: readonly CaseKeyParts[]): Promise<void> {
    const cases = keys.filter((key) => this.verdict(key) && !this.wasTaken(key)).map(caseText);
    if (cases.length > 0) await this.#records.append({ kind: 'taken', atMs: this.nowMs(), cases });
  }

  wasTaken(key: CaseKeyParts): boolean {
    return this.#taken.has(caseText(key)) || this.#archived(key)?.taken === true;
  }

  /** What a prover showed us of this lock. */
  appeal(key: CaseKeyParts): SeenAppeal | undefined {
    return this.#appeals.get(caseText(key));
  }

  bindAppeal(key: CaseKeyParts, appeal: SeenAppeal): Promise<void> {
    return this.#records.append({ kind: 'appeal', atMs: this.nowMs(), case: caseText(key), appeal });
  }

  /** All verdicts on attempts at the order. */
  verdictsOn(order: Hex): readonly VerdictMessage[] {
    const held = this.#ofOrder.get(order.toLowerCase()) ?? [];
    const known = new Set(held.map(caseText));
    // Where one stands twice, as after a crash while it was put there, it is the same.
    const before = this.archive.of(order).flatMap(({ verdict }) => {
      const isFirst = !known.has(caseText(verdict));
      known.add(caseText(verdict));
      return isFirst ? [verdict] : [];
    });
    return [...before, ...held];
  }

  /** Proofs that were accepted here since then. */
  deliveriesSince(ms: number): SeenDelivery[] {
    this.#seenSinceMs = ms;
    return this.#deliveries.filter(({ atMs }) => atMs >= ms).map(({ seen }) => seen);
  }

  weights(commitment: Hex): Weighed | undefined {
    return this.#weights.get(commitment);
  }

  /** The last that were committed to for an epoch. */
  weightsFor(epoch: number): Weighed | undefined {
    return [...this.#weights.values()].findLast((weighed) => weighed.epoch === epoch);
  }

  /** Before a commitment to them is sent: without their salt it cannot be opened. */
  bindWeights(epoch: number, reveal: WeightReveal): Promise<void> {
    return this.#records.append({ kind: 'weights', atMs: this.nowMs(), epoch, reveal: toJson(reveal) });
  }

  /**
   * Binds us to a verdict.
   * @param seen of an accepted proof, how early it was here
   * @returns the one that is to be signed: this one, or the same verdict as it was written before, with its salt
   * @throws InputError `second-verdict` where another verdict on this attempt has been written
   */
  async bind(verdict: VerdictMessage, seen?: SeenDelivery): Promise<VerdictMessage> {
    const key = caseText(verdict);
    const pending = this.#pending.get(key);
    const earlier = this.verdict(verdict) ?? (pending && (await pending));
    if (earlier) {
      if (earlier.accepted === verdict.accepted && earlier.proofDigest === verdict.proofDigest) return earlier;
      throw new InputError(
        'second-verdict',
        `another verdict on ${key} has been signed before`,
        'a validator with one key runs once, on one data folder',
      );
    }
    const record = {
      kind: 'verdict',
      atMs: this.nowMs(),
      verdict: toJson(verdict),
      ...(seen ? { seen } : {}),
    } as const;
    const writing = this.#records.append(record).then(() => verdict);
    this.#pending.set(key, writing);
    try {
      return await writing;
    } finally {
      this.#pending.delete(key);
    }
  }

  epoch(epoch: number): { readonly root: EpochRoot; readonly state: SettlementState | undefined } | undefined {
    return this.#epochs.get(epoch);
  }

  /**
   * Binds us to the root of an epoch.
   * @param wasCancelled whether the chain shows that the epoch, as it was posted, is void
   * @throws InputError `second-root`
   */
  async bindEpoch(root: EpochRoot, state: SettlementState, wasCancelled: () => Promise<boolean>): Promise<void> {
    const earlier = this.#epochs.get(root.epoch);
    const isSame = earlier && JSON.stringify(toJson(earlier.root)) === JSON.stringify(toJson(root));
    if (isSame) return;
    if (earlier && !(await wasCancelled())) {
      throw new InputError(
        'second-root',
        `another root of epoch ${root.epoch} has been signed before`,
        'wait until the chain shows what became of it',
      );
    }
    await this.#records.append({ kind: 'epoch', atMs: this.nowMs(), root: toJson(root), state: toJson(state) });
  }

  /** Old records go, and all states but the last; verdicts before the last go into files. */
  #needed(all: readonly ValidatorRecord[]): readonly ValidatorRecord[] {
    const since = this.nowMs() - KEEP_MS;
    const last = Math.max(0, ...this.#epochs.keys());
    this.archive.forget(since);
    const records = this.#archive(all.filter((r) => r.kind === 'epoch' || r.atMs >= since));
    return records
      .filter((r) => r.kind !== 'seen' || r.atMs >= this.#seenSinceMs)
      .map((r): ValidatorRecord => {
        if (r.kind !== 'epoch' || r.state === undefined) return r;
        return rootSchema.parse(r.root).epoch > last - STATES_KEPT ? r : { ...r, state: undefined };
      });
  }

  /** @returns what is left when all verdicts but the last are in a file */
  #archive(records: readonly ValidatorRecord[]): readonly ValidatorRecord[] {
    const verdicts = records.filter((r) => r.kind === 'verdict').slice(0, -this.#held);
    if (verdicts.length === 0) return records;
    const put = new Map<string, ArchivedVerdict>();
    for (const { verdict: text } of verdicts) {
      const verdict = verdictSchema.parse(text);
      const key = caseText(verdict);
      if (!put.has(key)) put.set(key, { verdict, taken: this.#taken.has(key) });
    }
    this.archive.add([...put.values()], Math.max(...verdicts.map(({ atMs }) => atMs)));
    const gone = new Set<ValidatorRecord>(verdicts);
    return records.flatMap((r): ValidatorRecord[] => {
      if (r.kind === 'verdict' && gone.has(r)) return r.seen ? [{ kind: 'seen', atMs: r.atMs, seen: r.seen }] : [];
      if (r.kind !== 'taken') return [r];
      const cases = r.cases.filter((key) => !put.has(key));
      return cases.length === r.cases.length ? [r] : cases.length > 0 ? [{ ...r, cases }] : [];
    });
  }

  #takeAnew(records: readonly ValidatorRecord[]): void {
    this.#verdicts.clear();
    this.#ofOrder.clear();
    this.#taken.clear();
    this.#appeals.clear();
    this.#epochs.clear();
    this.#deliveries.length = 0;
    this.#weights.clear();
    for (const record of records) this.#take(record);
  }

  async close(): Promise<void> {
    await this.#records.close();
    this.archive.close();
  }
}
