/** `dsperse stake claim`: what an owner, or its operator's pool, has earned by the last final epoch. */
import { InputError } from '@dsperse/core/graph';
import { toJson } from '@dsperse/network/messages';
import { leafProof } from '@dsperse/network/scoring';
import { roleNumber } from '@dsperse/sdk';
import type { Outcome } from '../commands/command.js';
import { renderFacts } from '../terminal/table.js';
import { formatTokens } from './amounts.js';
import { fetchSettlement, lastFinalEpoch } from './epoch-settlement.js';
import { findNetwork, openAccount, openChain } from './network-access.js';
import { ownerKeyOf, type StakeOptions, subjectOf } from './stake-options.js';

export async function claimEarnings(options: StakeOptions): Promise<Outcome> {
  const place = findNetwork(options);
  if (place.gatewayUrl === undefined) {
    throw new InputError('no-gateway', 'no gateway is given', 'give --gateway: it has the leaves of the epoch');
  }
  const subject = options.operator === undefined ? undefined : await subjectOf(options, place);
  const identity = await openAccount(options, place, subject ? ownerKeyOf(subject) : 'requester');
  const chain = await openChain(place, identity);
  const account = identity.account.address;
  const epoch = await lastFinalEpoch(chain);
  if (epoch === undefined) return { document: { account, claimed: '0' }, text: 'no epoch is final yet' };
  const { leaves } = await fetchSettlement(place.gatewayUrl, chain, epoch);
  let [own, pool, earned] = [0n, 0n, 0n];
  for (const leaf of leaves) {
    if (leaf.kind !== 2) continue;
    const proof = leafProof(leaves, leaf);
    if (leaf.role === undefined && leaf.account === account.toLowerCase()) {
      const rise = leaf.cumulative - (await chain.read('settlement', 'claimed', [account]));
      if (rise > 0n) await chain.send('settlement', 'claim', [BigInt(epoch), account, leaf.cumulative, proof]);
      own += rise;
      earned = leaf.cumulative;
    }
    const isPool = subject && leaf.role === roleNumber(subject.role) && leaf.account === subject.operator.toLowerCase();
    if (isPool) {
      const key = [leaf.role, leaf.account] as const;
      const rise = leaf.cumulative - (await chain.read('settlement', 'claimedByPool', key));
      if (rise > 0n) {
        const args = [BigInt(epoch), ...key, leaf.cumulative, proof] as const;
        await chain.send('settlement', 'claimToPool', args);
      }
      pool += rise;
    }
  }
  return {
    document: toJson({ account, epoch, claimed: own, claimedToPool: pool, earned }) as object,
    text: renderFacts([
      ['account', account],
      ['epoch', String(epoch)],
      ['claimed now', formatTokens(own)],
      ['earned in all', formatTokens(earned)],
      ...(subject ? [['to the pool', formatTokens(pool)] as const] : []),
    ]),
  };
}
