/** Credits of accounts that send no transactions: address zero, whose are burned, and the treasury. Anyone may claim them. */
import { BURN_ACCOUNT } from '@dsperse/contracts';
import { isAddressEqual } from 'viem';
import type { LeafProof, Ledger, LedgerError } from '../../chain/ledger.js';
import type { Log } from './gateway-context.js';

/**
 * Claims them out of a final epoch; nothing where they have been claimed already.
 * @throws LedgerError where the chain cannot be reached: try again
 */
export async function claimCommon(
  ledger: Pick<Ledger, 'claim' | 'contracts'>,
  epoch: number,
  leaves: readonly LeafProof[],
  log: Log,
): Promise<void> {
  const common = [BURN_ACCOUNT, ledger.contracts.treasury];
  for (const leaf of leaves) {
    const { leaf: credit } = leaf;
    if (credit.kind !== 2 || credit.role !== undefined) continue;
    if (!common.some((account) => isAddressEqual(account, credit.account))) continue;
    await ledger.claim(epoch, leaf).catch((error: LedgerError) => {
      if (error.retryable) throw error;
      // Claimed by somebody else meanwhile, or the pool is empty: the sum in the next epoch's leaf has it too.
      log.debug({ err: error, epoch, account: credit.account }, 'not claimed');
    });
  }
}
