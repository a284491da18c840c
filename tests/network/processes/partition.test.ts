/** Half of the validators cannot reach the gateway for a while; clocks that are minutes off. */
import { pathToFileURL } from 'node:url';
import { freePort } from '@dsperse/network/chain';
import { GATEWAY } from '@dsperse/network/local';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readBooks } from './conservation.js';
import { type CutProxy, startCutProxy } from './cut-proxy.js';
import { DSPERSE, PATIENT, script, settled, sleep, startTestNetwork, type TestNetwork } from './test-network.js';

const CUT = ['validator-3', 'validator-4'];
const AHEAD = 'prover-1';
const BEHIND = 'validator-1';

let proxy: CutProxy | undefined;
let network: TestNetwork;
beforeAll(async () => {
  process.env.DSPERSE_TEST_SHIFT_PROVER_1 = '300';
  process.env.DSPERSE_TEST_SHIFT_VALIDATOR_1 = '-180';
  const gatewayPort = (await freePort()) as number;
  proxy = await startCutProxy(`http://127.0.0.1:${gatewayPort}`);
  const { url } = proxy;
  network = await startTestNetwork({
    provers: 2,
    validators: 4,
    gatewayPort,
    terms: PATIENT,
    settings: (name) => (CUT.includes(name) ? { gateways: [url] } : {}),
    program: (name) =>
      name === AHEAD || name === BEHIND
        ? ['--import', pathToFileURL(script('shifted-clock.mjs')).href, DSPERSE, 'node']
        : undefined,
  });
}, 120_000);
afterAll(async () => {
  await network?.remove();
  await proxy?.close();
});

it('clocks that are minutes off change nothing', async () => {
  const handle = await network.order(0);
  const result = await handle.result({ timeoutMs: 90_000 });
  expect(result.verdict).toBe('accepted');
  const view = await settled(network, handle);
  const provers = view.chunks.flatMap((c) => c.attempts.map((a) => a.prover));
  // Both share the work: also the one whose clock is ahead.
  expect(new Set(provers)).toEqual(new Set([network.addressOf('prover-1'), network.addressOf('prover-2')]));
  expect(view.chunks.flatMap((c) => c.attempts.map((a) => a.outcome))).toEqual(view.chunks.map(() => 'accepted'));
  const voters = new Set(
    result.certificate?.chunks.flatMap((c) => c.verdicts.map((v) => v.message.validator.toLowerCase())),
  );
  expect(voters).toContain(network.addressOf(BEHIND));
});

it('half of the validators decide nothing; when the others are back, the order goes on', async () => {
  proxy?.cut();
  const handle = await network.order(1, { deadlineSeconds: 240 });
  await expect
    .poll(async () => (await handle.view()).chunks.map((c) => c.state).join(), { timeout: 60_000 })
    .toBe('proven,proven,proven,proven');
  await sleep(6_000);
  const during = await handle.view();
  expect(during.chunks.map((c) => c.state)).toEqual(['proven', 'proven', 'proven', 'proven']);
  expect((await network.client.gateway).address).toBe(network.addressOf(GATEWAY));
  proxy?.heal();
  const result = await handle.result({ timeoutMs: 120_000 });
  expect(result.verdict).toBe('accepted');
  const view = await settled(network, handle);
  // Nobody lost a lock by it.
  expect(view.chunks.flatMap((c) => c.attempts.map((a) => a.outcome))).toEqual(view.chunks.map(() => 'accepted'));
  const books = await readBooks(network);
  expect(books.held).toBe(books.supply);
  expect(books.earned).toBe(books.spent + books.minted);
  expect(books.reserved).toBe(0n);
});
