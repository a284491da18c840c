import { type Hex, keccak256, zeroAddress, zeroHash } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROVER, VALIDATOR } from './encoding.js';
import { ACTORS, SHARES_PER_UNIT, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import {
  creditLeaf,
  depositAs,
  freshHash,
  joinAs,
  type Leaf,
  orderLeaf,
  penaltyLeaf,
  poolCreditLeaf,
  postEpoch,
  reserveAs,
  type Tree,
} from './testing/signing.js';

const [, requester, prover, a, b, c, anyone] = ACTORS;
const guardian = ACTORS[11];
const validators = [a, b, c];
const WINDOW = 1_000n;

let net: TestNetwork;
let snapshot: Hex;
const balance = (who: { address: Hex } | Hex) =>
  net.read<bigint>('token', 'balanceOf', [typeof who === 'string' ? who : who.address]);
const filler = () => creditLeaf(anyone.address, 0n);
const orderArgs = (at: { epoch: bigint; tree: Tree }, leaves: readonly Leaf[]) => [
  at.epoch,
  leaves.map(({ a: order, b: spent, c: delivered }) => ({ order, spent, delivered: BigInt(delivered) === 1n })),
  leaves.map((leaf) => at.tree.proof(leaf)),
];
const claimArgs = (at: { epoch: bigint; tree: Tree }, who: { address: Hex } | Hex, cumulative: bigint) => {
  const account = typeof who === 'string' ? who : who.address;
  return [at.epoch, account, cumulative, at.tree.proof(creditLeaf(account, cumulative))];
};
async function finalEpoch(leaves: readonly Leaf[], spent = 0n) {
  const at = await postEpoch(net, validators, leaves, spent);
  await net.pass(WINDOW);
  return at;
}

beforeAll(async () => {
  net = await startNetwork({
    parameters: {
      challengeSeconds: { value: WINDOW, min: 1n },
      exitSeconds: { value: 5_000n, min: 1n },
      exitHoldMaxSeconds: { value: 3_000n, min: 1n },
      settleGraceSeconds: { value: 500n, min: 1n },
      pauseSeconds: { value: 2_000n, min: 1n },
      unbondingSeconds: { value: 20_000n, min: 1n },
      validatorStakeMin: 1_000n * TOKEN,
    },
  });
  for (const validator of validators) await joinAs(net, validator, VALIDATOR, 10_000n * TOKEN, 2_000n);
  await joinAs(net, prover, PROVER, 1_000n * TOKEN);
  await depositAs(net, requester, 1_000n * TOKEN);
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

describe('settleOrders', () => {
  it('settles the orders of a final epoch, each once, and passes over the others', async () => {
    const [first, second, third, gone] = await Promise.resolve().then(async () => {
      const ids: Hex[] = [];
      for (const budget of [10n, 20n, 30n]) ids.push(await reserveAs(net, requester, budget));
      ids.push(await reserveAs(net, requester, 40n, 10n));
      return ids;
    });
    await net.pass(5_010);
    await net.send(anyone, 'market', 'forceExit', [gone]);
    const leaves = [orderLeaf(first, 10n), orderLeaf(second, 0n, false), orderLeaf(third, 25n), orderLeaf(gone, 40n)];
    const at = await postEpoch(net, validators, [...leaves, filler()], 35n);
    expect(await net.refusal(anyone, 'settlement', 'settleOrders', orderArgs(at, leaves))).toBe('NotFinal');
    await net.pass(WINDOW);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, leaves.slice(0, 2)));
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, leaves));
    expect(await net.read('market', 'pool')).toBe(35n);
    expect(await net.read('market', 'totalReserved')).toBe(0n);
    expect(await net.read('market', 'balanceOf', [requester.address])).toBe(1_000n * TOKEN - 35n);
  });

  it('refuses what is not in the tree', async () => {
    const id = await reserveAs(net, requester, 10n);
    const leaf = orderLeaf(id, 3n);
    const at = await finalEpoch([leaf, filler()]);
    const [epoch, [good], proofs] = orderArgs(at, [leaf]) as [bigint, [object], Hex[][]];
    const refused = (entry: object, p = proofs, e = epoch) =>
      net.refusal(anyone, 'settlement', 'settleOrders', [e, [entry], p]);
    expect(await refused({ ...good, spent: 4n })).toBe('NotInTree');
    expect(await refused({ ...good, delivered: false })).toBe('NotInTree');
    expect(await refused({ ...good, order: freshHash() })).toBe('NotInTree');
    expect(await refused(good, [[]])).toBe('NotInTree');
    expect(await refused(good, [])).toBe('LengthsDiffer');
    expect(await refused(good, proofs, 2n)).toBe('NotFinal');
    expect(await refused(good)).toBeUndefined();
  });
});

