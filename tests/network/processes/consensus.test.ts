/**
 * What no proof decides, over real services: validators measure, commit, reveal; the ranking moves a part of an emission, and the
 * epoch that it moves is settled on the chain as every validator computes it.
 */
import { epochDocumentSchema, epochSettlementSchema } from '@dsperse/network/roles';
import { consensusLeaves, hashLeaf, WEIGHT_MAX } from '@dsperse/network/scoring';
import { NodeClient } from '@dsperse/network/transport';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readBooks } from './conservation.js';
import { PATIENT, settled, startTestNetwork, type TestNetwork } from './test-network.js';

let network: TestNetwork;

beforeAll(async () => {
  network = await startTestNetwork({ provers: 2, validators: 3, terms: PATIENT });
}, 120_000);
afterAll(() => network?.remove());

async function epochOf(epoch: number) {
  const signer = network.keys.get('validator-1')?.account;
  const audience = network.client.gateway.address;
  const http = new NodeClient({ baseUrl: network.gatewayUrl, signer, network: network.ledger.network, audience });
  const document = await http.get(`/v1/epochs/${epoch}`, epochDocumentSchema);
  const { settlement } = await http.get(`/v1/epochs/${epoch}/leaves`, epochSettlementSchema);
  return { ...document, settlement };
}

it('weights are committed to in one epoch, revealed in the next, and settled by all', async () => {
  const provers = ['prover-1', 'prover-2'].map((name) => network.addressOf(name));
  const validators = [1, 2, 3].map((k) => network.addressOf(`validator-${k}`));
  let found: Awaited<ReturnType<typeof epochOf>> | undefined;
  for (let k = 0; k < 8 && !found; k++) {
    const view = await settled(network, await network.order(k));
    const epoch = await epochOf(view.epoch as number);
    if (epoch.settlement.state.consensus.bonds.length > 0) found = epoch;
  }
  if (!found) throw new Error('no epoch had a consensus');
  const { trace, previous, settlement } = found;
  // Of validators alone, about provers alone, and committed to before.
  expect(trace.weights.reveals.length).toBeGreaterThanOrEqual(2);
  for (const { validator, provers: weighed, weights } of trace.weights.reveals) {
    expect(validators).toContain(validator);
    expect(previous.consensus.commits.map((commit) => commit.validator)).toContain(validator);
    for (const prover of weighed) expect(provers).toContain(prover);
    expect(Math.max(...weights)).toBe(WEIGHT_MAX);
  }
  const { bonds } = settlement.state.consensus;
  expect(bonds.map(({ validator }) => validator).sort()).toEqual(
    trace.weights.reveals.map(({ validator }) => validator).sort(),
  );
  // What the next epoch builds on is bound by the root that stands on the chain.
  const [leaf] = consensusLeaves(settlement.epoch, settlement.state.consensus);
  expect(settlement.leaves.map(hashLeaf)).toContain(hashLeaf(leaf));
  const posted = await network.ledger.epoch(settlement.epoch);
  expect(posted?.root.toLowerCase()).toBe(settlement.root);
  expect(settlement.penalties).toEqual([]);
}, 600_000);

it('all tokens are where the books say', async () => {
  const books = await readBooks(network);
  expect(books.held).toBe(books.supply);
  expect(books.earned).toBe(books.spent + books.minted);
});
