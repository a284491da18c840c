/** Provers and validators that cheat: what they deliver is not accepted, the work is done by others, and it costs them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { settlementAbi } from '@dsperse/contracts';
import { connectLedger } from '@dsperse/network/chain';
import { signMessage } from '@dsperse/network/messages';
import { epochDocumentSchema, epochSettlementSchema } from '@dsperse/network/roles';
import { NodeClient } from '@dsperse/network/transport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBooks } from './conservation.js';
import { compileTestProgram } from './published-program.js';
import { DSPERSE, script, settled, startTestNetwork, type TestNetwork, until } from './test-network.js';
import { type Attack, writeAttacks } from './write-attacks.js';

const CHEAT = 'prover-1';
const HONEST = 'prover-2';
const BLIND = 'validator-3';

let network: TestNetwork;
let place: string;
const attack = (name: Attack) => writeFile(join(place, 'attack'), name);
const blind = (isBlind: boolean) => writeFile(join(place, 'blind'), isBlind ? 'blind' : '');

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'dsperse-attacks-'));
  await attack('honest');
  await blind(false);
  process.env.DSPERSE_TEST_BLIND = join(place, 'blind');
  process.env.DSPERSE_TEST_ATTACK = join(place, 'attack');
  process.env.DSPERSE_TEST_ATTACKS = await writeAttacks(place, await compileTestProgram(4, 5));
  const preloaded = (name: string) => ['--import', pathToFileURL(script(name)).href, DSPERSE, 'node'];
  const workUnits = (await compileTestProgram()).workUnits[0];
  network = await startTestNetwork({
    provers: 2,
    validators: 3,
    chunkWorkUnits: workUnits * 2,
    // Whoever asks less is asked first.
    settings: (name) => (name === CHEAT ? { 'prover.ask': '1000' } : {}),
    program: (name) =>
      name === CHEAT
        ? preloaded('dishonest-prover.mjs')
        : name === BLIND
          ? preloaded('blind-validator.mjs')
          : undefined,
  });
}, 120_000);
afterAll(async () => {
  await network?.remove();
  await rm(place, { recursive: true, force: true });
});

/** What the attempts of the cheat came to, and its penalties for this order, after the settlement. */
async function suffered(name: Attack, k: number) {
  await attack(name);
  const handle = await network.order(k, { deadlineSeconds: 150 });
  const result = await handle.result({ timeoutMs: 140_000 });
  await attack('honest');
  const view = await settled(network, handle);
  const cheat = network.addressOf(CHEAT);
  const attempts = view.chunks.flatMap((c) => c.attempts);
  const http = new NodeClient({ baseUrl: network.gatewayUrl });
  const { settlement } = await http.get(`/v1/epochs/${view.epoch}/leaves`, epochSettlementSchema);
  const items = settlement.penalties
    .filter((p) => p.operator === cheat)
    .flatMap((p) => p.items.filter((i) => i.order === handle.id));
  return {
    verdict: result.verdict,
    outcomes: attempts.filter((a) => a.prover === cheat).map((a) => a.outcome),
    accepted: attempts.filter((a) => a.outcome === 'accepted').map((a) => a.prover),
    reasons: items.map((i) => i.reason),
    penalised: await network.ledger.penalised(1, cheat),
    view,
    handle,
    settlement,
  };
}

describe('a prover that cheats', () => {
  const attacks: readonly (readonly [Attack, outcome: string, reason: string | undefined])[] = [
    ['wrong-proof', 'rejected', 'rejected-proof'],
    ['no-proof', 'rejected', 'rejected-proof'],
    ['stolen-proof', 'rejected', 'rejected-proof'],
    ['other-order', 'rejected', 'rejected-proof'],
    ['fewer-slices', 'rejected', 'rejected-proof'],
    ['disguised-boundary', 'rejected', 'rejected-proof'],
    // The gateway sees these before any validator does.
    ['wrong-model', 'unlinked', undefined],
    ['swapped-boundary', 'unlinked', undefined],
    // Given back at once, which costs next to nothing.
    ['undisguised-other-order', 'released', undefined],
    ['undisguised-fewer-slices', 'released', undefined],
    ['vanish', 'missed', 'missed-lock'],
  ];
  it.each(attacks)('%s: %s', async (name, outcome, reason) => {
    const before = await network.ledger.penalised(1, network.addressOf(CHEAT));
    const found = await suffered(
      name,
      attacks.findIndex(([n]) => n === name),
    );
    expect(found.outcomes).toContain(outcome);
    expect(found.outcomes).not.toContain('accepted');
    expect(found.verdict).toBe('accepted');
    expect(new Set(found.accepted)).toEqual(new Set([network.addressOf(HONEST)]));
    if (reason) {
      expect(found.reasons).toContain(reason);
      expect(found.penalised).toBeGreaterThan(before);
    }
  });
});

