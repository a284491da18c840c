/** Two gateways that know nothing of each other: the client goes to the cheaper one, and to the other one when that is gone. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort } from '@dsperse/network/chain';
import { GATEWAY, REQUESTER } from '@dsperse/network/local';
import type { Identity } from '@dsperse/network/node';
import { type Client, chooseGateway, compareGateways, createClient } from '@dsperse/sdk';
import { parseEther } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChildNode } from '../../../packages/cli/src/local-network/child-node.js';
import { startSecondGateway } from './second-gateway.js';
import { DSPERSE, PATIENT, PRICE, startTestNetwork, type TestNetwork, until } from './test-network.js';

const [CHEAP, DEAR] = ['0.002', '0.004'];
let network: TestNetwork;
let second: ChildNode;
let cheapUrl: string;

const optionsOf = () => ({
  account: network.keys.get(REQUESTER)?.account as Identity['account'],
  network: network.network,
  chain: { rpcUrl: network.rpcUrl, pollingMs: 100 },
});
const request = () => ({ fingerprint: network.program.fingerprint, price: PRICE, deadlineSeconds: 90 });
const publish = async (client: Client) => {
  await client.publish(network.program);
};
// The dear one is named first.
const compare = () => compareGateways(optionsOf(), [network.gatewayUrl, cheapUrl], request(), [], publish);

beforeAll(async () => {
  cheapUrl = `http://127.0.0.1:${await freePort()}`;
  network = await startTestNetwork({
    provers: 2,
    validators: 3,
    terms: PATIENT,
    // One prover works for the first gateway alone, the other, which asks half, for the second.
    settings: (name, url) => {
      if (name === GATEWAY) return {};
      if (name === 'prover-1') return { gateways: [url], 'prover.ask': parseEther(DEAR).toString() };
      if (name === 'prover-2') return { gateways: [cheapUrl], 'prover.ask': parseEther(CHEAP).toString() };
      return { gateways: [url, cheapUrl] };
    },
  });
  second = await startSecondGateway(network, cheapUrl);
  const client = await createClient({ ...optionsOf(), gatewayUrl: cheapUrl });
  await publish(client);
  // Its prover and the validators come as soon as they see it.
  await until('offers at both gateways', 60_000, async () => {
    const { offers } = await compare();
    return offers.length === 2 && offers.every(({ quote }) => quote.unitPrice < PRICE.max);
  });
}, 180_000);
afterAll(async () => {
  await second?.stop();
  await network?.remove();
});

it('quotes are those of the provers that each has, and the command says so too', async () => {
  const { offers, skipped } = await compare();
  expect(offers.map(({ gatewayUrl, expected }) => [gatewayUrl, expected])).toEqual([
    [cheapUrl, parseEther(CHEAP)],
    [network.gatewayUrl, parseEther(DEAR)],
  ]);
  expect(skipped).toEqual([]);
  const words = ['order', network.program.fingerprint, '--quote', '--json', '--network', network.directory];
  const urls = ['--gateway', network.gatewayUrl, '--gateway', cheapUrl, '--price-max', '0.1'];
  const { stdout } = await promisify(execFile)(process.execPath, [DSPERSE, ...words, ...urls]);
  const quoted = JSON.parse(stdout);
  expect(quoted.gateway).toBe(cheapUrl);
  expect(quoted.unitPrice).toBe(parseEther(CHEAP).toString());
  expect(quoted.gateways.map((g: { gateway: string }) => g.gateway)).toEqual([cheapUrl, network.gatewayUrl]);
});

const orderAtBest = async (k: number) =>
  chooseGateway(
    await compare(),
    { price: PRICE, deadlineSeconds: 90 },
    ({ client }, terms) =>
      client.order({
        program: { fingerprint: network.program.fingerprint, key: network.program.key },
        input: { integers: network.program.inputs(k) },
        ...terms,
      }),
    500,
  );

it('an order goes to the cheaper one, at most five percent over its quote; to the other when that is gone', async () => {
  const { offer, placed } = await orderAtBest(1);
  expect(offer.gatewayUrl).toBe(cheapUrl);
  const result = await placed.result({ timeoutMs: 90_000 });
  expect(result.verdict).toBe('accepted');
  expect(result.certified?.chunks.map((c) => c.prover)).toEqual(
    result.view.chunks.map(() => network.addressOf('prover-2')),
  );
  const most = (parseEther(CHEAP) * 105n) / 100n;
  const work = result.view.chunks.reduce((sum, { workUnits }) => sum + BigInt(workUnits), 0n);
  expect(result.spent * 1_000_000n).toBeLessThanOrEqual(most * work);
  expect(result.spent).toBeGreaterThan(0n);

  second.kill('SIGKILL');
  await second.stop();
  const other = await orderAtBest(2);
  expect(other.offer.gatewayUrl).toBe(network.gatewayUrl);
  expect(other.skipped.map(({ gatewayUrl, code }) => [gatewayUrl, code])).toEqual([[cheapUrl, 'unreachable']]);
  const delivered = await other.placed.result({ timeoutMs: 90_000 });
  expect(delivered.verdict).toBe('accepted');
  expect(delivered.certified?.chunks.every((c) => c.prover === network.addressOf('prover-1'))).toBe(true);
}, 240_000);
