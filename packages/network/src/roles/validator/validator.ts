/** The validator: verifies every proof, commits to a verdict, reveals it, and signs epochs that it computed itself. */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { bytesToHex } from 'viem';
import { z } from 'zod';
import type { Ledger, OnChainOrder } from '../../chain/ledger.js';
import { networkTiming } from '../../chain/network-parameters.js';
import {
  appealSchema,
  type CaseDocument,
  canonicalJson,
  caseSchema,
  commitmentOf,
  type Duty,
  decodeBundle,
  digestOfBytes,
  dutiesSchema,
  dutySchema,
  type EpochRefusal,
  type NetworkId,
  type Signed,
  sealingContext,
  signMessage,
  type TensorBundle,
  takenSchema,
  toJson,
  type VerdictCommit,
  type VerdictMessage,
} from '../../messages/index.js';
import type { Identity, Logger, Metrics, Service } from '../../node/index.js';
import type { SeenDelivery } from '../../scoring/index.js';
import type { ReceivedEvent } from '../../transport/client/follow-events.js';
import { open, TransportError } from '../../transport/index.js';
import { settlementOf } from '../peer/claim-earnings.js';
import { runDutyLoop } from '../peer/duty-loop.js';
import { type EpochDocument, epochDocumentSchema } from '../peer/epoch-document.js';
import type { GatewayLink } from '../peer/gateway-link.js';
import { lookUpEach } from '../peer/look-up-each.js';
import { ProgramCache } from '../peer/program-cache.js';
import type { CaseOutcome } from './check-case.js';
import { checkEpoch } from './check-epoch.js';
import { Contacts } from './contacts.js';
import { SignedEpochs } from './signed-epochs.js';
import { testimoniesOf } from './testify.js';
import { type CaseKeyParts, caseText, ValidatorJournal } from './validator-journal.js';
import { VerdictTakers } from './verdict-takers.js';
import { stoppingAnswer, type VerifyAppeal, type VerifyCase, VerifyPool } from './verify-pool.js';
import { ProverWeights } from './weigh-provers.js';

export interface ValidatorSettings {
  /** Cases verified at once. */
  readonly workers: number;
  /** Verifier keys on the disk. */
  readonly cacheBytes: number;
  /** Between polls that no event asks for. */
  readonly pollSeconds: number;
  readonly maxProofBytes?: number;
  /** `tiny` is for tests: its proofs prove nothing. */
  readonly preset?: 'standard' | 'tiny';
}

export interface ValidatorOptions {
  readonly identity: Identity;
  readonly network: NetworkId;
  readonly ledger: Ledger;
  readonly links: readonly GatewayLink[];
  readonly settings: ValidatorSettings;
  readonly dataDirectory: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** In place of the verifying threads. */
  readonly verify?: VerifyCase;
  readonly verifyAppeal?: VerifyAppeal;
}

const VALUES_BYTES = 1 << 30;
const CASE_BYTES = 64 << 20;
const EPOCH_BYTES = 512 << 20;
const EPOCH_TIMEOUT_MS = 5 * 60_000;
/** Orders that one refusal names. */
const REFUSED_AT_ONCE = 256;
/** Far longer than signatures are collected for. */
const UNPOSTED_MS = 60_000;
const PROOF_BYTES = 64 << 20;
const EXAMINED_AT_ONCE = 8;
const APPEALS_KEPT = 10_000;
/** Orders that are remembered as the chain has them. */
const ORDERS_KEPT = 4;
/** How long the reserve of an order is taken to stand: far below what it takes to give it back. */
const CHAIN_MS = 500;
/** Commitments that come within this time go in one request. */
const GATHER_MS = 2;
/** After an abstention, for what was missing may have come. */
const [FIRST_RETRY_MS, LAST_RETRY_MS] = [2_000, 60_000];
const nothing = z.unknown();

