/** Proofs broken on purpose, and committees: a validator that accepts unseen loses its income, and customers notice nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { epochDocumentSchema, epochSettlementSchema } from '@dsperse/network/roles';
import { committeeOf } from '@dsperse/network/scoring';
import { NodeClient } from '@dsperse/network/transport';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readBooks } from './conservation.js';
import { DSPERSE, script, settled, startTestNetwork, type TestNetwork } from './test-network.js';

const BLIND = 'validator-4';
const SEATS = 2;

let network: TestNetwork;
let place: string;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'dsperse-canaries-'));
  await writeFile(join(place, 'blind'), 'blind');
  process.env.DSPERSE_TEST_BLIND = join(place, 'blind');
  network = await startTestNetwork({
    provers: 2,
    validators: 4,
    terms: {
      parameters: {
        lockFloorSeconds: { value: 20n, min: 1n },
        canaryBps: { value: 3_000n },
        committeeSeats: { value: BigInt(SEATS), min: 1n },
      },
    },
    program: (name) =>
      name === BLIND ? ['--import', pathToFileURL(script('blind-validator.mjs')).href, DSPERSE, 'node'] : undefined,
  });
}, 120_000);
afterAll(async () => {
  await network?.remove();
  await rm(place, { recursive: true, force: true });
});

/** What validators sign of an epoch, and what follows from it. */
async function epochOf(epoch: number) {
  const signer = network.keys.get('validator-1')?.account;
  const audience = network.client.gateway.address;
  const http = new NodeClient({ baseUrl: network.gatewayUrl, signer, network: network.ledger.network, audience });
  const { trace } = await http.get(`/v1/epochs/${epoch}`, epochDocumentSchema);
  const { settlement } = await http.get(`/v1/epochs/${epoch}/leaves`, epochSettlementSchema);
  const riseOf = (name: string) => {
    const payee = trace.validators.find((v) => v.operator.toLowerCase() === network.addressOf(name));
    const account = (payee?.toPool ? payee.operator : payee?.account)?.toLowerCase();
    return settlement.credits.find((c) => c.account.toLowerCase() === account)?.rise ?? 0n;
  };
  return { trace, settlement, riseOf };
}

it('a validator that accepts a proof broken on purpose earns nothing, then and later; all others are paid', async () => {
  const seen: Awaited<ReturnType<typeof epochOf>>[] = [];
  let canaries = 0;
  let byCommittee = 0;
  for (let k = 0; k < 12 && (canaries === 0 || byCommittee === 0 || seen.length < 3); k++) {
    const handle = await network.order(k, { deadlineSeconds: 150 });
    const result = await handle.result({ timeoutMs: 140_000 });
    expect(result.verdict).toBe('accepted');
    const view = await settled(network, handle);
    // Each chunk is paid once, and what was broken on purpose is not.
    const accepted = view.chunks.flatMap((c) => c.attempts.filter((a) => a.outcome === 'accepted'));
    expect(accepted).toHaveLength(view.chunks.length);
    expect(view.spent).toBe(accepted.reduce((n, a) => n + a.price, 0n));
    const found = await epochOf(view.epoch as number);
    const isSeen = found.trace.canaries.length > 0 || canaries > 0;
    if (isSeen) seen.push(found);
    canaries += found.trace.canaries.length;
    for (const attempt of found.trace.orders.flatMap((o) => o.chunks.flatMap((c) => c.attempts))) {
      const committee = committeeOf(attempt.lock.message, found.trace.validators, SEATS);
      const judges = attempt.verdicts.map(({ message }) => message.validator.toLowerCase());
      if (committee && judges.length < 4 && judges.every((judge) => committee.has(judge))) byCommittee++;
    }
  }
  expect(canaries).toBeGreaterThan(0);
  expect(byCommittee).toBeGreaterThan(0);
  const recall = (name: string) =>
    seen[seen.length - 1].settlement.state.recalls.find((r) => r.validator === network.addressOf(name))?.answers;
  expect(recall(BLIND)).toMatch(/^0+$/);
  for (const name of ['validator-1', 'validator-2', 'validator-3']) expect(recall(name)).toMatch(/^1+$/);
  for (const { riseOf, settlement } of seen) {
    expect(riseOf(BLIND)).toBe(0n);
    // Nobody is penalised for what a gateway asked for.
    expect(settlement.penalties).toEqual([]);
  }
  const honest = ['validator-1', 'validator-2', 'validator-3'];
  const earned = seen.reduce((sum, { riseOf }) => honest.reduce((n, name) => n + riseOf(name), sum), 0n);
  expect(earned).toBeGreaterThan(0n);
}, 600_000);

it('all tokens are where the books say', async () => {
  const books = await readBooks(network);
  expect(books.held).toBe(books.supply);
  expect(books.inMarket).toBe(books.free + books.reserved + books.pool);
  expect(books.earned).toBe(books.spent + books.minted);
});
