/**
 * Orders, locks and proofs between the ends of epochs: events in the order of time. Which prover gets a chunk, for how
 * much and how long, and whether a proof is accepted, is decided by the functions that gateways and validators run.
 */
import type { Hex } from 'viem';
import {
  type Candidate,
  type ChunkDemand,
  chunkPrice,
  clearBatch,
  earliestTimeFor,
  type Offer,
  priceAt,
  workSeconds,
} from '../market/index.js';
import type { Lock, Order, Receipt, Signed, VerdictMessage } from '../messages/index.js';
import {
  type AttemptTrace,
  type ChunkTrace,
  judgeQuorum,
  type OrderOutcome,
  type OrderTrace,
  type SeenDelivery,
  type ValidatorStake,
} from '../scoring/index.js';
import type { Prover, Side, Validator } from './agents.js';
import { EventQueue } from './event-queue.js';
import { type SimulationPlan, WORLD } from './plan.js';
import type { Random } from './random.js';
import { shortlist } from './shortlist.js';
import { voteOn } from './vote.js';

/** Signatures are not looked at by pure functions. */
export const unsigned = <M>(message: M): Signed<M> => ({ message, signature: '0x' });

interface OpenChunk {
  readonly index: number;
  readonly workUnits: number;
  attempts: AttemptTrace[];
  failedBy: Prover[];
  state: 'waiting' | 'locked' | 'stuck' | 'accepted';
}

export interface OpenOrder {
  readonly id: Hex;
  readonly message: Order;
  readonly startedAt: number;
  readonly requester: Side;
  readonly gateway: number;
  readonly chunks: OpenChunk[];
  readonly workOf: Map<Prover, number>;
  endedAt?: number;
  outcome?: OrderOutcome;
}

/** One that was judged, for canaries. */
export interface JudgedDuty {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
  readonly prover: Prover;
}

type MarketEvent =
  | { readonly kind: 'place'; readonly order: OpenOrder }
  | { readonly kind: 'offer'; readonly order: OpenOrder; readonly chunks: readonly OpenChunk[] }
  | {
      readonly kind: 'done';
      readonly order: OpenOrder;
      readonly chunk: OpenChunk;
      readonly prover: Prover;
      readonly lock: Lock;
      readonly lockedAt: number;
      readonly proof: 'valid' | 'forged' | 'none';
    }
  | { readonly kind: 'deadline'; readonly order: OpenOrder };

/** A chunk that nobody takes is offered again after this. */
const RETRY_SECONDS = 300;
const CAPACITY = 2;

export class Marketplace {
  /** Ended in this epoch. */
  ended: OpenOrder[] = [];
  judged: JudgedDuty[] = [];
  /** Accepted in this epoch. */
  seen: SeenDelivery[] = [];
  /** Not settled yet: what robbers could take. */
  reserved = 0n;
  private readonly queue = new EventQueue<MarketEvent>();
  private book: Prover[] = [];
  private inside: Prover[] = [];

  constructor(
    private readonly plan: SimulationPlan,
    private readonly provers: readonly Prover[],
    private readonly validators: readonly Validator[],
    private readonly stakes: () => readonly ValidatorStake[],
    private readonly random: Random,
    private readonly onVerified: (validator: Validator, workUnits: number) => void,
    private readonly onProved: (prover: Prover, workUnits: number) => void,
  ) {}

  place(order: OpenOrder): void {
    this.queue.push(order.startedAt, { kind: 'place', order });
  }

  /** Asks and stakes stay as they are from here to `until`. */
  run(until: number): void {
    this.ended = [];
    this.judged = [];
    this.seen = [];
    const { proverStakeMin } = this.plan.parameters;
    const active = this.provers.filter((prover) => prover.stake >= proverStakeMin);
    this.book = active.sort((a, b) => (a.ask < b.ask ? -1 : a.ask > b.ask ? 1 : 0));
    this.inside = active.filter((prover) => prover.askInside !== undefined);
    for (let at = this.queue.nextAt; at !== undefined && at < until; at = this.queue.nextAt) {
      const next = this.queue.pop();
      if (next) this.handle(next.event, next.at);
    }
  }

  private handle(event: MarketEvent, now: number): void {
    const { order } = event;
    switch (event.kind) {
      case 'place':
        this.reserved += order.message.budget;
        this.queue.push(order.message.deadline, { kind: 'deadline', order });
        this.queue.push(now, { kind: 'offer', order, chunks: order.chunks });
        return;
      case 'offer':
        if (order.outcome === undefined) this.offer(order, event.chunks, now);
        return;
      case 'done':
        this.take(event, now);
        return;
      case 'deadline':
        if (order.outcome === undefined) this.end(order, 'expired', now);
    }
  }

  private end(order: OpenOrder, outcome: OrderOutcome, now: number): void {
    order.outcome = outcome;
    order.endedAt = now;
    this.ended.push(order);
  }

