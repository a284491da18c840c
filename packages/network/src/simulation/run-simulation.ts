/** A simulation from its plan: the same plan gives the same result on every machine. */
import type { Hex } from 'viem';
import { chunkPrice } from '../market/index.js';
import {
  type CanaryTrace,
  emptyState,
  isCanary,
  type Settlement,
  type SettlementState,
  settleEpoch,
  type ValidatorStake,
} from '../scoring/index.js';
import { type Account, newAccount, type Prover, type Side, type Validator } from './agents.js';
import { Marketplace, newOrder, traceOf, unsigned } from './marketplace.js';
import { addAccounts, gini, ratio, topShare } from './measure.js';
import { type SimulationPlan, WORLD } from './plan.js';
import { firstAsk, leastAsk, makeProvers, makeValidators } from './population.js';
import { Random } from './random.js';
import { voteOn } from './vote.js';
import { Weighing } from './weighing.js';

const BPS = 10_000n;
/** Of a delivery whose proof nobody looks at. */
const NO_PROOF: CanaryTrace['proof'] = {
  lock: '0x',
  statement: { fingerprint: '', index: 0, nonce: '', prover: '', commitments: {} },
  proof: '',
  proofBytes: 0,
};
const YEAR_SECONDS = 31_536_000n;
/** Of asks, from epoch to epoch, where a prover was busy or idle. */
const ASK_STEP_BPS = 300n;
const BUSY_BPS = 7_000;
const IDLE_BPS = 4_000;
/** Of delegated stake, what moves in an epoch. */
const REDELEGATE_BPS = 1_000n;

export interface EpochMeasure {
  readonly epoch: number;
  /** Work that customers ordered in this epoch, as a share of all capacity. */
  readonly demand: number;
  /** Chunks of customers' orders that ended in it, and those of them that were paid. */
  readonly chunks: number;
  readonly paidChunks: number;
  /** Of customers' paid chunks, over what honest provers asked at first. */
  readonly price: number;
  readonly spent: bigint;
  readonly penalties: bigint;
  /** Reserves of all orders that are not settled when the epoch is closed. */
  readonly reserved: bigint;
  /** Of validators' stake, of the largest. */
  readonly topStake: number;
}

export interface Accounts {
  readonly provers: Account;
  readonly validators: Account;
}

export interface SimulationResult {
  readonly plan: SimulationPlan;
  readonly epochs: readonly EpochMeasure[];
  readonly honest: Accounts;
  readonly attackers: Accounts;
  /** The epoch in which the first attacking prover was penalised; undefined: none was. */
  readonly firstPenalty: number | undefined;
  /** For each attacking prover that ever did wrong: epochs from its first wrong to its first penalty. */
  readonly proverDetection: readonly (number | undefined)[];
  /** Of those that were not penalised, the ones that did their first wrong in the last epoch: its order ends after the run. */
  readonly tooLateToTell: number;
  /** For each attacking validator: the first epoch in which it answered a canary wrongly. */
  readonly validatorDetection: readonly (number | undefined)[];
  /** Prover stakes that fell below the least stake. */
  readonly evicted: number;
  readonly proverGini: number;
  readonly proverTopShare: number;
  /** Income of each prover, in the order of the plan. */
  readonly incomes: readonly bigint[];
  readonly proverStakeLost: bigint;
  /** Penalties for missed locks and rejected proofs. */
  readonly stalled: number;
  /** What a chunk costs at the first ask. */
  readonly firstChunkPrice: bigint;
}

class Simulation {
  private readonly random: Random;
  private readonly provers: Prover[];
  private readonly validators: Validator[];
  private readonly byAccount = new Map<string, { agent: Prover | Validator; account: Account; role: keyof Accounts }>();
  private readonly market: Marketplace;
  private readonly weighing: Weighing;
  private stakes: ValidatorStake[] = [];
  private state: SettlementState = emptyState();
  /** Of the customers that compare: to which gateway they go. */
  private preferred: 0 | 1 | undefined;
  private readonly reference: bigint;
  private readonly firstPenaltyOf = new Map<string, number>();
  private readonly firstWrongOf = new Map<string, number>();
  private firstPenalty: number | undefined;
  private stakeLost = 0n;
  private stalled = 0;
  /** Mean price of the last epoch by gateway. */
  private gatewayPrices: [number, number] = [0, 0];

