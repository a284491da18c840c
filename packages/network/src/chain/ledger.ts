/**
 * What nodes ask of the chain. Writing calls are idempotent: they look first whether it is done already, so that they may be
 * repeated after a crash of this node or of a chain that lost its last blocks.
 */
import type { NetworkAddresses, ParameterName } from '@dsperse/contracts';
import type { Address, Hex } from 'viem';
import type { EpochRoot, NetworkId, Order, Signed } from '../messages/index.js';
import type { JudgeStake, Leaf, SlashableRole, ValidatorStake } from '../scoring/index.js';

export type LedgerCode = 'unreachable' | 'refused' | 'lost' | (string & {});

/** `refused`: the contract says no, for good; else the same call may succeed later. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  constructor(
    readonly code: LedgerCode,
    message: string,
    readonly retryable: boolean,
    readonly hint = '',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface OnChainOrder {
  readonly state: 'none' | 'reserved' | 'settled' | 'exited';
  readonly reserved: bigint;
  readonly cancelRequested: boolean;
  /** In seconds. */
  readonly deadline: number;
  /** From then on the requester may take the reserve back, in seconds. */
  readonly exitAt: number;
}

export interface SettlementHead {
  /** The last epoch that was posted; -1 before the first. */
  readonly last: number;
  /** The lowest number that the next may have: numbers of cancelled epochs are not used again. */
  readonly next: number;
  /** Of the last epoch that was not cancelled. */
  readonly root: Hex;
}

/** What the schedule of the emission knows. */
export interface OnChainEmission {
  /** All that can ever be minted. */
  readonly cap: bigint;
  /** What the epochs that stand were allowed, and when the last of them was closed; before the first, when it began. */
  readonly minted: bigint;
  readonly closedAt: number;
}

export interface OnChainEpoch {
  readonly epoch: number;
  readonly root: Hex;
  readonly postedAt: number;
  readonly finalAt: number;
  readonly cancelled: boolean;
}

/** A leaf of an epoch with its Merkle proof. */
export interface LeafProof {
  readonly leaf: Leaf;
  readonly proof: readonly Hex[];
}

export interface Stake {
  readonly owner: Address;
  /** Others staked there too: earnings go to the pool, which divides them. */
  readonly toPool: boolean;
  readonly active: bigint;
}

export interface Ledger {
  readonly network: NetworkId;
  readonly contracts: NetworkAddresses;
  /** The chain's time, in seconds: what a transaction that is sent now would see. */
  now(): Promise<number>;
  /** Governed parameters by name (docs/parameters.md), as they are or as they were at a time in seconds. */
  parameters<N extends ParameterName>(names: readonly N[], at?: number): Promise<Record<N, bigint>>;
  /** Active validators with at least the least stake, ascending by operator. */
  validators(): Promise<readonly ValidatorStake[]>;
  /**
   * Those who judge an order: validators that were active before the block that reserved it, with what they had staked then,
   * ascending; empty where the chain does not have the order.
   */
  electorate(order: Hex): Promise<readonly JudgeStake[]>;
  /** Seats of the committees that judge an order, as the parameter was before the block that reserved it. */
  committeeSeats(order: Hex): Promise<number>;
  stakeOf(role: SlashableRole, operator: Address): Promise<Stake>;
  order(id: Hex): Promise<OnChainOrder>;
  /** The free balance of a requester in the market. */
  balanceOf(requester: Address): Promise<bigint>;
  /** Reserves the budget of an order. @throws LedgerError `refused` with the contract's reason */
  reserve(order: Signed<Order>): Promise<void>;
  /** What the next epoch builds on. */
  settlementHead(): Promise<SettlementHead>;
  emission(): Promise<OnChainEmission>;
  epoch(epoch: number): Promise<OnChainEpoch | undefined>;
  postEpoch(
    root: EpochRoot,
    signatures: readonly { readonly validator: Address; readonly signature: Hex }[],
  ): Promise<void>;
  settleOrders(epoch: number, leaves: readonly LeafProof[]): Promise<void>;
  penalise(epoch: number, leaves: readonly LeafProof[]): Promise<void>;
  claimed(account: Address): Promise<bigint>;
  claim(epoch: number, leaf: LeafProof): Promise<void>;
}
