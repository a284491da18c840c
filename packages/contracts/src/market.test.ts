import { getAddress, type Hex, zeroAddress } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACTORS, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import { depositAs, orderOf, permitAs, reserveAs, sign } from './testing/signing.js';

const [, requester, other, gateway] = ACTORS;
const guardian = ACTORS[11];
const RESERVED = 1;
const SETTLED = 2;
const EXITED = 3;
const REFUSALS = { exists: 1, price: 2, budget: 3, past: 4, far: 5, balance: 6, signature: 7, salt: 8 };

let net: TestNetwork;
let snapshot: Hex;
const free = (who = requester) => net.read<bigint>('market', 'balanceOf', [who.address]);
const stateOf = async (id: Hex) => (await net.read<{ state: number }>('market', 'orderOf', [id])).state;

async function expectSolvent() {
  const [held, ...parts] = await Promise.all([
    net.read<bigint>('token', 'balanceOf', [net.at.market]),
    ...['totalFree', 'totalReserved', 'pool'].map((name) => net.read<bigint>('market', name)),
  ]);
  expect(held).toBe(parts.reduce((sum, part) => sum + part, 0n));
}

beforeAll(async () => {
  net = await startNetwork({
    parameters: { exitSeconds: 10_000n, cancelSeconds: 4_000n, exitHoldMaxSeconds: 20_000n },
  });
  await depositAs(net, requester, 1_000n * TOKEN);
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

describe('balance', () => {
  it('is deposited, for oneself and for others, and withdrawn to any account', async () => {
    await net.send(requester, 'market', 'depositFor', [other.address, 5n]);
    expect(await free(other)).toBe(5n);
    const before = await net.read<bigint>('token', 'balanceOf', [gateway.address]);
    await net.send(requester, 'market', 'withdraw', [300n * TOKEN, gateway.address]);
    expect(await free()).toBe(700n * TOKEN);
    expect(await net.read('token', 'balanceOf', [gateway.address])).toBe(before + 300n * TOKEN);
    await expectSolvent();
  });

  it('is deposited by a permit, also one that somebody else has sent before', async () => {
    const deadline = (await net.now()) + 1_000n;
    const permit = async () => {
      const { v, r, s } = await permitAs(net, other, net.at.market, 7n, deadline);
      return [v, r, s];
    };
    await net.send(other, 'market', 'depositWithPermit', [7n, deadline, ...(await permit())]);
    const used = await permit();
    await net.send(gateway, 'token', 'permit', [other.address, net.at.market, 7n, deadline, ...used]);
    await net.send(other, 'market', 'depositWithPermit', [7n, deadline, ...used]);
    expect(await free(other)).toBe(14n);
    expect(await net.refusal(other, 'market', 'depositWithPermit', [7n, deadline, ...used])).toBe(
      'ERC20InsufficientAllowance',
    );
  });

  it('cannot be withdrawn beyond what is free', async () => {
    await reserveAs(net, requester, 600n * TOKEN);
    const args = [400n * TOKEN + 1n, requester.address];
    expect(await net.refusal(requester, 'market', 'withdraw', args)).toBe('BalanceTooSmall');
    expect(await net.refusal(other, 'market', 'withdraw', [1n, other.address])).toBe('BalanceTooSmall');
    await net.send(requester, 'market', 'withdraw', [400n * TOKEN, requester.address]);
    await expectSolvent();
  });
});

describe('reserve', () => {
  it('takes an order by its signature, from anyone, once', async () => {
    const order = orderOf(requester.address, 10n * TOKEN, (await net.now()) + 100n);
    const signature = await sign(net, requester, 'Order', order);
    const id = await net.read<Hex>('market', 'orderId', [order]);
    await net.send(gateway, 'market', 'reserve', [order, signature]);
    expect(await net.read('market', 'orderOf', [id])).toMatchObject({
      requester: getAddress(requester.address),
      state: RESERVED,
      budget: 10n * TOKEN,
      deadline: order.deadline,
      exitAt: Number(order.deadline) + 10_000,
      reservedAt: Number(await net.now()),
      cancelRequestedAt: 0n,
    });
    expect(await free()).toBe(990n * TOKEN);
    expect(await net.refusal(gateway, 'market', 'reserve', [order, signature])).toBe('Refused');
    await expectSolvent();
  });

  it('refuses, each for its reason, and reserves the rest of a batch', async () => {
    const now = await net.now();
    const good = orderOf(requester.address, 10n * TOKEN, now + 100n);
    const signed = async (order = good, by = requester, domain = {}) =>
      [order, await sign(net, by, 'Order', order, domain)] as const;
    const change = (fields: Partial<typeof good>) =>
      signed({ ...orderOf(requester.address, 10n, now + 100n), ...fields });
    const cases = [
      [await signed(), 0],
      [await signed(), REFUSALS.exists],
      [await change({ priceMin: 6n }), REFUSALS.price],
      [await change({ budget: 0n }), REFUSALS.budget],
      [await change({ deadline: now }), REFUSALS.past],
      [await change({ deadline: now + 8n * 86_400n }), REFUSALS.far],
      [await change({ budget: 990n * TOKEN + 1n }), REFUSALS.balance],
      [await signed(orderOf(requester.address, 1n, now + 100n), other), REFUSALS.signature],
      [await signed(orderOf(requester.address, 1n, now + 100n), requester, { chainId: 1 }), REFUSALS.signature],
      [
        await signed(orderOf(requester.address, 1n, now + 100n), requester, { verifyingContract: net.at.settlement }),
        REFUSALS.signature,
      ],
      [[orderOf(requester.address, 1n, now + 100n), '0x'], REFUSALS.signature],
      [[orderOf(zeroAddress, 1n, now + 100n), `0x${'00'.repeat(65)}`], REFUSALS.balance],
      [await signed({ ...good, gateway: other.address }), REFUSALS.salt],
      [await signed({ ...good, budget: 1n }), REFUSALS.salt],
      [await change({}), 0],
    ] as const;
    const args = [cases.map(([[order]]) => order), cases.map(([[, signature]]) => signature)];
    const { result } = await net.client.simulateContract({
      account: gateway,
      address: net.at.market,
      abi: (await import('./generated/market.js')).marketAbi,
      functionName: 'reserveMany',
      args: args as never,
    });
    expect(result[1]).toEqual(cases.map(([, refusal]) => refusal));
    await net.send(gateway, 'market', 'reserveMany', args);
    expect(await free()).toBe(1_000n * TOKEN - 10n * TOKEN - 10n);
    for (const [[order, signature], refusal] of cases.slice(2, -1)) {
      expect([refusal, await net.refusal(gateway, 'market', 'reserve', [order, signature])]).toEqual([
        refusal,
        'Refused',
      ]);
    }
    expect(await net.refusal(gateway, 'market', 'reserveMany', [[good], []])).toBe('LengthsDiffer');
    await expectSolvent();
  });

  it('takes the signature of a contract that is the requester', async () => {
    // isValidSignature(bytes32,bytes) that returns its selector where the signature is one byte 0x2a.
    const code: Hex = '0x60443560f81c5060643560f81c602a1460185760006000fd5b630b135d3f60e11b60005260206000f3';
    const contract = '0x00000000000000000000000000000000000c0de1';
    await net.test.setCode({ address: contract, bytecode: code });
    await net.send(requester, 'market', 'depositFor', [contract, 50n]);
    const order = orderOf(contract, 50n, (await net.now()) + 100n);
    expect(await net.refusal(gateway, 'market', 'reserve', [order, '0x2b'])).toBe('Refused');
    await net.send(gateway, 'market', 'reserve', [order, '0x2a']);
    expect(await net.read('market', 'balanceOf', [contract])).toBe(0n);
  });

  it('is open to the requester itself when gateways censor, and to nobody else', async () => {
    const order = orderOf(requester.address, 10n, (await net.now()) + 100n);
    expect(await net.refusal(gateway, 'market', 'place', [order])).toBe('NotRequester');
    await net.send(requester, 'market', 'place', [order]);
    expect(await net.refusal(requester, 'market', 'place', [order])).toBe('Refused');
    const id = await net.read<Hex>('market', 'orderId', [order]);
    expect(await stateOf(id)).toBe(RESERVED);
    const signature = await sign(net, requester, 'Order', order);
    expect(await net.refusal(gateway, 'market', 'reserve', [order, signature])).toBe('Refused');
    const [placed] = await net.client.getContractEvents({
      address: net.at.market,
      abi: (await import('./generated/market.js')).marketAbi,
      eventName: 'OrderPlaced',
      fromBlock: 0n,
    });
    expect(placed.args.order).toEqual({
      ...order,
      requester: getAddress(order.requester),
      gateway: getAddress(order.gateway),
    });
  });
});

describe('forceExit', () => {
  it('returns the reserve once deadline and exit time have passed, to the requester, by anyone, once', async () => {
    const id = await reserveAs(net, requester, 10n * TOKEN, 1_000n);
    expect(await net.refusal(other, 'market', 'forceExit', [id])).toBe('NotExitable');
    const exitAt = await net.read<bigint>('market', 'exitableAt', [id]);
    await net.test.setNextBlockTimestamp({ timestamp: exitAt - 1n });
    await net.test.mine({ blocks: 1 });
    expect(await net.refusal(other, 'market', 'forceExit', [id])).toBe('NotExitable');
    await net.pass(1);
    await net.send(other, 'market', 'forceExit', [id]);
    expect(await stateOf(id)).toBe(EXITED);
    expect(await free()).toBe(1_000n * TOKEN);
    expect(await net.refusal(other, 'market', 'forceExit', [id])).toBe('NotReserved');
    expect(await net.read('market', 'exitableAt', [id])).toBe(0n);
    await expectSolvent();
  });

  it('comes sooner after a request to cancel, which only the requester makes, once', async () => {
    const id = await reserveAs(net, requester, 10n * TOKEN, 5_000n);
    expect(await net.refusal(other, 'market', 'requestCancel', [id])).toBe('NotRequester');
    await net.send(requester, 'market', 'requestCancel', [id]);
    expect(await net.refusal(requester, 'market', 'requestCancel', [id])).toBe('CancelRequestedAlready');
    const entry = await net.read<{ exitAt: number; cancelRequestedAt: bigint }>('market', 'orderOf', [id]);
    expect(entry.exitAt).toBe(Number(entry.cancelRequestedAt) + 4_000);
    expect(await net.refusal(requester, 'market', 'forceExit', [id])).toBe('NotExitable');
    await net.pass(4_000);
    await net.send(requester, 'market', 'forceExit', [id]);
    expect(await net.refusal(requester, 'market', 'requestCancel', [id])).toBe('NotReserved');
  });

  it('is not put off by a late request to cancel', async () => {
    const id = await reserveAs(net, requester, 10n, 1_000n);
    const exitAt = await net.read<bigint>('market', 'exitableAt', [id]);
    await net.pass(10_000);
    await net.send(requester, 'market', 'requestCancel', [id]);
    expect(await net.read('market', 'exitableAt', [id])).toBe(exitAt);
  });

  it('can be asked for by the signed message', async () => {
    const id = await reserveAs(net, requester, 10n, 5_000n);
    const cancel = { order: id, issuedAt: await net.now() };
    const args = async (by: typeof requester, domain = {}) => [cancel, await sign(net, by, 'Cancel', cancel, domain)];
    const refused = async (a: unknown[]) => net.refusal(gateway, 'market', 'requestCancelSigned', a);
    expect(await refused(await args(other))).toBe('BadCancel');
    expect(await refused(await args(requester, { chainId: 1 }))).toBe('BadCancel');
    const unknown = { ...cancel, order: `0x${'ab'.repeat(32)}` };
    expect(await refused([unknown, await sign(net, requester, 'Cancel', unknown)])).toBe('BadCancel');
    await net.send(gateway, 'market', 'requestCancelSigned', await args(requester));
    expect(await refused(await args(requester))).toBe('CancelRequestedAlready');
  });
});

describe('settle and pay', () => {
  const settle = (id: Hex, spent: bigint) => net.send(net.at.settlement, 'market', 'settle', [id, spent]);

  it('are for the settlement alone', async () => {
    const id = await reserveAs(net, requester, 10n);
    for (const actor of [requester, ACTORS[0], net.at.timelock]) {
      expect(await net.refusal(actor, 'market', 'settle', [id, 1n])).toBe('NotSettlement');
      expect(await net.refusal(actor, 'market', 'pay', [requester.address, 1n])).toBe('NotSettlement');
    }
  });

  it('move what was spent to the pool and the rest back, once, and never more than the reserve', async () => {
    const id = await reserveAs(net, requester, 10n);
    await settle(id, 11n);
    expect(await stateOf(id)).toBe(RESERVED);
    await settle(id, 7n);
    await settle(id, 7n);
    expect(await stateOf(id)).toBe(SETTLED);
    expect(await net.read('market', 'pool')).toBe(7n);
    expect(await free()).toBe(1_000n * TOKEN - 7n);
    await net.pass(20_000);
    expect(await net.refusal(requester, 'market', 'forceExit', [id])).toBe('NotReserved');
    await expectSolvent();
  });

  it('do nothing to an order that has exited or was never reserved', async () => {
    const id = await reserveAs(net, requester, 10n);
    await net.pass(20_000);
    await net.send(other, 'market', 'forceExit', [id]);
    await settle(id, 7n);
    await settle(`0x${'cd'.repeat(32)}`, 0n);
    expect(await net.read('market', 'pool')).toBe(0n);
    expect(await stateOf(id)).toBe(EXITED);
  });

  it('pay no more than the pool holds, and burn what goes to address zero', async () => {
    const id = await reserveAs(net, requester, 10n);
    await settle(id, 10n);
    const supply = await net.read<bigint>('token', 'totalSupply');
    await net.send(net.at.settlement, 'market', 'pay', [zeroAddress, 4n]);
    expect(await net.read('token', 'totalSupply')).toBe(supply - 4n);
    const before = await net.read<bigint>('token', 'balanceOf', [other.address]);
    await net.send(net.at.settlement, 'market', 'pay', [other.address, 100n]);
    expect(await net.read('token', 'balanceOf', [other.address])).toBe(before + 6n);
    expect(await net.read('market', 'pool')).toBe(0n);
    await net.send(requester, 'market', 'fundPool', [3n]);
    expect(await net.read('market', 'pool')).toBe(3n);
    await expectSolvent();
  });
});

describe('a pause', () => {
  it('stops what is new and nothing that returns money', async () => {
    const id = await reserveAs(net, requester, 10n, 100n);
    const cancelled = await reserveAs(net, requester, 10n, 100n);
    await net.pass(10_100);
    await net.send(guardian, 'guardian', 'pause');
    const order = orderOf(requester.address, 10n, (await net.now()) + 100n);
    const signature = await sign(net, requester, 'Order', order);
    expect(await net.refusal(gateway, 'market', 'reserve', [order, signature])).toBe('Paused');
    expect(await net.refusal(gateway, 'market', 'reserveMany', [[order], [signature]])).toBe('Paused');
    expect(await net.refusal(requester, 'market', 'place', [order])).toBe('Paused');
    expect(await net.refusal(requester, 'market', 'deposit', [1n])).toBe('Paused');
    await net.send(requester, 'market', 'requestCancel', [cancelled]);
    await net.send(other, 'market', 'forceExit', [id]);
    await net.send(other, 'market', 'forceExit', [cancelled]);
    await net.send(requester, 'market', 'withdraw', [1_000n * TOKEN, requester.address]);
    await net.pass(61);
    expect(await net.refusal(requester, 'market', 'deposit', [1n])).toBeUndefined();
  });
});
