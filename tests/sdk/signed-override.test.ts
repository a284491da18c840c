/** Votes that their voter signs and somebody else sends, on a real chain: of what is staked, and of a wallet's tokens. */
import { ChainAccess, overridePool, sendOverride, signOverride } from '@dsperse/sdk';
import { stringToHex } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VALIDATOR } from '../../packages/contracts/src/encoding.js';
import {
  ACTORS,
  type Actor,
  ALLOCATION,
  startNetwork,
  type TestNetwork,
  TOKEN,
} from '../../packages/contracts/src/testing/network.js';
import { idOf, proposal, vote } from '../../packages/contracts/src/testing/proposals.js';
import { joinAs } from '../../packages/contracts/src/testing/signing.js';

const [, owner, delegator, wallet, sender, holder] = ACTORS;
let net: TestNetwork;
let id: bigint;
const chainOf = (account: Actor) =>
  ChainAccess.connect({ rpcUrl: net.client.chain.rpcUrls.default.http[0], contracts: net.at, account, pollingMs: 20 });
const tally = () => net.read<bigint[]>('governor', 'proposalVotes', [id]);

beforeAll(async () => {
  net = await startNetwork({
    parameters: { votingPeriodSeconds: { value: 1_000n, min: 1n }, delegationMin: { value: 1n, min: 1n } },
  });
  await joinAs(net, owner, VALIDATOR, 600n * TOKEN);
  await net.send(delegator, 'token', 'approve', [net.at.stake, 2n ** 255n]);
  await net.send(delegator, 'stake', 'stake', [VALIDATOR, owner.address, 300n * TOKEN]);
  // The wallet's tokens are votes of the holder.
  for (const actor of [holder, wallet]) await net.send(actor, 'token', 'delegate', [holder.address]);
  await net.pass(2);
  const change = ['parameters', 'set', [stringToHex('feeBps', { size: 32 }), 1_100n]] as const;
  const p = proposal(net, [change], 'a fee');
  await net.send(holder, 'governor', 'propose', p.propose);
  id = await idOf(net, p);
  await net.pass(2);
  await vote(net, p, owner);
  await vote(net, p, holder);
});
afterAll(() => net?.stop());

it('count as if their voter had sent them, once', async () => {
  const everything = [0n, 900n * TOKEN + 2n * ALLOCATION, 0n];
  expect(await tally()).toEqual(everything);
  // As the command has it, with a name.
  const pool = { role: 'validator', operator: owner.address, name: 'validator-1' } as const;
  const staked = await signOverride(await chainOf(delegator), id, { vote: 'against', pool, reason: 'mine' });
  const own = await signOverride(await chainOf(wallet), id, { vote: 'abstain' });
  const anybody = await chainOf(sender);
  for (const change of [{ vote: 'for' }, { voter: owner.address.toLowerCase() }, { reason: 'other' }]) {
    await expect(sendOverride(anybody, { ...staked, ...change })).rejects.toMatchObject({ code: 'refused' });
  }
  for (const change of [{ chainId: 5 }, { governor: sender.address.toLowerCase() }, { format: 'x' }, { more: 1 }]) {
    await expect(sendOverride(anybody, { ...staked, ...change })).rejects.toMatchObject({ code: 'bad-ballot' });
  }
  await sendOverride(anybody, JSON.parse(JSON.stringify(staked)));
  expect(await tally()).toEqual([300n * TOKEN, 600n * TOKEN + 2n * ALLOCATION, 0n]);
  await sendOverride(anybody, own);
  expect(await tally()).toEqual([300n * TOKEN, 600n * TOKEN + ALLOCATION, ALLOCATION]);
  await expect(sendOverride(anybody, staked)).rejects.toMatchObject({ code: 'used-ballot' });
  await expect(overridePool(await chainOf(delegator), id, 'for', pool)).rejects.toMatchObject({ code: 'refused' });
});