  constructor(private readonly plan: SimulationPlan) {
    this.random = new Random(plan.seed);
    this.provers = makeProvers(plan, this.random);
    this.validators = makeValidators(plan, this.random);
    for (const agent of this.provers) this.open(agent, 'provers');
    for (const agent of this.validators) this.open(agent, 'validators');
    this.reference = firstAsk(plan);
    this.weighing = new Weighing(plan, this.validators, this.provers);
    this.market = new Marketplace(
      plan,
      this.provers,
      this.validators,
      () => this.stakes,
      this.random,
      (validator, workUnits) => this.verified(validator, workUnits),
      (prover, workUnits) => {
        const account = this.accountOf(prover);
        account.work += (chunkPrice(prover.cost, workUnits) * BigInt(10_000 - plan.machineBps)) / BPS;
        account.workUnits += BigInt(workUnits);
      },
    );
  }

  private open(agent: Prover | Validator, role: keyof Accounts): void {
    this.byAccount.set(agent.account, { agent, account: newAccount(), role });
  }

  private accountOf(agent: Prover | Validator): Account {
    return (this.byAccount.get(agent.account) as { account: Account }).account;
  }

  private verified(validator: Validator, workUnits: number): void {
    if (validator.verifiesElsewhere) return;
    this.accountOf(validator).verification +=
      (chunkPrice(WORLD.costPerMillion, workUnits) * BigInt(WORLD.verificationBps)) / BPS;
  }

  run(): SimulationResult {
    const epochs = Array.from({ length: this.plan.epochs }, (_, k) => this.runEpoch(k + 1));
    const sum = (side: Side, role: keyof Accounts) =>
      [...this.byAccount.values()]
        .filter((entry) => entry.agent.side === side && entry.role === role)
        .reduce((total, { account }) => addAccounts(total, account), newAccount());
    const accounts = (side: Side) => ({ provers: sum(side, 'provers'), validators: sum(side, 'validators') });
    const incomes = this.provers.map((prover) => this.accountOf(prover).income);
    const theirs = <A extends Prover | Validator>(agents: readonly A[]) => agents.filter((a) => a.side === 'attacker');
    return {
      plan: this.plan,
      epochs,
      honest: accounts('honest'),
      attackers: accounts('attacker'),
      firstPenalty: this.firstPenalty,
      proverDetection: theirs(this.provers)
        .filter(({ operator }) => this.firstWrongOf.has(operator))
        .map(({ operator }) => {
          const caught = this.firstPenaltyOf.get(operator);
          return caught === undefined ? undefined : caught - (this.firstWrongOf.get(operator) as number) + 1;
        }),
      tooLateToTell: theirs(this.provers).filter(({ operator }) => {
        return this.firstWrongOf.get(operator) === this.plan.epochs && !this.firstPenaltyOf.has(operator);
      }).length,
      validatorDetection: theirs(this.validators).map(({ operator }) => this.firstWrongOf.get(operator)),
      evicted: this.provers.filter(({ stake }) => stake < this.plan.parameters.proverStakeMin).length,
      proverGini: gini(incomes),
      proverTopShare: topShare(incomes),
      incomes,
      proverStakeLost: this.stakeLost,
      stalled: this.stalled,
      firstChunkPrice: chunkPrice(this.reference, WORLD.rate * WORLD.chunkSeconds),
    };
  }

  private runEpoch(epoch: number): EpochMeasure {
    const { plan, market } = this;
    const { epochSeconds, settlement: parameters } = plan.parameters;
    const [from, to] = [(epoch - 1) * epochSeconds, epoch * epochSeconds];
    this.stakes = this.validators
      .filter(({ stake }) => stake >= plan.parameters.validatorStakeMin)
      .map(({ operator, account, stake }) => ({ operator, account, stake }));
    const demand = this.placeOrders(epoch, from, epochSeconds);
    market.run(to);
    const reserved = market.reserved;
    const canaries = this.answerCanaries(epoch);
    const weights = this.weighing.next(this.state.epoch, market.seen);
    const { ended } = market;
    const settlement = settleEpoch(
      {
        epoch,
        closedAt: to,
        validators: this.stakes,
        electorates: [this.stakes],
        provers: this.provers.map(({ operator, account }) => ({ operator, account })),
        orders: ended.map((order) => traceOf(order, plan.parameters.committeeSeats)),
        endings: [],
        canaries,
        abandoned: [],
        weights,
      },
      parameters,
      this.state,
    );
    this.state = settlement.state;
    for (const { message } of ended) market.reserved -= message.budget;
    const measure = this.measure(epoch, demand, settlement, reserved);
    this.noteWrongs(epoch);
    this.book(epoch, settlement);
    this.adapt(epochSeconds);
    return measure;
  }

