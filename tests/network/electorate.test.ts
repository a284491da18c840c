/** Whose verdicts on an order count, as nodes and clients read it from a real chain: nothing changes it afterwards. */
import { connectLedger } from '@dsperse/network/chain';
import { ChainAccess, electorateOf } from '@dsperse/sdk';
import { stringToHex } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VALIDATOR } from '../../packages/contracts/src/encoding.js';
import { ABIS, ACTORS, startNetwork, type TestNetwork, TOKEN } from '../../packages/contracts/src/testing/network.js';
import { depositAs, joinAs, orderOf, reserveAs, sign } from '../../packages/contracts/src/testing/signing.js';

const [, requester, one, two, late] = ACTORS;
let net: TestNetwork;
beforeAll(async () => {
  net = await startNetwork({ parameters: { validatorStakeMin: 1_000n * TOKEN } });
  await depositAs(net, requester, 100n * TOKEN);
});
afterAll(() => net.stop());

const lower = (address: string) => address.toLowerCase();
async function read(order: `0x${string}`) {
  const rpcUrl = net.client.chain.rpcUrls.default.http[0];
  const ledger = await connectLedger({ rpcUrl, contracts: net.at });
  const chain = await ChainAccess.connect({ rpcUrl, contracts: net.at });
  const nodes = await ledger.electorate(order);
  const client = await electorateOf(chain, order);
  const sorted = [...(client?.stakes ?? [])].map((s) => ({ ...s, operator: lower(s.operator) }));
  expect(sorted.sort((a, b) => (a.operator < b.operator ? -1 : 1))).toEqual(nodes);
  return new Map(nodes.map(({ operator, stake }) => [lower(operator), stake]));
}

it('is what was staked when the order was reserved, whoever stakes, leaves or comes afterwards', async () => {
  await joinAs(net, one, VALIDATOR, 20_000n * TOKEN);
  await joinAs(net, two, VALIDATOR, 10_000n * TOKEN);
  await net.pass(1);
  const id = await reserveAs(net, requester, TOKEN);
  const expected = new Map([
    [lower(one.address), 20_000n * TOKEN],
    [lower(two.address), 10_000n * TOKEN],
  ]);
  expect(await read(id)).toEqual(expected);
  await net.send(two, 'stake', 'stake', [VALIDATOR, two.address, 500_000n * TOKEN]);
  const shares = await net.read<bigint>('stake', 'sharesOf', [VALIDATOR, one.address, one.address]);
  await net.send(one, 'stake', 'undelegate', [VALIDATOR, one.address, shares]);
  await joinAs(net, late, VALIDATOR, 300_000n * TOKEN);
  expect(await read(id)).toEqual(expected);
  await net.pass(1);
  expect([...(await read(await reserveAs(net, requester, TOKEN))).keys()].sort()).toEqual(
    [two, late].map(({ address }) => lower(address)).sort(),
  );
});

it('does not know stake that comes in the block of the reserve', async () => {
  const order = orderOf(requester.address, TOKEN, (await net.now()) + 1_000n);
  const id = await net.read<`0x${string}`>('market', 'orderId', [order]);
  const before = await net.read<bigint>('stake', 'activeStake', [VALIDATOR, late.address]);
  const signature = await sign(net, requester, 'Order', order);
  await net.test.setAutomine(false);
  const common = { chain: net.client.chain, gas: 2_000_000n };
  await net.wallet.writeContract({
    ...{ ...common, account: late, address: net.at.stake, abi: ABIS.stake, functionName: 'stake' },
    args: [VALIDATOR, late.address, 1_000n * TOKEN],
  });
  await net.wallet.writeContract({
    ...{ ...common, account: requester, address: net.at.market, abi: ABIS.market, functionName: 'reserve' },
    args: [order, signature] as never,
  });
  await net.test.mine({ blocks: 1 });
  await net.test.setAutomine(true);
  expect(await net.read('stake', 'activeStake', [VALIDATOR, late.address])).toBe(before + 1_000n * TOKEN);
  expect((await read(id)).get(lower(late.address))).toBe(before);
});

it('has the seats of when the order was reserved, whatever is voted afterwards', async () => {
  const seats = stringToHex('committeeSeats', { size: 32 });
  const before = await net.read<bigint>('parameters', 'get', [seats]);
  const id = await reserveAs(net, requester, TOKEN);
  await net.send(net.at.timelock, 'parameters', 'set', [seats, before + 16n]);
  await net.pass(1);
  const rpcUrl = net.client.chain.rpcUrls.default.http[0];
  const ledger = await connectLedger({ rpcUrl, contracts: net.at });
  const chain = await ChainAccess.connect({ rpcUrl, contracts: net.at });
  const seatsOf = async (order: `0x${string}`) => [
    await ledger.committeeSeats(order),
    (await electorateOf(chain, order))?.committeeSeats,
  ];
  expect(await seatsOf(id)).toEqual([Number(before), Number(before)]);
  const later = Number(before) + 16;
  expect(await seatsOf(await reserveAs(net, requester, TOKEN))).toEqual([later, later]);
});

it('is nobody where the chain does not have the order', async () => {
  expect(await read(`0x${'99'.repeat(32)}`)).toEqual(new Map());
});
