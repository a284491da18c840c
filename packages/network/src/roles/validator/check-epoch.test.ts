import { type ParameterName, parameterDefault } from '@dsperse/contracts';
import { type Address, type Hex, zeroAddress, zeroHash } from 'viem';
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

test('an abandoned order is not settled without a proof that we accepted, or without our verdict on it, until claims close', async () => {
  const own: Address = `0x${'11'.repeat(20)}`;
  const validators = [{ operator: own, account: own, stake: 1n }];
  const [id, proofDigest] = [`0x${'22'.repeat(32)}`, `0x${'33'.repeat(32)}`] as const;
  const [exitAt, cancelSeconds] = [5_000, 400n];
  const verdict = (chunk: number, accepted = true) => {
    return { order: id, chunk, attempt: 0, proofDigest, accepted, validator: own, salt: zeroHash };
  };
  const claimOf = (chunk: number, isSaid = true, digest: Hex = proofDigest) => {
    const at = { order: id, chunk, attempt: 0, prover: zeroAddress };
    const lock = { message: { ...at, price: 1n, collateral: 1n, deadline: 1 }, signature: zeroHash };
    const statement = { fingerprint: '', index: chunk, nonce: '', prover: '', commitments: {} };
    return {
      lock,
      receipt: { message: { ...at, proofDigest: digest }, signature: zeroHash },
      proof: { lock: zeroHash, statement, proof: '', proofBytes: 0 },
      ...{ workUnits: 1, commits: [] },
      verdicts: isSaid ? [{ message: verdict(chunk), signature: zeroHash }] : [],
    };
  };
  const order = {
    ...{
      requester: zeroAddress,
      gateway: zeroAddress,
      fingerprint: zeroHash,
      inputCommitment: zeroHash,
      salt: zeroHash,
    },
    ...{ priceMin: 0n, priceMax: 0n, rampSeconds: 0, budget: 0n, deadline: 0 },
  };
  const outcome = async (
    claims: ReturnType<typeof claimOf>[],
    { closedAt = exitAt - 200, judges = validators, said = [verdict(0), verdict(1)] } = {},
  ) => {
    const known = (key: { chunk: number }) => said.find(({ chunk }) => chunk === key.chunk);
    const context = {
      now: exitAt,
      validator: own,
      journal: { epoch: () => undefined, verdict: known, verdictsOn: () => said, wasTaken: () => false },
      contacts: { wasThere: () => false },
      weightsTaken: () => undefined,
      keyOf: async () => {
        throw new Error('the key is asked for');
      },
      ledger: {
        network: { chainId: 1, market: zeroAddress, settlement: zeroAddress },
        contracts: { treasury: zeroAddress },
        parameters: async (names: readonly ParameterName[]) =>
          Object.fromEntries(names.map((n) => [n, n === 'cancelSeconds' ? cancelSeconds : parameterDefault(n)])),
        emission: async () => ({ cap: 1n, minted: 0n, closedAt: 0 }),
        settlementHead: async () => ({ last: 0, next: 1, root: zeroHash }),
        validators: async () => validators,
        electorate: async () => judges,
        committeeSeats: async () => 64,
        order: async () => ({ state: 'reserved', reserved: 1n, cancelRequested: false, deadline: 0, exitAt }),
        stakeOf: async () => ({ owner: zeroAddress, toPool: false, active: 1n }),
      },
      preset: 'tiny',
    } as unknown as EpochContext;
    const document: EpochDocument = {
      epoch: 1,
      trace: {
        ...{
          epoch: 1,
          closedAt,
          validators,
          electorates: [judges],
          provers: [],
          orders: [],
          endings: [],
          canaries: [],
        },
        abandoned: [{ id, order: { message: order, signature: zeroHash }, electorate: 0, committeeSeats: 64, claims }],
        weights: { commits: [], reveals: [] },
      },
      previous: emptyState(),
    };
    return checkEpoch(document, 1, context);
  };
  const unclaimed = { refuse: 'unclaimed', orders: [id] };
  expect(await outcome([claimOf(0)])).toMatchObject(unclaimed);
  expect(await outcome([claimOf(0), claimOf(1, false)])).toMatchObject(unclaimed);
  expect(await outcome([claimOf(0), claimOf(1, true, zeroHash)])).toMatchObject(unclaimed);
  // What is signed is checked next, with the key of the program.
  const passes = (checked: Promise<unknown>) => expect(checked).rejects.toThrow('the key is asked for');
  await passes(outcome([claimOf(0), claimOf(1)]));
  expect(await outcome([claimOf(0)], { closedAt: exitAt - 101 })).toMatchObject(unclaimed);
  await passes(outcome([claimOf(0)], { closedAt: exitAt - 100 }));
  // What we rejected need not be there; and who had no stake then has no say.
  await passes(outcome([claimOf(0)], { said: [verdict(0), verdict(1, false)] }));
  await passes(outcome([claimOf(0)], { judges: [{ ...validators[0], operator: zeroAddress }] }));
  // In our name nothing is settled that we did not sign.
  expect(await outcome([claimOf(0), claimOf(1)], { said: [verdict(1)] })).toMatchObject({ refuse: 'foreign-verdict' });
});
