/** What the market's functions share. Amounts and prices are bigints, times whole seconds, shares basis points (10,000 = 1). */
import type { Address, Hex } from 'viem';

/** One slice of a program and the work of proving it. */
export interface SliceWork {
  readonly index: number;
  /** A safe integer, at least 1. */
  readonly workUnits: number;
}

/** Neighbouring slices that one prover proves, with one proof. */
export interface Chunk {
  readonly index: number;
  /** Indices of the slices, ascending. */
  readonly slices: readonly number[];
  readonly workUnits: number;
}

/** The price an order offers, in token units per million work units, rising linearly over `rampSeconds`. */
export interface PriceCurve {
  readonly priceMin: bigint;
  readonly priceMax: bigint;
  readonly rampSeconds: number;
}

/** What a prover asks and can take, and what the market knows about it. */
export interface Offer {
  /** The prover's operator. */
  readonly address: Address;
  /** The lowest price it takes, per million work units. */
  readonly ask: bigint;
  /** Chunks it takes at once. */
  readonly capacity: number;
  /** Chunks it holds now. */
  readonly inFlight: number;
  /** Work units of the chunks it holds now. */
  readonly workInFlight: number;
  /** Work units per second, from its receipts or, before the first one, from its own benchmark. */
  readonly measuredRate: number;
  /** Stake that no lock holds yet. */
  readonly freeStake: bigint;
  /** Missed or rejected locks in the window that the caller looks at. */
  readonly failures: number;
  /** Work units of this order that its owner has locked or proven already. */
  readonly workOfOrder: number;
}

/** A chunk that waits for a prover. */
export interface ChunkDemand {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
  readonly workUnits: number;
  /** Work units of the whole order. */
  readonly orderWorkUnits: number;
  readonly curve: PriceCurve;
  /** When the chunk was offered first: the start of its price curve. */
  readonly startedAt: number;
  readonly orderDeadline: number;
  /** Operators that missed, released or failed this chunk in earlier attempts. */
  readonly failedBy: readonly Address[];
}

/** The market's governed parameters. */
export interface MarketPolicy {
  /** The most of one order's work that one owner gets while others would take it. */
  readonly shareCapBps: number;
  /** The shortest time that a lock gives. */
  readonly lockFloorSeconds: number;
  /** Time of a lock as a multiple of work / measured rate. */
  readonly lockMultipleBps: number;
  /** Kept free before the order's deadline, for the validators. */
  readonly verifySeconds: number;
  /** Collateral of a lock as a share of the chunk's price (may be above 10,000). */
  readonly collateralBps: number;
  readonly collateralMin: bigint;
}

/** A prover that may take the chunk, with the terms of its lock. */
export interface Candidate {
  readonly address: Address;
  readonly ask: bigint;
  /** Price of the lock, per million work units: the next candidate's ask or the curve, whichever is lower. */
  readonly unitPrice: bigint;
  /** What the chunk costs at `unitPrice`. */
  readonly price: bigint;
  readonly collateral: bigint;
  /** Deadline of the lock. */
  readonly deadline: number;
  /** Seconds that the prover is expected to need, with what it holds already. */
  readonly etaSeconds: number;
}
