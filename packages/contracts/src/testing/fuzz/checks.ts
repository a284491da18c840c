/** What must hold after any sequence of calls: read from the chain, compared with the model and with itself. */
import { getAddress, type Hex, stringToHex, zeroAddress } from 'viem';
import { expect } from 'vitest';
import { accountKey, operatorKey, PROVER, VALIDATOR } from '../../encoding.js';
import { deadlineOf, poolVotes, stakeVotes, walletVotes } from '../model/governor.js';
import { thawValue } from '../model/stake.js';
import type { ModelPool } from '../model/state.js';
import { type Contract, TOKEN } from '../network.js';
import { CAP, everyone, type Fuzz, GOVERNED, guardian, validators } from './fuzz.js';

const sumOf = (amounts: readonly bigint[]) => amounts.reduce((sum, amount) => sum + amount, 0n);
const accounts: readonly Hex[] = everyone.map(({ address }) => address);

export async function check(f: Fuzz): Promise<void> {
  await Promise.all([checkTokens(f), checkEscrow(f), checkStake(f), checkVotes(f), checkSettlement(f)]);
}

async function checkTokens({ net, model }: Fuzz): Promise<void> {
  const holders = [...accounts, net.at.market, net.at.stake, net.at.treasury, net.at.settlement];
  const balances = await Promise.all(holders.map((holder) => net.read<bigint>('token', 'balanceOf', [holder])));
  expect(balances).toEqual(holders.map((holder) => model.balance(holder)));
  expect(balances.at(-1)).toBe(0n);
  const supply = await net.read<bigint>('token', 'totalSupply');
  expect(supply).toBe(model.supply);
  expect(supply <= CAP).toBe(true);
  const { cap, scheduled, minted, until } = model.emission;
  const names = ['scheduled', 'minted', 'scheduledUntil'];
  const chain = await Promise.all(names.map((name) => net.read<bigint>('emission', name)));
  expect(chain).toEqual([scheduled, minted, until]);
  expect(minted <= scheduled && scheduled <= cap).toBe(true);
}

/** Free + reserved + pool is all that the market holds; an order is settled at most once, within its reserve. */
async function checkEscrow({ net, model }: Fuzz): Promise<void> {
  const sums = ['totalFree', 'totalReserved', 'pool'].map((name) => net.read<bigint>('market', name));
  const [free, reserved, pool] = await Promise.all(sums);
  expect(free + reserved + pool).toBe(await net.read('token', 'balanceOf', [net.at.market]));
  expect(pool).toBe(model.pool);
  expect(model.pooled).toBe(model.paid + pool);
  const balances = await Promise.all(accounts.map((account) => net.read<bigint>('market', 'balanceOf', [account])));
  expect(balances).toEqual(accounts.map((account) => model.free.get(account) ?? 0n));
  expect(sumOf(balances)).toBe(free);
  const open = [...model.orders.values()].filter(({ state }) => state === 'reserved');
  expect(reserved).toBe(sumOf(open.map(({ budget }) => budget)));
  const recent = [...model.orders].slice(-30);
  const entries = await Promise.all(recent.map(([id]) => net.read<object>('market', 'orderOf', [id])));
  for (const [i, [, order]] of recent.entries()) {
    const state = ['', 'reserved', 'settled', 'exited'].indexOf(order.state);
    const [exitAt, reservedAt] = [order.exitAt, order.reservedAt].map(Number);
    expect(entries[i]).toMatchObject({ state, budget: order.budget, exitAt, reservedAt });
    expect(order.spent.length <= 1 && order.spent.every((spent) => spent <= order.budget)).toBe(true);
  }
}

/** What holders and those who leave are owed is there; slashing reaches all of it and nothing else. */
async function checkPool({ net }: Fuzz, pool: ModelPool): Promise<bigint> {
  const key = [pool.role, pool.operator];
  const info = await net.read<Record<string, bigint>>('stake', 'poolOf', key);
  const { tokens, thawing, active, shares } = pool;
  expect(info).toMatchObject({ tokens, thawing, active, shares });
  const staked = await Promise.all(accounts.map((a) => net.read<bigint>('stake', 'stakeOf', [...key, a])));
  const thaws = await Promise.all(accounts.map((a) => net.read<{ amount: bigint }[]>('stake', 'thawsOf', [...key, a])));
  const amounts = thaws.map((list) => list.map(({ amount }) => amount));
  const expected = accounts.map((a) => (pool.thaws.get(a) ?? []).flatMap((t) => (t ? [thawValue(pool, t)] : [])));
  expect(amounts).toEqual(expected);
  expect(sumOf(staked) <= tokens && sumOf(amounts.flat()) <= thawing).toBe(true);
  expect(await net.read('stake', 'slashable', key)).toBe(tokens + thawing);
  return tokens + thawing;
}

async function checkStake(f: Fuzz): Promise<void> {
  const { net, model } = f;
  const total = sumOf(await Promise.all([...model.pools.values()].map((pool) => checkPool(f, pool))));
  expect(await net.read('stake', 'totalTokens')).toBe(total);
  expect(await net.read('token', 'balanceOf', [net.at.stake])).toBe(total);
  for (const role of [PROVER, VALIDATOR]) {
    expect(await net.read('stake', 'totalActiveStake', [role])).toBe(model.totalActive(role));
  }
}

