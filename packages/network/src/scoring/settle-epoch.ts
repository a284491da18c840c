/**
 * The settlement of an epoch. Every validator computes it alone from the same signed messages and signs only what it
 * computed: so it depends on nothing but its arguments, nor on the order in which they list things. What it is given has
 * passed `checkTrace`.
 */
import { InputError } from '@dsperse/core/verify';
import { type Address, type Hex, zeroHash } from 'viem';
import { InvariantError } from '../market/index.js';
import { settledOrders } from './abandoned.js';
import { answersTo, isSeenThrough, recallScoreBps, rememberAnswers } from './canaries.js';
import { checkParameters } from './check-parameters.js';
import { type Consensus, consensusLeaves, emptyConsensus, reachConsensus } from './consensus.js';
import { cappedStakes, divideByWeight, dividePrice } from './divide.js';
import {
  emissionOf,
  lostFees,
  type ProverWork,
  proverEmission,
  treasuryEmission,
  type ValidatorRecord,
  validatorEmission,
} from './emission.js';
import { electorateOf, electoratesByOrder, type JudgedAttempt, judgeAttempt } from './judge-attempt.js';
import { merkleRoot, sortLeaves } from './leaves.js';
import { chainEvidence, penaltyOf } from './penalties.js';
import {
  type AccountCredit,
  type AttemptTrace,
  type CanaryTrace,
  type EpochTrace,
  type Leaf,
  type OperatorPenalty,
  type OrderSettlement,
  type OrderTrace,
  type PaidChunk,
  type PenaltyItem,
  type PenaltyRise,
  PROVER_ROLE,
  type Settlement,
  type SettlementParameters,
  type SettlementState,
  type SlashableRole,
  VALIDATOR_ROLE,
  type ValidatorRecall,
} from './types.js';

/** @param startedAt when the emission began */
export function emptyState(startedAt = 0): SettlementState {
  return {
    epoch: 0,
    root: zeroHash,
    closedAt: startedAt,
    credits: [],
    penalties: [],
    orders: [],
    minted: 0n,
    recalls: [],
    consensus: emptyConsensus,
  };
}

const lower = <H extends Hex>(hex: H) => hex.toLowerCase() as H;
const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const sum = (amounts: Iterable<bigint>) => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
};

/** `account`, or `role:operator` where a pool is credited. */
type PayeeKey = string;
const payeeKey = (account: Address, role?: SlashableRole): PayeeKey => `${role ?? 0}:${lower(account)}`;
function payeeOf(key: PayeeKey): { account: Address; role?: SlashableRole } {
  const [role, account] = key.split(':') as [string, Address];
  return role === '0' ? { account } : { account, role: Number(role) as SlashableRole };
}

/** Everything that is added up while the orders are gone through. */
class EpochBooks {
  readonly rises = new Map<PayeeKey, bigint>();
  readonly items = new Map<string, PenaltyItem[]>();
  /** By prover's payee, for the emission. */
  readonly work = new Map<PayeeKey, { workUnits: bigint; lostFees: bigint }>();
  /** Duties that were answered rightly, by validator. */
  readonly answered = new Map<string, bigint>();
  readonly duties = new Map<string, bigint>();
  provers = 0n;
  validators = 0n;
  burned = 0n;
  treasury = 0n;
  minted = 0n;

  private readonly payees = new Map<string, PayeeKey>();
  private readonly capped: ReadonlyMap<string, bigint>;
  private readonly scores: ReadonlyMap<string, bigint>;

