import { getAddress, type Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ACTORS, ALLOCATION, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';

const [, holder, other] = ACTORS;
const CAP = 100_000_000n * TOKEN;
let net: TestNetwork;
let snapshot: Hex;
beforeAll(async () => {
  net = await startNetwork();
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

it('is minted by its minter alone, up to the cap', async () => {
  const supply = await net.read<bigint>('token', 'totalSupply');
  for (const actor of [ACTORS[0], holder, net.at.settlement, net.at.timelock]) {
    expect(await net.refusal(actor, 'token', 'mint', [holder.address, 1n])).toBe('NotMinter');
  }
  await net.send(net.at.emission, 'token', 'mint', [holder.address, CAP - supply]);
  expect(await net.read('token', 'totalSupply')).toBe(CAP);
  expect(await net.refusal(net.at.emission, 'token', 'mint', [holder.address, 1n])).toBe('ERC20ExceededCap');
});

it('is burned by its holder', async () => {
  await net.send(holder, 'token', 'burn', [5n]);
  expect(await net.read('token', 'balanceOf', [holder.address])).toBe(ALLOCATION - 5n);
  expect(await net.refusal(holder, 'token', 'burn', [ALLOCATION])).toBe('ERC20InsufficientBalance');
});

it('counts votes by seconds, at past times, with the delegation and balance of then', async () => {
  expect(await net.read('token', 'CLOCK_MODE')).toBe('mode=timestamp');
  await net.send(holder, 'token', 'delegate', [other.address]);
  const then = await net.now();
  await net.pass(10);
  await net.send(holder, 'token', 'transfer', [ACTORS[3].address, ALLOCATION / 2n]);
  await net.pass(10);
  expect(await net.read('token', 'getPastVotes', [other.address, then])).toBe(ALLOCATION);
  expect(await net.read('token', 'getVotes', [other.address])).toBe(ALLOCATION / 2n);
  expect(await net.read('token', 'getPastDelegate', [holder.address, then])).toBe(getAddress(other.address));
  expect(await net.read('token', 'getPastBalanceOf', [holder.address, then])).toBe(ALLOCATION);
  expect(await net.read('token', 'clock')).toBe(Number(await net.now()));
});
