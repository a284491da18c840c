import { type ParameterName, parameterDefault } from '@dsperse/contracts';
import { type Address, zeroAddress, zeroHash } from 'viem';
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
      abandoned: [],
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

test('an epoch without our weights, or our commitment to them, is not signed where the gateway had them in time', async () => {
  const own: Address = `0x${'11'.repeat(20)}`;
  const validators = [{ operator: own, account: own, stake: 1n }];
  const context = (taken: Partial<Record<'commit' | 'reveal', number>>, active = validators) =>
    ({
      now: 1_000,
      validator: own,
      journal: { epoch: () => undefined },
      weightsTaken: (kind: 'commit' | 'reveal', epoch: number) => (epoch === 0 ? taken[kind] : undefined),
      ledger: {
        network: { chainId: 1, market: zeroAddress, settlement: zeroAddress },
        contracts: { treasury: zeroAddress },
        parameters: async (names: readonly ParameterName[]) =>
          Object.fromEntries(names.map((n) => [n, parameterDefault(n)])),
        emission: async () => ({ cap: 1n, minted: 0n, closedAt: 0 }),
        settlementHead: async () => ({ last: 0, next: 1, root: zeroHash }),
        validators: async () => active,
      },
    }) as unknown as EpochContext;
  const documentOf = (active = validators): EpochDocument => ({
    epoch: 1,
    trace: {
      ...{ epoch: 1, closedAt: 900, validators: active, electorates: [], provers: [], orders: [], endings: [] },
      ...{ canaries: [], abandoned: [], weights: { commits: [], reveals: [] } },
    },
    previous: emptyState(),
  });
  const outcome = async (taken: Parameters<typeof context>[0], active = validators) => {
    const found = await checkEpoch(documentOf(active), 1, context(taken, active));
    return 'refuse' in found ? found.refuse : 'signed';
  };
  expect(await outcome({})).toBe('signed');
  expect(await outcome({ commit: 800_000 })).toBe('weights-left-out');
  expect(await outcome({ reveal: 800_000 })).toBe('weights-left-out');
  // Too late for this epoch, as far as anybody can tell.
  expect(await outcome({ commit: 898_000, reveal: 950_000 })).toBe('signed');
  // Who has no stake any more is not asked.
  expect(await outcome({ commit: 800_000 }, [{ ...validators[0], operator: zeroAddress }])).toBe('signed');
  const commit = { message: { epoch: 0, validator: own, commitment: zeroHash }, signature: zeroHash };
  const { trace, ...rest } = documentOf();
  const listed = { ...rest, trace: { ...trace, weights: { commits: [commit], reveals: [] } } };
  const found = await checkEpoch(listed, 1, context({ commit: 800_000 }));
  // It is there: what is wrong with it, its signature, is for the next check.
  expect(found).toMatchObject({ refuse: 'bad-signature' });
});
