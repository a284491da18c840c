/** What a simulation is made of. Shares are basis points, times seconds. */
import type { ProverConduct, ValidatorConduct, WeightConduct } from './agents.js';
import type { NetworkParameters } from './network-parameters.js';

export interface Attack {
  readonly provers?: ProverConduct;
  readonly validators?: ValidatorConduct;
  /** How they weigh provers; by what they saw where nothing is said. */
  readonly weights?: WeightConduct;
  /** How often a prover that misses does. */
  readonly missBps?: number;
  /** Fixed ask as a share of what honest provers ask at first. */
  readonly askBps?: number;
  /** Orders from oneself, as a share of the customers' demand. */
  readonly selfDealingBps?: number;
  /** Validators that one owner's stake is split among, and provers that each attacker's machine poses as. */
  readonly validatorsEach?: number;
  readonly proversEach?: number;
  /**
   * One of two gateways offers work to the attackers alone, who ask this share there, or all that a customer pays where that
   * is less. It quotes the other's price all the same.
   */
  readonly censorAskBps?: number;
  /** The first attacker's stake as a share of all, delegated, at this commission less than the others. */
  readonly whaleBps?: number;
}

export interface SimulationPlan {
  readonly seed: number;
  readonly epochs: number;
  readonly provers: number;
  readonly validators: number;
  /** Demand as a share of all capacity, by epoch; the last one stays. */
  readonly loadBps: readonly number[];
  readonly attack: Attack;
  /** Of the provers and of the validators' stake. */
  readonly attackerBps: number;
  /** The price curve at its start, as a share of what honest provers ask at first. */
  readonly priceMinBps: number;
  /** Of what proving costs at half use, the part that a machine costs whether it works or not. */
  readonly machineBps: number;
  /** Customers whose client asks all gateways for a quote, remembers what they paid, and signs no more than the quote. */
  readonly comparingBps: number;
  readonly parameters: NetworkParameters;
  /** Rates of the provers in work units per second and asks, in place of drawn ones. */
  readonly equipment?: readonly { readonly rate: number; readonly askBps: number }[];
}

/** Assumptions about the world; docs/economics.md names them. */
export const WORLD = {
  /** Work units per second of an average prover. */
  rate: 50_000,
  /** Proving takes an average prover this long for one chunk. */
  chunkSeconds: 10_800,
  chunksPerOrder: 3,
  /** Costs 0.02 tokens per million work units, give or take a fifth. */
  costPerMillion: 20_000_000_000_000_000n,
  /** Of its time, a machine that costs this much works so long. */
  useBps: 5_000,
  costSpreadBps: 2_000,
  /** First ask over cost, fee included. */
  markupBps: 12_000,
  /** Customers pay at most between these shares of the first ask. */
  priceMaxFromBps: 12_000,
  priceMaxToBps: 30_000,
  /** Signed at most over a quote. */
  quoteMarginBps: 500,
  rampSeconds: 3_600,
  deadlineSeconds: 86_400,
  /** Verification as a share of the cost of proving. */
  verificationBps: 10,
  /** Of capital, a year. */
  interestBps: 1_000,
  proverStake: 1_000n,
  /** Tokens of validators' stake for each prover. */
  validatorStakePerProver: 8_000n,
} as const;