describe('claim', () => {
  const settle = async (spent: bigint) => {
    const id = await reserveAs(net, requester, spent);
    return orderLeaf(id, spent);
  };

  it('pays to the account what it has not had yet, sent by anyone', async () => {
    const order = await settle(100n);
    const first = await finalEpoch([order, creditLeaf(prover.address, 60n), creditLeaf(a.address, 40n)]);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(first, [order]));
    const before = await balance(prover);
    await net.send(anyone, 'settlement', 'claim', claimArgs(first, prover, 60n));
    expect(await balance(prover)).toBe(before + 60n);
    expect(await net.refusal(anyone, 'settlement', 'claim', claimArgs(first, prover, 60n))).toBe('NothingToClaim');

    const more = await settle(30n);
    const second = await finalEpoch([more, creditLeaf(prover.address, 90n), creditLeaf(a.address, 40n)]);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(second, [more]));
    await net.send(prover, 'settlement', 'claim', claimArgs(second, prover, 90n));
    expect(await balance(prover)).toBe(before + 90n);
    expect(await net.read('settlement', 'claimed', [prover.address])).toBe(90n);
    // A leaf of an earlier epoch stays good, for what it says.
    await net.send(anyone, 'settlement', 'claim', claimArgs(first, a, 40n));
    expect(await net.refusal(anyone, 'settlement', 'claim', claimArgs(second, a, 40n))).toBe('NothingToClaim');
    expect(await net.read('market', 'pool')).toBe(0n);
  });

  it('pays only from orders that were settled, and the rest when there is more', async () => {
    const [small, large] = [await settle(10n), await settle(50n)];
    const at = await finalEpoch([small, large, creditLeaf(prover.address, 60n)]);
    const claim = claimArgs(at, prover, 60n);
    expect(await net.refusal(anyone, 'settlement', 'claim', claim)).toBe('NothingToClaim');
    const before = await balance(prover);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [small]));
    await net.send(anyone, 'settlement', 'claim', claim);
    expect(await balance(prover)).toBe(before + 10n);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [large]));
    await net.send(anyone, 'settlement', 'claim', claim);
    expect(await balance(prover)).toBe(before + 60n);
    expect(await net.read('settlement', 'claimed', [prover.address])).toBe(60n);
  });

  it('refuses a false sum, account, epoch or kind of leaf, and what is not final', async () => {
    const order = await settle(100n);
    const evidence = freshHash();
    const penalty = penaltyLeaf(PROVER, prover.address, 70n, evidence);
    const at = await postEpoch(net, validators, [order, creditLeaf(prover.address, 60n), penalty]);
    const good = claimArgs(at, prover, 60n);
    expect(await net.refusal(prover, 'settlement', 'claim', good)).toBe('NotFinal');
    await net.pass(WINDOW);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [order]));
    const [epoch, account, cumulative, proof] = good;
    const refused = (...args: unknown[]) => net.refusal(prover, 'settlement', 'claim', args);
    expect(await refused(epoch, account, 61n, proof)).toBe('NotInTree');
    expect(await refused(epoch, anyone.address, cumulative, proof)).toBe('NotInTree');
    expect(await refused(2n, account, cumulative, proof)).toBe('NotFinal');
    expect(await refused(epoch, prover.address, 70n, at.tree.proof(penalty))).toBe('NotInTree');
    expect(await refused(...good)).toBeUndefined();
  });

  it('burns the credits of address zero', async () => {
    const order = await settle(100n);
    const at = await finalEpoch([order, creditLeaf(zeroAddress, 30n)]);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [order]));
    const supply = await net.read<bigint>('token', 'totalSupply');
    await net.send(anyone, 'settlement', 'claim', claimArgs(at, zeroAddress, 30n));
    expect(await net.read('token', 'totalSupply')).toBe(supply - 30n);
  });

  it('pays into a pool: commission to its owner, the rest to its shares', async () => {
    const order = await settle(1_000n);
    const leaf = poolCreditLeaf(VALIDATOR, a.address, 1_000n);
    const at = await finalEpoch([order, leaf]);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [order]));
    const before = await balance(a);
    const args = [at.epoch, VALIDATOR, a.address, 1_000n, at.tree.proof(leaf)];
    await net.send(anyone, 'settlement', 'claimToPool', args);
    expect(await balance(a)).toBe(before + 200n);
    // Less a unit, rounded down: of nobody's shares.
    expect(await net.read('stake', 'stakeOf', [VALIDATOR, a.address, a.address])).toBe(10_000n * TOKEN + 799n);
    expect(await net.read('settlement', 'claimedByPool', [VALIDATOR, a.address])).toBe(1_000n);
    expect(await net.refusal(anyone, 'settlement', 'claimToPool', args)).toBe('NothingToClaim');
    expect(await balance(net.at.settlement)).toBe(0n);
    const other = [at.epoch, PROVER, a.address, 1_000n, at.tree.proof(leaf)];
    expect(await net.refusal(anyone, 'settlement', 'claimToPool', other)).toBe('NotInTree');
  });

  it('goes on during a pause, with settling and posting', async () => {
    const order = await settle(100n);
    const at = await finalEpoch([order, creditLeaf(prover.address, 60n)]);
    await net.send(guardian, 'guardian', 'pause');
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [order]));
    await net.send(anyone, 'settlement', 'claim', claimArgs(at, prover, 60n));
    await postEpoch(net, validators, [filler()]);
  });
});

