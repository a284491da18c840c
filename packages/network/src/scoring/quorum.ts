/** The verdict of the validators on one proof, by stake. */
import type { Address } from 'viem';
import type { JudgeStake, QuorumResult } from './types.js';

/**
 * Accepted where more than two thirds of all active stake accept, rejected where more than one third reject, else
 * undecided. At exactly one third rejecting it stays undecided although it can no longer be accepted (`acceptable`
 * is false): the chunk is offered again and nobody is blamed. Unknown validators do not count; of a validator that
 * appears twice only the first verdict counts, and none where the two differ.
 */
export function judgeQuorum(
  verdicts: readonly { readonly validator: Address; readonly accepted: boolean }[],
  validators: readonly JudgeStake[],
): QuorumResult {
  const stakes = new Map<string, bigint>();
  for (const { operator, stake } of validators) {
    const key = operator.toLowerCase();
    if (!stakes.has(key) && stake > 0n) stakes.set(key, stake);
  }
  const votes = new Map<string, boolean | 'both'>();
  for (const { validator, accepted } of verdicts) {
    const key = validator.toLowerCase();
    if (!stakes.has(key)) continue;
    const earlier = votes.get(key);
    votes.set(key, earlier === undefined || earlier === accepted ? accepted : 'both');
  }
  let total = 0n;
  let accepting = 0n;
  let rejecting = 0n;
  let twofold = 0n;
  for (const [key, stake] of stakes) {
    const vote = votes.get(key);
    total += stake;
    if (vote === true) accepting += stake;
    else if (vote === false) rejecting += stake;
    else if (vote === 'both') twofold += stake;
  }
  const isAccepted = 3n * accepting > 2n * total;
  const isRejected = 3n * rejecting > total;
  return {
    decision: isAccepted ? 'accepted' : isRejected ? 'rejected' : 'undecided',
    convicted: 3n * rejecting > 2n * total,
    acceptable: 3n * (total - rejecting - twofold) > 2n * total,
    accepting,
    rejecting,
    total,
  };
}
