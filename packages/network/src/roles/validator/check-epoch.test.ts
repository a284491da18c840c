import { zeroAddress, zeroHash } from 'viem';
import { expect, test } from 'vitest';
import { emptyState } from '../../scoring/index.js';
import type { EpochDocument } from '../peer/epoch-document.js';
import { checkEpoch, type EpochContext } from './check-epoch.js';

test('a number that the chain would not take is not signed, neither an old one nor one far beyond', async () => {
  const context = {
    now: 1_000,
    ledger: {
      contracts: { treasury: zeroAddress },
      parameters: async (names: readonly string[]) => Object.fromEntries(names.map((n) => [n, 2n])),
      emission: async () => ({ cap: 1n, minted: 0n, closedAt: 0 }),
      settlementHead: async () => ({ last: 4, next: 5, root: `0x${'11'.repeat(32)}` }),
    },
  } as unknown as EpochContext;
  const outcome = async (epoch: number) => {
    const trace = {
      epoch,
      closedAt: 900,
      validators: [],
      electorates: [],
      provers: [],
      orders: [],
      endings: [],
      canaries: [],
      weights: { commits: [], reveals: [] },
    };
    const document: EpochDocument = { epoch, trace, previous: emptyState() };
    const { refuse, detail } = (await checkEpoch(document, epoch, context)) as { refuse: string; detail: string };
    return [refuse, detail];
  };
  expect(await outcome(4)).toEqual(['wrong-epoch', 'the chain expects 5 or later']);
  expect(await outcome(8)).toEqual(['wrong-epoch', 'far beyond 5']);
  // Within the bound, the check after it says what is wrong.
  expect(await outcome(7)).toEqual(['wrong-previous', expect.stringContaining(zeroHash)]);
});