it('an order that is cancelled while a prover sits on a lock ends with what was delivered; the rest is returned', async () => {
  await attack('vanish');
  const requester = network.keys.get('requester')?.account.address as `0x${string}`;
  const before = await network.ledger.balanceOf(requester);
  const handle = await network.order(50, { deadlineSeconds: 150 });
  const cheat = network.addressOf(CHEAT);
  await until('the lock', 60_000, async () => {
    const { chunks } = await handle.view();
    return chunks.some((c) => c.state === 'locked' && c.attempts.some((a) => a.prover === cheat));
  });
  await handle.cancel();
  const ended = await handle.ended({ timeoutMs: 120_000 });
  await attack('honest');
  expect(ended.state).toBe('cancelled');
  const view = await settled(network, handle);
  const attempts = view.chunks.flatMap((c) => c.attempts);
  expect(attempts.filter((a) => a.prover === cheat).map((a) => a.outcome)).toContain('missed');
  const accepted = attempts.filter((a) => a.outcome === 'accepted').reduce((n, a) => n + a.price, 0n);
  expect(view.spent).toBe(accepted);
  expect(await network.ledger.balanceOf(requester)).toBe(before - accepted);
});

describe('a validator that cheats', () => {
  it('is outvoted where it accepts everything', async () => {
    await blind(true);
    const { view, handle, settlement, outcomes } = await suffered('wrong-proof', 100);
    await blind(false);
    expect(outcomes).toContain('rejected');
    expect(outcomes).not.toContain('accepted');
    const validator = network.keys.get('validator-1')?.account;
    const http = new NodeClient({
      baseUrl: network.gatewayUrl,
      signer: validator,
      network: network.ledger.network,
      audience: network.client.gateway.address,
    });
    const { trace } = await http.get(`/v1/epochs/${view.epoch}`, epochDocumentSchema);
    const order = trace.orders.find((o) => o.id === handle.id);
    const bad = order?.chunks
      .flatMap((c) => c.attempts)
      .find((a) => a.lock.message.prover === network.addressOf(CHEAT) && a.receipt);
    const votes = new Map(bad?.verdicts.map(({ message }) => [message.validator, message.accepted]));
    expect(votes.get(network.addressOf(BLIND))).toBe(true);
    expect(votes.get(network.addressOf('validator-1'))).toBe(false);
    expect(votes.get(network.addressOf('validator-2'))).toBe(false);
    expect(
      settlement.orders.find((o) => o.id === handle.id)?.paid.every((p) => p.prover !== network.addressOf(CHEAT)),
    ).toBe(true);
  });

  it('is slashed on the chain where it signs two verdicts, by anyone who shows both', async () => {
    const { contracts } = network.network;
    const account = network.keys.get(BLIND)?.account;
    const informer = network.keys.get('requester')?.account;
    if (!account || !informer) throw new Error('keys are missing');
    const [one] = (await readBooks(network)).settledOrders.keys();
    const verdict = {
      order: one as `0x${string}`,
      chunk: 0,
      attempt: 0,
      proofDigest: `0x${'11'.repeat(32)}` as const,
      accepted: true,
      validator: network.addressOf(BLIND),
      salt: `0x${'22'.repeat(32)}` as const,
    };
    const yes = await signMessage(account, network.ledger.network, 'Verdict', verdict);
    const no = await signMessage(account, network.ledger.network, 'Verdict', { ...verdict, accepted: false });
    const ledger = await connectLedger({ rpcUrl: network.rpcUrl, contracts, account: informer, cacheMs: 0 });
    const before = await ledger.stakeOf(2, account.address);
    const call = {
      address: contracts.settlement,
      abi: settlementAbi,
      functionName: 'proveVerdictEquivocation',
      args: [yes.message, yes.signature, no.message, no.signature],
    } as const;
    const hash = await ledger.wallet?.writeContract({ ...call, chain: null } as never);
    await ledger.publicClient.waitForTransactionReceipt({ hash: hash as `0x${string}` });
    const after = await until('the slash', 10_000, async () => {
      const stake = await ledger.stakeOf(2, account.address);
      return stake.active < before.active && stake;
    });
    expect(after.active).toBe((before.active * 7_000n) / 10_000n);
    // The same evidence does not slash twice.
    await expect(ledger.publicClient.simulateContract({ ...call, account: informer } as never)).rejects.toThrow(
      /EvidenceUsed|NotEquivocation/,
    );
  });
});

it('all tokens are where the books say', async () => {
  const books = await readBooks(network);
  expect(books.held).toBe(books.supply);
  expect(books.inMarket).toBe(books.free + books.reserved + books.pool);
  expect(books.earned).toBe(books.spent + books.minted);
});
