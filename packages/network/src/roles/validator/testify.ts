/**
 * Verdicts of ours on an order that its gateway settles in no epoch, given to the one that settles it. Nothing is said as long as
 * the chain lets the order's own gateway settle it alone: before that a verdict would tell others what to say.
 */
import type { Ledger } from '../../chain/ledger.js';
import { commitmentOf, type NetworkId, signMessage, type Testimonies, type Testimony } from '../../messages/index.js';
import type { Identity } from '../../node/index.js';
import { claimableAt, claimWindow } from '../../scoring/index.js';
import { lookUpEach } from '../peer/look-up-each.js';
import type { CaseKeyParts, ValidatorJournal } from './validator-journal.js';

export interface Witness {
  readonly identity: Identity;
  readonly network: NetworkId;
  readonly ledger: Ledger;
  readonly journal: Pick<ValidatorJournal, 'verdict'>;
}

/** @returns what we say of cases whose orders are abandoned; of those that are over, so that we are not asked again, that it is nothing */
export async function testimoniesOf(witness: Witness, asked: readonly CaseKeyParts[]): Promise<Testimonies> {
  const { ledger, journal } = witness;
  const [now, parameters] = await Promise.all([ledger.now(), ledger.parameters(['exitSeconds', 'cancelSeconds'])]);
  const window = claimWindow(parameters);
  const onChain = await lookUpEach(asked, ({ order }) => ledger.order(order));
  const testimonies: Testimony[] = [];
  const none: CaseKeyParts[] = [];
  for (const [k, { order, chunk, attempt }] of asked.entries()) {
    const { state, exitAt } = onChain[k];
    const isOver = state === 'settled' || state === 'exited';
    if (!isOver && (state !== 'reserved' || now < claimableAt(exitAt, window))) continue;
    const verdict = isOver ? undefined : journal.verdict({ order, chunk, attempt });
    if (verdict) testimonies.push(await testimonyOf(witness, verdict));
    else none.push({ order, chunk, attempt });
  }
  return { testimonies, none };
}

async function testimonyOf(
  { identity, network }: Witness,
  verdict: Testimony['verdict']['message'],
): Promise<Testimony> {
  const { order, chunk, attempt, validator } = verdict;
  const message = { order, chunk, attempt, validator, commitment: commitmentOf(verdict) };
  return {
    commit: await signMessage(identity.account, network, 'VerdictCommit', message),
    verdict: await signMessage(identity.account, network, 'Verdict', verdict),
  };
}