/** No token votes twice: all that can vote at a snapshot, and all that was counted, is no more than the supply then. */
async function checkVotes({ net, model }: Fuzz): Promise<void> {
  const decided = [...model.proposals].flatMap(([id, p]) => (p.weights ? [{ id, p, weights: p.weights }] : []));
  for (const { id, p, weights } of decided.slice(-4)) {
    const at = p.snapshot;
    const each = (contract: Contract, name: string) =>
      Promise.all(accounts.map((account) => net.read<bigint>(contract, name, [account, at])));
    const [supply, wallets, pools, governor, tally, deadline] = await Promise.all([
      net.read<bigint>('token', 'getPastTotalSupply', [at]),
      each('token', 'getPastVotes'),
      each('stake', 'getPastVotes'),
      each('governor', 'getVotes'),
      net.read<bigint[]>('governor', 'proposalVotes', [id]),
      net.read<bigint>('governor', 'proposalDeadline', [id]),
    ]);
    expect(supply).toBe(weights.supply);
    expect(wallets).toEqual(accounts.map((account) => walletVotes(weights, account)));
    expect(pools).toEqual(accounts.map((account) => poolVotes(weights, account)));
    expect(governor).toEqual(wallets.map((votes, i) => votes + pools[i]));
    expect(sumOf(governor) <= supply).toBe(true);
    expect(tally).toEqual(p.tally);
    expect(sumOf(tally) <= supply).toBe(true);
    expect(deadline).toBe(deadlineOf(p));
    for (const { role, operator, owner, tokens } of weights.pools) {
      const read = (account: Hex) => net.read<bigint>('stake', 'getPastStakeOf', [role, operator, account, at]);
      const shares = await Promise.all(accounts.map(read));
      expect(shares).toEqual(accounts.map((account) => stakeVotes(weights, role, operator, account)));
      expect(sumOf(shares) <= tokens).toBe(true);
      expect(await net.read('stake', 'getPastOwner', [role, operator, at])).toBe(getAddress(owner));
    }
  }
}

/** Claims are what the pool paid, never more than what orders paid in; parameters stay within their bounds. */
async function checkSettlement({ net, model }: Fuzz): Promise<void> {
  expect(await net.read('settlement', 'nextEpoch')).toBe(model.nextEpoch);
  expect(await net.read('settlement', 'lastRoot')).toBe(model.lastRoot);
  const claimed = await Promise.all([
    ...[...accounts, zeroAddress].map((account) => net.read<bigint>('settlement', 'claimed', [account])),
    ...validators.map(({ address }) => net.read<bigint>('settlement', 'claimedByPool', [VALIDATOR, address])),
  ]);
  const keys = [
    ...[...accounts, zeroAddress].map(accountKey),
    ...validators.map(({ address }) => operatorKey(VALIDATOR, address)),
  ];
  expect(claimed).toEqual(keys.map((key) => model.claimed.get(key) ?? 0n));
  expect(sumOf(claimed)).toBe(model.paid);
  expect(model.paid <= model.pooled).toBe(true);
  for (const name of GOVERNED) {
    const parameter = model.parameters.get(name);
    const value = await net.read<bigint>('parameters', 'get', [stringToHex(name, { size: 32 })]);
    expect([name, value]).toEqual([name, parameter?.value]);
    expect(parameter && value >= parameter.min && value <= parameter.max).toBe(true);
  }
}

/** Whatever happened, and with the brake on: every reserve comes back, every balance and stake is paid out. */
export async function everybodyLeaves(f: Fuzz): Promise<void> {
  f.now += 5_000n;
  await f.send(guardian, 'guardian', 'pause');
  for (const [id, { state }] of f.model.orders) {
    if (state === 'reserved') expect(await f.send(everyone[0], 'market', 'forceExit', id)).toBe(true);
  }
  for (const account of accounts) {
    const has = f.model.free.get(account) ?? 0n;
    expect(await f.send(account, 'market', 'withdraw', has, account)).toBe(true);
  }
  for (const { role, operator, shareOf } of f.model.pools.values()) {
    // In any order, and in parts of any size.
    const holders = [...shareOf].filter(([, shares]) => shares > 0n);
    for (let left = holders.length; left > 0; left--) {
      const [[account, shares]] = holders.splice(f.random.below(left), 1);
      const first = f.random.chance(0.5) ? 1n + f.random.amount(shares - 1n) : shares;
      expect(await f.send(account, 'stake', 'undelegate', role, operator, first)).toBe(true);
      if (first === shares) continue;
      expect(await f.send(account, 'stake', 'undelegate', role, operator, shares - first)).toBe(true);
    }
  }
  f.now += 2_000n;
  for (const { role, operator, thaws } of f.model.pools.values()) {
    for (const [account, list] of thaws) {
      for (const [id, thaw] of list.entries()) {
        if (thaw) expect(await f.send(account, 'stake', 'withdraw', role, operator, BigInt(id))).toBe(true);
      }
    }
  }
  await check(f);
  // What is left in the pools is nobody's: rounding, and what was given to the shares that nobody has.
  expect((await f.net.read<bigint>('stake', 'totalTokens')) < TOKEN / 1_000n).toBe(true);
  expect(await f.net.read('token', 'balanceOf', [f.net.at.market])).toBe(f.model.pool);
}