describe('penalise', () => {
  const STAKE = 1_000n * TOKEN;
  const slashable = () => net.read<bigint>('stake', 'slashable', [PROVER, prover.address]);
  const args = (at: { epoch: bigint; tree: Tree }, cumulative: bigint, evidence: Hex) => [
    at.epoch,
    prover.address,
    PROVER,
    cumulative,
    evidence,
    at.tree.proof(penaltyLeaf(PROVER, prover.address, cumulative, evidence)),
  ];
  const penalty = (cumulative: bigint) => {
    const evidence = freshHash();
    return { evidence, leaf: penaltyLeaf(PROVER, prover.address, cumulative, evidence) };
  };

  it('takes what has become due since, once, for the treasury', async () => {
    const one = penalty(5n * TOKEN);
    const at = await postEpoch(net, validators, [one.leaf, filler()]);
    expect(await net.refusal(anyone, 'settlement', 'penalise', args(at, 5n * TOKEN, one.evidence))).toBe('NotFinal');
    await net.pass(WINDOW);
    await net.send(anyone, 'settlement', 'penalise', args(at, 5n * TOKEN, one.evidence));
    expect(await slashable()).toBe(STAKE - 5n * TOKEN);
    expect(await net.refusal(anyone, 'settlement', 'penalise', args(at, 5n * TOKEN, one.evidence))).toBe(
      'NothingToPenalise',
    );
    const two = penalty(7n * TOKEN);
    const next = await finalEpoch([two.leaf, filler()]);
    await net.send(anyone, 'settlement', 'penalise', args(next, 7n * TOKEN, two.evidence));
    expect(await slashable()).toBe(STAKE - 7n * TOKEN);
    expect(await balance(net.at.treasury)).toBe(7n * TOKEN);
    expect(await net.read('settlement', 'penalised', [PROVER, prover.address])).toBe(7n * TOKEN);
  });

  it('takes at most the governed share for one epoch; the rest stays due', async () => {
    const one = penalty(500n * TOKEN);
    const at = await finalEpoch([one.leaf, filler()]);
    await net.send(anyone, 'settlement', 'penalise', args(at, 500n * TOKEN, one.evidence));
    expect(await slashable()).toBe((STAKE * 8n) / 10n);
    expect(await net.refusal(anyone, 'settlement', 'penalise', args(at, 500n * TOKEN, one.evidence))).toBe(
      'NothingToPenalise',
    );
    const same = await finalEpoch([one.leaf, creditLeaf(anyone.address, 1n)]);
    await net.send(anyone, 'settlement', 'penalise', args(same, 500n * TOKEN, one.evidence));
    expect(await slashable()).toBe((STAKE * 64n) / 100n);
    expect(await net.read('settlement', 'penalised', [PROVER, prover.address])).toBe((STAKE * 36n) / 100n);
  });

  it('reaches stake that thaws', async () => {
    await net.send(prover, 'stake', 'undelegate', [PROVER, prover.address, STAKE * SHARES_PER_UNIT]);
    const one = penalty(100n * TOKEN);
    const at = await finalEpoch([one.leaf, filler()]);
    await net.send(anyone, 'settlement', 'penalise', args(at, 100n * TOKEN, one.evidence));
    await net.pass(20_000);
    const before = await balance(prover);
    await net.send(prover, 'stake', 'withdraw', [PROVER, prover.address, 0n]);
    expect(await balance(prover)).toBe(before + 900n * TOKEN);
  });

  it('refuses another operator, role, sum or evidence, and an operator without stake', async () => {
    const one = penalty(5n);
    const nobody = penaltyLeaf(PROVER, anyone.address, 5n, one.evidence);
    const at = await finalEpoch([one.leaf, nobody]);
    const [epoch, who, role, sum, evidence, proof] = args(at, 5n, one.evidence);
    const refused = (...call: unknown[]) => net.refusal(anyone, 'settlement', 'penalise', call);
    expect(await refused(epoch, a.address, role, sum, evidence, proof)).toBe('NotInTree');
    expect(await refused(epoch, who, VALIDATOR, sum, evidence, proof)).toBe('NotInTree');
    expect(await refused(epoch, who, role, 6n, evidence, proof)).toBe('NotInTree');
    expect(await refused(epoch, who, role, sum, keccak256('0x'), proof)).toBe('NotInTree');
    expect(await refused(epoch, anyone.address, role, 5n, evidence, at.tree.proof(nobody))).toBe('NothingToPenalise');
  });
});