export function createValidator(options: ValidatorOptions): Service {
  const validator = new Validator(options);
  return {
    name: 'validator',
    start: () => validator.start(),
    stop: () => validator.stop(),
    health: () => validator.health(),
  };
}

interface OnChain {
  readonly atMs: number;
  readonly found: Promise<readonly [order: OnChainOrder, now: number]>;
}

type CaseDuty = Extract<Duty, { kind: 'verify' | 'reveal' }>;
type VerifyDuty = Extract<Duty, { kind: 'verify' }>;

class Validator {
  readonly #log: Logger;
  readonly #operator: VerdictMessage['validator'];
  readonly #stopping = new AbortController();
  #examining = 0;
  readonly #queued: (() => void)[] = [];
  readonly #loops: Promise<void>[] = [];
  /** What is being done, by what it is about. */
  readonly #tasks = new Map<string, Promise<void>>();
  readonly #abstained = new Map<string, { untilMs: number; tries: number }>();
  readonly #outbox = new Map<GatewayLink, Signed<VerdictCommit>[]>();
  readonly #chainOf = new Map<string, OnChain>();
  readonly #pool: VerifyPool | undefined;
  readonly #verify: VerifyCase;
  readonly #verifyAppeal: VerifyAppeal;
  /** When we heard of appeals, by the gateway's clock, and whether they were looked at. */
  readonly #appeals = new Map<string, { readonly atMs: number; isOver: boolean }>();
  readonly #preset: 'standard' | 'tiny';
  readonly #verdicts;
  readonly #abstentions;
  readonly #seconds;
  readonly #epochs;
  #programs!: ProgramCache;
  #journal!: ValidatorJournal;
  #signed!: SignedEpochs;
  #contacts!: Contacts;
  #weights!: ProverWeights;
  readonly #takers: VerdictTakers;
  /** Epochs that the chain has gone beyond. */
  readonly #posted = new Set<number>();

  constructor(private readonly options: ValidatorOptions) {
    const { metrics, settings } = options;
    // Every request that is under way listens.
    setMaxListeners(0, this.#stopping.signal);
    this.#log = options.log.child({ role: 'validator' });
    this.#operator = options.identity.account.address.toLowerCase() as VerdictMessage['validator'];
    this.#preset = settings.preset ?? 'standard';
    this.#takers = new VerdictTakers(options.network);
    if (!options.verify) this.#pool = new VerifyPool(settings.workers, { preset: this.#preset });
    this.#verifyAppeal =
      options.verifyAppeal ?? ((request) => this.#pool?.appeal(request) ?? Promise.resolve(stoppingAnswer().outcome));
    this.#verify = options.verify ?? ((request) => (this.#pool as VerifyPool).verify(request));
    this.#verdicts = metrics.counter('dsperse_validator_verdicts_total', 'verdicts on chunks', ['verdict']);
    this.#abstentions = metrics.counter('dsperse_validator_abstentions_total', 'cases that were not judged', ['code']);
    this.#seconds = metrics.histogram('dsperse_validator_verify_seconds', 'checking of one case');
    this.#epochs = metrics.counter('dsperse_validator_epochs_total', 'epochs, signed or refused', ['outcome']);
  }

  async start(): Promise<void> {
    const { dataDirectory, links, settings } = this.options;
    const directory = join(dataDirectory, 'validator');
    this.#journal = await ValidatorJournal.open(join(directory, 'journal'));
    this.#contacts = await Contacts.open(join(directory, 'contacts.json'));
    const { identity, network, ledger } = this.options;
    this.#weights = new ProverWeights({
      ...{ identity, network, ledger, journal: this.#journal, log: this.#log, signal: this.#stopping.signal },
    });
    this.#signed = await SignedEpochs.open(join(directory, 'epochs'));
    this.#programs = await ProgramCache.open({ directory, maxBytes: settings.cacheBytes, links });
    this.#pool?.warm();
    for (const link of links) {
      this.#loops.push(
        runDutyLoop({
          link,
          streamPath: '/v1/duties/events',
          poll: () => this.#poll(link),
          intervalMs: settings.pollSeconds * 1000,
          signal: this.#stopping.signal,
          log: this.#log,
          onEvent: (event) => this.#hear(link, event),
        }),
      );
    }
  }

