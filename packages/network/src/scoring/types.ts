/**
 * What an epoch is settled from and into. Amounts are bigints in token units, times whole seconds, shares basis points
 * (10,000 = 1). Addresses are compared without regard to case and come out in lower case.
 */
import type { Address, Hex } from 'viem';
import type {
  Acknowledgement,
  ChunkProof,
  Delegation,
  Ended,
  Lock,
  Order,
  Receipt,
  Signed,
  VerdictCommit,
  VerdictMessage,
  WeightCommit,
  WeightReveal,
} from '../messages/index.js';
import type { YumaParameters } from './yuma.js';

/** An active validator in the snapshot that the epoch is judged by. */
export interface ValidatorStake {
  /** The key that signs verdicts. */
  readonly operator: Address;
  /** The account that is credited. */
  readonly account: Address;
  /** Credit the operator's pool (commission to its owner, the rest to all that staked there) instead of `account`. */
  readonly toPool?: boolean;
  readonly stake: bigint;
}

/** What a verdict on an order weighs: the stake that its validator had just before the order was reserved. */
export type JudgeStake = Pick<ValidatorStake, 'operator' | 'stake'>;

/** A prover of the epoch and the account that is credited for it. */
export interface ProverAccount {
  readonly operator: Address;
  readonly account: Address;
  /** As for a validator. */
  readonly toPool?: boolean;
}

/** A lock that was given back before its deadline. The first two reasons cost nothing where a quorum attests them. */
export interface Release {
  /** By the prover's `Release`. */
  readonly at: number;
  readonly signature: Hex;
  readonly reason: 'boundary-mismatch' | 'out-of-range' | 'given-back';
  /** Whether the reason was found true. */
  readonly attested: boolean;
}

/** One lock of one chunk and all that followed from it. */
export interface AttemptTrace {
  readonly lock: Signed<Lock>;
  /** When the lock came in: the second at which the price curve is read. */
  readonly lockedAt: number;
  readonly release?: Release;
  readonly receipt?: Signed<Receipt>;
  readonly acknowledgement?: Signed<Acknowledgement>;
  /** The gateway says that it was not there for a part of the lock's time: then a missed lock is not held against anybody. */
  readonly excused?: true;
  readonly commits: readonly Signed<VerdictCommit>[];
  readonly verdicts: readonly Signed<VerdictMessage>[];
}

export interface ChunkTrace {
  readonly index: number;
  /** Indices of its slices, ascending. */
  readonly slices: readonly number[];
  readonly workUnits: number;
  /** When it was offered first: the start of its price curve. */
  readonly offeredAt: number;
  readonly attempts: readonly AttemptTrace[];
}

export type OrderOutcome = 'delivered' | 'failed' | 'cancelled' | 'expired';

export interface OrderTrace {
  readonly id: Hex;
  readonly order: Signed<Order>;
  readonly outcome: OrderOutcome;
  readonly endedAt: number;
  /** Who judges it: a place in the trace's `electorates`. */
  readonly electorate: number;
  /** As the parameter was when it was reserved: where there are more validators, about so many seats judge a proof first. */
  readonly committeeSeats: number;
  /** Every chunk of the order, also those that nobody proved. */
  readonly chunks: readonly ChunkTrace[];
}

/** The order's own gateway says that all of this is its trace; or another one does, to which it delegated. */
export interface OrderEnding {
  readonly ended: Signed<Ended>;
  readonly delegation?: Signed<Delegation>;
}

/** A proof that was delivered, with what was said of it. */
export interface JudgedDelivery {
  readonly lock: Signed<Lock>;
  readonly receipt: Signed<Receipt>;
  /** What the receipt is about. */
  readonly proof: ChunkProof;
  readonly commits: readonly Signed<VerdictCommit>[];
  readonly verdicts: readonly Signed<VerdictMessage>[];
}

/**
 * An attempt whose proof was to be broken on purpose: right is who rejected it, where more than a third of the stake did. Of
 * an order that ended in the epoch; all of them are listed.
 */
export interface CanaryTrace extends JudgedDelivery {
  /** Opens the mark of the proof. */
  readonly salt: Hex;
}

/** An accepted chunk of an order that its gateway settled in no epoch, as its prover shows it. */
export interface ClaimedChunk extends JudgedDelivery {
  /** Of the slices in the proof's statement. */
  readonly workUnits: number;
}

