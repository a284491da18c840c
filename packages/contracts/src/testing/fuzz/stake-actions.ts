/** What operators and delegators do. */
import type { Hex } from 'viem';
import { PROVER, VALIDATOR } from '../../encoding.js';
import { ALLOCATION, TOKEN } from '../network.js';
import { everyone, type Fuzz, provers, validators } from './fuzz.js';

export function poolKey(f: Fuzz): [number, Hex] {
  if (f.random.chance(0.05)) return [PROVER, f.random.pick(everyone).address];
  return f.random.chance(0.6)
    ? [VALIDATOR, f.random.pick(validators).address]
    : [PROVER, f.random.pick(provers).address];
}

export function stake(f: Fuzz) {
  const most = f.random.chance(0.1) ? 2n * ALLOCATION : 5_000n * TOKEN;
  return f.send(f.random.pick(everyone), 'stake', 'stake', ...poolKey(f), f.random.amount(most));
}

export function undelegate(f: Fuzz) {
  const [role, operator] = poolKey(f);
  const holders = [...(f.model.poolOf(role, operator)?.shareOf ?? [])].filter(([, shares]) => shares > 0n);
  const [account, shares] = holders.length ? f.random.pick(holders) : [f.random.pick(everyone).address, 5n];
  const amount = f.random.chance(0.1) ? shares + 1n : f.random.amount(f.random.chance(0.2) ? shares : shares / 4n);
  return f.send(account, 'stake', 'undelegate', role, operator, amount);
}

export function withdrawThaw(f: Fuzz) {
  const open: [Hex, number, Hex, bigint][] = [];
  for (const { role, operator, thaws } of f.model.pools.values()) {
    for (const [account, list] of thaws) for (const id of list.keys()) open.push([account, role, operator, BigInt(id)]);
  }
  if (open.length === 0) return Promise.resolve(false);
  const [account, ...args] = f.random.pick(open);
  return f.send(account, 'stake', 'withdraw', ...args);
}

export function rewardPool(f: Fuzz) {
  return f.send(f.random.pick(everyone), 'stake', 'reward', ...poolKey(f), f.random.amount(50n * TOKEN));
}

export function manage(f: Fuzz) {
  const [role, operator] = poolKey(f);
  const by = f.random.chance(0.8)
    ? f.actor(f.model.poolOf(role, operator)?.owner ?? operator)
    : f.random.pick(everyone);
  const kind = f.random.below(6);
  if (kind === 0) return f.send(by, 'stake', 'setCommission', role, operator, BigInt(f.random.below(6_000)));
  if (kind === 1) return f.send(by, 'stake', 'setClosed', role, operator, f.random.chance(0.3));
  if (kind === 2) return f.send(f.net.at.timelock, 'stake', 'setSuspended', role, operator, f.random.chance(0.3));
  if (kind === 3) return f.send(by, 'stake', 'register', role, operator, BigInt(f.random.below(6_000)), '0x');
  if (kind === 4) return f.send(by, 'stake', 'transferPool', role, operator, f.random.pick(everyone).address);
  return f.send(by, 'stake', 'recount', role, operator);
}
