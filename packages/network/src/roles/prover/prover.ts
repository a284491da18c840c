/** The prover: takes chunks that gateways offer, proves them, and is paid for what is accepted. */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { decodeKey } from '@dsperse/core/verify';
import type { Hex } from 'viem';
import { z } from 'zod';
import type { Ledger } from '../../chain/ledger.js';
import { updateRate } from '../../market/index.js';
import {
  type Acknowledgement,
  type Capability,
  type Lock,
  type NetworkId,
  type Offer,
  offerSchema,
  type Signed,
  signMessage,
  type WorkDocument,
  workSchema,
} from '../../messages/index.js';
import type { Identity, Logger, Metrics, Service } from '../../node/index.js';
import { writePrivateFile } from '../../node/index.js';
import { PROVER_ROLE } from '../../scoring/index.js';
import { pause } from '../../transport/client/back-off.js';
import type { ReceivedEvent } from '../../transport/client/follow-events.js';
import { TransportError } from '../../transport/index.js';
import { runDutyLoop } from '../peer/duty-loop.js';
import type { GatewayLink } from '../peer/gateway-link.js';
import { ProgramCache } from '../peer/program-cache.js';
import { fitsMemory } from '../peer/prover-memory.js';
import { claimWork, type TakenClaims } from './claim-work.js';
import { declineReason } from './consider-offer.js';
import { DeliveredWork } from './delivered-work.js';
import type { ProveChunk } from './prove-chunk.js';
import { type AttemptKey, keyText, ProverJournal } from './prover-journal.js';
import { RATE_FILE, readRate } from './prover-rate.js';
import { ProvingThread } from './proving-thread.js';
import { UnsettledOrders } from './watch-settlement.js';
import {
  type HeldChunk,
  type KeptProofs,
  keptKey,
  LockEnded,
  NotLocked,
  release,
  releaseReason,
  workChunk,
} from './work-chunk.js';

export interface ProverSettings {
  /** Token units per million work units. */
  readonly ask: bigint;
  /** Chunks at once. */
  readonly capacity: number;
  /** Threads of the kernels. */
  readonly workers: number;
  readonly maxMemoryBytes: number;
  /** Slice packages on the disk, and as much again for commitments to their weights. */
  readonly cacheBytes: number;
  /** Fingerprints; all where empty. */
  readonly allowPrograms: readonly string[];
  readonly denyPrograms: readonly string[];
  /** Between polls that no event asks for. */
  readonly pollMs?: number;
  /** How long stop() waits for what is nearly done. */
  readonly stopGraceMs?: number;
}

export interface ProverOptions {
  readonly identity: Identity;
  readonly network: NetworkId;
  readonly ledger: Ledger;
  readonly links: readonly GatewayLink[];
  readonly settings: ProverSettings;
  readonly capability: Pick<Capability, 'workUnitsPerSecond'>;
  readonly dataDirectory: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** In place of the proving thread. */
  readonly prove?: ProveChunk;
  readonly hooks?: ProverHooks;
}

export interface ProverHooks {
  readonly locked?: (lock: Lock) => void;
  readonly delivered?: (acknowledgement: Signed<Acknowledgement>) => void;
}

const RATE_POLICY = { weightBps: 3_000, maxStepBps: 5_000 };
const STAKE_MS = 5_000;
/** Between looks at what the chain has settled of what was delivered. */
/** Before unsettled orders are looked up first. */
const FIRST_LOOK_MS = 2_000;
const CHUNKS_REMEMBERED = 256;
const judgedSchema = z.object({
  order: z.string(),
  chunk: z.number(),
  attempt: z.number(),
  outcome: z.string(),
});

interface Holding extends HeldChunk {
  readonly ending: AbortController;
  done: Promise<void>;
}

export function createProver(options: ProverOptions): Service {
  const prover = new Prover(options);
  return {
    name: 'prover',
    start: () => prover.start(),
    stop: () => prover.stop(),
    health: () => prover.health(),
  };
}

