/**
 * Whether the trace of an epoch may be settled: signatures, prices, deadlines, work, reserves. What it checks against
 * (the snapshot of the chain, programs) the caller has looked up itself; nothing is believed because the trace says so.
 */
import type { Hex } from 'viem';
import { chunkPrice, type MarketPolicy, priceAt } from '../market/index.js';
import {
  canonicalBytes,
  commitmentOf,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  isDelegatedTo,
  isSignedBy,
  type Message,
  type MessageName,
  type NetworkId,
  type Signed,
  type WeightReveal,
  weightCommitmentOf,
} from '../messages/index.js';
import { canaryAllowance, canaryMark } from './canaries.js';
import { checkAbandoned } from './check-abandoned.js';
import { areWeights } from './consensus.js';
import { electorateOf, electoratesByOrder, judgeAttempt } from './judge-attempt.js';
import type {
  AttemptTrace,
  CanaryTrace,
  ChunkTrace,
  EpochTrace,
  JudgeStake,
  OrderEnding,
  OrderTrace,
  SettlementState,
  ValidatorStake,
} from './types.js';

export type FaultCode =
  | 'wrong-epoch'
  | 'wrong-snapshot'
  | 'duplicate'
  | 'settled-before'
  | 'wrong-order-id'
  | 'other-gateway'
  | 'bad-signature'
  | 'wrong-subject'
  | 'not-reserved'
  | 'over-budget'
  | 'wrong-outcome'
  | 'wrong-times'
  | 'wrong-work'
  | 'price-above-curve'
  | 'collateral-too-low'
  | 'deadline-too-long'
  | 'deadline-too-short'
  | 'unknown-prover'
  | 'unknown-validator'
  | 'verdict-without-commitment'
  | 'no-canary'
  | 'not-abandoned'
  | 'not-accepted'
  | 'too-many-canaries'
  | 'bad-weights'
  | 'weights-without-commitment';

export interface Fault {
  readonly code: FaultCode;
  /** Where in the trace, as `orders[0].chunks[1].attempts[0].lock`. */
  readonly path: string;
  readonly message: string;
}

export interface TraceContext {
  readonly network: NetworkId;
  readonly previous: SettlementState;
  readonly market: Pick<MarketPolicy, 'lockFloorSeconds' | 'verifySeconds' | 'collateralBps' | 'collateralMin'>;
  readonly canaryBps: number;
  /** The active validators as the chain has them. */
  readonly validators: readonly ValidatorStake[];
  /** Those who judge each order as the chain has them, by order id in lower case. */
  readonly electorates: ReadonlyMap<Hex, readonly JudgeStake[]>;
  /** Seats of each order's committees as the chain has them, by order id in lower case. */
  readonly committeeSeats: ReadonlyMap<Hex, number>;
  /** Reserved and not settled on the chain, by order id in lower case, with the seconds of the reserve and of its return. */
  readonly reserves: ReadonlyMap<Hex, { readonly amount: bigint; readonly at: number; readonly exitAt: number }>;
  /** Before the return of its reserve, an order that its gateway has not settled is taken for abandoned. */
  readonly claimWindowSeconds: number;
  /** Work units of every slice of a program, by fingerprint in lower case. */
  readonly programs: ReadonlyMap<Hex, readonly number[]>;
  /** Payee of a prover as the chain has it; undefined where it has no stake. */
  readonly proverAccounts: ReadonlyMap<string, { readonly account: string; readonly toPool: boolean }>;
  /** Seconds by which clocks may differ. */
  readonly clockSkewSeconds: number;
}

const lower = <H extends string>(text: H) => text.toLowerCase() as H;

/** After so many orders whoever checks does other work first: signatures alone take a millisecond for an order. */
const ORDERS_AT_ONCE = 32;

/** What the checks of one trace share. */
export class Checker {
  readonly faults: Fault[] = [];
  #listed: ReadonlySet<string> | undefined;

