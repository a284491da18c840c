/** The requester's money in the market, and the ways out of it that need no gateway. */
import type { Order } from '@dsperse/network/messages';
import type { Address, Hex } from 'viem';
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
  /** From when `forceExit` is possible, in seconds; 0 where it is not reserved. */
  readonly exitableAt: number;
}

const STATES = ['none', 'reserved', 'settled', 'exited'] as const;

export async function reservedOrder(chain: ChainAccess, id: Hex): Promise<ReservedOrder> {
  const [entry, exitableAt] = await Promise.all([
    chain.read('market', 'orderOf', [id]),
    chain.read('market', 'exitableAt', [id]),
  ]);
  return {
    state: STATES[entry.state] ?? 'none',
    budget: entry.budget,
    cancelRequestedAt: Number(entry.cancelRequestedAt),
    exitableAt: Number(exitableAt),
  };
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
