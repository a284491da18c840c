/** Weights in a trace: each rule against a gateway or a validator that breaks exactly it. */
import { type Hex, numberToHex, pad } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect, it } from 'vitest';
import { type NetworkId, signMessage, type WeightReveal, weightCommitmentOf } from '../messages/index.js';
import { checkTrace, type EpochTrace, emptyState, type TraceContext, WEIGHT_MAX } from './index.js';

const word = (k: number) => pad(numberToHex(k), { size: 32 }) as Hex;
const keyOf = (k: number) => privateKeyToAccount(word(k));
const [one, two, stranger] = [1, 2, 3].map(keyOf);
const network: NetworkId = { chainId: 31337, market: keyOf(7).address, settlement: keyOf(8).address };
const validators = [one, two].map(({ address }) => ({ operator: address, account: address, stake: 10n }));
const lower = (hex: Hex) => hex.toLowerCase() as Hex;
const provers = [4, 5].map((k) => lower(keyOf(k).address)).sort();
const revealOf = (by: typeof one, change: Partial<WeightReveal> = {}): WeightReveal => {
  return {
    validator: lower(by.address),
    provers,
    weights: [WEIGHT_MAX, 7],
    salt: by === one ? word(14) : word(16),
    ...change,
  };
};
const open = [one, two].map((by) => ({
  validator: lower(by.address),
  commitment: weightCommitmentOf(revealOf(by)),
}));
const context: TraceContext = {
  network,
  previous: { ...emptyState(), epoch: 4, consensus: { commits: open, provers: [], bonds: [] } },
  market: { lockFloorSeconds: 20, verifySeconds: 100, collateralBps: 20_000, collateralMin: 5n },
  validators,
  electorates: new Map(),
  committeeSeats: new Map(),
  reserves: new Map(),
  programs: new Map(),
  proverAccounts: new Map(),
  canaryBps: 500,
  claimWindowSeconds: 100,
  clockSkewSeconds: 5,
};
const commitOf = (by: typeof one, epoch = 4, signer = by) =>
  signMessage(signer, network, 'WeightCommit', { epoch, validator: by.address, commitment: word(20) });
async function codes(weights: Partial<EpochTrace['weights']>): Promise<string[]> {
  const trace = {
    epoch: 5,
    closedAt: 9,
    validators,
    provers: [],
    orders: [],
    electorates: [],
    endings: [],
    abandoned: [],
    canaries: [],
  };
  const faults = await checkTrace({ ...trace, weights: { commits: [], reveals: [], ...weights } }, context);
  return faults.map(({ code, path }) => `${code} ${path}`);
}

it('takes commitments for the epoch before, and reveals that open those of its trace', async () => {
  const commits = await Promise.all([commitOf(one), commitOf(two)]);
  expect(await codes({ commits, reveals: [revealOf(one), revealOf(two)] })).toEqual([]);
});

it('refuses a commitment of another epoch, of no validator, twice, or signed by somebody else', async () => {
  const at = 'weights.commits[0]';
  expect(await codes({ commits: [await commitOf(one, 3)] })).toEqual([`wrong-epoch ${at}`]);
  expect(await codes({ commits: [await commitOf(one, 5)] })).toEqual([`wrong-epoch ${at}`]);
  expect(await codes({ commits: [await commitOf(stranger)] })).toEqual([`unknown-validator ${at}`]);
  expect(await codes({ commits: [await commitOf(one, 4, two)] })).toEqual([`bad-signature ${at}`]);
  const twice = [await commitOf(one), await commitOf(one)];
  expect(await codes({ commits: twice })).toEqual(['duplicate weights.commits[1]']);
});

it('refuses weights that were not committed to: copied, changed, or of a stranger', async () => {
  const at = 'weights.reveals[0]';
  const none = `weights-without-commitment ${at}`;
  // What the other revealed, under the own name.
  expect(await codes({ reveals: [revealOf(two, { validator: lower(one.address) }), revealOf(two)] })).toEqual([none]);
  expect(await codes({ reveals: [revealOf(one, { weights: [WEIGHT_MAX, 8] })] })).toEqual([none]);
  expect(await codes({ reveals: [revealOf(one, { salt: word(15) })] })).toEqual([none]);
  expect(await codes({ reveals: [revealOf(one, { salt: '0x12' })] })).toEqual([none]);
  expect(await codes({ reveals: [revealOf(stranger)] })).toEqual([`unknown-validator ${at}`, none]);
  expect(await codes({ reveals: [revealOf(one), revealOf(one)] })).toEqual(['duplicate weights.reveals[1]']);
});

it('refuses what are no weights', async () => {
  const at = 'weights.reveals[0]';
  for (const change of [
    { provers: [...provers].reverse() },
    { weights: [WEIGHT_MAX, 0] },
    { weights: [WEIGHT_MAX - 1, 7] },
    { weights: [WEIGHT_MAX + 1, 7] },
    { weights: [WEIGHT_MAX] },
  ]) {
    const [first, second] = await codes({ reveals: [revealOf(one, change)] });
    expect([first, second]).toEqual([`bad-weights ${at}`, `weights-without-commitment ${at}`]);
  }
});
