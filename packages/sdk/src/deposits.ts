/** The requester's money in the market, and the ways out of it that need no gateway. */
import type { Order } from '@dsperse/network/messages';
import { epochsSettledSince, LEFT_OUT_EPOCHS } from '@dsperse/network/scoring';
import { type Address, type Hex, stringToHex } from 'viem';
import type { ChainAccess } from './chain-access.js';

/** Token units. */
export interface Balances {
  /** In the market, free. */
  readonly free: bigint;
  /** On the account itself. */
  readonly wallet: bigint;
}

export async function balancesOf(chain: ChainAccess, account: Address): Promise<Balances> {
  const [free, wallet] = await Promise.all([
    chain.read('market', 'balanceOf', [account]),
    chain.read('token', 'balanceOf', [account]),
  ]);
  return { free, wallet };
}

/** One transaction: the token is moved by a signed permit. @throws InputError `refused` */
export async function deposit(chain: ChainAccess, amount: bigint): Promise<Hex> {
  const { deadline, v, r, s } = await chain.permit(chain.addressOf('market'), amount);
  return (await chain.send('market', 'depositWithPermit', [amount, deadline, v, r, s])).transactionHash;
}

export async function withdraw(chain: ChainAccess, amount: bigint, to: Address = chain.account.address): Promise<Hex> {
  return (await chain.send('market', 'withdraw', [amount, to])).transactionHash;
}

export interface ReservedOrder {
  readonly state: 'none' | 'reserved' | 'settled' | 'exited';
  readonly budget: bigint;
  readonly cancelRequestedAt: number;
  readonly deadline: number;
  /**
   * Other orders were settled in so many epochs since the deadline, and this one in none: nobody means to settle it. The way
   * out is `requestCancel`, and `forceExit` from `exitableAt` on.
   */
  readonly isLeftOut: boolean;
  /** From when `forceExit` is possible, in seconds; 0 where it is not reserved. */
  readonly exitableAt: number;
}

const STATES = ['none', 'reserved', 'settled', 'exited'] as const;

export async function reservedOrder(chain: ChainAccess, id: Hex): Promise<ReservedOrder> {
  const [entry, exitableAt] = await Promise.all([
    chain.read('market', 'orderOf', [id]),
    chain.read('market', 'exitableAt', [id]),
  ]);
  const state = STATES[entry.state] ?? 'none';
  const deadline = Number(entry.deadline);
  return {
    state,
    deadline,
    isLeftOut: state === 'reserved' && (await epochsSince(chain, deadline)) >= LEFT_OUT_EPOCHS,
    budget: entry.budget,
    cancelRequestedAt: Number(entry.cancelRequestedAt),
    exitableAt: Number(exitableAt),
  };
}

async function epochsSince(chain: ChainAccess, deadline: number): Promise<number> {
  const now = Number(await chain.now());
  if (now <= deadline) return 0;
  const [[, last], grace] = await Promise.all([
    chain.read('settlement', 'lastEpoch', []),
    chain.read('parameters', 'get', [stringToHex('settleGraceSeconds', { size: 32 })]),
  ]);
  return epochsSettledSince(deadline, {
    now,
    last: Number(last),
    graceSeconds: Number(grace),
    epoch: async (n) => {
      const { postedAt, finalAt, cancelled } = await chain.read('settlement', 'epochOf', [BigInt(n)]);
      return postedAt === 0n ? undefined : { postedAt: Number(postedAt), finalAt: Number(finalAt), cancelled };
    },
  });
}

/** On the chain: after `cancelSeconds` what was not settled can leave. */
export async function requestCancel(chain: ChainAccess, id: Hex): Promise<Hex> {
  return (await chain.send('market', 'requestCancel', [id])).transactionHash;
}

/** Returns the reserve of an order that nobody settled. @throws InputError `refused` before it may leave */
export async function forceExit(chain: ChainAccess, id: Hex): Promise<Hex> {
  return (await chain.send('market', 'forceExit', [id])).transactionHash;
}

/** The direct path, where gateways censor: reserves the order and publishes it on the chain. */
export async function placeDirect(chain: ChainAccess, order: Order): Promise<Hex> {
  const message = { ...order, deadline: BigInt(order.deadline) };
  return (await chain.send('market', 'place', [message])).transactionHash;
}