  health() {
    const { links } = this.options;
    const connected = links.filter((l) => l.isConnected).length;
    return { ok: connected > 0, detail: `${connected} of ${links.length} gateways; ${this.#tasks.size} duties` };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#pool?.stop();
    await Promise.all([...this.#loops, ...this.#tasks.values()]);
    await this.#contacts?.save(true);
    await this.#programs?.close();
    await this.#journal?.close();
  }

  async #poll(link: GatewayLink): Promise<void> {
    const { duties } = await link.get('/v1/duties', dutiesSchema, { signal: this.#stopping.signal });
    if (link.operator) this.#contacts.note(link.operator, Math.floor(link.nowMs()));
    await this.#contacts.save();
    const reveals: CaseDuty[] = [];
    const asked: CaseKeyParts[] = [];
    for (const duty of duties) {
      if (duty.kind === 'verify') this.#begin(caseText(duty), () => this.#judge(link, duty));
      else if (duty.kind === 'reveal') reveals.push(duty);
      else if (duty.kind === 'epoch') this.#begin(`epoch ${duty.epoch}`, () => this.#signEpoch(link, duty.epoch));
      else if (duty.kind === 'weights') this.#weigh(link, duty.epoch);
      else if (duty.kind === 'appeal') this.#hearAppeal(link, duty);
      else if (duty.kind === 'testify') asked.push(keyOf(duty));
      else this.#give(link, duty.epoch);
    }
    if (reveals.length > 0) await this.#reveal(link, reveals);
    if (asked.length > 0) this.#begin(`testify ${link.url}`, () => this.#testify(link, asked));
    await this.#offerUnposted(link);
  }

  /** A duty is begun without asking for it; where that fails, the next poll finds it still to be done. */
  #hear(link: GatewayLink, { event, data }: ReceivedEvent): boolean {
    const duty = dutySchema.parse({ kind: event, ...(data as object) });
    // The next poll asks what it is about.
    if (duty.kind === 'testify') return false;
    if (duty.kind === 'verify') this.#begin(caseText(duty), () => this.#judge(link, duty));
    else if (duty.kind === 'epoch') this.#begin(`epoch ${duty.epoch}`, () => this.#signEpoch(link, duty.epoch));
    else if (duty.kind === 'document') this.#give(link, duty.epoch);
    else if (duty.kind === 'weights') this.#weigh(link, duty.epoch);
    else if (duty.kind === 'appeal') this.#hearAppeal(link, duty);
    // It may be about a case that we have not judged.
    else if (this.#journal.verdict(duty)) this.#begin(`reveal ${caseText(duty)}`, () => this.#reveal(link, [duty]));
    return true;
  }

  #hearAppeal(link: GatewayLink, { order, chunk, attempt }: CaseKeyParts): void {
    const key = { order, chunk, attempt };
    const name = `appeal ${caseText(key)}`;
    if (this.#journal.appeal(key) || this.#appeals.get(name)?.isOver) return;
    // What counts is when we heard of it, not how long it took to verify.
    const heard = this.#appeals.get(name) ?? { atMs: link.nowMs(), isOver: false };
    this.#appeals.set(name, heard);
    for (const oldest of this.#appeals.keys()) {
      if (this.#appeals.size <= APPEALS_KEPT) break;
      this.#appeals.delete(oldest);
    }
    this.#begin(name, async () => {
      const outcome = await this.#examineAppeal(link, key, heard.atMs);
      const isOpen = 'abstain' in outcome;
      heard.isOver = !isOpen;
      if (isOpen) this.#rest(name);
      const why = 'code' in outcome ? outcome.code : isOpen ? outcome.abstain : undefined;
      this.#log[why === undefined ? 'info' : 'warn']({ ...key, why }, 'a prover showed a proof of a lock');
    });
  }

  async #examineAppeal(link: GatewayLink, key: CaseKeyParts, heardMs: number): Promise<CaseOutcome> {
    const { ledger, network, links, settings } = this.options;
    const signal = this.#stopping.signal;
    const { order, chunk, attempt } = key;
    const appeal = await link.get(`/v1/appeals/${order}/${chunk}/${attempt}`, appealSchema, { signal });
    const { statement, proof: digest, proofBytes } = appeal.delivery.proof;
    const maxProofBytes = settings.maxProofBytes ?? PROOF_BYTES;
    const [keyBytes, proof, values, onChain, { lockGraceSeconds }] = await Promise.all([
      this.#programs.key(statement.fingerprint).catch(() => undefined),
      proofBytes > maxProofBytes ? undefined : this.#fetchProof(link, digest, maxProofBytes),
      this.#valuesAnywhere(links, key),
      ledger.order(order),
      networkTiming(ledger),
    ]);
    const request = { ...key, appeal, network, values, keyBytes, proof, onChain, maxProofBytes };
    const outcome = await this.#verifyAppeal(request);
    if ('accepted' in outcome && outcome.accepted) {
      const inTime = heardMs <= (appeal.lock.message.deadline + lockGraceSeconds) * 1000;
      await this.#journal.bindAppeal(key, { index: statement.index, count: statement.count ?? 1, inTime });
    }
    return outcome;
  }

  /** The public values of a case as the order's own gateway says them, whichever that is; none where none says them. */
  async #valuesAnywhere(links: readonly GatewayLink[], key: CaseKeyParts): Promise<TensorBundle> {
    for (const link of links) {
      const values = await this.#values(link, key).catch(() => undefined);
      if (values && values.size > 0) return values;
    }
    return new Map();
  }

