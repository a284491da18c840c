/**
 * Orders that their gateway settles in no epoch, because it is gone or will not. Shortly before the reserve returns to the
 * requester any gateway settles them in its place, by what provers and validators signed (decisions/0021).
 */
import type { AbandonedTrace, ClaimedChunk, EpochTrace, OrderTrace } from './types.js';

/**
 * How long before the return of its reserve an order is taken for abandoned: half of the shorter of the times that a gateway has to
 * settle it after its deadline and after it was cancelled. In seconds, as the parameters.
 */
export function claimWindow({ exitSeconds, cancelSeconds }: { exitSeconds: bigint; cancelSeconds: bigint }): number {
  return Math.floor(Number(exitSeconds < cancelSeconds ? exitSeconds : cancelSeconds) / 2);
}

/** From when on an order may be settled as abandoned. @param exitAt when its reserve returns; all in seconds */
export const claimableAt = (exitAt: number, windowSeconds: number): number => exitAt - windowSeconds;

/** From when on it may be settled without proofs that nobody has claimed, as their provers may be gone. */
export const claimsCloseAt = (exitAt: number, windowSeconds: number): number => exitAt - Math.floor(windowSeconds / 2);

/** Indices of the slices that a proof is of, ascending. */
export function claimedSlices({ proof: { statement } }: Pick<ClaimedChunk, 'proof'>): number[] {
  return Array.from({ length: statement.count ?? 1 }, (_, k) => statement.index + k);
}

/** What is settled of an abandoned order: the claimed chunks, as of an order that ran out. */
function claimedOrder({ claims, ...order }: AbandonedTrace): OrderTrace {
  return {
    ...order,
    outcome: 'expired',
    endedAt: 0,
    chunks: claims.map((claim) => {
      const { lock, receipt, commits, verdicts, workUnits } = claim;
      return {
        index: lock.message.chunk,
        slices: claimedSlices(claim),
        workUnits,
        offeredAt: 0,
        attempts: [{ lock, lockedAt: 0, receipt, commits, verdicts }],
      };
    }),
  };
}

/** All orders that an epoch settles. */
export function settledOrders(trace: Pick<EpochTrace, 'orders' | 'abandoned'>): OrderTrace[] {
  return [...trace.orders, ...trace.abandoned.map(claimedOrder)];
}
