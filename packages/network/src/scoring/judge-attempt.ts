/** What became of one lock: earned, owed, or nothing. */
import type { Address } from 'viem';
import { type CommitteeResult, committeeOf, judgeByCommittee } from './committee.js';
import type { AttemptTrace, EpochTrace, JudgeStake, OrderTrace, QuorumResult } from './types.js';

export type AttemptResult =
  /** More than two thirds accept: paid. */
  | 'accepted'
  /** More than two thirds reject: penalised. */
  | 'convicted'
  /** Proven, but neither: not paid, nobody blamed. */
  | 'disputed'
  /** No receipt by the deadline. */
  | 'missed'
  /** Given back for a reason that was found true, or missed while the gateway was away. */
  | 'excused'
  | 'released'
  /** The order ended before anything was due. */
  | 'open';

export interface JudgedAttempt {
  readonly result: AttemptResult;
  readonly quorum: CommitteeResult;
  /** Whose duty it was, in lower case: the committee's, or everyone's. */
  readonly judges: readonly string[];
  /** Their verdicts, one for each that did not contradict itself. */
  readonly votes: ReadonlyMap<string, boolean>;
}

/** The verdicts on exactly this proof; a validator that signed both ways has none. */
function votesOf(attempt: AttemptTrace): Map<string, boolean> {
  const votes = new Map<string, boolean>();
  const contradicted = new Set<string>();
  const { lock, receipt } = attempt;
  if (!receipt) return votes;
  for (const { message } of attempt.verdicts) {
    const isOfThis =
      message.order.toLowerCase() === lock.message.order.toLowerCase() &&
      message.chunk === lock.message.chunk &&
      message.attempt === lock.message.attempt &&
      message.proofDigest.toLowerCase() === receipt.message.proofDigest.toLowerCase();
    if (!isOfThis) continue;
    const key = message.validator.toLowerCase();
    const earlier = votes.get(key);
    if (earlier !== undefined && earlier !== message.accepted) contradicted.add(key);
    votes.set(key, message.accepted);
  }
  for (const key of contradicted) votes.delete(key);
  return votes;
}

/** Those who judge an order. */
export function electorateOf(
  trace: Pick<EpochTrace, 'electorates'>,
  order: Pick<OrderTrace, 'electorate'>,
): readonly JudgeStake[] {
  return trace.electorates[order.electorate] ?? [];
}

/** The electorate of each order, by its id in lower case. */
export function electoratesByOrder(trace: Pick<EpochTrace, 'electorates' | 'orders'>) {
  return new Map<string, readonly JudgeStake[]>(
    trace.orders.map((order) => [order.id.toLowerCase(), electorateOf(trace, order)]),
  );
}

/** A lock that was still running when its order ended owes nothing. */
export function judgeAttempt(
  attempt: AttemptTrace,
  { endedAt, committeeSeats }: Pick<OrderTrace, 'endedAt' | 'committeeSeats'>,
  validators: readonly JudgeStake[],
): JudgedAttempt {
  const all = votesOf(attempt);
  const verdicts = [...all].map(([validator, accepted]) => ({ validator: validator as Address, accepted }));
  const committee = attempt.receipt && committeeOf(attempt.lock.message, validators, committeeSeats);
  const quorum = judgeByCommittee(verdicts, validators, committee);
  const isTheirs = committee !== undefined && quorum.by === 'committee';
  const votes = isTheirs ? new Map([...all].filter(([key]) => committee.has(key))) : all;
  const judges = isTheirs ? [...committee.keys()] : validators.map(({ operator }) => operator.toLowerCase());
  return { result: resultOf(attempt, endedAt, quorum), quorum, judges, votes };
}

function resultOf(attempt: AttemptTrace, endedAt: number, quorum: QuorumResult): AttemptResult {
  const { lock, receipt, acknowledgement, release } = attempt;
  if (receipt && quorum.decision === 'accepted') return 'accepted';
  if (receipt && quorum.convicted) return 'convicted';
  if (release) return release.attested && release.reason !== 'given-back' ? 'excused' : 'released';
  const isLate = acknowledgement !== undefined && acknowledgement.message.receivedAt > lock.message.deadline;
  if (receipt && !isLate) return 'disputed';
  if (lock.message.deadline >= endedAt) return 'open';
  return attempt.excused ? 'excused' : 'missed';
}
