/** How much of an epoch's accepted work each prover did. */
import type { Address } from 'viem';
import type { Settlement } from '../scoring/index.js';

export interface WorkShare {
  /** Lower case. */
  readonly operator: Address;
  readonly workUnits: bigint;
}

/** Work units that were proven, accepted and paid, by operator, in ascending order of the operators. */
export function workShares(settlement: Pick<Settlement, 'orders'>): WorkShare[] {
  const work = new Map<Address, bigint>();
  for (const { paid } of settlement.orders) {
    for (const { prover, workUnits } of paid) {
      const operator = prover.toLowerCase() as Address;
      work.set(operator, (work.get(operator) ?? 0n) + BigInt(workUnits));
    }
  }
  return [...work].sort(([a], [b]) => (a < b ? -1 : 1)).map(([operator, workUnits]) => ({ operator, workUnits }));
}
