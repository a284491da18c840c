/**
 * What the contracts should do, in bigints: an independent statement of their rules that the fuzz test runs beside them.
 * A handler throws Refused before it changes anything.
 */
import type { Address, Hex } from 'viem';

export class Refused extends Error {}

export function need(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Refused(why);
}

export const BPS = 10_000n;
export const RAY = 10n ** 27n;

export interface ModelOrder {
  readonly requester: Address;
  state: 'reserved' | 'settled' | 'exited';
  exitAt: bigint;
  readonly reservedAt: bigint;
  readonly budget: bigint;
  cancelled: boolean;
  /** How often it was settled: never more than once. */
  spent: bigint[];
}

export interface ModelThaw {
  readonly scaled: bigint;
  readonly generation: number;
  readonly availableAt: bigint;
}

export interface ModelPool {
  readonly role: number;
  readonly operator: Address;
  owner: Address;
  commission: bigint;
  next?: { readonly commission: bigint; readonly at: bigint };
  closed: boolean;
  suspended: boolean;
  tokens: bigint;
  thawing: bigint;
  shares: bigint;
  factor: bigint;
  generation: number;
  thawGeneration: number;
  active: bigint;
  shareOf: Map<Address, bigint>;
  readonly thaws: Map<Address, (ModelThaw | undefined)[]>;
}

export interface ModelEpoch {
  readonly root: Hex;
  readonly previous: Hex;
  readonly signers: readonly Address[];
  readonly postedAt: bigint;
  finalAt: bigint;
  cancelled: boolean;
  held: boolean;
  readonly spent: bigint;
  readonly minted: bigint;
  issued: bigint;
  settled: bigint;
}

export interface ModelParameter {
  value: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly maxStepBps: bigint;
  changedAt: bigint;
  /** What it was before, until when. */
  readonly past: { readonly value: bigint; readonly until: bigint }[];
}

/** What votes weigh at the snapshot of a proposal. */
export interface ModelWeights {
  readonly supply: bigint;
  readonly quorum: bigint;
  readonly balances: ReadonlyMap<Address, bigint>;
  readonly delegates: ReadonlyMap<Address, Address>;
  readonly pools: readonly (Pick<ModelPool, 'role' | 'operator' | 'owner' | 'tokens' | 'shares'> & {
    readonly shareOf: ReadonlyMap<Address, bigint>;
  })[];
}

export interface ModelProposal {
  readonly snapshot: bigint;
  readonly deadline: bigint;
  /** Set once, when the quorum is reached. */
  extended: bigint;
  weights?: ModelWeights;
  /** Against, for, abstain. */
  readonly tally: [bigint, bigint, bigint];
  readonly voted: Map<Address, number>;
  /** By those who overrode, before the delegate or the pool's owner voted. */
  readonly taken: { readonly wallet: Map<Address, bigint>; readonly stake: Map<Address, bigint> };
  readonly overrides: Set<string>;
}

export class Model {
  readonly balances = new Map<Address, bigint>();
  supply = 0n;
  readonly parameters = new Map<string, ModelParameter>();
  pausedUntil = 0n;
  nextPauseAt = 0n;
  frozenUntil = 0n;

  readonly free = new Map<Address, bigint>();
  readonly orders = new Map<Hex, ModelOrder>();
  pool = 0n;
  /** All that orders and funders ever put into the pool, and all that was ever paid out of it. */
  pooled = 0n;
  paid = 0n;

  readonly pools = new Map<string, ModelPool>();

  readonly delegates = new Map<Address, Address>();
  readonly proposals = new Map<bigint, ModelProposal>();

  nextEpoch = 1n;
  lastPosted = 0n;
  lastRoot: Hex = `0x${'00'.repeat(32)}`;
  readonly epochs = new Map<bigint, ModelEpoch>();
  readonly settleBy: { readonly at: bigint; until: bigint }[] = [];
  /** The emission: what epochs were allowed, what was minted of it, and the schedule's clock. */
  readonly emission = { cap: 0n, scheduled: 0n, minted: 0n, until: 0n, untilBefore: 0n, last: 0n };
  readonly claimed = new Map<Hex, bigint>();
  readonly penalised = new Map<Hex, { sum: bigint; epoch: bigint }>();
  readonly usedEvidence = new Set<string>();

  /** Who made a signature, over which digest. */
  readonly signatures = new Map<Hex, { readonly signer: Address; readonly digest: Hex }>();

  constructor(
    readonly at: {
      readonly market: Address;
      readonly stake: Address;
      readonly settlement: Address;
      readonly treasury: Address;
      readonly timelock: Address;
      readonly guardian: Address;
    },
    readonly cap: bigint,
  ) {}

  parameter(name: string): bigint {
    const parameter = this.parameters.get(name);
    if (!parameter) throw new Error(`no parameter ${name}`);
    return parameter.value;
  }

  parameterAt(name: string, time: bigint): bigint {
    const past = this.parameters.get(name)?.past.find(({ until }) => time < until);
    return past?.value ?? this.parameter(name);
  }

  balance(account: Address): bigint {
    return this.balances.get(account) ?? 0n;
  }

  transfer(from: Address, to: Address, amount: bigint): void {
    need(this.balance(from) >= amount, 'token balance');
    this.balances.set(from, this.balance(from) - amount);
    this.balances.set(to, this.balance(to) + amount);
  }

  recover(digest: Hex, signature: Hex): Address | undefined {
    const known = this.signatures.get(signature);
    return known?.digest === digest ? known.signer : undefined;
  }

  poolOf(role: number, operator: Address): ModelPool | undefined {
    return this.pools.get(`${role}:${operator}`);
  }

  totalActive(role: number): bigint {
    let total = 0n;
    for (const pool of this.pools.values()) if (pool.role === role) total += pool.active;
    return total;
  }
}

/** One transaction. */
export interface Call {
  readonly now: bigint;
  readonly sender: Address;
}

// biome-ignore lint/suspicious/noExplicitAny: arguments are those of the contract's function.
export type Handler = (model: Model, call: Call, ...args: any[]) => void;
export const isPaused = (model: Model, now: bigint) => now < model.pausedUntil;