class Prover {
  readonly #log: Logger;
  readonly #operator: Lock['prover'];
  readonly #held = new Map<string, Holding>();
  /** Delivered and not judged: their collateral is still held. */
  readonly #awaiting = new Map<string, Lock>();
  /** Offers that were let pass, with the time until which they stood: a new offer of the same chunk is another. */
  readonly #declined = new Map<string, number>();
  readonly #kept: KeptProofs = new Map();
  /** By fingerprint, first slice and number of slices. */
  readonly #tooLarge = new Map<string, Promise<boolean>>();
  readonly #loops: Promise<void>[] = [];
  readonly #stopping = new AbortController();
  readonly #thread: ProvingThread | undefined;
  readonly #prove: ProveChunk;
  readonly #chunks;
  readonly #declines;
  readonly #verdicts;
  readonly #earned;
  readonly #proveSeconds;
  readonly #unsettled: UnsettledOrders;
  #programs!: ProgramCache;
  #journal!: ProverJournal;
  #delivered!: DeliveredWork;
  readonly #claims: TakenClaims = new Map();
  #rate: number;
  #stake: { atMs: number; active: bigint } | undefined;
  #considering: Promise<void> = Promise.resolve();

  constructor(private readonly options: ProverOptions) {
    const { metrics, settings } = options;
    setMaxListeners(0, this.#stopping.signal);
    this.#log = options.log.child({ role: 'prover' });
    this.#operator = options.identity.account.address.toLowerCase() as Lock['prover'];
    this.#rate = Math.max(1, options.capability.workUnitsPerSecond);
    if (!options.prove) {
      this.#thread = new ProvingThread({
        threads: settings.workers,
        maxMemoryBytes: settings.maxMemoryBytes,
        weights: { directory: join(options.dataDirectory, 'prover', 'weights'), mostBytes: settings.cacheBytes },
      });
    }
    this.#prove = options.prove ?? ((job, signal) => (this.#thread as ProvingThread).prove(job, signal));
    this.#chunks = metrics.counter('dsperse_prover_chunks_total', 'chunks that were locked, by how it ended', [
      'outcome',
    ]);
    this.#declines = metrics.counter('dsperse_prover_declined_total', 'offers that were let pass', ['reason']);
    this.#verdicts = metrics.counter('dsperse_prover_verdicts_total', 'proofs that were judged', ['verdict']);
    this.#earned = metrics.counter('dsperse_prover_earned_tokens_total', 'prices of accepted chunks, before fees');
    this.#proveSeconds = metrics.histogram('dsperse_prover_prove_seconds', 'proving of a chunk');
    this.#unsettled = new UnsettledOrders(options.ledger, this.#log, metrics, {
      onSettled: (order) => {
        this.#journal.settled(order);
        this.#forget(order);
      },
      onLost: (order) => this.#forget(order),
      claim: (order) => {
        const { links } = this.options;
        const claimant = { links, delivered: this.#delivered, log: this.#log, signal: this.#stopping.signal };
        return claimWork(claimant, this.#claims, order);
      },
    });
    metrics.gauge('dsperse_prover_held_chunks', 'chunks that are held', [], (g) => g.set(this.#held.size));
    metrics.gauge('dsperse_prover_rate_units', 'work units in a second, measured', [], (g) => g.set(this.#rate));
  }

  async start(): Promise<void> {
    const { dataDirectory, links, settings } = this.options;
    const directory = join(dataDirectory, 'prover');
    this.#journal = await ProverJournal.open(join(directory, 'journal'));
    this.#delivered = await DeliveredWork.open(join(directory, 'delivered'));
    this.#programs = await ProgramCache.open({ directory, maxBytes: settings.cacheBytes, links });
    this.#rate = readRate(join(directory, RATE_FILE)) ?? this.#rate;
    this.#thread?.warm();
    for (const { message } of this.#journal.acknowledgements) this.#unsettled.add(message.order, message.gateway);
    this.#loops.push(this.#watchSettlement());
    for (const link of links) {
      this.#loops.push(
        runDutyLoop({
          link,
          streamPath: '/v1/work/events',
          poll: () => this.#poll(link),
          intervalMs: settings.pollMs ?? 3_000,
          signal: this.#stopping.signal,
          log: this.#log,
          onEvent: (event) => this.#hear(link, event),
        }),
      );
    }
  }

  async #watchSettlement(): Promise<void> {
    for (let pauseMs = FIRST_LOOK_MS; !this.#stopping.signal.aborted; ) {
      await pause(pauseMs, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      try {
        pauseMs = await this.#unsettled.look();
      } catch (err) {
        this.#log.debug({ err }, 'the chain was not asked for what is unpaid');
      }
    }
  }

  #forget(order: Hex): void {
    this.#claims.delete(order);
    this.#delivered.forget(order).catch((err) => this.#log.debug({ err, order }, 'what was delivered stays'));
  }

  health() {
    const { links } = this.options;
    const connected = links.filter((l) => l.isConnected).length;
    return { ok: connected > 0, detail: `${connected} of ${links.length} gateways; ${this.#held.size} chunks held` };
  }

  get #graceMs(): number {
    return this.options.settings.stopGraceMs ?? 5_000;
  }

  /** Finishes what is nearly done, gives the rest back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const held of this.#held.values()) if (held.stage !== 'delivering') held.ending.abort('stopping');
    const all = Promise.allSettled([...this.#held.values()].map((h) => h.done));
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, this.#graceMs).unref())]);
    for (const held of this.#held.values()) held.ending.abort('stopping');
    await Promise.all([...this.#loops, this.#thread?.stop()]);
    await this.#programs?.close();
    await this.#journal?.close();
  }

  /** What a gateway says that we hold and could hold: the truth, whatever the journal or events say. */
  async #poll(link: GatewayLink): Promise<void> {
    const before = [...this.#held].filter(([, h]) => h.link === link && h.stage === 'locked');
    const work = await link.get('/v1/work', workSchema, { signal: this.#stopping.signal });
    this.#endLost(before, work);
    for (const lock of work.locks) this.#resume(link, lock);
    for (const [key, { lock, gateway }] of this.#journal.openLocks) {
      const isOver = lock.message.deadline * 1000 < link.nowMs();
      if (isOver && gateway === link.url && !this.#held.has(key)) await this.#journal.ended(lock.message, 'over');
    }
    for (const offer of work.offers) this.#lookAt(link, offer);
    await this.#considering;
  }

  /** One after another: each sees what the one before it took. */
  #lookAt(link: GatewayLink, offer: Offer): void {
    this.#considering = this.#considering
      .then(() => this.#consider(link, offer))
      .catch((err) => {
        this.#log.warn({ err, order: offer.order, chunk: offer.chunk }, 'an offer could not be considered');
      });
  }

  /** Chunks that the gateway took from us. */
  #endLost(before: readonly [string, Holding][], work: WorkDocument): void {
    const locks = new Set(work.locks.map(({ message }) => keyText(message)));
    for (const [key, held] of before) {
      if (!locks.has(key) && held.stage === 'locked') held.ending.abort('ended');
    }
  }

  /** A lock that an earlier process of ours signed. */
  #resume(link: GatewayLink, lock: Signed<Lock>): void {
    const key = keyText(lock.message);
    if (this.#held.has(key) || this.#stopping.signal.aborted) return;
    if (lock.message.prover !== this.#operator || lock.message.deadline * 1000 <= link.nowMs()) return;
    const known = this.#journal.openLocks.get(key);
    this.#log.info({ ...keyOf(lock.message) }, 'taking up a lock again');
    this.#hold(link, lock, { fingerprint: known?.fingerprint });
  }

  async #consider(link: GatewayLink, offer: Offer): Promise<void> {
    const key = keyText(offer);
    const declined = this.#declined.get(key);
    if (this.#stopping.signal.aborted || this.#held.has(key) || declined === offer.standsUntilMs) return;
    const { settings, identity, network } = this.options;
    const held = [...this.#held.values()];
    const refused = declineReason(
      offer,
      {
        ask: settings.ask,
        capacity: settings.capacity,
        held: held.length,
        workHeld: held.reduce((n, h) => n + h.workUnits, 0),
        // What is proven already takes no time.
        rate: this.#kept.has(keptKey(offer)) ? Number.MAX_SAFE_INTEGER : this.#rate,
        freeStake: await this.#freeStake(),
        allow: settings.allowPrograms,
        deny: settings.denyPrograms,
      },
      link.nowMs(),
    );
    const reason = refused ?? ((await this.#lacksMemory(offer)) ? 'memory' : undefined);
    // Offered again after all others let it pass: it stands, and is looked at again with the next poll.
    if (reason && declined !== undefined) return;
    if (reason) {
      this.#declined.set(key, offer.standsUntilMs);
      for (const [old, untilMs] of this.#declined) if (untilMs + 60_000 < link.nowMs()) this.#declined.delete(old);
      this.#declines.inc({ reason });
      this.#log.info({ ...keyOf(offer), reason }, 'let an offer pass');
      // Said at once, so that the next in line need not wait.
      if (reason !== 'stale') await release(link, offer, 'no-capacity', reason);
      return;
    }
    const { order, chunk, attempt, price, collateral, deadline } = offer;
    const message: Lock = { order, chunk, attempt, prover: this.#operator, price, collateral, deadline };
    const lock = await signMessage(identity.account, network, 'Lock', message);
    await this.#journal.lock(link.url, offer.fingerprint, lock);
    this.#hold(link, lock, offer);
  }

  /** Whether the chunk is too much for one proof in our memory; what cannot be told is seen when it is proven. */
  #lacksMemory({ fingerprint, slices }: Offer): Promise<boolean> {
    const [first] = slices;
    const name = `${fingerprint} ${first} ${slices.length}`;
    // A slice alone cannot be cut any more.
    const known = slices.length === 1 ? Promise.resolve(false) : this.#tooLarge.get(name);
    if (known) return known;
    const found = this.#programs
      .key(fingerprint)
      .then((key) => !fitsMemory(decodeKey(key), first, slices.length, this.options.settings.maxMemoryBytes))
      .catch((err) => {
        this.#log.debug({ err, fingerprint }, 'how much memory a chunk takes cannot be told');
        this.#tooLarge.delete(name);
        return false;
      });
    this.#tooLarge.set(name, found);
    for (const oldest of this.#tooLarge.keys()) {
      if (this.#tooLarge.size <= CHUNKS_REMEMBERED) break;
      this.#tooLarge.delete(oldest);
    }
    return found;
  }

  async #freeStake(): Promise<bigint> {
    const now = Date.now();
    if (!this.#stake || now - this.#stake.atMs > STAKE_MS) {
      const { active } = await this.options.ledger.stakeOf(PROVER_ROLE, this.#operator);
      this.#stake = { atMs: now, active };
    }
    const locks = [...[...this.#held.values()].map((h) => h.lock.message), ...this.#awaiting.values()];
    return locks.reduce((free, lock) => free - lock.collateral, this.#stake.active);
  }

  #hold(
    link: GatewayLink,
    lock: Signed<Lock>,
    offer: { readonly fingerprint?: string; readonly slices?: readonly number[]; readonly workUnits?: number },
  ): void {
    const key = keyText(lock.message);
    const ending = new AbortController();
    const { fingerprint, slices, workUnits = 0 } = offer;
    const held: Holding = {
      link,
      lock,
      fingerprint,
      slices,
      signal: ending.signal,
      stage: 'locking',
      workUnits,
      ending,
      done: Promise.resolve(),
    };
    this.#held.set(key, held);
    // setTimeout counts to 2^31 ms; a lock of a month is looked at again by the poll.
    const leftMs = Math.min(Math.max(lock.message.deadline * 1000 - link.nowMs(), 0), 2 ** 31 - 1);
    const timer = setTimeout(() => ending.abort('deadline'), leftMs);
    held.done = this.#work(held)
      .catch((err) => this.#log.error({ err, ...keyOf(lock.message) }, 'a chunk ended badly'))
      .finally(() => {
        clearTimeout(timer);
        this.#held.delete(key);
      });
  }

  async #work(held: Holding): Promise<void> {
    const lock = held.lock.message;
    const outcome = await this.#outcome(held);
    this.#chunks.inc({ outcome });
    this.#log.info({ ...keyOf(lock), outcome }, 'a chunk is done');
    // What may still be held is found by the next poll.
    if (outcome !== 'unreachable') await this.#journal.ended(lock, outcome);
  }

  async #outcome(held: Holding): Promise<string> {
    const { identity, network, ledger, hooks } = this.options;
    const lock = held.lock.message;
    const { link, ending } = held;
    try {
      const acknowledgement = await workChunk(
        {
          identity,
          network,
          links: this.options.links,
          ledger,
          programs: this.#programs,
          journal: this.#journal,
          delivered: this.#delivered,
          kept: this.#kept,
          prove: async (job, signal) => {
            hooks?.locked?.(lock);
            return this.#prove(job, signal);
          },
          log: this.#log,
          onProven: (_, workUnits, seconds) => this.#learn(workUnits, seconds),
        },
        held,
      );
      this.#awaiting.set(keyText(lock), lock);
      this.#unsettled.add(lock.order, acknowledgement.message.gateway);
      hooks?.delivered?.(acknowledgement);
      return 'delivered';
    } catch (error) {
      if (error instanceof NotLocked) return 'not-locked';
      if (error instanceof LockEnded || ending.signal.reason === 'ended') return 'ended';
      if (ending.signal.reason === 'deadline') return 'missed';
      if (ending.signal.reason === 'stopping') {
        // Tried for less time than stop() waits: whoever is not reached finds out by the deadline.
        const signal = AbortSignal.timeout(Math.max(100, this.#graceMs - 500));
        await release(link, lock, 'stopping', undefined, signal).catch((err) =>
          this.#log.debug({ err }, 'the release did not arrive'),
        );
        return 'stopping';
      }
      if (error instanceof TransportError && held.stage === 'locking') return 'unreachable';
      const { reason, detail } = releaseReason(error);
      this.#log.warn({ err: error, ...keyOf(lock), reason }, 'a chunk is given back');
      await release(link, lock, reason, detail).catch((err) => this.#log.warn({ err }, 'the release did not arrive'));
      return reason;
    }
  }

  #learn(workUnits: number, seconds: number): void {
    this.#proveSeconds.observe(seconds);
    // Whole seconds are what the rate is measured in: less says nothing.
    if (workUnits < 1 || seconds < 1) return;
    this.#rate = updateRate(this.#rate, { workUnits, seconds }, RATE_POLICY);
    const path = join(this.options.dataDirectory, 'prover', RATE_FILE);
    writePrivateFile(path, `${JSON.stringify({ workUnitsPerSecond: this.#rate })}\n`).catch((err) =>
      this.#log.debug({ err }, 'the measured rate was not kept'),
    );
  }

  /** An offer is looked at without asking for it; what was judged is counted. */
  #hear(link: GatewayLink, event: ReceivedEvent): boolean {
    if (event.event === 'offer') {
      this.#lookAt(link, offerSchema.parse(event.data));
      return true;
    }
    if (event.event !== 'judged' && event.event !== 'released') return false;
    const judged = judgedSchema.parse(event.data);
    const key = keyText(judged as unknown as AttemptKey);
    const lock = this.#awaiting.get(key);
    this.#awaiting.delete(key);
    for (const [old, { deadline }] of this.#awaiting) {
      // An event that was lost must not hold collateral for ever.
      if (deadline * 1000 + 3_600_000 < Date.now()) this.#awaiting.delete(old);
    }
    if (event.event !== 'judged') return false;
    this.#verdicts.inc({ verdict: judged.outcome });
    if (judged.outcome === 'accepted' && lock) this.#earned.inc(Number(lock.price / 10n ** 12n) / 1e6);
    this.#log.info({ ...keyOf(judged as unknown as AttemptKey), verdict: judged.outcome }, 'judged');
    return true;
  }
}

const keyOf = ({ order, chunk, attempt }: AttemptKey) => ({ order, chunk, attempt });