  constructor(
    readonly trace: EpochTrace,
    readonly parameters: SettlementParameters,
    recalls: readonly ValidatorRecall[],
    canaries: readonly CanaryTrace[],
  ) {
    const name = (role: SlashableRole, from: { operator: Address; account: Address; toPool?: boolean }) => {
      const key = from.toPool ? payeeKey(from.operator, role) : payeeKey(from.account);
      this.payees.set(payeeKey(from.operator, role), key);
    };
    for (const prover of trace.provers) name(PROVER_ROLE, prover);
    for (const validator of trace.validators) name(VALIDATOR_ROLE, validator);
    this.capped = cappedStakes(trace.validators, parameters.stakeCapBps);
    const answers = new Map<string, string>(recalls.map((recall) => [recall.validator, recall.answers]));
    this.scores = new Map(
      [...this.capped.keys()].map((key) => [key, recallScoreBps(answers.get(key), parameters.recallFloorBps)]),
    );
    const electorates = electoratesByOrder(trace);
    for (const canary of canaries) {
      // Where a trace lists a canary without its order, as simulations do, it is everyone's.
      const judges = electorates.get(lower(canary.lock.message.order)) ?? trace.validators;
      const right = [...answersTo(canary)].filter(([, isRight]) => isRight).map(([key]) => key);
      this.note(
        judges.map(({ operator }) => lower(operator)),
        right,
      );
    }
  }

  payee(role: SlashableRole, operator: Address): PayeeKey {
    return this.payees.get(payeeKey(operator, role)) ?? payeeKey(operator);
  }

  credit(key: PayeeKey, amount: bigint): void {
    if (amount > 0n) this.rises.set(key, (this.rises.get(key) ?? 0n) + amount);
  }

  /** One duty: whose it was, and who answered it rightly. */
  note(judges: Iterable<string>, right: Iterable<string>): void {
    for (const key of judges) this.duties.set(key, (this.duties.get(key) ?? 0n) + 1n);
    for (const key of new Set(right)) this.answered.set(key, (this.answered.get(key) ?? 0n) + 1n);
  }

  toTreasury(amount: bigint): void {
    this.treasury += amount;
    this.credit(payeeKey(this.parameters.treasury), amount);
  }

  /** Price of an accepted chunk: to its prover, and the fee to those who accepted it, burn and treasury. */
  pay(paid: PaidChunk, votes: ReadonlyMap<string, boolean>): void {
    const parts = dividePrice(paid.price, this.parameters);
    const prover = this.payee(PROVER_ROLE, paid.prover);
    this.provers += parts.prover;
    this.credit(prover, parts.prover);
    const weights = new Map<string, bigint>();
    for (const [key, stake] of this.capped) {
      if (votes.get(key) === true) weights.set(key, stake * (this.scores.get(key) ?? 0n));
    }
    const { shares, dust } = divideByWeight(parts.validators, weights);
    for (const [key, amount] of shares) {
      this.validators += amount;
      this.credit(this.payee(VALIDATOR_ROLE, key as Address), amount);
    }
    this.burned += parts.burned;
    this.credit(payeeKey(this.parameters.burn), parts.burned);
    this.toTreasury(parts.treasury + dust);
    const before = this.work.get(prover) ?? { workUnits: 0n, lostFees: 0n };
    this.work.set(prover, {
      workUnits: before.workUnits + BigInt(paid.workUnits),
      lostFees: before.lostFees + lostFees(paid.price, this.parameters),
    });
  }

  blame(operator: Address, item: PenaltyItem): void {
    const key = `${PROVER_ROLE}:${lower(operator)}`;
    this.items.set(key, [...(this.items.get(key) ?? []), item]);
  }

  /** What validators agree on of provers. */
  rank({ consensus }: SettlementState): Consensus {
    return reachConsensus(this.capped, this.trace.weights, consensus, this.parameters.consensus);
  }

  mint({ minted, closedAt }: SettlementState, { incentive, dividends }: Consensus): void {
    const { emission, consensus } = this.parameters;
    const amount = emissionOf(minted, this.trace.closedAt - closedAt, emission);
    if (amount === 0n) return;
    // Where validators do not agree on anything, work and stake alone decide.
    const consensusBps = incentive.size === 0 ? 0 : consensus.shareBps;
    const ranked = new Map<PayeeKey, bigint>();
    for (const [prover, share] of incentive) {
      const payee = this.payee(PROVER_ROLE, prover as Address);
      ranked.set(payee, (ranked.get(payee) ?? 0n) + share);
    }
    const provers: ProverWork[] = [...this.work].map(([account, work]) => {
      return { account, ...work, incentive: ranked.get(account) ?? 0n };
    });
    const validators: ValidatorRecord[] = [...this.capped].map(([key, cappedStake]) => ({
      account: this.payee(VALIDATOR_ROLE, key as Address),
      cappedStake,
      answered: this.answered.get(key) ?? 0n,
      duties: this.duties.get(key) ?? 0n,
      recallScoreBps: this.scores.get(key) ?? 0n,
      dividends: dividends.get(key) ?? 0n,
    }));
    const parts = [
      ...proverEmission(amount, provers, emission, consensusBps),
      ...validatorEmission(amount, validators, emission, consensusBps),
      { account: payeeKey(this.parameters.treasury), amount: treasuryEmission(amount, emission) },
    ];
    for (const part of parts) {
      this.minted += part.amount;
      this.credit(part.account, part.amount);
    }
  }
}