  /** @returns customers' demand as a share of all capacity */
  private placeOrders(epoch: number, from: number, seconds: number): number {
    const { plan, random, market, reference } = this;
    const loadBps = plan.loadBps[Math.min(epoch, plan.loadBps.length) - 1];
    const machines = new Map(this.provers.map((prover) => [prover.machine, prover.rate]));
    const rate = [...machines.values()].reduce((sum, next) => sum + next, 0);
    const orderWork = WORLD.rate * WORLD.chunkSeconds * WORLD.chunksPerOrder;
    const count = (shareBps: number) => Math.floor((rate * seconds * shareBps) / 10_000 / orderWork);
    const isSplit = plan.attack.censorAskBps !== undefined;
    // By quotes, which the second gateway gives as the first does; those that are paid are the lower of both.
    const paid = this.gatewayPrices.filter((price) => price > 0);
    const quoted = BigInt(Math.round((paid.length > 0 ? Math.min(...paid) : 1) * 10_000));
    const cap = (reference * quoted * BigInt(10_000 + WORLD.quoteMarginBps)) / (BPS * BPS);
    const place = (requester: Side) => {
      const at = from + random.below(seconds);
      if (!isSplit || requester !== 'honest') {
        market.place(newOrder(plan, random, { at, requester, gateway: 0, reference }));
        return;
      }
      const compares = random.chance(plan.comparingBps);
      const drawn = random.chance(5_000) ? 1 : 0;
      const gateway = compares ? (this.preferred ?? drawn) : drawn;
      market.place(newOrder(plan, random, { at, requester, gateway, reference, ...(compares ? { cap } : {}) }));
    };
    const customers = count(loadBps);
    for (let k = 0; k < customers; k++) place('honest');
    const own = count((loadBps * (plan.attack.selfDealingBps ?? 0)) / 10_000);
    for (let k = 0; k < own; k++) place('attacker');
    return (customers * orderWork) / (rate * seconds);
  }

  private answerCanaries(epoch: number): CanaryTrace[] {
    const seed = this.random.hex(8);
    const traces: CanaryTrace[] = [];
    for (const { prover, ...duty } of this.market.judged) {
      if (!isCanary(seed, duty, this.plan.parameters.canaryBps)) continue;
      const proofDigest: Hex = '0x01';
      const verdicts = this.validators.flatMap((validator) => {
        // Friends tell each other which of their proofs are canaries.
        const isTold = prover.side === 'attacker' && ['collude', 'veto'].includes(validator.conduct);
        const { accepted, verified } = isTold
          ? { accepted: false, verified: false }
          : voteOn({ isValid: false, of: 'honest' }, validator, this.random);
        if (verified) this.verified(validator, WORLD.rate * WORLD.chunkSeconds);
        if (accepted === undefined) return [];
        if (accepted && !this.firstWrongOf.has(validator.operator)) this.firstWrongOf.set(validator.operator, epoch);
        return [unsigned({ ...duty, proofDigest, accepted, validator: validator.operator, salt: seed })];
      });
      const by = { ...duty, prover: prover.operator };
      traces.push({
        lock: unsigned({ ...by, price: 0n, collateral: 0n, deadline: 0 }),
        receipt: unsigned({ ...by, proofDigest }),
        proof: NO_PROOF,
        salt: seed,
        commits: [],
        verdicts,
      });
    }
    return traces;
  }

  /** Provers that missed or forged: from when on they could have been penalised. */
  private noteWrongs(epoch: number): void {
    for (const prover of this.provers) {
      if (prover.conduct !== 'honest' && prover.failures > 0 && !this.firstWrongOf.has(prover.operator)) {
        this.firstWrongOf.set(prover.operator, epoch);
      }
    }
  }

  private measure(epoch: number, demand: number, settlement: Settlement, reserved: bigint): EpochMeasure {
    const orders = new Map(this.market.ended.map((order) => [order.id, order]));
    let [chunks, paidChunks] = [0, 0];
    const [paid, work]: [bigint[], bigint[]] = [
      [0n, 0n],
      [0n, 0n],
    ];
    for (const settled of settlement.orders) {
      const order = orders.get(settled.id);
      if (!order) continue;
      if (order.requester === 'attacker') {
        // What its owner pays for it; the reserve of a robbed or failed order comes back.
        this.payOwn(settled.spent);
        continue;
      }
      chunks += order.chunks.length;
      paidChunks += settled.paid.length;
      for (const { price, workUnits } of settled.paid) {
        paid[order.gateway] += price;
        work[order.gateway] += BigInt(workUnits);
      }
    }
    const unit = (k: number) => ratio(paid[k] * 1_000_000n, work[k] * this.reference);
    this.gatewayPrices = [unit(0), unit(1)];
    return {
      epoch,
      demand,
      chunks,
      paidChunks,
      price: ratio((paid[0] + paid[1]) * 1_000_000n, (work[0] + work[1]) * this.reference),
      spent: settlement.totals.spent,
      penalties: settlement.totals.penalties,
      reserved,
      topStake: topShare(this.validators.map(({ stake }) => stake)),
    };
  }

