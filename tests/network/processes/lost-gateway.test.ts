/** A gateway that is gone for good, and another with a database of its own: settling goes on there. */
import { freePort } from '@dsperse/network/chain';
import { GATEWAY, REQUESTER } from '@dsperse/network/local';
import { type Client, createClient } from '@dsperse/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChildNode } from '../../../packages/cli/src/local-network/child-node.js';
import { readBooks } from './conservation.js';
import { startSecondGateway } from './second-gateway.js';
import { PATIENT, PRICE, settled, startTestNetwork, type TestNetwork, until } from './test-network.js';

let network: TestNetwork;
let second: ChildNode;
let other: Client;
let url: string;
beforeAll(async () => {
  url = `http://127.0.0.1:${await freePort()}`;
  network = await startTestNetwork({
    provers: 2,
    validators: 3,
    terms: PATIENT,
    settings: (name, gatewayUrl) => (name === GATEWAY ? {} : { gateways: [gatewayUrl, url] }),
  });
  second = await startSecondGateway(network, url);
  const account = network.keys.get(REQUESTER)?.account;
  if (!account) throw new Error('the network has no requester');
  other = await createClient({ gatewayUrl: url, account, network: network.network, chain: { rpcUrl: network.rpcUrl } });
  await other.publish(network.program);
}, 240_000);
afterAll(async () => {
  await second?.stop();
  await network?.remove();
});

const orderAtOther = (k: number) => {
  const { fingerprint, key, inputs } = network.program;
  const input = { integers: inputs(k) };
  return other.order({ program: { fingerprint, key }, input, price: PRICE, deadlineSeconds: 150 });
};

it('two gateways with a database each settle in turns', async () => {
  await settled(network, await network.order(1), 180_000);
  const theirs = await orderAtOther(2);
  await until('the settlement of an order of the other', 180_000, async () => {
    return (await network.ledger.order(theirs.id)).state === 'settled';
  });
  await settled(network, await network.order(3), 180_000);
}, 600_000);

it('when one is gone, the other settles what comes, and everything adds up', async () => {
  await network.node(GATEWAY).stop();
  const handle = await orderAtOther(4);
  expect((await handle.result({ timeoutMs: 180_000 })).verdict).toBe('accepted');
  await until('its settlement', 180_000, async () => (await network.ledger.order(handle.id)).state === 'settled');
  const books = await readBooks(Object.create(network, { gatewayUrl: { value: url } }));
  expect(books.held).toBe(books.supply);
  expect(books.reserved).toBe(0n);
}, 600_000);
