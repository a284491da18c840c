/**
 * Whether an order is left out of the epochs. Nothing on the chain says why one is in none yet; that others ended and were
 * settled several times since its deadline says that nobody means to settle it.
 */

/** An epoch that is posted right after a deadline may have been proposed before it; one may be refused. */
export const LEFT_OUT_EPOCHS = 3;
/** Numbers that are looked at: those of cancelled epochs and those that were passed over count for nothing. */
const LOOKED_AT = 64;

export interface EpochsOfChain {
  /** In seconds, as everything here. */
  readonly now: number;
  /** The number of the last that was posted. */
  readonly last: number;
  /** Between an epoch's end of challenges and the settling of all its orders. */
  readonly graceSeconds: number;
  readonly epoch: (
    epoch: number,
  ) => Promise<{ readonly postedAt: number; readonly finalAt: number; readonly cancelled: boolean } | undefined>;
}

/** Epochs that were posted after a time and should have settled all their orders by now; `LEFT_OUT_EPOCHS` at most. */
export async function epochsSettledSince(time: number, chain: EpochsOfChain): Promise<number> {
  let count = 0;
  for (let n = chain.last; n > Math.max(0, chain.last - LOOKED_AT) && count < LEFT_OUT_EPOCHS; n--) {
    const posted = await chain.epoch(n);
    if (!posted) continue;
    if (posted.postedAt <= time) break;
    if (!posted.cancelled && posted.finalAt + chain.graceSeconds <= chain.now) count++;
  }
  return count;
}