  private payOwn(amount: bigint): void {
    const owner =
      this.provers.find(({ side }) => side === 'attacker') ?? this.validators.find((v) => v.side === 'attacker');
    if (owner) this.accountOf(owner).payments += amount;
  }

  /** Credits, penalties and the cost of capital. */
  private book(epoch: number, settlement: Settlement): void {
    const { plan } = this;
    for (const { account, rise } of settlement.credits) {
      const entry = this.byAccount.get(account);
      if (entry) entry.account.income += rise;
    }
    for (const { operator, rise, items } of settlement.penalties) {
      this.stalled += items.length;
      const agent = this.byAccount.get(operator)?.agent as Prover;
      agent.debt += rise;
      if (!this.firstPenaltyOf.has(operator)) this.firstPenaltyOf.set(operator, epoch);
      if (agent.side === 'attacker') this.firstPenalty ??= epoch;
    }
    for (const prover of this.provers) {
      // What is above the most of an epoch stays due.
      const most = (prover.stake * BigInt(plan.parameters.penaltyMaxBps)) / BPS;
      const taken = prover.debt < most ? prover.debt : most;
      prover.debt -= taken;
      prover.stake -= taken;
      this.stakeLost += taken;
      this.accountOf(prover).penalties += taken;
    }
    const interest = (stake: bigint) =>
      (stake * BigInt(WORLD.interestBps) * BigInt(plan.parameters.epochSeconds)) / (BPS * YEAR_SECONDS);
    for (const agent of [...this.provers, ...this.validators]) this.accountOf(agent).capital += interest(agent.stake);
    for (const prover of this.provers) this.accountOf(prover).machines += this.machineCost(prover);
    if (plan.attack.whaleBps !== undefined) this.redelegate(settlement);
  }

  /** In an epoch, whether it works or not; who forges or vanishes has no machine. */
  private machineCost({ conduct, cost, rate, machine }: Prover): bigint {
    if (conduct === 'forge' || conduct === 'stall') return 0n;
    const { epochSeconds } = this.plan.parameters;
    const atFullUse = chunkPrice(cost, rate * epochSeconds) / BigInt(machine.parts);
    return (atFullUse * BigInt(this.plan.machineBps) * BigInt(WORLD.useBps)) / (BPS * BPS);
  }

  /** Part of the delegated stake goes to the pool that paid its delegators most. */
  private redelegate(settlement: Settlement): void {
    const rises = new Map(settlement.credits.map(({ account, rise }) => [account, rise]));
    const yields = this.validators.map(({ account, stake, commissionBps }) =>
      ratio(((rises.get(account) ?? 0n) * BigInt(10_000 - commissionBps)) / BPS, stake),
    );
    const best = yields.indexOf(Math.max(...yields));
    if (yields[best] <= 0) return;
    this.validators.forEach((validator, k) => {
      if (yields[k] >= yields[best]) return;
      const moved = (validator.delegated * REDELEGATE_BPS) / BPS;
      validator.delegated -= moved;
      validator.stake -= moved;
      this.validators[best].delegated += moved;
      this.validators[best].stake += moved;
    });
  }

  /** Asks follow utilisation, customers follow prices. */
  private adapt(seconds: number): void {
    for (const prover of this.provers) {
      const busyBps = (prover.busySeconds * 10_000) / seconds;
      if (!prover.asksFixed) {
        const step = (prover.ask * ASK_STEP_BPS) / BPS;
        const least = leastAsk(this.plan, prover.cost);
        if (busyBps > BUSY_BPS) prover.ask += step;
        else if (busyBps < IDLE_BPS) prover.ask = prover.ask - step > least ? prover.ask - step : least;
      }
      prover.busySeconds = 0;
      prover.failures = 0;
    }
    const [first, second] = this.gatewayPrices;
    // What is dearer than the other is not asked again.
    if (first > 0 && second > 0) this.preferred ??= second > first ? 0 : second < first ? 1 : undefined;
  }
}

/** Throws what `settleEpoch` throws where the parameters are out of range. */
export function runSimulation(plan: SimulationPlan): SimulationResult {
  return new Simulation(plan).run();
}
