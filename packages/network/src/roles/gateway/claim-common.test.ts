import { BURN_ACCOUNT } from '@dsperse/contracts';
import type { Address, Hex } from 'viem';
import { expect, test } from 'vitest';
import { type LeafProof, LedgerError } from '../../chain/ledger.js';
import { silentLogger } from '../../node/index.js';
import type { Leaf } from '../../scoring/index.js';
import { claimCommon } from './claim-common.js';

const treasury = '0xAbcdEF0000000000000000000000000000000001' as Address;
const somebody = '0x00000000000000000000000000000000000000b2' as Address;
const credit = (account: Address, role?: 1 | 2): LeafProof => ({
  leaf: { kind: 2, account, cumulative: 5n, ...(role ? { role } : {}) },
  proof: [`0x${'11'.repeat(32)}` as Hex],
});
const order: LeafProof = {
  leaf: { kind: 1, order: `0x${'22'.repeat(32)}`, spent: 9n, delivered: true },
  proof: [],
};
const leaves = [
  order,
  credit(BURN_ACCOUNT),
  credit(somebody),
  credit(BURN_ACCOUNT, 2),
  credit(treasury.toLowerCase() as Address),
];

function ledgerOf(claim: (leaf: Leaf) => Promise<void>) {
  const claims: Address[] = [];
  return {
    claims,
    contracts: { treasury } as never,
    async claim(epoch: number, { leaf }: LeafProof) {
      expect(epoch).toBe(7);
      if (leaf.kind === 2) claims.push(leaf.account);
      await claim(leaf);
    },
  };
}

test('claims what is burned and what the treasury gets, and nobody else’s', async () => {
  const ledger = ledgerOf(async () => {});
  await claimCommon(ledger, 7, leaves, silentLogger());
  expect(ledger.claims).toEqual([BURN_ACCOUNT, treasury.toLowerCase()]);
});

test('one that is claimed already does not hold up the other', async () => {
  const ledger = ledgerOf(async () => {
    throw new LedgerError('refused', 'NothingToClaim', false);
  });
  await claimCommon(ledger, 7, leaves, silentLogger());
  expect(ledger.claims.length).toBe(2);
});

test('a chain that is away is tried again later', async () => {
  const ledger = ledgerOf(async () => {
    throw new LedgerError('unreachable', 'no answer', true);
  });
  await expect(claimCommon(ledger, 7, leaves, silentLogger())).rejects.toMatchObject({ retryable: true });
});
