import { type Address, type Hex, zeroAddress } from 'viem';
import type { OrderMessage } from '../signing.js';
import { type Call, type Handler, isPaused, type Model, need } from './state.js';

const free = (m: Model, account: Address) => m.free.get(account) ?? 0n;
const add = (m: Model, account: Address, amount: bigint) => m.free.set(account, free(m, account) + amount);

/** Digest of an order and of a request to cancel: the caller knows the chain and the market. */
export interface Digests {
  order(order: OrderMessage): Hex;
  cancel(message: object): Hex;
  epochRoot(message: object): Hex;
  verdict(message: object): Hex;
}

function enter(m: Model, { now }: Call, id: Hex, order: OrderMessage) {
  need(!m.orders.has(id), 'order exists');
  need(order.priceMin <= order.priceMax, 'price');
  need(order.budget > 0n, 'budget');
  need(order.deadline > now && order.deadline <= now + m.parameter('orderSecondsMax'), 'deadline');
  need(order.budget <= free(m, order.requester), 'balance');
  return () => {
    add(m, order.requester, -order.budget);
    m.orders.set(id, {
      requester: order.requester,
      state: 'reserved',
      exitAt: order.deadline + m.parameter('exitSeconds'),
      reservedAt: now,
      budget: order.budget,
      cancelled: false,
      spent: [],
    });
  };
}

function requestCancel(m: Model, now: bigint, id: Hex) {
  const order = m.orders.get(id);
  need(order?.state === 'reserved', 'not reserved');
  need(!order.cancelled, 'cancelled before');
  order.cancelled = true;
  const exitAt = now + m.parameter('cancelSeconds');
  if (exitAt < order.exitAt) order.exitAt = exitAt;
}

export function exitableAt(m: Model, exitAt: bigint): bigint {
  let hold = 0n;
  for (const { at, until } of m.settleBy) if (at <= exitAt) hold = until;
  const bound = exitAt + m.parameter('exitHoldMaxSeconds');
  const held = hold < bound ? hold : bound;
  return held > exitAt ? held : exitAt;
}

export function settleOrder(m: Model, id: Hex, spent: bigint): boolean {
  const order = m.orders.get(id);
  if (order?.state !== 'reserved' || spent > order.budget) return false;
  order.state = 'settled';
  order.spent.push(spent);
  m.pool += spent;
  m.pooled += spent;
  add(m, order.requester, order.budget - spent);
  return true;
}

export function payFromPool(m: Model, to: Address, amount: bigint): bigint {
  const paid = amount < m.pool ? amount : m.pool;
  m.pool -= paid;
  m.paid += paid;
  if (to === zeroAddress) {
    m.balances.set(m.at.market, m.balance(m.at.market) - paid);
    m.supply -= paid;
  } else m.transfer(m.at.market, to, paid);
  return paid;
}

export function marketHandlers(digests: Digests): Record<string, Handler> {
  return {
    depositFor(m, { now, sender }, account: Address, amount: bigint) {
      need(!isPaused(m, now), 'paused');
      m.transfer(sender, m.at.market, amount);
      add(m, account, amount);
    },
    withdraw(m, { sender }, amount: bigint, to: Address) {
      need(free(m, sender) >= amount, 'balance');
      add(m, sender, -amount);
      m.transfer(m.at.market, to, amount);
    },
    reserve(m, call, order: OrderMessage, signature: Hex) {
      need(!isPaused(m, call.now), 'paused');
      const id = digests.order(order);
      const commit = enter(m, call, id, order);
      need(m.recover(id, signature) === order.requester, 'signature');
      commit();
    },
    reserveMany(m, call, orders: OrderMessage[], signatures: Hex[]) {
      need(!isPaused(m, call.now), 'paused');
      need(orders.length === signatures.length, 'lengths');
      for (const [i, order] of orders.entries()) {
        try {
          this.reserve(m, call, order, signatures[i]);
        } catch {
          // This one is refused, the others go on.
        }
      }
    },
    place(m, call, order: OrderMessage) {
      need(!isPaused(m, call.now), 'paused');
      need(call.sender === order.requester, 'requester');
      enter(m, call, digests.order(order), order)();
    },
    requestCancel(m, { now, sender }, id: Hex) {
      need(m.orders.get(id)?.requester === sender, 'requester');
      requestCancel(m, now, id);
    },
    requestCancelSigned(m, { now }, cancel: { order: Hex }, signature: Hex) {
      const requester = m.orders.get(cancel.order)?.requester;
      need(requester !== undefined && m.recover(digests.cancel(cancel), signature) === requester, 'signature');
      requestCancel(m, now, cancel.order);
    },
    forceExit(m, { now }, id: Hex) {
      const order = m.orders.get(id);
      need(order?.state === 'reserved', 'not reserved');
      need(now >= exitableAt(m, order.exitAt), 'too soon');
      order.state = 'exited';
      add(m, order.requester, order.budget);
    },
    fundPool(m, { sender }, amount: bigint) {
      m.transfer(sender, m.at.market, amount);
      m.pool += amount;
      m.pooled += amount;
    },
    takeIn() {
      // Nothing ever comes in unnoticed.
    },
    settle() {
      need(false, 'not the settlement');
    },
    pay() {
      need(false, 'not the settlement');
    },
  };
}
