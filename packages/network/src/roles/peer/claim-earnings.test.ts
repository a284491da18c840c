import type { Hex } from 'viem';
import { expect, test } from 'vitest';
import type { Ledger } from '../../chain/ledger.js';
import { type Leaf, merkleRoot, verifyLeaf } from '../../scoring/index.js';
import { claimOnce } from './claim-earnings.js';

const operator: Hex = `0x${'0a'.repeat(20)}`;
const owner: Hex = `0x${'0b'.repeat(20)}`;
const other: Hex = `0x${'0c'.repeat(20)}`;
const leaves: Leaf[] = [
  { kind: 2, account: other, cumulative: 7n },
  { kind: 2, account: owner, cumulative: 5n },
];
const root = merkleRoot(leaves);

function start(head: { last: number; finalAt: number }) {
  const asked: string[] = [];
  const claims: { leaf: Leaf; proof: readonly Hex[] }[] = [];
  let claimed = 0n;
  const ledger = {
    settlementHead: async () => ({ last: head.last, next: head.last + 1, root }),
    now: async () => {
      asked.push('now');
      return 100;
    },
    epoch: async (epoch: number) => ({ epoch, root, postedAt: 1, finalAt: head.finalAt, cancelled: false }),
    stakeOf: async () => ({ owner, active: 1n, toPool: false }),
    claimed: async () => claimed,
    claim: async (_: number, claim: { leaf: Leaf & { kind: 2 }; proof: readonly Hex[] }) => {
      claims.push(claim);
      claimed = claim.leaf.cumulative;
    },
  } as unknown as Ledger;
  const link = {
    get: async (path: string) => {
      asked.push(path);
      return { settlement: { leaves } };
    },
  };
  const log = { info() {}, debug() {} };
  const options = { ledger, links: [link], operator, roles: [1], log } as unknown as Parameters<typeof claimOnce>[0];
  return { options, asked, claims };
}

test('what was earned is claimed once its epoch is final, and the epoch is not looked at again', async () => {
  const { options, asked, claims } = start({ last: 3, finalAt: 100 });
  expect(await claimOnce(options, 0)).toEqual({ epoch: 3, claims: 1 });
  const [{ leaf, proof }] = claims;
  expect(leaf).toEqual(leaves[1]);
  expect(verifyLeaf(root, leaf, proof)).toBe(true);
  asked.length = 0;
  expect(await claimOnce(options, 3)).toEqual({ epoch: 3, claims: 0 });
  expect(asked).toEqual([]);
});

test('before that nothing is claimed', async () => {
  const { options, asked, claims } = start({ last: 3, finalAt: 101 });
  expect(await claimOnce(options, 0)).toEqual({ epoch: 0, claims: 0 });
  expect(asked).toEqual(['now']);
  expect(claims).toEqual([]);
});