/**
 * An order that its gateway left out of all epochs until shortly before its reserve returns: what was accepted of it is paid, and
 * nobody is penalised. It rests on what provers and validators signed, and on nothing that a gateway says.
 */
export interface AbandonedTrace {
  readonly id: Hex;
  readonly order: Signed<Order>;
  /** As of an order that ended. */
  readonly electorate: number;
  readonly committeeSeats: number;
  readonly claims: readonly ClaimedChunk[];
}

/** A validator's latest answers to canaries. */
export interface ValidatorRecall {
  readonly validator: Address;
  /** In all epochs. */
  readonly answered: number;
  /** The latest, oldest first: 1 right, 0 wrong. */
  readonly answers: string;
}

/** The orders that ended in an epoch and the signed messages that decide about them. */
export interface EpochTrace {
  readonly epoch: number;
  /** The second at which the epoch was closed: locks that ended before it without a receipt are missed. */
  readonly closedAt: number;
  /** Active now: they are paid, and sign. */
  readonly validators: readonly ValidatorStake[];
  /** Validators that were active when orders were reserved, by whose stake verdicts on them count; each list once. */
  readonly electorates: readonly (readonly JudgeStake[])[];
  readonly provers: readonly ProverAccount[];
  readonly orders: readonly OrderTrace[];
  /** Of every order, in the same place. */
  readonly endings: readonly OrderEnding[];
  readonly canaries: readonly CanaryTrace[];
  /** Orders of other gateways. */
  readonly abandoned: readonly AbandonedTrace[];
  readonly weights: {
    /** Signed for the epoch that this one is settled upon; opened in the next. */
    readonly commits: readonly Signed<WeightCommit>[];
    /** Each opens a commitment in the trace of the epoch before. */
    readonly reveals: readonly WeightReveal[];
  };
}

/** What the consensus on provers hands to the next epoch. Lists are sorted. */
export interface ConsensusState {
  readonly commits: readonly { readonly validator: Address; readonly commitment: Hex }[];
  /** Those whom bonds are about. */
  readonly provers: readonly Address[];
  /** Of 65,535, one for each prover. */
  readonly bonds: readonly { readonly validator: Address; readonly values: readonly number[] }[];
}

/** Governed parameters of the consensus. */
export interface ConsensusParameters extends YumaParameters {
  /** Of the provers' and of the validators' emission, what follows it. */
  readonly shareBps: number;
}

/** Parameters of the emission: governed, but for its cap. */
export interface EmissionParameters {
  /** All that can ever be minted. */
  readonly cap: bigint;
  /** Of what is left to be minted, in a year. */
  readonly yearBps: number;
  /** Of the epoch's emission; the three together at most 10,000, the treasury gets what is left of them. */
  readonly proverBps: number;
  readonly validatorBps: number;
  /**
   * A prover's emission is at most this share of what its work paid to burn and treasury. Below 10,000, proving for
   * oneself loses at any share of the validators' stake.
   */
  readonly feeMultipleBps: number;
}

/** Governed parameters of the settlement. */
export interface SettlementParameters {
  /** The network's fee of each chunk's price; the prover gets the rest. */
  readonly feeBps: number;
  /** Of the fee, to the validators. */
  readonly feeValidatorBps: number;
  /** Of the fee, burned; what is left of it goes to the treasury. */
  readonly feeBurnBps: number;
  /** A validator's stake counts up to this share of the total when rewards are divided. */
  readonly stakeCapBps: number;
  /** A validator with this share of right answers to canaries, or less, gets nothing; from there it rises to all. */
  readonly recallFloorBps: number;
  /** The latest answers to canaries that this share is taken of. */
  readonly canaryMemory: number;
  /** Penalty of a missed lock, of its collateral (at most 10,000). */
  readonly missedLockBps: number;
  /** Penalty of a proof that more than two thirds reject, of the lock's collateral (may be above 10,000). */
  readonly rejectedProofBps: number;
  /** Penalty of a lock given back in its last second, of its collateral; less in proportion when earlier. */
  readonly releaseBps: number;
  readonly treasury: Address;
  /** The account whose credits are burned: address zero, by the contracts. */
  readonly burn: Address;
  /** Epochs for which the ids of settled orders are remembered: longer than the challenge window. */
  readonly rememberEpochs: number;
  readonly emission: EmissionParameters;
  readonly consensus: ConsensusParameters;
}