  private demandOf(order: OpenOrder, chunk: OpenChunk): ChunkDemand {
    return {
      order: order.id,
      chunk: chunk.index,
      attempt: chunk.attempts.length,
      workUnits: chunk.workUnits,
      orderWorkUnits: order.chunks.reduce((sum, { workUnits }) => sum + workUnits, 0),
      curve: order.message,
      startedAt: order.startedAt,
      orderDeadline: order.message.deadline,
      failedBy: chunk.failedBy.map(({ operator }) => operator),
    };
  }

  private offer(order: OpenOrder, chunks: readonly OpenChunk[], now: number): void {
    const { market } = this.plan.parameters;
    const waiting = chunks.filter(({ state }) => state === 'waiting');
    if (waiting.length === 0) return;
    const closed = order.gateway === 1 && this.inside.length > 0;
    const book = closed ? this.inside : this.book;
    const { priceMax } = order.message;
    const askOf = (prover: Prover): bigint => {
      if (!closed || prover.askInside === undefined) return prover.ask;
      const most = prover.askInside < priceMax ? prover.askInside : priceMax;
      return most > prover.ask ? most : prover.ask;
    };
    const offerOf = (prover: Prover): Offer => ({
      address: prover.operator,
      ask: askOf(prover),
      capacity: CAPACITY,
      inFlight: prover.inFlight,
      workInFlight: prover.workInFlight,
      measuredRate: prover.rate,
      freeStake: prover.stake - prover.locked,
      failures: prover.failures,
      workOfOrder: order.workOf.get(prover) ?? 0,
    });
    const free = book.filter((prover) => prover.inFlight < CAPACITY);
    if (closed) free.sort((a, b) => (askOf(a) < askOf(b) ? -1 : askOf(a) > askOf(b) ? 1 : 0));
    const demands = waiting.map((chunk) => this.demandOf(order, chunk));
    const offers = new Map<Prover, Offer>();
    // Chunks differ in who failed them.
    for (const demand of demands) {
      for (const [prover, offer] of shortlist(demand, free, offerOf, market, now, waiting.length)) {
        offers.set(prover, offer);
      }
    }
    const provers = new Map([...offers].map(([prover, { address }]) => [address, prover]));
    const cleared = clearBatch(demands, [...offers.values()], market, now);
    for (const { demand, candidate } of cleared) {
      const chunk = waiting.find(({ index }) => index === demand.chunk) as OpenChunk;
      this.lock(order, chunk, provers.get(candidate.address) as Prover, candidate, now);
    }
    const left = waiting.filter(({ state }) => state === 'waiting');
    if (left.length === 0) return;
    const next = closed ? undefined : this.nextAskAt(demands[0], now);
    this.queue.push(Math.min(next ?? Number.POSITIVE_INFINITY, now + RETRY_SECONDS), {
      kind: 'offer',
      order,
      chunks: left,
    });
  }

  /** When the curve reaches the lowest ask above it of those who have room. */
  private nextAskAt({ curve, startedAt }: ChunkDemand, now: number): number | undefined {
    const price = priceAt(curve, startedAt, now);
    const ask = this.book.find((prover) => prover.ask > price && prover.inFlight < CAPACITY)?.ask;
    if (ask === undefined || ask > curve.priceMax) return undefined;
    return earliestTimeFor(curve, startedAt, ask);
  }

  private lock(order: OpenOrder, chunk: OpenChunk, prover: Prover, candidate: Candidate, now: number): void {
    const { random } = this;
    const { price, collateral, deadline } = candidate;
    const attempt = chunk.attempts.length;
    const lock: Lock = {
      order: order.id,
      chunk: chunk.index,
      attempt,
      prover: prover.operator,
      price,
      collateral,
      deadline,
    };
    chunk.state = 'locked';
    prover.inFlight++;
    prover.workInFlight += chunk.workUnits;
    prover.locked += collateral;
    order.workOf.set(prover, (order.workOf.get(prover) ?? 0) + chunk.workUnits);
    const done = (proof: 'valid' | 'forged' | 'none', at: number) =>
      this.queue.push(at, { kind: 'done', order, chunk, prover, lock, lockedAt: now, proof });
    const { conduct } = prover;
    if (conduct === 'stall' || (conduct === 'miss' && random.chance(this.plan.attack.missBps ?? 0))) {
      done('none', deadline + 1);
      return;
    }
    const seconds = Math.ceil((workSeconds(chunk.workUnits, prover.rate) * random.between(95, 115)) / 100);
    const finished = Math.max(now, prover.machine.busyUntil) + seconds;
    prover.machine.busyUntil = finished;
    prover.busySeconds += seconds;
    // A forger waits as long as proving would take, so that it is not told apart before.
    if (conduct === 'forge') {
      done('forged', Math.min(finished, deadline));
      return;
    }
    this.onProved(prover, chunk.workUnits);
    done(finished <= deadline ? 'valid' : 'none', Math.min(finished, deadline + 1));
  }

