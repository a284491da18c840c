import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningChain, StateKeeper } from './local-anvil-state.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-keeper-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const EVERY_MS = 5;

/** A chain that mines; how it takes each `setMining` is the test's. */
function chainThat(take: (on: boolean, apply: () => void, call: number) => void) {
  const state = { mining: true, calls: 0 };
  const chain: RunningChain = {
    head: async () => '0x1',
    dump: async () => gzipSync('{"accounts":{},"block":{"number":"0x1"}}'),
    mines: async () => state.mining,
    setMining: async (on) => {
      state.calls++;
      take(on, () => (state.mining = on), state.calls);
    },
  };
  return { state, chain };
}

describe('a keeper of a chain that answers late', () => {
  it('lets mining go again where holding it took effect after its answer was given up', async () => {
    const { state, chain } = chainThat((on, apply, call) => {
      if (call > 1) return apply();
      // Obeyed only after mining was let go.
      setTimeout(apply, 2 * EVERY_MS);
      expect(on).toBe(false);
      throw new Error('no answer in time');
    });
    const keeper = new StateKeeper(directory, 4 * EVERY_MS, chain);
    keeper.start();
    await expect.poll(() => state.calls, { timeout: 2_000 }).toBeGreaterThan(3);
    await keeper.stop();
    expect(state.mining).toBe(true);
  });

  it('lets it go at the next look, however long the last one took', async () => {
    const { state, chain } = chainThat((_on, apply, call) => {
      if (call === 2) throw new Error('no answer in time');
      apply();
    });
    const slow = {
      ...chain,
      dump: async () => new Promise<Uint8Array>((r) => setTimeout(() => r(gzipSync('{}')), 200)),
    };
    const keeper = new StateKeeper(directory, EVERY_MS, slow);
    keeper.start();
    await expect.poll(() => state.calls, { timeout: 2_000 }).toBeGreaterThan(1);
    await expect.poll(() => state.mining, { timeout: 1_000 }).toBe(true);
    await keeper.stop();
  });
});