export interface AccountCredit {
  readonly account: Address;
  /** Set where the credit goes to a pool: then `account` is its operator. */
  readonly role?: SlashableRole;
  readonly cumulative: bigint;
}

export const PROVER_ROLE = 1;
export const VALIDATOR_ROLE = 2;
export type SlashableRole = typeof PROVER_ROLE | typeof VALIDATOR_ROLE;

export interface OperatorPenalty {
  readonly operator: Address;
  readonly role: SlashableRole;
  readonly cumulative: bigint;
  /** Hash chain over all evidence against the operator in this role. */
  readonly evidence: Hex;
}

/** What one epoch hands to the next. Lists are sorted. */
export interface SettlementState {
  /** The last settled epoch; 0 before the first, which is 1. */
  readonly epoch: number;
  readonly root: Hex;
  /** When it was closed; before the first, when the emission began. The next one is given the time since then. */
  readonly closedAt: number;
  readonly credits: readonly AccountCredit[];
  readonly penalties: readonly OperatorPenalty[];
  /** Orders settled within `rememberEpochs`. */
  readonly orders: readonly { readonly id: Hex; readonly epoch: number }[];
  readonly minted: bigint;
  readonly recalls: readonly ValidatorRecall[];
  readonly consensus: ConsensusState;
}

export type Leaf =
  | { readonly kind: 1; readonly order: Hex; readonly spent: bigint; readonly delivered: boolean }
  | { readonly kind: 2; readonly account: Address; readonly role?: SlashableRole; readonly cumulative: bigint }
  | {
      readonly kind: 3;
      readonly operator: Address;
      readonly role: SlashableRole;
      readonly cumulative: bigint;
      readonly evidence: Hex;
    }
  | ({ readonly kind: 4 } & ValidatorRecall)
  /** Of the state of the consensus, as canonical JSON. */
  | { readonly kind: 5; readonly epoch: number; readonly digest: Hex };

export interface PaidChunk {
  readonly chunk: number;
  readonly attempt: number;
  readonly prover: Address;
  readonly workUnits: number;
  readonly price: bigint;
}

export interface OrderSettlement {
  readonly id: Hex;
  readonly spent: bigint;
  readonly delivered: boolean;
  readonly paid: readonly PaidChunk[];
}

export interface CreditRise extends AccountCredit {
  readonly rise: bigint;
}

export type PenaltyReason = 'missed-lock' | 'rejected-proof' | 'late-release';

export interface PenaltyItem {
  readonly reason: PenaltyReason;
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
  readonly collateral: bigint;
  readonly amount: bigint;
  /** The deadline of the lock. */
  readonly deadline: number;
  /** When it happened: end of the deadline, release, or receipt. */
  readonly at: number;
  /** Stake that rejected and all active stake; both zero unless a proof was rejected. */
  readonly rejecting: bigint;
  readonly total: bigint;
}

export interface PenaltyRise extends OperatorPenalty {
  readonly rise: bigint;
  readonly items: readonly PenaltyItem[];
}

export interface SettlementTotals {
  readonly spent: bigint;
  readonly provers: bigint;
  readonly validators: bigint;
  readonly burned: bigint;
  readonly treasury: bigint;
  readonly minted: bigint;
  readonly penalties: bigint;
}

export interface Settlement {
  readonly epoch: number;
  readonly root: Hex;
  /** In canonical order. */
  readonly leaves: readonly Leaf[];
  readonly orders: readonly OrderSettlement[];
  readonly credits: readonly CreditRise[];
  readonly penalties: readonly PenaltyRise[];
  readonly state: SettlementState;
  readonly totals: SettlementTotals;
}

export type Decision = 'accepted' | 'rejected' | 'undecided';

export interface QuorumResult {
  readonly decision: Decision;
  /** More than two thirds reject: enough for a penalty. */
  readonly convicted: boolean;
  /** No verdict that is still missing can make it accepted. */
  readonly acceptable: boolean;
  readonly accepting: bigint;
  readonly rejecting: bigint;
  readonly total: bigint;
}
