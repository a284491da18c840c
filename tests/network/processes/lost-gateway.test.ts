/** A gateway that is gone for good, and another with a database of its own: settling goes on there. */
import { freePort } from '@dsperse/network/chain';
import { GATEWAY, REQUESTER } from '@dsperse/network/local';
import { type Client, createClient } from '@dsperse/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChildNode } from '../../../packages/cli/src/local-network/child-node.js';
import { epochSettlementSchema } from '../../../packages/network/src/roles/peer/epoch-document.js';
import { readBooks } from './conservation.js';
import { startSecondGateway } from './second-gateway.js';
import { PATIENT, PRICE, settled, startTestNetwork, type TestNetwork, until } from './test-network.js';

/** An epoch is long enough to stop a gateway before it settles what it has just delivered. */
const TERMS = {
  parameters: {
    ...PATIENT.parameters,
    ...{
      epochSeconds: { value: 20n, min: 1n },
      exitSeconds: { value: 90n, min: 1n },
      cancelSeconds: { value: 120n, min: 1n },
    },
  },
};

let network: TestNetwork;
let second: ChildNode;
let other: Client;
let url: string;
beforeAll(async () => {
  url = `http://127.0.0.1:${await freePort()}`;
  network = await startTestNetwork({
    provers: 2,
    validators: 3,
    terms: TERMS,
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

/** How an order was settled, by the epochs that the other gateway has. */
async function settlementOf(order: string) {
  const { last } = await network.ledger.settlementHead();
  for (let epoch = last; epoch > 0; epoch--) {
    const answer = await fetch(`${url}/v1/epochs/${epoch}/leaves`);
    if (!answer.ok) continue;
    const { settlement } = epochSettlementSchema.parse(await answer.json());
    const found = settlement.orders.find(({ id }) => id === order);
    if (found) return found;
  }
  return undefined;
}

it('when one is gone, the other settles what comes, and what was left; everything adds up', async () => {
  const left = await network.order(5, { deadlineSeconds: 70 });
  expect((await left.result({ timeoutMs: 60_000 })).verdict).toBe('accepted');
  await network.node(GATEWAY).stop();
  expect((await network.ledger.order(left.id)).state).toBe('reserved');
  const handle = await orderAtOther(4);
  expect((await handle.result({ timeoutMs: 180_000 })).verdict).toBe('accepted');
  await until('its settlement', 180_000, async () => (await network.ledger.order(handle.id)).state === 'settled');
  // Nobody but its provers and the validators that judged it says what there was to pay.
  await until('the settlement of the order that was left', 240_000, async () => {
    return (await network.ledger.order(left.id)).state !== 'reserved';
  });
  expect((await network.ledger.order(left.id)).state).toBe('settled');
  const paid = await settlementOf(left.id);
  expect(paid).toMatchObject({ delivered: false });
  expect(paid?.paid.map(({ chunk }) => chunk)).toEqual([0, 1, 2, 3]);
  expect(paid?.spent).toBe(paid?.paid.reduce((sum, { price }) => sum + price, 0n));
  const books = await readBooks(Object.create(network, { gatewayUrl: { value: url } }));
  expect(books.held).toBe(books.supply);
  expect(books.reserved).toBe(0n);
}, 600_000);
