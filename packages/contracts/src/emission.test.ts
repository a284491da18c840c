import { emissionOf, lostFees, mintableOf } from '@dsperse/network/scoring';
import { stringToHex, zeroHash } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VALIDATOR } from './encoding.js';
import { PARAMETERS } from './parameters.js';
import { ACTORS, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import { Random } from './testing/random.js';
import {
  creditLeaf,
  depositAs,
  epochRootOf,
  joinAs,
  orderLeaf,
  postEpoch,
  reserveAs,
  signEpoch,
  type Tree,
  treeOf,
} from './testing/signing.js';

const [, requester, prover, a, b, c, anyone] = ACTORS;
const validators = [a, b, c];
const WINDOW = 1_000n;
const value = (name: string) => Number(PARAMETERS.find((p) => p.name === name)?.default);
const parameters = {
  feeBps: value('feeBps'),
  feeValidatorBps: value('feeValidatorBps'),
  emission: {
    cap: 0n,
    yearBps: value('emissionYearBps'),
    proverBps: value('emissionProverBps'),
    validatorBps: value('emissionValidatorBps'),
    feeMultipleBps: value('emissionFeeMultipleBps'),
  },
};

let net: TestNetwork;
let snapshot: `0x${string}`;
const mint = { scheduled: 0n, minted: 0n, supply: 0n, pool: 0n };
async function read(): Promise<typeof mint> {
  const [scheduled, minted, supply, pool] = await Promise.all([
    net.read<bigint>('emission', 'scheduled'),
    net.read<bigint>('emission', 'minted'),
    net.read<bigint>('token', 'totalSupply'),
    net.read<bigint>('market', 'pool'),
  ]);
  return { scheduled, minted, supply, pool };
}

beforeAll(async () => {
  net = await startNetwork({ parameters: { challengeSeconds: { value: WINDOW, min: 1n } } });
  parameters.emission.cap = await net.read<bigint>('emission', 'cap');
  for (const validator of validators) await joinAs(net, validator, VALIDATOR, 20_000n * TOKEN);
  await depositAs(net, requester, 100_000n * TOKEN);
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

/** What the schedule gives to an epoch that is closed now. */
async function most(spent: bigint, closedAt: bigint): Promise<bigint> {
  const [scheduled, until] = await Promise.all([
    net.read<bigint>('emission', 'scheduled'),
    net.read<bigint>('emission', 'scheduledUntil'),
  ]);
  return mintableOf(emissionOf(scheduled, Number(closedAt - until), parameters.emission), spent, parameters);
}
const settle = (at: { epoch: bigint; tree: Tree }, leaves: readonly ReturnType<typeof orderLeaf>[]) => [
  at.epoch,
  leaves.map(({ a: order, b: spent }) => ({ order, spent, delivered: true })),
  leaves.map((leaf) => at.tree.proof(leaf)),
];
/** A posted epoch over orders that pay these amounts, minting all that it may. */
async function postPaying(amounts: readonly bigint[], minted?: bigint) {
  const orders = [];
  for (const amount of amounts) orders.push(orderLeaf(await reserveAs(net, requester, amount), amount));
  const spent = amounts.reduce((sum, amount) => sum + amount, 0n);
  const amount = minted ?? (await most(spent, await net.now()));
  const leaves = [...orders, creditLeaf(prover.address, spent + amount)];
  return { ...(await postEpoch(net, validators, leaves, spent, amount)), orders, spent, minted: amount };
}

describe('the formula', () => {
  it('is the same in the contract and in the nodes', async () => {
    const random = new Random(7);
    const { cap } = parameters.emission;
    for (let i = 0; i < 200; i++) {
      const before = i % 20 === 0 ? cap : random.amount(cap);
      const elapsed = random.below(i % 2 ? 100_000 : 10 ** 9);
      const at = await net.now();
      const emission = emissionOf(before, elapsed, parameters.emission);
      expect(await net.read('emission', 'emissionOf', [before, BigInt(elapsed), at])).toBe(emission);
      const spent = random.amount(i % 3 ? 10n ** 30n : 10_000n);
      expect(await net.read('emission', 'mostOf', [emission, spent, at])).toBe(mintableOf(emission, spent, parameters));
    }
  });

  it('gives the provers less than what is lost in fees, whatever the emission', () => {
    const spent = 1_000_003n;
    const { proverBps, ...rest } = parameters.emission;
    const without = mintableOf(10n ** 30n, 0n, { ...parameters, emission: { ...rest, proverBps } });
    const provers = mintableOf(10n ** 30n, spent, parameters) - without;
    expect(provers > 0n && provers < lostFees(spent, parameters)).toBe(true);
  });
});

describe('an epoch', () => {
  it('mints into the pool what it may, when it is final and its orders have paid', async () => {
    await net.pass(10_000);
    const before = await read();
    const at = await postPaying([3n * TOKEN, TOKEN]);
    expect(at.minted).toBeGreaterThan(0n);
    expect(await read()).toEqual({ ...before, scheduled: at.minted });
    expect(await net.refusal(anyone, 'settlement', 'settleOrders', settle(at, at.orders))).toBe('NotFinal');
    await net.pass(WINDOW);
    await net.send(anyone, 'settlement', 'settleOrders', settle(at, at.orders.slice(0, 1)));
    const part = (at.minted * 3n) / 4n;
    expect((await read()).minted).toBe(part);
    await net.send(anyone, 'settlement', 'settleOrders', settle(at, at.orders));
    await net.send(anyone, 'settlement', 'settleOrders', settle(at, at.orders));
    expect(await read()).toEqual({
      scheduled: at.minted,
      minted: at.minted,
      supply: before.supply + at.minted,
      pool: before.pool + at.spent + at.minted,
    });
    const claim = [at.epoch, prover.address, at.spent + at.minted];
    const leaf = creditLeaf(prover.address, at.spent + at.minted);
    await net.send(anyone, 'settlement', 'claim', [...claim, at.tree.proof(leaf)]);
    expect((await read()).pool).toBe(before.pool);
  });

  it('mints no unit more than the schedule gives, and nothing for orders that paid nothing but to the others', async () => {
    await net.pass(10_000);
    const closedAt = await net.now();
    const refused = async (minted: bigint, spent: bigint) => {
      const tree = treeOf([creditLeaf(prover.address, minted)]);
      const message = { ...(await epochRootOf(net, tree, spent, minted)), closedAt };
      return net.refusal(anyone, 'settlement', 'post', [message, await signEpoch(net, validators, message)]);
    };
    const [free, paid] = [await most(0n, closedAt), await most(TOKEN, closedAt)];
    expect(paid - free).toBe((lostFees(TOKEN, parameters) * 8_000n) / 10_000n);
    expect(await refused(free + 1n, 0n)).toBe('AboveSchedule');
    expect(await refused(paid + 1n, TOKEN)).toBe('AboveSchedule');
    expect(await refused(paid, TOKEN)).toBeUndefined();
  });

  it('is given the time since the epoch before: many epochs mint no more than one', async () => {
    const posted = [];
    for (let i = 0; i < 3; i++) {
      await net.pass(1_000);
      posted.push(await postPaying([TOKEN]));
      await net.pass(WINDOW);
    }
    const again = await most(TOKEN, await net.now());
    const last = posted[2].message.closedAt;
    expect(await net.read('emission', 'scheduledUntil')).toBe(last);
    expect(again).toBeGreaterThan(0n);
    const early = { ...(await epochRootOf(net, posted[0].tree, 0n, 0n)), closedAt: last - 1n };
    expect(await net.refusal(anyone, 'settlement', 'post', [early, await signEpoch(net, validators, early)])).toBe(
      'ClosedEarlier',
    );
    const skew = await net.read<bigint>('parameters', 'get', [stringToHex('clockSkewSeconds', { size: 32 })]);
    const late = { ...early, closedAt: (await net.now()) + skew + 60n };
    expect(await net.refusal(anyone, 'settlement', 'post', [late, await signEpoch(net, validators, late)])).toBe(
      'ClosedInTheFuture',
    );
  });

  it('that is cancelled mints nothing, and leaves its time to the next', async () => {
    await net.pass(10_000);
    const until = await net.read<bigint>('emission', 'scheduledUntil');
    const at = await postPaying([TOKEN]);
    await net.send(net.at.timelock, 'settlement', 'cancel', [at.epoch, zeroHash]);
    expect(await read()).toMatchObject({ scheduled: 0n, minted: 0n });
    expect(await net.read('emission', 'scheduledUntil')).toBe(until);
    await net.pass(WINDOW);
    expect(await net.refusal(anyone, 'settlement', 'settleOrders', settle(at, at.orders))).toBe('NotFinal');
    const next = await postPaying([TOKEN]);
    expect(next.minted > at.minted).toBe(true);
  });

  it('whose root names more than its orders pay mints in proportion', async () => {
    await net.pass(10_000);
    const id = await reserveAs(net, requester, TOKEN);
    const order = orderLeaf(id, TOKEN);
    const claimed = 4n * TOKEN;
    const minted = await most(claimed, await net.now());
    const at = await postEpoch(net, validators, [order, creditLeaf(prover.address, 1n)], claimed, minted);
    await net.pass(WINDOW);
    await net.send(anyone, 'settlement', 'settleOrders', settle(at, [order]));
    expect((await read()).minted).toBe(minted / 4n);
  });
});

it('is asked by the settlement alone, and keeps to the schedule even with it', async () => {
  for (const by of [anyone, net.at.timelock]) {
    expect(await net.refusal(by, 'emission', 'schedule', [await net.now(), 1n, 0n])).toBe('NotSettlement');
    expect(await net.refusal(by, 'emission', 'unschedule')).toBe('NotSettlement');
    expect(await net.refusal(by, 'emission', 'mint', [1n])).toBe('NotSettlement');
  }
  // Whatever an upgrade of the settlement may do.
  const settlement = net.at.settlement;
  await net.pass(10_000);
  expect(await net.refusal(settlement, 'emission', 'mint', [1n])).toBe('NotScheduled');
  const closedAt = await net.now();
  const amount = await most(0n, closedAt);
  await net.send(settlement, 'emission', 'schedule', [closedAt, amount, 0n]);
  await net.send(settlement, 'emission', 'mint', [amount]);
  for (let i = 0; i < 2; i++) await net.send(settlement, 'emission', 'unschedule');
  await net.send(settlement, 'emission', 'schedule', [closedAt, amount, 0n]);
  expect(await net.refusal(settlement, 'emission', 'mint', [1n])).toBe('NotScheduled');
  expect((await read()).minted).toBe(amount);
});

it('takes in what was sent to the market by mistake, and nothing that is owed', async () => {
  const before = await read();
  await net.send(anyone, 'market', 'takeIn');
  expect((await read()).pool).toBe(before.pool);
  await net.send(anyone, 'token', 'transfer', [net.at.market, 5n]);
  await net.send(anyone, 'market', 'takeIn');
  expect((await read()).pool).toBe(before.pool + 5n);
});
