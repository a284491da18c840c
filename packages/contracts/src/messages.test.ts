import { hashMessage, type NetworkId } from '@dsperse/network/messages';
import { type Hex, keccak256, stringToHex, toHex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTORS, startNetwork, type TestNetwork } from './testing/network.js';
import { creditLeaf, freshHash, leafHash, orderLeaf, penaltyLeaf, treeOf } from './testing/signing.js';

let net: TestNetwork;
let id: NetworkId;
beforeAll(async () => {
  net = await startNetwork();
  id = { chainId: net.chainId, market: net.at.market, settlement: net.at.settlement };
});
afterAll(() => net?.stop());

const hash = (text: string) => keccak256(stringToHex(text));

describe('the contracts hash what the nodes sign', () => {
  it('an order', async () => {
    const order = {
      requester: ACTORS[1].address,
      gateway: ACTORS[2].address,
      fingerprint: hash('a'),
      inputCommitment: hash('b'),
      priceMin: 2n ** 127n + 3n,
      priceMax: 2n ** 128n - 1n,
      rampSeconds: 2 ** 32 - 1,
      budget: 12_345n,
      deadline: 1_900_000_000,
      salt: hash('c'),
    };
    expect(await net.read('market', 'orderId', [{ ...order, deadline: BigInt(order.deadline) }])).toBe(
      hashMessage(id, 'Order', order),
    );
  });

  it('an epoch root', async () => {
    const root = {
      epoch: 7,
      previous: hash('a'),
      root: hash('b'),
      spent: 2n ** 200n,
      minted: 2n ** 128n - 1n,
      leaves: 4_000_000_000,
      closedAt: 2 ** 52,
    };
    expect(
      await net.read('settlement', 'hashEpochRoot', [{ ...root, epoch: 7n, closedAt: BigInt(root.closedAt) }]),
    ).toBe(hashMessage(id, 'EpochRoot', root));
  });

  it('a verdict', async () => {
    for (const accepted of [true, false]) {
      const verdict = {
        order: hash('a'),
        chunk: 3,
        attempt: 2,
        proofDigest: hash('b'),
        accepted,
        validator: ACTORS[2].address,
        salt: hash('c'),
      };
      expect(await net.read('settlement', 'hashVerdict', [verdict])).toBe(hashMessage(id, 'Verdict', verdict));
    }
  });

  it('for every chain and contract another', async () => {
    const root = { epoch: 7, previous: hash('a'), root: hash('b'), spent: 0n, minted: 0n, leaves: 1, closedAt: 3 };
    const own = await net.read<Hex>('settlement', 'hashEpochRoot', [{ ...root, epoch: 7n, closedAt: 3n }]);
    expect(hashMessage({ ...id, chainId: 1 }, 'EpochRoot', root)).not.toBe(own);
    expect(hashMessage({ ...id, settlement: net.at.market }, 'EpochRoot', root)).not.toBe(own);
  });
});

describe('leaves and roots', () => {
  it('are the same on both sides', async () => {
    for (const leaf of [
      orderLeaf(hash('o'), 5n),
      orderLeaf(hash('o'), 5n, false),
      creditLeaf(ACTORS[1].address, 2n ** 255n),
      penaltyLeaf(2, ACTORS[1].address, 1n, hash('e')),
    ]) {
      expect(await net.read('settlement', 'hashLeaf', [leaf])).toBe(leafHash(leaf));
    }
  });

  it('for every number of leaves up to 40, in any order', async () => {
    for (let count = 1; count <= 40; count++) {
      const leaves = Array.from({ length: count }, (_, i) => creditLeaf(toHex(i + 1, { size: 20 }), BigInt(count)));
      const expected = treeOf(leaves).root;
      expect(await net.read('settlement', 'computeRoot', [leaves.map(leafHash)])).toBe(expected);
      expect(await net.read('settlement', 'computeRoot', [leaves.map(leafHash).reverse()])).toBe(expected);
    }
    const one = freshHash();
    expect(await net.read('settlement', 'computeRoot', [[one]])).toBe(one);
    expect(await net.refusal(ACTORS[1], 'settlement', 'computeRoot', [[]])).toBe('NoLeaves');
  });
});
