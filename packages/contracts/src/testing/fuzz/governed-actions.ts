/** What votes, the guardian and trespassers do. */
import { numberToHex, stringToHex } from 'viem';
import { TOKEN } from '../network.js';
import { everyone, type Fuzz, GOVERNED, guardian } from './fuzz.js';
import { poolKey } from './stake-actions.js';

export async function wait(f: Fuzz) {
  f.now += BigInt(10 + f.random.below(200));
}

export function govern(f: Fuzz) {
  const name = f.random.pick(GOVERNED);
  const present = f.model.parameter(name);
  const value = (present * BigInt(400 + f.random.below(1_300))) / 1_000n;
  const by = f.random.chance(0.9) ? f.net.at.timelock : f.random.pick(everyone);
  return f.send(by, 'parameters', 'set', stringToHex(name, { size: 32 }), value);
}

/** A pause or its end, and what follows for the last epoch. */
export async function brake(f: Fuzz) {
  const by = f.random.chance(0.8) ? guardian : f.random.pick(everyone);
  const isOn = f.now < f.model.pausedUntil;
  const name = f.random.chance(0.8) === isOn ? 'unpause' : 'pause';
  const done = await f.send(by, 'guardian', name);
  if (!done || f.model.lastPosted === 0n) return;
  const then = name === 'pause' ? 'hold' : 'release';
  await f.send(f.random.pick(everyone), 'settlement', then, f.model.lastPosted);
}

export function tokens(f: Fuzz) {
  const [actor, to] = [f.random.pick(everyone), f.random.pick(everyone).address];
  const kind = f.random.below(4);
  if (kind === 0)
    return f.send(f.random.pick([f.net.at.timelock, f.net.at.settlement]), 'token', 'mint', to, f.random.amount(TOKEN));
  if (kind === 1) return f.send(actor, 'market', 'takeIn');
  if (kind === 2) return f.send(actor, 'token', 'burn', f.random.amount(TOKEN));
  return f.send(actor, 'market', 'fundPool', f.random.amount(10n * TOKEN));
}

/** What only contracts may do to each other. */
export function trespass(f: Fuzz) {
  const actor = f.random.pick([...everyone, guardian]);
  const kind = f.random.below(4);
  const order = f.orders.length ? f.random.pick(f.orders).id : numberToHex(1, { size: 32 });
  if (kind === 0) return f.send(actor, 'market', 'settle', order, 1n);
  if (kind === 1) return f.send(actor, 'market', 'pay', actor.address, 1n);
  if (kind === 2) return f.send(actor, 'token', 'mint', actor.address, 1n);
  const nothing = numberToHex(0, { size: 32 });
  return f.send(actor, 'stake', 'slash', ...poolKey(f), 1n, nothing, nothing, actor.address, 10_000n);
}

/** Any earlier transaction once more, word for word. */
export function replay(f: Fuzz) {
  const { sender, contract, name, args } = f.random.pick(f.history);
  return f.send(sender, contract, name, ...args);
}
