/** Whom a chunk is not offered to, by what became of earlier attempts. */
import type { Address } from 'viem';
import type { AttemptRow } from './order-rows.js';

type Ended = Pick<AttemptRow, 'index' | 'prover' | 'outcome' | 'endedMs'>;

const isFailure = ({ outcome }: Ended) => outcome === 'missed' || outcome === 'rejected';
const isDishonest = ({ outcome }: Ended) => outcome === 'rejected' || outcome === 'unlinked';

/** Who gave this chunk back or up does not get it again; who let the order down gets nothing more of it. */
export function barredProvers(chunk: number, attempts: readonly Ended[]): Address[] {
  // Who broke its proof because it was asked to has the valid one.
  const isOver = ({ outcome }: Ended) => outcome !== undefined && outcome !== 'canary';
  return attempts.filter((a) => (a.index === chunk && isOver(a)) || isFailure(a)).map((a) => a.prover);
}

/**
 * Where all who are there are barred: a lock may have been lost through no fault, with a crash or a chain that was away. After
 * a rest, longer each time, they get the chunk again; not those whose proofs were wrong.
 * @param restSeconds the parameter; times the attempts that a prover had at the chunk
 */
export function barredForGood(
  chunk: number,
  attempts: readonly Ended[],
  nowMs: number,
  restSeconds: number,
): Address[] {
  const barred = new Set(barredProvers(chunk, attempts));
  return [...barred].filter((prover) => {
    const own = attempts.filter((a) => a.prover === prover && a.outcome !== undefined);
    if (own.some(isDishonest)) return true;
    const tries = own.filter((a) => a.index === chunk).length;
    const last = Math.max(...own.map((a) => a.endedMs ?? nowMs));
    return nowMs < last + restSeconds * 1000 * Math.max(1, tries);
  });
}