function settleOrder(books: EpochBooks, order: OrderTrace): OrderSettlement {
  const { trace, parameters } = books;
  const judges = electorateOf(trace, order);
  const paid: PaidChunk[] = [];
  for (const chunk of [...order.chunks].sort((a, b) => a.index - b.index)) {
    const attempts = [...chunk.attempts].sort((a, b) => a.lock.message.attempt - b.lock.message.attempt);
    const judged = attempts.map((attempt): [AttemptTrace, JudgedAttempt] => [
      attempt,
      judgeAttempt(attempt, order, judges),
    ]);
    // The first attempt that is accepted is paid, and no other.
    const first = judged.find(([, { result }]) => result === 'accepted');
    if (first) {
      const lock = first[0].lock.message;
      const { attempt, prover, price } = lock;
      paid.push({ chunk: chunk.index, attempt, prover: lower(prover), workUnits: chunk.workUnits, price });
      books.pay(paid[paid.length - 1], first[1].votes);
    }
    for (const [attempt, judgement] of judged) {
      const { result, votes } = judgement;
      if (result === 'accepted' || result === 'convicted') {
        const right = result === 'accepted';
        const answered = [...votes].filter(([, accepted]) => accepted === right).map(([key]) => key);
        books.note(judgement.judges, answered);
      }
      const penalty = penaltyOf(attempt, judgement, parameters);
      if (penalty) books.blame(attempt.lock.message.prover, penalty);
    }
  }
  const spent = sum(paid.map(({ price }) => price));
  if (spent > order.order.message.budget) {
    throw new InputError(
      'over-budget',
      `order ${order.id} would pay ${spent}, more than its budget`,
      'check the trace',
    );
  }
  const delivered = order.outcome === 'delivered' && paid.length === order.chunks.length && paid.length > 0;
  return { id: lower(order.id), spent, delivered, paid };
}

function raiseCredits(previous: readonly AccountCredit[], rises: ReadonlyMap<PayeeKey, bigint>) {
  const totals = new Map(previous.map(({ account, role, cumulative }) => [payeeKey(account, role), cumulative]));
  for (const [key, rise] of rises) totals.set(key, (totals.get(key) ?? 0n) + rise);
  const sorted = [...totals].sort(([a], [b]) => byText(a, b));
  const credits = sorted.map(([key, cumulative]): AccountCredit => ({ ...payeeOf(key), cumulative }));
  const risen = sorted
    .filter(([key]) => rises.has(key))
    .map(([key, cumulative]) => ({ ...payeeOf(key), cumulative, rise: rises.get(key) as bigint }));
  return { credits, risen };
}

function raisePenalties(
  previous: readonly OperatorPenalty[],
  items: ReadonlyMap<string, readonly PenaltyItem[]>,
  epoch: number,
) {
  const all = new Map<string, OperatorPenalty>(
    previous.map((penalty) => [`${penalty.role}:${lower(penalty.operator)}`, penalty]),
  );
  const risen: PenaltyRise[] = [];
  for (const [key, unsorted] of [...items].sort(([a], [b]) => byText(a, b))) {
    const sorted = [...unsorted].sort((a, b) => byText(a.order, b.order) || a.chunk - b.chunk || a.attempt - b.attempt);
    const before = all.get(key);
    const [role, operator] = key.split(':') as [string, Address];
    const rise = sum(sorted.map(({ amount }) => amount));
    const evidence = sorted.reduce((digest, item) => chainEvidence(digest, epoch, item), before?.evidence ?? zeroHash);
    const cumulative = (before?.cumulative ?? 0n) + rise;
    const after = { operator, role: Number(role) as SlashableRole, cumulative, evidence };
    all.set(key, after);
    risen.push({ ...after, rise, items: sorted });
  }
  const penalties = [...all].sort(([a], [b]) => byText(a, b)).map(([, penalty]) => penalty);
  return { penalties, risen };
}

