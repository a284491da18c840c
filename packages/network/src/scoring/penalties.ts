/** What failed locks cost, and the evidence digest that stands for it in the leaf. */
import { encodeAbiParameters, type Hex, keccak256, stringToHex } from 'viem';
import type { JudgedAttempt } from './judge-attempt.js';
import type { AttemptTrace, PenaltyItem, PenaltyReason, SettlementParameters } from './types.js';

const BPS = 10_000n;

/** The penalty that follows from an attempt; undefined where there is none. */
export function penaltyOf(
  attempt: AttemptTrace,
  judged: JudgedAttempt,
  parameters: SettlementParameters,
): PenaltyItem | undefined {
  const lock = attempt.lock.message;
  const item = (reason: PenaltyReason, amount: bigint, at: number): PenaltyItem | undefined =>
    amount === 0n
      ? undefined
      : {
          reason,
          order: lock.order.toLowerCase() as Hex,
          chunk: lock.chunk,
          attempt: lock.attempt,
          collateral: lock.collateral,
          amount,
          deadline: lock.deadline,
          at,
          rejecting: reason === 'rejected-proof' ? judged.quorum.rejecting : 0n,
          total: reason === 'rejected-proof' ? judged.quorum.total : 0n,
        };
  switch (judged.result) {
    case 'missed':
      return item('missed-lock', (lock.collateral * BigInt(parameters.missedLockBps)) / BPS, lock.deadline);
    case 'convicted': {
      const at = attempt.acknowledgement?.message.receivedAt ?? lock.deadline;
      return item('rejected-proof', (lock.collateral * BigInt(parameters.rejectedProofBps)) / BPS, at);
    }
    case 'released': {
      const at = attempt.release?.at ?? lock.deadline;
      return item('late-release', releasePenalty(attempt, at, parameters), at);
    }
    default:
      return undefined;
  }
}

/** In proportion to the part of the lock's time that has passed: cheap early and dear late. */
function releasePenalty(attempt: AttemptTrace, at: number, parameters: SettlementParameters): bigint {
  const { collateral, deadline } = attempt.lock.message;
  const length = Math.max(1, deadline - attempt.lockedAt);
  const passed = Math.min(Math.max(0, at - attempt.lockedAt), length);
  return (collateral * BigInt(parameters.releaseBps) * BigInt(passed)) / (BPS * BigInt(length));
}

const ITEM = [
  { type: 'bytes32' },
  { type: 'uint256' },
  { type: 'bytes32' },
  { type: 'bytes32' },
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
] as const;

/** Adds an item to the hash chain over all evidence against an operator. */
export function chainEvidence(previous: Hex, epoch: number, item: PenaltyItem): Hex {
  return keccak256(
    encodeAbiParameters(ITEM, [
      previous,
      BigInt(epoch),
      stringToHex(item.reason, { size: 32 }),
      item.order,
      BigInt(item.chunk),
      BigInt(item.attempt),
      item.collateral,
      item.amount,
      BigInt(item.deadline),
      BigInt(item.at),
      item.rejecting,
      item.total,
    ]),
  );
}
