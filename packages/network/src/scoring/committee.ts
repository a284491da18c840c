/**
 * Committees: where there are more validators than seats, a proof is judged by some of them first. What they do not accept
 * everyone judges: so a committee saves work, and neither stops nor convicts anybody.
 */
import { encodeAbiParameters, type Hex, keccak256 } from 'viem';
import type { Duty } from './canaries.js';
import { judgeQuorum } from './quorum.js';
import type { JudgeStake, QuorumResult } from './types.js';

type Stakes = readonly JudgeStake[];

const ONE = 1n << 128n;

/** From 0 to ONE - 1, for this validator in this committee. */
function drawOf(duty: Duty, operator: string): bigint {
  const words = encodeAbiParameters(
    [{ type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }, { type: 'address' }],
    [duty.order, BigInt(duty.chunk), BigInt(duty.attempt), operator as Hex],
  );
  return BigInt(keccak256(words)) >> 128n;
}

/**
 * Seats by operator in lower case; undefined where everyone judges, as there are no more validators than seats. A
 * validator's expected seats are its part of the stake; what is behind the point is drawn from the order's id, which holds
 * the requester's salt: nobody else can choose it, and everybody can check it. Each validator's draw is its own, so stake
 * that moves meanwhile changes few seats, and a settlement days later finds nearly the same committee.
 */
export function committeeOf(duty: Duty, validators: Stakes, seats: number): Map<string, bigint> | undefined {
  const active = validators.filter(({ stake }) => stake > 0n);
  if (active.length <= seats) return undefined;
  const total = active.reduce((sum, { stake }) => sum + stake, 0n);
  const committee = new Map<string, bigint>();
  for (const { operator, stake } of active) {
    const key = operator.toLowerCase();
    const held = (BigInt(seats) * stake * ONE + drawOf(duty, key) * total) / (total * ONE);
    if (held > 0n) committee.set(key, held);
  }
  return committee.size === 0 ? undefined : committee;
}

export interface CommitteeResult extends QuorumResult {
  /** Who decided: whose verdicts count and are paid. */
  readonly by: 'committee' | 'all';
}

/** Accepted where more than two thirds of the seats accept, or of all stake; else as all stake has it. */
export function judgeByCommittee(
  verdicts: Parameters<typeof judgeQuorum>[0],
  validators: Stakes,
  committee: ReadonlyMap<string, bigint> | undefined,
): CommitteeResult {
  if (committee) {
    const seats = validators.map(({ operator }) => ({ operator, stake: committee.get(operator.toLowerCase()) ?? 0n }));
    const first = judgeQuorum(verdicts, seats);
    if (first.decision === 'accepted') return { ...first, by: 'committee' };
  }
  return { ...judgeQuorum(verdicts, validators), by: 'all' };
}