  /** The proof comes in, or the lock ends without one. */
  private take(event: Extract<MarketEvent, { kind: 'done' }>, now: number): void {
    const { order, chunk, prover, lock, lockedAt, proof } = event;
    prover.inFlight--;
    prover.workInFlight -= chunk.workUnits;
    prover.locked -= lock.collateral;
    const attempt: AttemptTrace = { lock: unsigned(lock), lockedAt, commits: [], verdicts: [] };
    if (proof === 'none') {
      prover.failures++;
      if (order.outcome === undefined) this.reoffer(order, chunk, prover, attempt, now);
      return;
    }
    if (order.outcome !== undefined) return;
    const judged = this.judge(attempt, prover, chunk.workUnits, proof === 'valid', now);
    if (judged.accepted) {
      const marginMs = (lock.deadline - now) * 1000;
      this.seen.push({ prover: prover.operator, workUnits: chunk.workUnits, marginMs });
      chunk.attempts.push(judged.attempt);
      chunk.state = 'accepted';
      if (order.chunks.every(({ state }) => state === 'accepted')) this.end(order, 'delivered', now);
    } else if (judged.final) {
      prover.failures++;
      this.reoffer(order, chunk, prover, judged.attempt, now);
    } else {
      chunk.attempts.push(judged.attempt);
      chunk.state = 'stuck';
    }
  }

  private reoffer(order: OpenOrder, chunk: OpenChunk, prover: Prover, attempt: AttemptTrace, now: number): void {
    chunk.attempts.push(attempt);
    chunk.failedBy.push(prover);
    chunk.state = 'waiting';
    order.workOf.set(prover, (order.workOf.get(prover) ?? 0) - chunk.workUnits);
    this.queue.push(now, { kind: 'offer', order, chunks: [chunk] });
  }

  private judge(attempt: AttemptTrace, prover: Prover, workUnits: number, isValid: boolean, now: number) {
    const { order, chunk, attempt: number } = attempt.lock.message;
    const at = { order, chunk, attempt: number };
    const proofDigest = this.random.hex(8);
    const receipt: Receipt = { ...at, prover: prover.operator, proofDigest };
    const verdicts: Signed<VerdictMessage>[] = [];
    for (const validator of this.validators) {
      const { accepted, verified } = voteOn({ isValid, of: prover.side }, validator, this.random);
      if (verified) this.onVerified(validator, workUnits);
      if (accepted === undefined) continue;
      verdicts.push(unsigned({ ...at, proofDigest, accepted, validator: validator.operator, salt: order }));
    }
    this.judged.push({ ...at, prover });
    const quorum = judgeQuorum(
      verdicts.map(({ message }) => message),
      this.stakes(),
    );
    const acknowledgement = unsigned({ ...at, proofDigest, gateway: prover.operator, receivedAt: now });
    return {
      attempt: { ...attempt, receipt: unsigned(receipt), acknowledgement, verdicts },
      accepted: quorum.decision === 'accepted',
      final: quorum.decision === 'rejected' || !quorum.acceptable,
    };
  }
}

/** The signed messages of an order that ended, as the epoch is settled from them. */
export function traceOf(order: OpenOrder, committeeSeats: number): OrderTrace {
  return {
    id: order.id,
    order: unsigned(order.message),
    outcome: order.outcome ?? 'expired',
    endedAt: order.endedAt ?? order.message.deadline,
    electorate: 0,
    committeeSeats,
    chunks: order.chunks.map(
      ({ index, workUnits, attempts }): ChunkTrace => ({
        index,
        slices: [index],
        workUnits,
        offeredAt: order.startedAt,
        attempts,
      }),
    ),
  };
}

export function newOrder(
  plan: SimulationPlan,
  random: Random,
  terms: {
    at: number;
    requester: Side;
    gateway: number;
    reference: bigint;
    /** What the customer signs at most, where it goes by a quote. */
    cap?: bigint;
  },
): OpenOrder {
  const chunkWork = WORLD.rate * WORLD.chunkSeconds;
  const worth = (terms.reference * BigInt(random.between(WORLD.priceMaxFromBps, WORLD.priceMaxToBps))) / 10_000n;
  const priceMax = terms.cap !== undefined && terms.cap < worth ? terms.cap : worth;
  const priceMin = (terms.reference * BigInt(plan.priceMinBps)) / 10_000n;
  const chunks = Array.from({ length: WORLD.chunksPerOrder }, (_, index): OpenChunk => {
    return { index, workUnits: chunkWork, attempts: [], failedBy: [], state: 'waiting' };
  });
  return {
    id: random.hex(8),
    message: {
      requester: '0x0000000000000000000000000000000000000001',
      gateway: '0x0000000000000000000000000000000000000002',
      fingerprint: '0x01',
      inputCommitment: '0x01',
      priceMin: priceMin < priceMax ? priceMin : priceMax,
      priceMax,
      rampSeconds: WORLD.rampSeconds,
      budget: chunkPrice(priceMax, chunkWork) * BigInt(chunks.length),
      deadline: terms.at + WORLD.deadlineSeconds,
      salt: '0x01',
    },
    startedAt: terms.at,
    requester: terms.requester,
    gateway: terms.gateway,
    chunks,
    workOf: new Map(),
  };
}
