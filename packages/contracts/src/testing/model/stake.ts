import type { Address } from 'viem';
import { VALIDATOR } from '../../encoding.js';
import { BPS, type Handler, isPaused, type Model, type ModelPool, need, RAY } from './state.js';

/** Nobody's shares, beside the pool's own. */
const VIRTUAL_SHARES = 10n ** 6n;

/** All shares of a pool are worth at most its tokens, exactly or rounded down. */
export const worthOf = (shares: bigint, pool: { readonly tokens: bigint; readonly shares: bigint }): bigint =>
  (shares * (pool.tokens + 1n)) / (pool.shares + VIRTUAL_SHARES);

function known(m: Model, role: number, operator: Address): ModelPool {
  const pool = m.poolOf(role, operator);
  need(pool !== undefined, 'unknown pool');
  return pool;
}

export function recount(m: Model, pool: ModelPool): void {
  const min = m.parameter(pool.role === VALIDATOR ? 'validatorStakeMin' : 'proverStakeMin');
  pool.active = pool.closed || pool.suspended || pool.tokens < min ? 0n : pool.tokens;
}

export function commissionOf(pool: ModelPool, now: bigint): bigint {
  return pool.next && now >= pool.next.at ? pool.next.commission : pool.commission;
}

export const thawValue = (pool: ModelPool, thaw: { scaled: bigint; generation: number }) =>
  thaw.generation === pool.thawGeneration ? (thaw.scaled * pool.factor) / RAY : 0n;

/** Takes up to `amount`; a share of it to the beneficiary, the rest to the treasury. */
export function slash(
  m: Model,
  role: number,
  operator: Address,
  amount: bigint,
  bounty?: { readonly to: Address; readonly bps: bigint },
): bigint {
  const pool = m.poolOf(role, operator);
  const available = pool ? pool.tokens + pool.thawing : 0n;
  const slashed = amount < available ? amount : available;
  if (!pool || slashed === 0n) return 0n;
  const fromActive = (slashed * pool.tokens) / available;
  const fromThawing = slashed - fromActive;
  pool.tokens -= fromActive;
  if (pool.tokens === 0n) {
    pool.shares = 0n;
    pool.shareOf = new Map();
    pool.generation++;
  }
  if (fromThawing > 0n) {
    pool.factor = (pool.factor * (pool.thawing - fromThawing)) / pool.thawing;
    pool.thawing -= fromThawing;
    if (pool.factor === 0n) {
      pool.factor = RAY;
      pool.thawGeneration++;
    }
  }
  const toHunter = bounty ? (slashed * bounty.bps) / BPS : 0n;
  if (bounty) m.transfer(m.at.stake, bounty.to, toHunter);
  m.transfer(m.at.stake, m.at.treasury, slashed - toHunter);
  recount(m, pool);
  return slashed;
}

export function reward(m: Model, now: bigint, from: Address, pool: ModelPool, amount: bigint): void {
  const commission = pool.shares === 0n ? amount : (amount * commissionOf(pool, now)) / BPS;
  m.transfer(from, m.at.stake, amount);
  m.transfer(m.at.stake, pool.owner, commission);
  pool.tokens += amount - commission;
  if (amount !== commission) recount(m, pool);
}

export const stakeHandlers: Record<string, Handler> = {
  register(m, { now, sender }, role: number, operator: Address, commission: bigint) {
    need(!isPaused(m, now), 'paused');
    need(role === 1 || role === 2, 'role');
    need(!m.poolOf(role, operator), 'registered');
    // The fuzz test registers operators by themselves only.
    need(operator === sender, 'signature');
    need(commission <= m.parameter('commissionMaxBps'), 'commission');
    m.pools.set(`${role}:${operator}`, {
      role,
      operator,
      owner: sender,
      commission,
      closed: false,
      suspended: false,
      tokens: 0n,
      thawing: 0n,
      shares: 0n,
      factor: RAY,
      generation: 0,
      thawGeneration: 0,
      active: 0n,
      shareOf: new Map(),
      thaws: new Map(),
    });
  },
  stake(m, { now, sender }, role: number, operator: Address, amount: bigint) {
    need(!isPaused(m, now), 'paused');
    const pool = known(m, role, operator);
    need(!pool.closed, 'closed');
    need(amount >= m.parameter('delegationMin'), 'too small');
    const shares = (amount * (pool.shares + VIRTUAL_SHARES)) / (pool.tokens + 1n);
    need(shares > 0n, 'no shares');
    m.transfer(sender, m.at.stake, amount);
    pool.tokens += amount;
    pool.shares += shares;
    pool.shareOf.set(sender, (pool.shareOf.get(sender) ?? 0n) + shares);
    recount(m, pool);
  },
  undelegate(m, { now, sender }, role: number, operator: Address, shares: bigint) {
    const pool = known(m, role, operator);
    const has = pool.shareOf.get(sender) ?? 0n;
    need(shares > 0n && shares <= has, 'shares');
    const amount = worthOf(shares, pool);
    pool.shareOf.set(sender, has - shares);
    pool.tokens -= amount;
    pool.shares -= shares;
    pool.thawing += amount;
    const thaws = pool.thaws.get(sender) ?? [];
    pool.thaws.set(sender, thaws);
    thaws.push({
      scaled: (amount * RAY) / pool.factor,
      generation: pool.thawGeneration,
      availableAt: now + m.parameter('unbondingSeconds'),
    });
    recount(m, pool);
  },
  withdraw(m, { now, sender }, role: number, operator: Address, id: bigint) {
    const pool = known(m, role, operator);
    const thaws = pool.thaws.get(sender) ?? [];
    const thaw = thaws[Number(id)];
    need(thaw !== undefined, 'no thaw');
    need(now >= thaw.availableAt, 'thawing');
    const amount = thawValue(pool, thaw);
    thaws[Number(id)] = undefined;
    pool.thawing -= amount;
    m.transfer(m.at.stake, sender, amount);
  },
  reward(m, { now, sender }, role: number, operator: Address, amount: bigint) {
    reward(m, now, sender, known(m, role, operator), amount);
  },
  setCommission(m, { now, sender }, role: number, operator: Address, bps: bigint) {
    const pool = known(m, role, operator);
    need(pool.owner === sender, 'owner');
    need(bps <= m.parameter('commissionMaxBps'), 'commission');
    pool.commission = commissionOf(pool, now);
    pool.next = undefined;
    if (bps <= pool.commission) pool.commission = bps;
    else pool.next = { commission: bps, at: now + m.parameter('commissionDelaySeconds') };
  },
  transferPool(m, { sender }, role: number, operator: Address, next: Address) {
    const pool = known(m, role, operator);
    need(pool.owner === sender, 'owner');
    pool.owner = next;
  },
  setClosed(m, { sender }, role: number, operator: Address, closed: boolean) {
    const pool = known(m, role, operator);
    need(pool.owner === sender, 'owner');
    pool.closed = closed;
    recount(m, pool);
  },
  setSuspended(m, { sender }, role: number, operator: Address, suspended: boolean) {
    need(sender === m.at.timelock, 'timelock');
    const pool = known(m, role, operator);
    pool.suspended = suspended;
    recount(m, pool);
  },
  recount(m, _call, role: number, operator: Address) {
    recount(m, known(m, role, operator));
  },
  slash() {
    need(false, 'not the settlement');
  },
};