  constructor(
    readonly trace: EpochTrace,
    readonly context: TraceContext,
  ) {}

  require(condition: boolean, code: FaultCode, path: string, message: string): void {
    if (!condition) this.faults.push({ code, path, message });
  }

  async signed<N extends MessageName>(name: N, signed: Signed<Message<N>>, by: Hex, path: string): Promise<void> {
    const isValid = isSignedBy(this.context.network, name, signed, by);
    this.require(isValid, 'bad-signature', path, `${name} is not signed by ${by}`);
  }

  async run(): Promise<Fault[]> {
    const { trace, context } = this;
    this.require(trace.epoch > context.previous.epoch, 'wrong-epoch', 'epoch', `${trace.epoch} is settled already`);
    this.checkSnapshot();
    const settled = new Set<string>(context.previous.orders.map(({ id }) => lower(id)));
    const seen = new Set<string>();
    for (const [k, order] of trace.orders.entries()) {
      const path = `orders[${k}]`;
      this.checkOnce(order.id, seen, settled, path);
      await this.checkOrder(order, path);
      await this.checkEnding(order, trace.endings[k], `endings[${k}]`);
      if (k % ORDERS_AT_ONCE === ORDERS_AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
    }
    for (const [k, order] of trace.abandoned.entries()) {
      this.checkOnce(order.id, seen, settled, `abandoned[${k}]`);
      await checkAbandoned(this, order, `abandoned[${k}]`);
    }
    this.require(trace.endings.length === trace.orders.length, 'duplicate', 'endings', 'not one for each order');
    await this.checkCanaries();
    await this.checkWeights();
    return this.faults;
  }

  private checkOnce(orderId: Hex, seen: Set<string>, settled: ReadonlySet<string>, path: string): void {
    const id = lower(orderId);
    this.require(!seen.has(id), 'duplicate', path, 'the order is listed twice');
    this.require(!settled.has(id), 'settled-before', path, 'the order was settled in an earlier epoch');
    seen.add(id);
  }

  private checkSnapshot(): void {
    const text = (validators: readonly ValidatorStake[]) =>
      validators
        .map((v) => `${lower(v.operator)} ${lower(v.account)} ${v.toPool === true} ${v.stake}`)
        .sort()
        .join();
    const isSame = text(this.trace.validators) === text(this.context.validators);
    this.require(isSame, 'wrong-snapshot', 'validators', 'not the validators that the chain has');
    for (const [k, prover] of this.trace.provers.entries()) {
      const payee = this.context.proverAccounts.get(lower(prover.operator));
      const isRight =
        payee !== undefined &&
        lower(payee.account) === lower(prover.account) &&
        payee.toPool === (prover.toPool ?? false);
      this.require(isRight, 'unknown-prover', `provers[${k}]`, 'not the account that the chain has');
    }
  }

  /** Who is not listed would be paid by its operator's key: past its owner, and past all that staked there. */
  checkListed(prover: Hex, path: string): void {
    this.#listed ??= new Set(this.trace.provers.map(({ operator }) => lower(operator)));
    this.require(this.#listed.has(lower(prover)), 'unknown-prover', path, `nothing says who is paid for ${prover}`);
  }

  /** Only the gateway that the requester named settles an order, and all of it as that gateway says. */
  private async checkEnding(order: OrderTrace, ending: OrderEnding | undefined, path: string): Promise<void> {
    if (!ending) return this.require(false, 'other-gateway', path, 'its gateway does not say that it ended');
    const { message } = ending.ended;
    const isOf = lower(message.order) === lower(order.id) && lower(message.digest) === endingDigest(order, this.trace);
    this.require(isOf, 'wrong-subject', path, 'it is about another trace of the order');
    await this.signed('Ended', ending.ended, message.gateway, path);
    const { gateway } = order.order.message;
    const isItsOwn = lower(message.gateway) === lower(gateway);
    const isDelegated = isDelegatedTo(this.context.network, gateway, message.gateway, ending.delegation, order.endedAt);
    this.require(isItsOwn || isDelegated, 'other-gateway', path, `${message.gateway} does not act for ${gateway}`);
  }

  /** The order itself: its requester's, reserved, and judged by those who had stake then. */
  async checkReserved(
    order: Pick<OrderTrace, 'id' | 'order' | 'electorate' | 'committeeSeats'>,
    path: string,
  ): Promise<void> {
    const { trace, context } = this;
    const { message } = order.order;
    let id: Hex | undefined;
    try {
      id = hashMessage(context.network, 'Order', message);
    } catch {
      // Malformed: its signature is not valid either.
    }
    this.require(id === lower(order.id), 'wrong-order-id', path, 'the id is not the digest of the order');
    await this.signed('Order', order.order, message.requester, `${path}.order`);
    const judges = electorateOf(trace, order);
    const text = (stakes: readonly JudgeStake[]) =>
      stakes
        .map(({ operator, stake }) => `${lower(operator)} ${stake}`)
        .sort()
        .join();
    const isRight = text(judges) === text(context.electorates.get(lower(order.id)) ?? []);
    this.require(isRight, 'wrong-snapshot', `${path}.electorate`, 'not the validators of when it was reserved');
    const isSeated = order.committeeSeats === context.committeeSeats.get(lower(order.id));
    this.require(isSeated, 'wrong-snapshot', `${path}.committeeSeats`, 'not the seats of when it was reserved');
    const reserve = context.reserves.get(lower(order.id));
    this.require(
      reserve !== undefined && reserve.amount >= message.budget,
      'not-reserved',
      path,
      'the chain holds no reserve for it',
    );
  }

  private async checkOrder(order: OrderTrace, path: string): Promise<void> {
    const { trace, context } = this;
    const { message } = order.order;
    await this.checkReserved(order, path);
    const reserve = context.reserves.get(lower(order.id));
    this.require(order.endedAt <= trace.closedAt, 'wrong-times', `${path}.endedAt`, 'it ended after the epoch');
    const reservedAt = reserve?.at ?? 0;
    const sizes = context.programs.get(lower(message.fingerprint));
    const covered: number[] = [];
    let spent = 0n;
    let accepted = 0;
    for (const [k, chunk] of order.chunks.entries()) {
      const at = `${path}.chunks[${k}]`;
      this.require(chunk.index === k, 'duplicate', at, 'chunks are not numbered from 0');
      this.require(
        chunk.offeredAt >= reservedAt - context.clockSkewSeconds,
        'wrong-times',
        `${at}.offeredAt`,
        'offered before the reserve',
      );
      covered.push(...chunk.slices);
      const work = chunk.slices.reduce((sum, slice) => sum + (sizes?.[slice] ?? Number.NaN), 0);
      this.require(work === chunk.workUnits, 'wrong-work', `${at}.workUnits`, 'not the work of its slices');
      const price = await this.checkChunk(order, chunk, at);
      if (price !== undefined) {
        accepted++;
        spent += price;
      }
    }
    const isOnce = new Set(covered).size === covered.length;
    const isAll = covered.length === (sizes?.length ?? -1);
    // An order that failed before it was cut has no chunks.
    this.require(
      (isOnce && isAll) || (order.chunks.length === 0 && order.outcome !== 'delivered'),
      'wrong-work',
      `${path}.chunks`,
      'not every slice is in one chunk',
    );
    this.require(spent <= message.budget, 'over-budget', path, `accepted chunks cost ${spent}`);
    const isDelivered = accepted === order.chunks.length && accepted > 0;
    this.require(
      (order.outcome === 'delivered') === isDelivered,
      'wrong-outcome',
      `${path}.outcome`,
      `${accepted} of ${order.chunks.length} chunks are accepted`,
    );
    this.require(
      order.outcome !== 'expired' || order.endedAt >= message.deadline,
      'wrong-outcome',
      `${path}.outcome`,
      'expired before its deadline',
    );
  }

  /** What the chunk costs; undefined where no attempt is accepted. */
  private async checkChunk(order: OrderTrace, chunk: ChunkTrace, path: string): Promise<bigint | undefined> {
    const numbers = new Set<number>();
    const judges = electorateOf(this.trace, order);
    let price: { attempt: number; amount: bigint } | undefined;
    for (const [k, attempt] of chunk.attempts.entries()) {
      const at = `${path}.attempts[${k}]`;
      const lock = attempt.lock.message;
      this.require(!numbers.has(lock.attempt), 'duplicate', at, 'two locks for one attempt');
      numbers.add(lock.attempt);
      await this.checkAttempt(order, chunk, attempt, at);
      const { result } = judgeAttempt(attempt, order, judges);
      if (result === 'accepted' && (price === undefined || lock.attempt < price.attempt)) {
        price = { attempt: lock.attempt, amount: lock.price };
      }
    }
    return price?.amount;
  }

  private async checkAttempt(order: OrderTrace, chunk: ChunkTrace, attempt: AttemptTrace, path: string): Promise<void> {
    const lock = attempt.lock.message;
    const isOf = (message: { order: Hex; chunk: number; attempt: number }) =>
      lower(message.order) === lower(order.id) && message.chunk === chunk.index && message.attempt === lock.attempt;
    this.require(isOf(lock), 'wrong-subject', `${path}.lock`, 'the lock is of another chunk');
    await this.signed('Lock', attempt.lock, lock.prover, `${path}.lock`);
    this.checkListed(lock.prover, `${path}.lock`);
    this.checkTerms(order, chunk, attempt, `${path}.lock`);
    const { receipt, acknowledgement, release } = attempt;
    if (release) {
      const { order: id, chunk: index, attempt: number, prover } = lock;
      const message = { order: id, chunk: index, attempt: number, prover, at: release.at };
      await this.signed('Release', { message, signature: release.signature }, lock.prover, `${path}.release`);
    }
    if (receipt) {
      const isSame = isOf(receipt.message) && lower(receipt.message.prover) === lower(lock.prover);
      this.require(isSame, 'wrong-subject', `${path}.receipt`, 'the receipt is of another lock');
      await this.signed('Receipt', receipt, lock.prover, `${path}.receipt`);
    }
    if (acknowledgement) {
      const { message } = acknowledgement;
      const isSame = isOf(message) && receipt !== undefined && message.proofDigest === receipt.message.proofDigest;
      this.require(isSame, 'wrong-subject', `${path}.acknowledgement`, 'the acknowledgement is of another receipt');
      await this.signed('Acknowledgement', acknowledgement, message.gateway, `${path}.acknowledgement`);
    }
    await this.checkVerdicts(attempt, isOf, electorateOf(this.trace, order), path);
  }

  private checkTerms(order: OrderTrace, chunk: ChunkTrace, attempt: AttemptTrace, path: string): void {
    const { market, clockSkewSeconds } = this.context;
    const lock = attempt.lock.message;
    const terms = order.order.message;
    const { lockedAt, release } = attempt;
    this.require(
      lockedAt >= chunk.offeredAt && lockedAt <= order.endedAt && lockedAt <= lock.deadline,
      'wrong-times',
      path,
      'locked outside of its time',
    );
    this.require(
      release === undefined ||
        (release.at >= lockedAt - clockSkewSeconds && release.at <= order.endedAt + clockSkewSeconds),
      'wrong-times',
      `${path}.release`,
      'released outside of its time',
    );
    this.require(
      lock.price <= chunkPrice(priceOrNone(terms, chunk.offeredAt, lockedAt), chunk.workUnits),
      'price-above-curve',
      path,
      `${lock.price} is above the curve`,
    );
    this.require(
      lock.collateral * 10_000n >= lock.price * BigInt(market.collateralBps) && lock.collateral >= market.collateralMin,
      'collateral-too-low',
      path,
      `${lock.collateral} for a price of ${lock.price}`,
    );
    const latest = terms.deadline - market.verifySeconds;
    this.require(lock.deadline <= latest + clockSkewSeconds, 'deadline-too-long', path, 'no time left to verify');
    // Whoever takes a lock signs its deadline; this keeps a gateway from setting traps.
    const shortest = Math.min(lockedAt + market.lockFloorSeconds, latest) - clockSkewSeconds;
    this.require(lock.deadline >= shortest, 'deadline-too-short', path, 'less time than a lock must give');
  }

  async checkVerdicts(
    attempt: Pick<AttemptTrace, 'commits' | 'verdicts'>,
    isOf: (message: { order: Hex; chunk: number; attempt: number }) => boolean,
    judges: readonly JudgeStake[],
    path: string,
  ): Promise<void> {
    const active = new Set(judges.map(({ operator }) => lower(operator)));
    const committed = new Set<string>();
    for (const [k, commit] of attempt.commits.entries()) {
      const at = `${path}.commits[${k}]`;
      this.require(isOf(commit.message), 'wrong-subject', at, 'the commitment is of another attempt');
      await this.signed('VerdictCommit', commit, commit.message.validator, at);
      committed.add(`${lower(commit.message.validator)} ${lower(commit.message.commitment)}`);
    }
    for (const [k, verdict] of attempt.verdicts.entries()) {
      const at = `${path}.verdicts[${k}]`;
      const { validator } = verdict.message;
      this.require(isOf(verdict.message), 'wrong-subject', at, 'the verdict is of another attempt');
      this.require(active.has(lower(validator)), 'unknown-validator', at, `${validator} does not judge it`);
      await this.signed('Verdict', verdict, validator, at);
      const commitment = commitmentOrNone(verdict.message);
      this.require(
        commitment !== undefined && committed.has(`${lower(validator)} ${commitment}`),
        'verdict-without-commitment',
        at,
        'the verdict was not committed to',
      );
    }
  }

  /** Canaries are of this epoch's orders, beside their attempts; so many of them as the parameter lets expect. */
  private async checkCanaries(): Promise<void> {
    const { canaries, orders } = this.trace;
    const chunks = new Map(
      orders.flatMap((o) => o.chunks.map((c): [string, ChunkTrace] => [`${lower(o.id)} ${c.index}`, c])),
    );
    const attempts = [...chunks.values()].flatMap((chunk) => chunk.attempts);
    const judged = attempts.filter(({ receipt }) => receipt !== undefined).length + canaries.length;
    const allowed = canaryAllowance(judged, this.context.canaryBps);
    this.require(canaries.length <= allowed, 'too-many-canaries', 'canaries', `${canaries.length} of ${judged}`);
    const electorates = electoratesByOrder(this.trace);
    const seen = new Set<string>();
    for (const [k, canary] of canaries.entries()) {
      const path = `canaries[${k}]`;
      const { order, chunk, attempt } = canary.lock.message;
      const listed = chunks.get(`${lower(order)} ${chunk}`);
      this.require(listed !== undefined, 'wrong-subject', path, 'it is of no chunk of this epoch');
      if (!listed) continue;
      const key = `${lower(order)} ${chunk} ${attempt}`;
      const isTaken = seen.has(key) || listed.attempts.some(({ lock }) => lock.message.attempt === attempt);
      this.require(!isTaken, 'duplicate', path, 'the attempt is listed twice');
      seen.add(key);
      await this.checkCanary(canary, electorates.get(lower(order)) ?? [], path);
    }
  }

  /** Commitments are for the epoch before this one, reveals open those that stood in its trace. */
  private async checkWeights(): Promise<void> {
    const { trace, context } = this;
    const active = new Set(trace.validators.map(({ operator }) => lower(operator)));
    const committed = new Set<string>();
    for (const [k, commit] of trace.weights.commits.entries()) {
      const at = `weights.commits[${k}]`;
      const { validator, epoch } = commit.message;
      this.require(epoch === context.previous.epoch, 'wrong-epoch', at, `the commitment is for epoch ${epoch}`);
      this.require(active.has(lower(validator)), 'unknown-validator', at, `${validator} is no active validator`);
      this.require(!committed.has(lower(validator)), 'duplicate', at, 'two commitments of one validator');
      committed.add(lower(validator));
      await this.signed('WeightCommit', commit, validator, at);
    }
    const open = new Map<string, Hex>(
      context.previous.consensus.commits.map(({ validator, commitment }) => [lower(validator), lower(commitment)]),
    );
    const revealed = new Set<string>();
    for (const [k, reveal] of trace.weights.reveals.entries()) {
      const at = `weights.reveals[${k}]`;
      const validator = lower(reveal.validator);
      this.require(active.has(validator), 'unknown-validator', at, `${validator} is no active validator`);
      this.require(!revealed.has(validator), 'duplicate', at, 'two reveals of one validator');
      revealed.add(validator);
      this.require(areWeights(reveal), 'bad-weights', at, 'not weights of provers in their order');
      const commitment = weightCommitmentOrNone(reveal);
      this.require(
        commitment !== undefined && commitment === open.get(validator),
        'weights-without-commitment',
        at,
        'the weights were not committed to',
      );
    }
  }

  private async checkCanary(canary: CanaryTrace, judges: readonly JudgeStake[], path: string): Promise<void> {
    const lock = canary.lock.message;
    const receipt = canary.receipt.message;
    const isOf = (message: { order: Hex; chunk: number; attempt: number }) =>
      lower(message.order) === lower(lock.order) && message.chunk === lock.chunk && message.attempt === lock.attempt;
    const isSame = isOf(receipt) && lower(receipt.prover) === lower(lock.prover);
    this.require(isSame, 'wrong-subject', `${path}.receipt`, 'the receipt is of another lock');
    await this.signed('Lock', canary.lock, lock.prover, `${path}.lock`);
    await this.signed('Receipt', canary.receipt, lock.prover, `${path}.receipt`);
    const isProof = lower(receipt.proofDigest) === digestAsBytes32(digestOfBytes(canonicalBytes(canary.proof)));
    // Signed before any verdict: what is no canary cannot become one.
    const isMarked = canary.proof.mark === canaryMark(lock, canary.salt);
    this.require(isProof && isMarked, 'no-canary', path, 'its receipt does not say that it is one');
    await this.checkVerdicts(canary, isOf, judges, path);
  }
}

/** What its gateway signs of an order that ended: its trace, with its canaries. */
export function endingDigest(order: OrderTrace, { canaries }: Pick<EpochTrace, 'canaries'>): Hex {
  const own = canaries.filter(({ lock }) => lower(lock.message.order) === lower(order.id));
  return digestAsBytes32(digestOfBytes(canonicalBytes({ order, canaries: own })));
}

/** The curve's price, or nothing where the order's curve is malformed. */
function priceOrNone(terms: OrderTrace['order']['message'], startedAt: number, now: number): bigint {
  try {
    return priceAt(terms, startedAt, now);
  } catch {
    return -1n;
  }
}

function commitmentOrNone(verdict: Message<'Verdict'>): Hex | undefined {
  try {
    return commitmentOf(verdict);
  } catch {
    return undefined;
  }
}

function weightCommitmentOrNone(reveal: WeightReveal): Hex | undefined {
  try {
    return weightCommitmentOf(reveal);
  } catch {
    return undefined;
  }
}

/** All that is wrong with the trace; empty where it may be settled. Never throws on any trace of the right shape. */
export function checkTrace(trace: EpochTrace, context: TraceContext): Promise<Fault[]> {
  return new Checker(trace, context).run();
}