describe('exit against settlement', () => {
  it('waits for an epoch that was posted before the exit opened, until it has been settled or its grace is over', async () => {
    const id = await reserveAs(net, requester, 10n, 100n);
    const exitAt = await net.read<bigint>('market', 'exitableAt', [id]);
    await net.test.setNextBlockTimestamp({ timestamp: exitAt - 10n });
    const at = await postEpoch(net, validators, [orderLeaf(id, 10n), filler()]);
    await net.pass(20);
    expect(await net.refusal(requester, 'market', 'forceExit', [id])).toBe('NotExitable');
    const { finalAt } = await net.read<{ finalAt: bigint }>('settlement', 'epochOf', [at.epoch]);
    expect(await net.read('market', 'exitableAt', [id])).toBe(finalAt + 500n);
    await net.pass(WINDOW);
    expect(await net.refusal(requester, 'market', 'forceExit', [id])).toBe('NotExitable');
    const snap = await net.test.snapshot();
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [orderLeaf(id, 10n)]));
    expect(await net.refusal(requester, 'market', 'forceExit', [id])).toBe('NotReserved');
    await net.test.revert({ id: snap });
    await net.pass(500);
    await net.send(requester, 'market', 'forceExit', [id]);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [orderLeaf(id, 10n)]));
    expect(await net.read('market', 'pool')).toBe(0n);
  });

  it('does not wait for an epoch that was posted after, or was cancelled', async () => {
    const id = await reserveAs(net, requester, 10n, 100n);
    const late = await reserveAs(net, requester, 10n, 100n);
    const exitAt = await net.read<bigint>('market', 'exitableAt', [id]);
    await net.test.setNextBlockTimestamp({ timestamp: exitAt - 10n });
    const { epoch } = await postEpoch(net, validators, [orderLeaf(id, 10n), filler()]);
    await net.send(net.at.timelock, 'settlement', 'cancel', [epoch, zeroHash]);
    await net.pass(20);
    await net.send(requester, 'market', 'forceExit', [id]);
    await postEpoch(net, validators, [orderLeaf(late, 10n), filler()]);
    await net.send(requester, 'market', 'forceExit', [late]);
  });

  it('is reached by an order that every epoch leaves out, and nothing is paid for it afterwards', async () => {
    const [id, other] = [await reserveAs(net, requester, 10n, 100n), await reserveAs(net, requester, 20n, 100n)];
    await net.pass(101);
    for (let k = 0; k < 3; k++) {
      const at = await finalEpoch(k === 0 ? [orderLeaf(other, 20n), filler()] : [filler(), creditLeaf(a.address, 1n)]);
      if (k === 0) await net.send(anyone, 'settlement', 'settleOrders', orderArgs(at, [orderLeaf(other, 20n)]));
    }
    expect(await net.refusal(requester, 'market', 'forceExit', [id])).toBe('NotExitable');
    // Epochs without it do not hold it up: it leaves when the contract had said from its first second on.
    await net.send(requester, 'market', 'requestCancel', [id]);
    const exitAt = await net.read<bigint>('market', 'exitableAt', [id]);
    const before = await net.read<bigint>('market', 'balanceOf', [requester.address]);
    await net.pass(exitAt - (await net.now()));
    await net.send(anyone, 'market', 'forceExit', [id]);
    expect(await net.read('market', 'balanceOf', [requester.address])).toBe(before + 10n);
    const pool = await net.read<bigint>('market', 'pool');
    const late = await finalEpoch([orderLeaf(id, 10n), filler()]);
    await net.send(anyone, 'settlement', 'settleOrders', orderArgs(late, [orderLeaf(id, 10n)]));
    expect(await net.read('market', 'pool')).toBe(pool);
    expect(await net.read('market', 'balanceOf', [requester.address])).toBe(before + 10n);
  });

  it('is reached under any stall: a held epoch holds it up no longer than the bound', async () => {
    const id = await reserveAs(net, requester, 10n, 100n);
    const exitAt = await net.read<bigint>('market', 'exitableAt', [id]);
    await net.test.setNextBlockTimestamp({ timestamp: exitAt - 10n });
    const { epoch } = await postEpoch(net, validators, [orderLeaf(id, 10n), filler()]);
    await net.send(guardian, 'guardian', 'pause');
    await net.send(anyone, 'settlement', 'hold', [epoch]);
    expect(await net.read('market', 'exitableAt', [id])).toBe(exitAt + 3_000n);
    await net.pass(3_010);
    await net.send(requester, 'market', 'forceExit', [id]);
    await net.send(requester, 'market', 'withdraw', [1_000n * TOKEN, requester.address]);
  });
});
