/**
 * Long random sequences of every public function by several actors. Each call is predicted by the model: whether it is
 * refused, and every balance after it. The invariants of docs/network.md are read from the chain itself.
 * FUZZ_SEEDS and FUZZ_STEPS lengthen it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check, everybodyLeaves } from './testing/fuzz/checks.js';
import { Fuzz, PARAMETERS } from './testing/fuzz/fuzz.js';
import * as governed from './testing/fuzz/governed-actions.js';
import * as market from './testing/fuzz/market-actions.js';
import * as settlement from './testing/fuzz/settlement-actions.js';
import * as stake from './testing/fuzz/stake-actions.js';
import * as voting from './testing/fuzz/voting-actions.js';
import { startNetwork, type TestNetwork } from './testing/network.js';

const STEPS = Number(process.env.FUZZ_STEPS ?? 1_000);
const SEEDS = (process.env.FUZZ_SEEDS ?? '1,2').split(',').map(Number);

/** How often, against the sum. */
const ACTIONS: readonly (readonly [number, (fuzz: Fuzz) => Promise<unknown>])[] = [
  [4, market.deposit],
  [3, market.takeOut],
  [14, market.order],
  [3, market.batch],
  [3, market.cancelOrder],
  [8, market.exit],
  [6, stake.stake],
  [5, stake.undelegate],
  [6, stake.withdrawThaw],
  [2, stake.rewardPool],
  [5, stake.manage],
  [9, settlement.post],
  [10, settlement.settle],
  [12, settlement.claim],
  [5, settlement.penalise],
  [4, settlement.challenge],
  [2, settlement.equivocate],
  [2, governed.govern],
  [3, governed.brake],
  [2, governed.tokens],
  [3, voting.delegate],
  [2, voting.propose],
  [12, voting.cast],
  [2, governed.trespass],
  [6, governed.replay],
  [6, governed.wait],
];
const TOTAL = ACTIONS.reduce((sum, [weight]) => sum + weight, 0);

async function step(fuzz: Fuzz): Promise<void> {
  let at = fuzz.random.below(TOTAL);
  for (const [weight, act] of ACTIONS) {
    at -= weight;
    if (at < 0) {
      await act(fuzz);
      return;
    }
  }
}

describe.each(SEEDS)('random sequences, seed %i', (seed) => {
  let net: TestNetwork;
  beforeAll(async () => {
    net = await startNetwork({ parameters: PARAMETERS });
  });
  afterAll(() => net?.stop());

  it(`keeps every invariant over ${STEPS} calls`, async () => {
    const fuzz = new Fuzz(net, seed);
    await fuzz.begin();
    for (let next = 100; fuzz.steps < STEPS; ) {
      await step(fuzz);
      if (fuzz.steps >= next) {
        await check(fuzz);
        next += 100;
      }
    }
    await everybodyLeaves(fuzz);
    // A sequence in which something never succeeds, or is never refused, shows little.
    const seen = (name: string) => fuzz.counts.get(name) ?? { done: 0, refused: 0 };
    if (process.env.FUZZ_COUNTS) console.table(Object.fromEntries(fuzz.counts));
    for (const name of ['market.reserve', 'market.forceExit', 'settlement.post', 'settlement.claim', 'stake.stake']) {
      expect([name, seen(name).done > 3, seen(name).refused > 3]).toEqual([name, true, true]);
    }
    for (const name of [
      'settlement.settleOrders',
      'settlement.claimToPool',
      'settlement.penalise',
      'stake.withdraw',
      'stake.transferPool',
      'governor.propose',
      'governor.castVote',
      'governor.castOverrideVote',
      'governor.castStakeOverrideVote',
    ]) {
      expect([name, seen(name).done > 0]).toEqual([name, true]);
    }
    expect(fuzz.model.emission.minted > 0n).toBe(true);
    const never = ['market.settle', 'market.pay', 'stake.slash', 'token.mint'];
    for (const name of never) expect(seen(name).done).toBe(0);
  }, 1_200_000);
});
