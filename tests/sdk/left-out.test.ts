/** A requester whose order is in no epoch is told so by the chain alone, and takes its reserve back. */
import { LEFT_OUT_EPOCHS } from '@dsperse/network/scoring';
import { ChainAccess, forceExit, requestCancel, reservedOrder } from '@dsperse/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leftOutWords } from '../../packages/cli/src/network/describe-order.js';
import { VALIDATOR } from '../../packages/contracts/src/encoding.js';
import { ACTORS, startNetwork, type TestNetwork, TOKEN } from '../../packages/contracts/src/testing/network.js';
import {
  creditLeaf,
  depositAs,
  joinAs,
  orderLeaf,
  postEpoch,
  reserveAs,
} from '../../packages/contracts/src/testing/signing.js';

const [, requester, one, two, three] = ACTORS;
let net: TestNetwork;
let chain: ChainAccess;

beforeAll(async () => {
  net = await startNetwork({
    parameters: {
      challengeSeconds: { value: 100n, min: 1n },
      settleGraceSeconds: { value: 50n, min: 1n },
      exitSeconds: { value: 50_000n, min: 1n },
      cancelSeconds: { value: 200n, min: 1n },
      validatorStakeMin: 1_000n * TOKEN,
    },
  });
  for (const actor of [one, two, three]) await joinAs(net, actor, VALIDATOR, 10_000n * TOKEN);
  await depositAs(net, requester, 100n * TOKEN);
  const rpcUrl = net.client.chain.rpcUrls.default.http[0];
  chain = await ChainAccess.connect({ rpcUrl, contracts: net.at, account: requester, pollingMs: 20 });
});
afterAll(() => net?.stop());

it('after epochs that were settled without it, not before, and gets everything back', async () => {
  const early = await reserveAs(net, requester, TOKEN, 100n);
  const id = await reserveAs(net, requester, 10n * TOKEN, 300n);
  const epoch = async () => {
    const leaves = [creditLeaf(requester.address, 0n), orderLeaf(early, 0n)];
    await postEpoch(
      net,
      [one, two, three],
      leaves.slice(0, (await reservedOrder(chain, early)).state === 'reserved' ? 2 : 1),
    );
    await net.pass(100);
  };
  // Before the deadline nobody has to settle it.
  await epoch();
  expect(await reservedOrder(chain, id)).toMatchObject({ state: 'reserved', isLeftOut: false });
  await net.pass(300);
  for (let k = 0; k < LEFT_OUT_EPOCHS; k++) {
    expect((await reservedOrder(chain, id)).isLeftOut).toBe(false);
    await epoch();
  }
  // The last one has still its time for settling all of its orders.
  expect((await reservedOrder(chain, id)).isLeftOut).toBe(false);
  await net.pass(50);
  const told = await reservedOrder(chain, id);
  expect(told.isLeftOut).toBe(true);
  expect(leftOutWords(told, id)).toContain(`dsperse order exit ${id}`);
  await requestCancel(chain, id);
  await net.pass(200);
  await forceExit(chain, id);
  const after = await reservedOrder(chain, id);
  expect(after).toMatchObject({ state: 'exited', isLeftOut: false });
  expect(leftOutWords(after, id)).toBeUndefined();
  expect(await net.read('market', 'totalReserved')).toBe(TOKEN);
});
