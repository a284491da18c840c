/**
 * A gateway that gives locks and never acknowledges what is delivered: the prover shows its proof by way of another gateway,
 * validators sign no epoch in which the lock is missed, and the next one excuses it. Where nobody hears the appeal, it costs.
 */
import { freePort } from '@dsperse/network/chain';
import { GATEWAY } from '@dsperse/network/local';
import { epochDocumentSchema, epochSettlementSchema } from '@dsperse/network/roles';
import { NodeClient } from '@dsperse/network/transport';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChildNode } from '../../../packages/cli/src/local-network/child-node.js';
import { readBooks } from './conservation.js';
import { type DeafProxy, startDeafProxy } from './deaf-proxy.js';
import { startSecondGateway } from './second-gateway.js';
import { settled, startTestNetwork, type TestNetwork } from './test-network.js';

const IGNORED = 'prover-1';
const PROVER_ROLE = 1;
/** Seconds: the last quarter of a lock is for the appeal. */
const LOCK = 20n;

const isReceipt = (method: string, path: string) => method === 'POST' && path.endsWith('/receipt');
const isAppeal = (method: string, path: string) => method === 'POST' && path === '/v1/appeals';

let network: TestNetwork;
let second: ChildNode;
/** What the ignored prover takes for the order's gateway, and for the other one. */
let first: DeafProxy;
let other: DeafProxy;
beforeAll(async () => {
  const gatewayPort = (await freePort()) as number;
  const url = `http://127.0.0.1:${await freePort()}`;
  first = await startDeafProxy(`http://127.0.0.1:${gatewayPort}`);
  other = await startDeafProxy(url);
  network = await startTestNetwork({
    provers: 2,
    validators: 3,
    layers: 1,
    gatewayPort,
    terms: { parameters: { lockFloorSeconds: { value: LOCK, min: 1n } } },
    settings: (name, gatewayUrl) => {
      if (name === GATEWAY) return {};
      // Whoever asks less is asked first.
      if (name === IGNORED) return { gateways: [first.url, other.url], 'prover.ask': '1000' };
      return { gateways: [gatewayUrl, url] };
    },
  });
  second = await startSecondGateway(network, url);
}, 240_000);
afterAll(async () => {
  await second?.stop();
  await network?.remove();
  await first?.close();
  await other?.close();
});

/** An order whose first lock the ignored prover holds, after its settlement. */
async function ignoredOrder(k: number) {
  const before = await network.ledger.penalised(PROVER_ROLE, network.addressOf(IGNORED));
  const handle = await network.order(k, { deadlineSeconds: 180 });
  expect((await handle.result({ timeoutMs: 170_000 })).verdict).toBe('accepted');
  const view = await settled(network, handle);
  const http = new NodeClient({
    baseUrl: network.gatewayUrl,
    signer: network.keys.get('validator-1')?.account,
    network: network.ledger.network,
    audience: network.client.gateway.address,
  });
  const { trace } = await http.get(`/v1/epochs/${view.epoch}`, epochDocumentSchema);
  const { settlement } = await http.get(`/v1/epochs/${view.epoch}/leaves`, epochSettlementSchema);
  const attempts = trace.orders.find((o) => o.id === handle.id)?.chunks.flatMap((c) => c.attempts) ?? [];
  const isIts = (operator: string) => operator.toLowerCase() === network.addressOf(IGNORED);
  const penalty = settlement.penalties.find((p) => isIts(p.operator));
  return {
    attempts: attempts.filter((a) => isIts(a.lock.message.prover)),
    reasons: penalty?.items.filter((i) => i.order === handle.id).map((i) => i.reason) ?? [],
    penalised: (await network.ledger.penalised(PROVER_ROLE, network.addressOf(IGNORED))) - before,
    proposals: view.epoch as number,
    view,
  };
}

it('a lock whose proof is not acknowledged is excused where validators are shown the proof', async () => {
  const { last } = await network.ledger.settlementHead();
  first.keep((method, path) => isReceipt(method, path) || isAppeal(method, path));
  const { attempts, reasons, penalised, proposals, view } = await ignoredOrder(1);
  expect(first.kept.some((path) => path.endsWith('/receipt'))).toBe(true);
  const its = view.chunks.flatMap((c) => c.attempts).filter((a) => a.prover === network.addressOf(IGNORED));
  expect(its.map((a) => a.outcome)).toEqual(['missed']);
  expect(attempts.map((a) => ({ isExcused: a.excused, isDelivered: a.receipt !== undefined }))).toEqual([
    { isExcused: true, isDelivered: false },
  ]);
  expect(reasons).toEqual([]);
  expect(penalised).toBe(0n);
  // The first proposal was not signed: it held the lock as missed.
  expect(proposals).toBeGreaterThan(last + 1);
}, 400_000);

it('it costs collateral where no gateway passes the appeal on', async () => {
  other.keep(isAppeal);
  const { attempts, reasons, penalised } = await ignoredOrder(2);
  expect(other.kept).toContain('/v1/appeals');
  expect(attempts.map((a) => a.excused ?? false)).toEqual([false]);
  expect(reasons).toEqual(['missed-lock']);
  expect(penalised).toBeGreaterThan(0n);
}, 400_000);

it('all tokens are where the books say', async () => {
  const books = await readBooks(network);
  expect(books.held).toBe(books.supply);
  expect(books.earned).toBe(books.spent + books.minted);
  expect(books.reserved).toBe(0n);
});
