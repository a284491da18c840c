import { exitableAt } from '../model/market.js';
import type { Actor } from '../network.js';
import { ALLOCATION, TOKEN } from '../network.js';
import { orderOf } from '../signing.js';
import { everyone, type Fuzz, requesters } from './fuzz.js';

export function deposit(f: Fuzz) {
  const [actor, account] = [f.random.pick(everyone), f.random.pick(everyone)];
  const most = f.random.chance(0.1) ? 2n * ALLOCATION : 1_000n * TOKEN;
  return f.send(actor, 'market', 'depositFor', account.address, f.random.amount(most));
}

export function takeOut(f: Fuzz) {
  const actor = f.random.pick(everyone);
  const has = f.model.free.get(actor.address) ?? 0n;
  const amount = f.random.chance(0.2) ? has + 1n : f.random.amount(has / 3n);
  return f.send(actor, 'market', 'withdraw', amount, f.random.pick(everyone).address);
}

export async function newOrder(f: Fuzz, requester: Actor) {
  const budget = f.random.chance(0.05) ? 20_000n * TOKEN : f.random.amount(500n * TOKEN);
  const deadline = f.now + BigInt(f.random.below(f.random.chance(0.1) ? 700 : 300));
  const message = { ...orderOf(requester.address, budget, deadline), priceMin: BigInt(f.random.below(6)) + 1n };
  const signer = f.random.chance(0.9) ? requester : f.random.pick(everyone);
  const signature = await f.signed(signer, 'Order', message);
  const order = { id: f.digest('Order', message), message, signature };
  f.orders.push(order);
  return order;
}

export async function order(f: Fuzz) {
  const requester = f.random.pick(requesters);
  const again = f.random.chance(0.1) && f.orders.length > 0;
  const { message, signature } = again ? f.random.pick(f.orders) : await newOrder(f, requester);
  if (f.random.chance(0.2)) return f.send(requester, 'market', 'place', message);
  return f.send(f.random.pick(everyone), 'market', 'reserve', message, signature);
}

export async function batch(f: Fuzz) {
  const orders = [];
  for (let i = 0; i <= f.random.below(4); i++) orders.push(await newOrder(f, f.random.pick(requesters)));
  if (f.random.chance(0.5)) orders.push(f.random.pick(f.orders));
  const args = [orders.map(({ message }) => message), orders.map(({ signature }) => signature)];
  return f.send(f.random.pick(everyone), 'market', 'reserveMany', ...args);
}

export async function cancelOrder(f: Fuzz) {
  if (f.orders.length === 0) return;
  const { id, message } = f.random.pick(f.orders.slice(-20));
  const by = f.random.chance(0.8) ? f.actor(message.requester) : f.random.pick(everyone);
  if (f.random.chance(0.5)) return f.send(by, 'market', 'requestCancel', id);
  const cancel = { order: id, issuedAt: f.now };
  const signature = await f.signed(by, 'Cancel', cancel);
  return f.send(f.random.pick(everyone), 'market', 'requestCancelSigned', cancel, signature);
}

export function exit(f: Fuzz) {
  const reserved = [...f.model.orders].filter(([, order]) => order.state === 'reserved');
  const ripe = reserved.filter(([, { exitAt }]) => exitableAt(f.model, exitAt) <= f.now);
  const from = f.random.chance(0.5) && ripe.length > 0 ? ripe : [...f.model.orders];
  if (from.length === 0) return Promise.resolve(false);
  return f.send(f.random.pick(everyone), 'market', 'forceExit', f.random.pick(from)[0]);
}
