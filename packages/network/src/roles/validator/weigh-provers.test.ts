import { zeroHash } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect, test } from 'vitest';
import { type WeightReveal, weightCommitmentOf } from '../../messages/index.js';
import type { GatewayLink } from '../peer/gateway-link.js';
import { ProverWeights, type WeighingOptions } from './weigh-provers.js';

const account = privateKeyToAccount(`0x${'07'.repeat(32)}`);
const validator = account.address.toLowerCase() as WeightReveal['validator'];
const reveal: WeightReveal = { validator, provers: [`0x${'22'.repeat(20)}`], weights: [65_535], salt: zeroHash };

test('what a gateway took stays taken, also where it is told again', async () => {
  let now = 5_000;
  const posted: string[] = [];
  const link = {
    nowMs: () => now,
    post: async (path: string) => void posted.push(path),
  } as unknown as GatewayLink;
  const commits = [{ validator, commitment: weightCommitmentOf(reveal) }];
  const state = { consensus: { commits, provers: [], bonds: [] } };
  const weights = new ProverWeights({
    identity: { account },
    network: { chainId: 1, market: account.address, settlement: account.address },
    ledger: { settlementHead: async () => ({ last: 3, next: 4, root: zeroHash }) },
    journal: {
      epoch: () => ({ root: { root: zeroHash }, state }),
      weights: () => ({ reveal }),
      weightsFor: () => ({ reveal, atMs: Date.now() }),
    },
    signal: new AbortController().signal,
  } as unknown as WeighingOptions);
  expect(weights.takenAt(link, 'reveal', 3)).toBeUndefined();
  await weights.say(link, 3);
  expect(posted).toEqual(['/v1/weights/reveals', '/v1/weights/commits']);
  now = 9_000;
  await weights.say(link, 3);
  expect(posted).toHaveLength(2);
  weights.repeat(link);
  await weights.say(link, 3);
  expect(posted).toHaveLength(4);
  for (const kind of ['commit', 'reveal'] as const) {
    expect(weights.takenAt(link, kind, 3)).toBe(5_000);
    expect(weights.takenAt(link, kind, 4)).toBeUndefined();
  }
});
