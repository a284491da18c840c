/** Whose verdicts on an order count: what validators had staked just before the chain reserved it. */
import type { JudgeStake } from '@dsperse/network/scoring';
import { type Hex, stringToHex } from 'viem';
import type { Electorate } from './certificate-chunk.js';
import type { ChainAccess } from './chain-access.js';

const VALIDATOR_ROLE = 2;
const POOLS_PER_CALL = 100n;

/** undefined where the chain does not have the order. @throws TransportError `chain` */
export async function electorateOf(chain: ChainAccess, order: Hex): Promise<Electorate | undefined> {
  const { reservedAt } = await chain.read('market', 'orderOf', [order]);
  if (reservedAt === 0) return undefined;
  const before = BigInt(reservedAt) - 1n;
  const seats = chain.read('parameters', 'getAt', [stringToHex('committeeSeats', { size: 32 }), before]);
  // Awaited after the stakes.
  seats.catch(() => undefined);
  const found: JudgeStake[] = [];
  for (let from = 0n; ; from += POOLS_PER_CALL) {
    const page = [VALIDATOR_ROLE, before, from, POOLS_PER_CALL] as const;
    const [operators, stakes] = await chain.read('stake', 'activeStakesAt', page);
    operators.forEach((operator, i) => {
      if (stakes[i] > 0n) found.push({ operator, stake: stakes[i] });
    });
    if (BigInt(operators.length) < POOLS_PER_CALL) break;
  }
  return { stakes: found, committeeSeats: Number(await seats) };
}
