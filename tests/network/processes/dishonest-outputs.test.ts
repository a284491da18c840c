/** Orders of one chunk, whose outputs nobody knows but their prover: whoever cheats with them is not paid. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileTestProgram } from './published-program.js';
import { DSPERSE, script, settled, startTestNetwork, type TestNetwork } from './test-network.js';
import { type Attack, writeAttacks } from './write-attacks.js';

const CHEAT = 'prover-1';
const HONEST = 'prover-2';

let network: TestNetwork;
let place: string;
const attack = (name: Attack) => writeFile(join(place, 'attack'), name);

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'dsperse-outputs-'));
  await attack('honest');
  process.env.DSPERSE_TEST_ATTACK = join(place, 'attack');
  process.env.DSPERSE_TEST_ATTACKS = await writeAttacks(place, await compileTestProgram(4, 5));
  const { workUnits } = await compileTestProgram();
  network = await startTestNetwork({
    provers: 2,
    validators: 2,
    chunkWorkUnits: workUnits.reduce((sum, w) => sum + w, 0),
    // Whoever asks less is asked first.
    settings: (name) => (name === CHEAT ? { 'prover.ask': '1000' } : {}),
    program: (name) =>
      name === CHEAT ? ['--import', pathToFileURL(script('dishonest-prover.mjs')).href, DSPERSE, 'node'] : undefined,
  });
}, 120_000);
afterAll(async () => {
  await network?.remove();
  await rm(place, { recursive: true, force: true });
});

it.each<readonly [Attack, outcome: string, isPenalised: boolean]>([
  // Sent, and signed for, as if they had been proven.
  ['wrong-outputs', 'rejected', true],
  // Sent beside a receipt that commits to others: it is not taken, and the chunk is given back.
  ['other-outputs', 'released', false],
])('%s: %s', async (name, outcome, isPenalised) => {
  const cheat = network.addressOf(CHEAT);
  const before = await network.ledger.penalised(1, cheat);
  await attack(name);
  const handle = await network.order(isPenalised ? 1 : 2, { deadlineSeconds: 150 });
  const result = await handle.result({ timeoutMs: 140_000 });
  await attack('honest');
  const { chunks } = await settled(network, handle);
  expect(chunks).toHaveLength(1);
  const [{ attempts }] = chunks;
  expect(attempts.filter((a) => a.prover === cheat).map((a) => a.outcome)).toContain(outcome);
  expect(attempts.filter((a) => a.outcome === 'accepted').map((a) => a.prover)).toEqual([network.addressOf(HONEST)]);
  expect(result.verdict).toBe('accepted');
  expect(result.outputs.size).toBe(1);
  if (isPenalised) expect(await network.ledger.penalised(1, cheat)).toBeGreaterThan(before);
});