  async #testify(link: GatewayLink, asked: readonly CaseKeyParts[]): Promise<void> {
    const { identity, network, ledger } = this.options;
    const said = await testimoniesOf({ identity, network, ledger, journal: this.#journal }, asked);
    if (said.testimonies.length + said.none.length === 0) return;
    await link.post('/v1/testimonies', said, nothing, { idempotent: true, signal: this.#stopping.signal });
    const { length } = said.testimonies;
    this.#log.info({ gateway: link.url, verdicts: length }, 'gave verdicts on orders that their gateway abandoned');
  }

  #weigh(link: GatewayLink, epoch: number): void {
    this.#begin(`weights ${link.url}`, () => this.#weights.say(link, epoch));
  }

  /** Starts a task unless it runs already, or rests after an abstention. */
  #begin(name: string, work: () => Promise<void>): void {
    const resting = this.#abstained.get(name);
    if (this.#tasks.has(name) || this.#stopping.signal.aborted || (resting && resting.untilMs > Date.now())) return;
    const task = work()
      .catch((err) => {
        if (this.#stopping.signal.aborted) return;
        this.#log.warn({ err, duty: name }, 'a duty failed and is tried again');
        this.#rest(name);
      })
      .finally(() => this.#tasks.delete(name));
    this.#tasks.set(name, task);
  }

  #rest(name: string): number {
    const tries = (this.#abstained.get(name)?.tries ?? 0) + 1;
    const untilMs = Date.now() + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries - 1, 10));
    this.#abstained.delete(name);
    this.#abstained.set(name, { untilMs, tries });
    for (const oldest of this.#abstained.keys()) {
      if (this.#abstained.size <= 10_000) break;
      this.#abstained.delete(oldest);
    }
    return tries;
  }

  async #judge(link: GatewayLink, duty: VerifyDuty): Promise<void> {
    const { order, chunk, attempt } = duty;
    const key = { order, chunk, attempt };
    const path = `/v1/chunks/${order}/${chunk}/${attempt}`;
    const options = { signal: this.#stopping.signal, maxResponseBytes: CASE_BYTES };
    // Also a case that came with its event is the gateway's word: it is checked like one that was asked for.
    const fetchCase = async () => duty.case ?? link.get(path, caseSchema, options);
    const earlier = this.#journal.verdict(key);
    if (earlier) {
      const document = await fetchCase();
      const { receipt } = document.delivery;
      if (!this.#takers.takes(link, document)) return this.#abstain(key, 'other-gateway', 'serving');
      // Whatever was judged before stands: the other side may not have had it.
      if (earlier.proofDigest === receipt.message.proofDigest) return this.#commit(link, earlier);
      this.#abstain(key, 'second-delivery', 'another proof of this attempt was judged before');
      return;
    }
    const [began, heardMs] = [performance.now(), Date.now()];
    const { answer, document } = await this.#examine(link, key, fetchCase, duty.proof);
    const { outcome, seconds } = answer;
    this.#seconds.observe(seconds);
    if ('abstain' in outcome) {
      if (outcome.abstain !== 'stopping') this.#abstain(key, outcome.abstain, outcome.path);
      return;
    }
    if (!this.#takers.takes(link, document)) return this.#abstain(key, 'other-gateway', 'serving');
    const { proofDigest } = document.delivery.receipt.message;
    const { accepted } = outcome;
    const salt = bytesToHex(randomBytes(32));
    const verdict = { ...key, proofDigest, accepted, validator: this.#operator, salt };
    const bound = await this.#journal.bind(verdict, accepted ? deliveryOf(document, chunk, heardMs) : undefined);
    this.#abstained.delete(caseText(key));
    this.#verdicts.inc({ verdict: accepted ? 'accepted' : 'rejected' });
    const why = outcome.accepted ? {} : { code: outcome.code, path: outcome.path };
    const ms = Math.round(performance.now() - began);
    this.#log[accepted ? 'info' : 'warn']({ ...key, accepted, ...why, ms }, 'judged');
    await this.#commit(link, bound);
  }

  /** Cases whose verdicts the gateway may have; those of before a restart are asked for again. */
  async #revealable(link: GatewayLink, duties: readonly CaseDuty[]): Promise<readonly CaseDuty[]> {
    const options = { signal: this.#stopping.signal, maxResponseBytes: CASE_BYTES };
    const taken = await lookUpEach(duties, async ({ order, chunk, attempt }) => {
      if (this.#takers.has(link, order)) return true;
      try {
        const document = await link.get(`/v1/chunks/${order}/${chunk}/${attempt}`, caseSchema, options);
        return document.lock.message.order === order && this.#takers.takes(link, document);
      } catch (error) {
        // A case that is gone must not hold back the others.
        if (!(error instanceof TransportError) || error.retryable) throw error;
        return false;
      }
    });
    const others = duties.filter((_, k) => !taken[k]);
    for (const duty of others)
      this.#log.warn({ ...keyOf(duty), gateway: link.url }, 'a gateway asks for a verdict on another order');
    return duties.filter((_, k) => taken[k]);
  }

  #abstain(key: CaseKeyParts, code: string, path: string): void {
    this.#abstentions.inc({ code });
    const tries = this.#rest(caseText(key));
    this.#log[tries === 1 ? 'warn' : 'debug']({ ...key, code, path, tries }, 'abstained');
  }

  /** Fetches what the case rests on and has it checked. */
  async #examine(
    link: GatewayLink,
    key: CaseKeyParts,
    fetchCase: () => Promise<CaseDocument>,
    announced: string | undefined,
  ) {
    // Values and proof of a case may be large: so many are held at once, and no more.
    while (this.#examining >= EXAMINED_AT_ONCE) await new Promise<void>((resolve) => this.#queued.push(resolve));
    this.#examining++;
    try {
      return await this.#examineNow(link, key, fetchCase, announced);
    } finally {
      this.#examining--;
      this.#queued.shift()?.();
    }
  }

  async #examineNow(
    link: GatewayLink,
    key: CaseKeyParts,
    fetchCase: () => Promise<CaseDocument>,
    announced: string | undefined,
  ) {
    const { ledger, network, settings } = this.options;
    const maxProofBytes = settings.maxProofBytes ?? PROOF_BYTES;
    // At the same time as the case, which says whether it is this one.
    const early = announced === undefined ? undefined : this.#fetchProof(link, announced, maxProofBytes);
    early?.catch(() => undefined);
    const fetched = async () => {
      const document = await fetchCase();
      const { proof: digest, proofBytes } = document.delivery.proof;
      const { fingerprint } = document.manifest;
      const [keyBytes, proof] = await Promise.all([
        this.#programs.key(fingerprint).catch((err) => {
          this.#log.warn({ err, fingerprint }, 'the key of a program is not to be had');
          return undefined;
        }),
        // Larger ones are rejected unseen.
        proofBytes > maxProofBytes
          ? undefined
          : digest === announced
            ? early
            : this.#fetchProof(link, digest, maxProofBytes),
      ]);
      return { document, keyBytes, proof };
    };
    const [{ document, keyBytes, proof }, [onChain, chainNow], values] = await Promise.all([
      fetched(),
      // The case is about another order where its hash is another one: then it is not judged.
      this.#onChain(key),
      this.#values(link, key),
    ]);
    const answer = await this.#verify({
      ...key,
      document,
      network,
      values,
      keyBytes,
      proof,
      now: Math.max(chainNow, Math.floor(Date.now() / 1000), Math.floor(link.nowMs() / 1000)),
      toleranceSeconds: (await networkTiming(ledger)).clockSkewSeconds,
      onChain,
      maxProofBytes,
    });
    return { answer, document };
  }

  /** An order as the chain has it, and the chain's time: asked for once for chunks that come together. */
  #onChain({ order }: CaseKeyParts): OnChain['found'] {
    const { ledger } = this.options;
    const now = performance.now();
    const known = this.#chainOf.get(order);
    if (known && now - known.atMs < CHAIN_MS) return known.found;
    const found = Promise.all([ledger.order(order), ledger.now()]);
    this.#chainOf.delete(order);
    this.#chainOf.set(order, { atMs: now, found });
    found.catch(() => this.#chainOf.delete(order));
    for (const oldest of this.#chainOf.keys()) {
      if (this.#chainOf.size <= ORDERS_KEPT) break;
      this.#chainOf.delete(oldest);
    }
    return found;
  }

  async #values(link: GatewayLink, { order, chunk, attempt }: CaseKeyParts): Promise<TensorBundle> {
    const path = `/v1/chunks/${order}/${chunk}/${attempt}/values`;
    const sealed = await link.getBytes(path, VALUES_BYTES, { signal: this.#stopping.signal });
    const { secretKey } = this.options.identity.encryptionKey;
    try {
      return decodeBundle(open(secretKey, sealed, sealingContext.values(order, this.#operator)));
    } catch (err) {
      this.#log.warn({ err, order }, 'the public values do not open');
      return new Map();
    }
  }

  /** Undefined where it is not there, or is something else. */
  async #fetchProof(link: GatewayLink, digest: string, maxBytes: number): Promise<Uint8Array | undefined> {
    try {
      const bytes = await link.getBytes(`/v1/blobs/${digest}`, maxBytes, { signal: this.#stopping.signal });
      if (digestOfBytes(bytes) === digest) return bytes;
      this.#log.warn({ digest, gateway: link.url }, 'the gateway sent other bytes than the proof');
    } catch (err) {
      if (!(err instanceof TransportError)) throw err;
      this.#log.warn({ err, digest }, 'a proof is not to be had');
    }
    return undefined;
  }

  /** Commitments that come about the same time go together. */
  async #commit(link: GatewayLink, verdict: VerdictMessage): Promise<void> {
    const { identity, network } = this.options;
    const { order, chunk, attempt, validator } = verdict;
    const message = { order, chunk, attempt, validator, commitment: commitmentOf(verdict) };
    const commit = await signMessage(identity.account, network, 'VerdictCommit', message);
    const waiting = this.#outbox.get(link);
    if (waiting && waiting.length < 256) {
      waiting.push(commit);
      return;
    }
    const batch = [commit];
    this.#outbox.set(link, batch);
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    if (this.#outbox.get(link) === batch) this.#outbox.delete(link);
    // Where this fails, the duty is still there and the verdict is in the journal.
    await link.post('/v1/commits', { commits: batch }, nothing, { idempotent: true, signal: this.#stopping.signal });
  }

  async #reveal(link: GatewayLink, asked: readonly CaseDuty[]): Promise<void> {
    const { identity, network } = this.options;
    const duties = await this.#revealable(link, asked);
    const known = duties.flatMap((duty) => this.#journal.verdict(duty) ?? []);
    if (known.length < duties.length) {
      this.#log.error(
        { missing: duties.length - known.length },
        'verdicts are asked for that the journal does not have',
      );
    }
    for (let at = 0; at < known.length; at += 256) {
      const verdicts = await Promise.all(
        known.slice(at, at + 256).map((v) => signMessage(identity.account, network, 'Verdict', v)),
      );
      try {
        await this.#send(link, verdicts);
      } catch (error) {
        if (!(error instanceof TransportError) || error.retryable || verdicts.length === 1) throw error;
        // One that is refused must not hold back the others.
        for (const verdict of verdicts) {
          await this.#send(link, [verdict]).catch((err) => {
            this.#log.warn({ err, ...keyOf(verdict.message) }, 'a verdict was refused');
          });
        }
      }
    }
  }

  async #send(link: GatewayLink, verdicts: readonly Signed<VerdictMessage>[]): Promise<void> {
    const options = { idempotent: true, signal: this.#stopping.signal };
    const { late = [] } = await link.post('/v1/verdicts', { verdicts }, takenSchema, options);
    const missed = new Set(late.map(caseText));
    await this.#journal.take(verdicts.map((v) => v.message).filter((v) => !missed.has(caseText(v))));
  }

  async #signEpoch(link: GatewayLink, epoch: number): Promise<void> {
    const { ledger, links } = this.options;
    const signal = this.#stopping.signal;
    const document = await link.get(`/v1/epochs/${epoch}`, epochDocumentSchema, {
      signal,
      maxResponseBytes: EPOCH_BYTES,
    });
    if (await this.#hasSigned(document)) return this.#sendRoot(link, document);
    const outcome = await checkEpoch(document, epoch, {
      ledger,
      validator: this.#operator,
      journal: this.#journal,
      contacts: this.#contacts,
      weightsTaken: (kind, n) => this.#weights.takenAt(link, kind, n),
      keyOf: (fingerprint) => this.#programs.key(fingerprint),
      leavesOf: async (n, root) => (await settlementOf(links, n, root)).leaves,
      preset: this.#preset,
      now: Math.max(await ledger.now(), Math.floor(Date.now() / 1000)),
    });
    if ('refuse' in outcome) {
      const { refuse: code, detail, orders, appealed } = outcome;
      this.#refuse(epoch, code, detail);
      if (code === 'weights-left-out') this.#weights.repeat(link);
      // So that the rest of the epoch is settled without them.
      if (!orders) return;
      const refusal: EpochRefusal = {
        code,
        orders: orders.slice(0, REFUSED_AT_ONCE),
        ...(appealed ? { appealed: [...appealed].slice(0, REFUSED_AT_ONCE) } : {}),
      };
      await link.post(`/v1/epochs/${epoch}/refusals`, refusal, nothing, { idempotent: true, signal });
      return;
    }
    const wasCancelled = async () => (await ledger.epoch(epoch))?.cancelled === true;
    try {
      await this.#journal.bindEpoch(outcome.root, outcome.settlement.state, wasCancelled);
    } catch (error) {
      if (error instanceof InputError) return this.#refuse(epoch, error.code, error.message);
      throw error;
    }
    await this.#signed.keep(document, Date.now());
    return this.#sendRoot(link, document);
  }

  /** Whether it is what we checked and signed before: then we sign it again, for whichever gateway posts it. */
  async #hasSigned(document: EpochDocument): Promise<boolean> {
    const before = this.#journal.epoch(document.epoch) && (await this.#signed.get(document.epoch));
    return before !== undefined && canonicalJson(before) === canonicalJson(document);
  }

  /** @param document whose root stands in the journal */
  async #sendRoot(link: GatewayLink, { epoch, trace }: EpochDocument): Promise<void> {
    const { identity, network } = this.options;
    const bound = this.#journal.epoch(epoch);
    if (!bound) throw new Error(`the root of epoch ${epoch} is not in the journal`);
    const signed = await signMessage(identity.account, network, 'EpochRoot', bound.root);
    const signal = this.#stopping.signal;
    try {
      await link.post(`/v1/epochs/${epoch}/signatures`, signed, nothing, { idempotent: true, signal });
    } catch (error) {
      if (!(error instanceof TransportError) || error.code !== 'other-root') throw error;
      return this.#refuse(epoch, 'other-root', 'the gateway computed another settlement');
    }
    this.#abstained.delete(`epoch ${epoch}`);
    this.#epochs.inc({ outcome: 'signed' });
    const { root, spent } = bound.root;
    this.#log.info({ epoch, root, spent: spent.toString(), orders: trace.orders.length }, 'epoch signed');
  }

  /** Sends a gateway an epoch that we signed. */
  #give(link: GatewayLink, epoch: number): void {
    const name = `document ${epoch} ${link.url}`;
    this.#begin(name, async () => {
      const document = await this.#signed.get(epoch);
      // Again after a while, longer each time: others may not have sent it yet.
      this.#rest(name);
      if (!document) return;
      const options = { signal: this.#stopping.signal, timeoutMs: EPOCH_TIMEOUT_MS };
      await link.call(
        (client) => client.put(`/v1/epochs/${epoch}`, toJson(document), nothing, options),
        options.signal,
      );
    });
  }

  /** What was signed a while ago and not posted: the gateway that proposed it may be gone, and another can post it. */
  async #offerUnposted(link: GatewayLink): Promise<void> {
    const old = this.#signed.signedBefore(Date.now() - UNPOSTED_MS).filter((epoch) => !this.#posted.has(epoch));
    if (old.length === 0) return;
    const { next } = await this.options.ledger.settlementHead();
    for (const epoch of old) {
      if (epoch < next) this.#posted.add(epoch);
      else this.#give(link, epoch);
    }
  }

  #refuse(epoch: number, code: string, detail: string): void {
    this.#epochs.inc({ outcome: 'refused' });
    const tries = this.#rest(`epoch ${epoch}`);
    this.#log[tries === 1 ? 'error' : 'debug']({ epoch, code, detail }, 'the epoch is not signed');
  }
}

/** How early the proof of a case was here. */
function deliveryOf({ lock, manifest }: CaseDocument, chunk: number, heardMs: number): SeenDelivery {
  const { prover, deadline } = lock.message;
  const workUnits = manifest.chunks.find(({ index }) => index === chunk)?.workUnits ?? 0;
  return { prover, workUnits, marginMs: deadline * 1000 - heardMs };
}

const keyOf = ({ order, chunk, attempt }: CaseKeyParts) => ({ order, chunk, attempt });