function checkSequence(trace: EpochTrace, previous: SettlementState): void {
  if (trace.epoch <= previous.epoch) {
    throw new InputError(
      'epoch-out-of-sequence',
      `epoch ${trace.epoch} follows ${previous.epoch}`,
      'take the next one',
    );
  }
  if (trace.closedAt < previous.closedAt) {
    throw new InputError(
      'epoch-out-of-sequence',
      `an epoch closed at ${trace.closedAt} follows one closed at ${previous.closedAt}`,
      'close it later',
    );
  }
  const seen = new Set<string>(previous.orders.map(({ id }) => lower(id)));
  for (const { id } of settledOrders(trace)) {
    if (seen.has(lower(id))) {
      throw new InputError('order-settled-twice', `order ${id} has been settled already`, 'leave it out of the epoch');
    }
    seen.add(lower(id));
  }
}

/**
 * Leaves (all accounts and operators, and this epoch's orders), their root, and the state that the next epoch builds on.
 * The rises of all credits add up to what was spent and minted; throws InvariantError if they ever did not, InputError
 * where an order was settled before, costs more than its budget, or a parameter is out of range.
 */
export function settleEpoch(
  trace: EpochTrace,
  parameters: SettlementParameters,
  previous: SettlementState,
): Settlement {
  checkParameters(parameters);
  checkSequence(trace, previous);
  const electorates = electoratesByOrder(trace);
  const canaries = trace.canaries.filter((canary) =>
    isSeenThrough(canary, electorates.get(lower(canary.lock.message.order)) ?? trace.validators),
  );
  const recalls = rememberAnswers(previous.recalls, canaries, parameters.canaryMemory);
  const books = new EpochBooks(trace, parameters, recalls, canaries);
  const orders = settledOrders(trace)
    .sort((a, b) => byText(lower(a.id), lower(b.id)))
    .map((o) => settleOrder(books, o));
  const consensus = books.rank(previous);
  books.mint(previous, consensus);
  const { credits, risen } = raiseCredits(previous.credits, books.rises);
  const penalised = raisePenalties(previous.penalties, books.items, trace.epoch);
  const leaves = sortLeaves([
    ...orders.map(({ id, spent, delivered }): Leaf => ({ kind: 1, order: id, spent, delivered })),
    ...credits.map((credit): Leaf => ({ kind: 2, ...credit })),
    ...penalised.penalties.map((penalty): Leaf => ({ kind: 3, ...penalty })),
    ...recalls.map((recall): Leaf => ({ kind: 4, ...recall })),
    ...consensusLeaves(trace.epoch, consensus.state),
  ]);
  const spent = sum(orders.map((order) => order.spent));
  if (sum(risen.map(({ rise }) => rise)) !== spent + books.minted) {
    throw new InvariantError('credits rise by something else than what was spent and minted');
  }
  const root = merkleRoot(leaves);
  const remembered = previous.orders.filter(({ epoch }) => epoch > trace.epoch - parameters.rememberEpochs);
  const settled = orders.map(({ id }) => ({ id, epoch: trace.epoch }));
  return {
    epoch: trace.epoch,
    root,
    leaves,
    orders,
    credits: risen,
    penalties: penalised.risen,
    state: {
      epoch: trace.epoch,
      root,
      closedAt: trace.closedAt,
      credits,
      penalties: penalised.penalties,
      orders: [...remembered, ...settled].sort((a, b) => byText(a.id, b.id)),
      minted: previous.minted + books.minted,
      recalls,
      consensus: consensus.state,
    },
    totals: {
      spent,
      provers: books.provers,
      validators: books.validators,
      burned: books.burned,
      treasury: books.treasury,
      minted: books.minted,
      penalties: sum(penalised.risen.map(({ rise }) => rise)),
    },
  };
}
