/**
 * The price of a pool's shares: nobody can raise it so that rounding takes from who stakes next, and whoever has shares
 * may leave with what they are worth, whatever others did before.
 */
import type { Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VALIDATOR } from './encoding.js';
import { ACTORS, type Actor, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import { Random } from './testing/random.js';

const [, owner, delegator, other, giver] = ACTORS;
const UNBONDING = 20_000n;
const POOL = [VALIDATOR, owner.address] as const;
const SEEDS = (process.env.FUZZ_SEEDS ?? '1,2').split(',').map(Number);
const STEPS = 120;

let net: TestNetwork;
let snapshot: Hex;
const balance = (who: Actor) => net.read<bigint>('token', 'balanceOf', [who.address]);
const worth = (who: Actor) => net.read<bigint>('stake', 'stakeOf', [...POOL, who.address]);
const sharesOf = (who: Actor) => net.read<bigint>('stake', 'sharesOf', [...POOL, who.address]);
const stake = (who: Actor, amount: bigint) => net.send(who, 'stake', 'stake', [...POOL, amount]);
const undelegate = (who: Actor, shares: bigint) => net.send(who, 'stake', 'undelegate', [...POOL, shares]);
const reward = (who: Actor, amount: bigint) => net.send(who, 'stake', 'reward', [...POOL, amount]);
const poolOf = () => net.read<{ tokens: bigint; thawing: bigint; shares: bigint }>('stake', 'poolOf', POOL);
const slash = (amount: bigint) => {
  const nothing: Hex = `0x${'00'.repeat(32)}`;
  return net.send(net.at.settlement, 'stake', 'slash', [...POOL, amount, nothing, nothing, giver.address, 0n]);
};

/** Takes all shares out and waits. @returns what the account got */
async function leave(who: Actor): Promise<bigint> {
  await undelegate(who, await sharesOf(who));
  const thaws = await net.read<{ id: bigint }[]>('stake', 'thawsOf', [...POOL, who.address]);
  await net.pass(UNBONDING);
  const before = await balance(who);
  for (const { id } of thaws) await net.send(who, 'stake', 'withdraw', [...POOL, id]);
  return (await balance(who)) - before;
}

beforeAll(async () => {
  net = await startNetwork({ parameters: { unbondingSeconds: { value: UNBONDING, min: 1n } } });
  for (const actor of ACTORS.slice(1, 6)) await net.send(actor, 'token', 'approve', [net.at.stake, 2n ** 255n]);
  await net.send(owner, 'stake', 'register', [...POOL, 0n, '0x']);
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

describe('an owner who leaves one share and gives tokens to the pool', () => {
  const GIFT = 100_000n * TOKEN;
  beforeEach(async () => {
    await stake(owner, TOKEN);
    await undelegate(owner, (await sharesOf(owner)) - 1n);
    await reward(owner, GIFT);
  });

  it('takes from the next stake less than a millionth of the gift, and loses the gift', async () => {
    await stake(delegator, TOKEN);
    expect(await worth(delegator)).toBeGreaterThan(TOKEN - GIFT / 1_000_000n);
    expect(await worth(owner)).toBeLessThan(GIFT / 500_000n);
    expect(await leave(owner)).toBeLessThan(TOKEN + GIFT / 500_000n);
  });

  it('locks nobody in, whether the owner stays or leaves first', async () => {
    await stake(delegator, TOKEN);
    await stake(other, 1_000n * TOKEN);
    const expected = await worth(delegator);
    expect(await leave(delegator)).toBeGreaterThanOrEqual(expected);
    await undelegate(owner, 1n);
    await undelegate(other, (await sharesOf(other)) - 1n);
    await undelegate(other, 1n);
    expect((await poolOf()).shares).toBe(0n);
    await stake(delegator, TOKEN);
    expect(await leave(delegator)).toBeGreaterThan(TOKEN - GIFT / 1_000_000n);
  });
});

describe.each(SEEDS)('stakes, exits, gifts and slashes in any order, seed %i', (seed) => {
  it('move nobody else’s worth but by gift and slash, and leave every exit open', async () => {
    const random = new Random(seed);
    const holders = ACTORS.slice(1, 6);
    const worths = () => Promise.all(holders.map(worth));
    const share = (most: bigint) => (random.chance(0.3) ? most : 1n + random.amount(most - 1n));
    let exits = 0;
    for (let step = 0; step < STEPS; step++) {
      const at = random.below(holders.length);
      const who = holders[at];
      const [before, pool, shares] = await Promise.all([worths(), poolOf(), sharesOf(who)]);
      const others = (after: bigint[], holds: (now: bigint, was: bigint) => boolean) =>
        after.every((now, i) => i === at || holds(now, before[i]));
      const kind = random.below(10);
      // The price of one share, rounded up: no rounding is more.
      const price = (pool.tokens + 1n) / (pool.shares + 10n ** 6n) + 1n;
      if (kind < 4) {
        const amount = TOKEN + random.amount(1_000n * TOKEN);
        if ((await net.refusal(who, 'stake', 'stake', [...POOL, amount])) === 'StakeTooSmall') {
          // The price of a share is above the amount.
          expect(price).toBeGreaterThan(amount);
          continue;
        }
        await stake(who, amount);
        const after = await worths();
        expect(after[at] - before[at]).toBeGreaterThanOrEqual(amount - price - 1n);
        expect(others(after, (now, was) => now >= was && now - was <= price)).toBe(true);
      } else if (kind < 8) {
        if (shares === 0n) continue;
        const part = share(shares);
        await undelegate(who, part);
        exits++;
        const [after, { thawing }] = await Promise.all([worths(), poolOf()]);
        const got = thawing - pool.thawing;
        expect(got).toBe((part * (pool.tokens + 1n)) / (pool.shares + 10n ** 6n));
        expect(after[at] + got + 1n).toBeGreaterThanOrEqual(before[at]);
        expect(others(after, (now, was) => now >= was && now - was <= 1n)).toBe(true);
      } else if (kind === 8) {
        await reward(giver, random.amount(10_000n * TOKEN));
        expect((await worths()).every((now, i) => now >= before[i])).toBe(true);
      } else {
        // Up to nearly all; all of it begins a new generation, which stake-manager.test.ts looks at.
        const all = pool.tokens + pool.thawing;
        if (all < TOKEN) continue;
        const part = 1n + random.amount((all * 999n) / 1_000n);
        await slash(part);
        const left = (was: bigint) => (was * (all - part)) / all;
        expect((await worths()).every((now, i) => now <= left(before[i]) + 3n && now + 3n >= left(before[i]))).toBe(
          true,
        );
      }
    }
    expect(exits).toBeGreaterThan(20);
    for (const who of holders) {
      if ((await sharesOf(who)) === 0n) continue;
      const [expected, thaws] = await Promise.all([
        worth(who),
        net.read<{ amount: bigint }[]>('stake', 'thawsOf', [...POOL, who.address]),
      ]);
      const all = thaws.reduce((sum, { amount }) => sum + amount, expected);
      const got = await leave(who);
      expect(got >= all - BigInt(thaws.length + 1) && got <= all + 1n).toBe(true);
    }
  }, 300_000);
});
