import { type Hex, zeroHash } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROVER, VALIDATOR } from './encoding.js';
import { ACTORS, type Actor, SHARES_PER_UNIT, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import {
  ascending,
  creditLeaf,
  depositAs,
  freshHash,
  joinAs,
  type Leaf,
  locate,
  orderLeaf,
  penaltyLeaf,
  postEpoch,
  reserveAs,
  sign,
  treeOf,
} from './testing/signing.js';

const [, requester, prover, a, b, c, hunter] = ACTORS;
const validators = [a, b, c];
const signers = ascending(validators).map(({ address }) => address);
const STAKE = 10_000n * TOKEN;
const WINDOW = 1_000n;

let net: TestNetwork;
let snapshot: Hex;
const balance = (who: Hex) => net.read<bigint>('token', 'balanceOf', [who]);
const slashable = (who: Actor) => net.read<bigint>('stake', 'slashable', [VALIDATOR, who.address]);
const post = (leaves: readonly Leaf[]) => postEpoch(net, validators, leaves);
async function final(leaves: readonly Leaf[]) {
  const at = await post(leaves);
  await net.pass(WINDOW);
  return at;
}

beforeAll(async () => {
  net = await startNetwork({
    parameters: { challengeSeconds: { value: WINDOW, min: 1n }, unbondingSeconds: { value: 20_000n, min: 1n } },
  });
  for (const validator of validators) await joinAs(net, validator, VALIDATOR, STAKE);
  await depositAs(net, requester, 1_000n * TOKEN);
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

/** The epoch is gone and its signers lost half of their stake, a tenth of that to whoever showed the fault. */
async function expectConvicted(epoch: bigint, before: bigint, previous: Hex = zeroHash) {
  expect(await net.read('settlement', 'epochOf', [epoch])).toMatchObject({ cancelled: true });
  expect(await net.read('settlement', 'lastRoot')).toBe(previous);
  for (const validator of validators) expect(await slashable(validator)).toBe(STAKE / 2n);
  expect(await balance(hunter.address)).toBe(before + (3n * STAKE) / 20n);
  expect(await balance(net.at.treasury)).toBe((27n * STAKE) / 20n);
}

describe('challengeOrder', () => {
  const challenge = (at: Awaited<ReturnType<typeof post>>, leaf: Leaf, by = signers) => [locate(at, leaf), by] as const;

  it.each(['never reserved', 'above its reserve', 'settled before'])('convicts over an order %s', async (fault) => {
    const id = fault === 'never reserved' ? freshHash() : await reserveAs(net, requester, 10n);
    let previous: Hex = zeroHash;
    if (fault === 'settled before') {
      const leaf = orderLeaf(id, 4n);
      const earlier = await final([leaf, creditLeaf(prover.address, 4n)]);
      previous = earlier.tree.root;
      const args = [1n, [{ order: id, spent: 4n, delivered: true }], [earlier.tree.proof(leaf)]];
      await net.send(hunter, 'settlement', 'settleOrders', args);
    }
    const leaf = orderLeaf(id, fault === 'above its reserve' ? 11n : 0n);
    const at = await post([leaf, creditLeaf(prover.address, 11n)]);
    const before = await balance(hunter.address);
    const challenging = challenge(at, leaf);
    await net.send(hunter, 'settlement', 'challengeOrder', challenging);
    await expectConvicted(at.epoch, before, previous);
    expect(await net.refusal(hunter, 'settlement', 'challengeOrder', challenging)).toBe('NotChallengeable');
  });

  it('reaches stake of signers that has begun to thaw', async () => {
    const leaf = orderLeaf(freshHash(), 1n);
    const at = await post([leaf, creditLeaf(prover.address, 1n)]);
    for (const validator of validators) {
      await net.send(validator, 'stake', 'undelegate', [VALIDATOR, validator.address, STAKE * SHARES_PER_UNIT]);
    }
    const before = await balance(hunter.address);
    await net.send(hunter, 'settlement', 'challengeOrder', challenge(at, leaf));
    await expectConvicted(at.epoch, before);
  });

  it('finds no fault in what is right, in an order that has exited, in other leaves', async () => {
    const right = orderLeaf(await reserveAs(net, requester, 10n), 10n);
    const exited = orderLeaf(await reserveAs(net, requester, 10n, 10n), 10n);
    await net.pass(200);
    await net.send(hunter, 'market', 'forceExit', [exited.a]);
    const credit = creditLeaf(prover.address, 20n);
    const at = await post([right, exited, credit]);
    for (const leaf of [right, exited, credit]) {
      expect(await net.refusal(hunter, 'settlement', 'challengeOrder', challenge(at, leaf))).toBe('NoFault');
    }
  });

  it('needs the leaf in the tree, its signers, and the open window', async () => {
    const leaf = orderLeaf(freshHash(), 1n);
    const at = await post([leaf, creditLeaf(prover.address, 1n)]);
    const refused = (args: readonly unknown[]) => net.refusal(hunter, 'settlement', 'challengeOrder', args);
    const [located] = challenge(at, leaf);
    expect(await refused([{ ...located, leaf: orderLeaf(freshHash(), 1n) }, signers])).toBe('NotInTree');
    expect(await refused([{ ...located, epoch: 2n }, signers])).toBe('NotChallengeable');
    expect(await refused([located, signers.slice(1)])).toBe('WrongSigners');
    expect(await refused([located, [...signers].reverse()])).toBe('WrongSigners');
    await net.pass(WINDOW);
    expect(await refused([located, signers])).toBe('NotChallengeable');
  });
});

describe('challengePair', () => {
  it.each([
    ['one order twice in one tree', orderLeaf, 1n, 2n],
    ['two sums for one account', (_: Hex, b: bigint) => creditLeaf(prover.address, b), 5n, 6n],
    ['two sums for one operator', (_: Hex, b: bigint) => penaltyLeaf(PROVER, prover.address, b, zeroHash), 5n, 6n],
  ] as const)('convicts over %s', async (_, leafOf, one, two) => {
    const id = await reserveAs(net, requester, 10n);
    const [first, second] = [leafOf(id, one), leafOf(id, two)];
    const at = await post([first, second]);
    const before = await balance(hunter.address);
    await net.send(hunter, 'settlement', 'challengePair', [locate(at, first), locate(at, second), signers]);
    await expectConvicted(at.epoch, before);
  });

  it.each([
    ['one order in two trees', orderLeaf, 1n, 1n],
    ['a credit that fell', (_: Hex, b: bigint) => creditLeaf(prover.address, b), 6n, 5n],
    ['a penalty that fell', (_: Hex, b: bigint) => penaltyLeaf(PROVER, prover.address, b, zeroHash), 6n, 5n],
  ] as const)('convicts over %s', async (_, leafOf, one, two) => {
    const id = await reserveAs(net, requester, 10n);
    const [first, second] = [leafOf(id, one), leafOf(id, two)];
    const earlier = await final([first, creditLeaf(c.address, 1n)]);
    const later = await post([second, creditLeaf(c.address, 2n)]);
    const before = await balance(hunter.address);
    const args = [locate(earlier, first), locate(later, second), signers];
    await net.send(hunter, 'settlement', 'challengePair', args);
    await expectConvicted(later.epoch, before, earlier.tree.root);
  });

  it('finds no fault in sums that rise or stay, in one leaf twice, in different accounts', async () => {
    const refused = (...args: unknown[]) => net.refusal(hunter, 'settlement', 'challengePair', [...args, signers]);
    const [p5, p6, h5, o1] = [
      creditLeaf(prover.address, 5n),
      creditLeaf(prover.address, 6n),
      creditLeaf(hunter.address, 5n),
      orderLeaf(await reserveAs(net, requester, 10n), 1n),
    ];
    const earlier = await final([p5, h5]);
    const later = await post([p6, h5, o1]);
    expect(await refused(locate(earlier, p5), locate(later, p6))).toBe('NoFault');
    expect(await refused(locate(earlier, h5), locate(later, h5))).toBe('NoFault');
    expect(await refused(locate(later, h5), locate(later, h5))).toBe('NoFault');
    expect(await refused(locate(earlier, p5), locate(later, h5))).toBe('NoFault');
    expect(await refused(locate(later, o1), locate(later, o1))).toBe('NoFault');
    expect(await refused(locate(later, p6), locate(earlier, p5))).toBe('NotChallengeable');
    expect(await refused({ ...locate(earlier, p5), epoch: 2n }, locate(later, p6))).toBe('NotInTree');
  });

  it('believes no tree of a cancelled epoch', async () => {
    const id = await reserveAs(net, requester, 10n);
    const cancelled = await post([orderLeaf(id, 1n), creditLeaf(c.address, 1n)]);
    await net.send(net.at.timelock, 'settlement', 'cancel', [cancelled.epoch, zeroHash]);
    const at = await post([orderLeaf(id, 1n), creditLeaf(c.address, 2n)]);
    const args = [locate(cancelled, orderLeaf(id, 1n)), locate(at, orderLeaf(id, 1n)), signers];
    expect(await net.refusal(hunter, 'settlement', 'challengePair', args)).toBe('NotInTree');
  });
});

describe('equivocation', () => {
  const root = (epoch: bigint, fields: object = {}) => ({
    epoch,
    previous: zeroHash,
    root: freshHash(),
    spent: 0n,
    minted: 0n,
    leaves: 1,
    closedAt: 1n,
    ...fields,
  });
  const verdict = (fields: object = {}) => ({
    order: `0x${'0a'.repeat(32)}`,
    chunk: 1,
    attempt: 0,
    proofDigest: `0x${'0b'.repeat(32)}`,
    accepted: true,
    validator: a.address,
    salt: zeroHash,
    ...fields,
  });
  const pairOf = async (name: 'EpochRoot' | 'Verdict', one: object, two: object, by = [a, a], domain = {}) => [
    one,
    await sign(net, by[0], name, one, domain),
    two,
    await sign(net, by[1], name, two, domain),
  ];
  const epochs = (args: unknown[]) => net.refusal(hunter, 'settlement', 'proveEpochEquivocation', args);
  const verdicts = (args: unknown[]) => net.refusal(hunter, 'settlement', 'proveVerdictEquivocation', args);

  it('of two roots for one epoch costs a share of the stake, once for each epoch', async () => {
    const [one, two, three] = [root(4n), root(4n), root(4n)];
    const before = await balance(hunter.address);
    await net.send(hunter, 'settlement', 'proveEpochEquivocation', await pairOf('EpochRoot', one, two));
    expect(await slashable(a)).toBe((STAKE * 7n) / 10n);
    expect(await balance(hunter.address)).toBe(before + (STAKE * 3n) / 100n);
    expect(await epochs(await pairOf('EpochRoot', one, two))).toBe('EvidenceUsed');
    expect(await epochs(await pairOf('EpochRoot', two, three))).toBe('EvidenceUsed');
    expect(await epochs(await pairOf('EpochRoot', root(5n), root(5n)))).toBeUndefined();
    expect(await epochs(await pairOf('EpochRoot', root(4n), root(4n), [b, b]))).toBeUndefined();
  });

  it('is none with one root twice, two epochs, two signers, or another chain or contract', async () => {
    const one = root(4n);
    expect(await epochs(await pairOf('EpochRoot', one, one))).toBe('NotEquivocation');
    expect(await epochs(await pairOf('EpochRoot', one, root(5n)))).toBe('NotEquivocation');
    expect(await epochs(await pairOf('EpochRoot', one, root(4n), [a, b]))).toBe('NotEquivocation');
    const two = root(4n);
    const away = await pairOf('EpochRoot', one, two, [a, a], { chainId: 1 });
    expect(['NotEquivocation', 'NothingToSlash']).toContain(await epochs(away));
    expect(await slashable(a)).toBe(STAKE);
  });

  it('of two verdicts on one attempt costs a share of the stake, once for each attempt', async () => {
    const pair = await pairOf('Verdict', verdict(), verdict({ accepted: false }));
    await net.send(hunter, 'settlement', 'proveVerdictEquivocation', pair);
    expect(await slashable(a)).toBe((STAKE * 7n) / 10n);
    expect(await verdicts(pair)).toBe('EvidenceUsed');
    const digests = await pairOf('Verdict', verdict(), verdict({ proofDigest: freshHash() }));
    expect(await verdicts(digests)).toBe('EvidenceUsed');
    const retried = [verdict({ attempt: 1 }), verdict({ attempt: 1, accepted: false })] as const;
    expect(await verdicts(await pairOf('Verdict', ...retried))).toBeUndefined();
  });

  it('is none with another salt alone, another attempt, chunk, order or validator, or a false signer', async () => {
    const refused = async (fields: object, by = [a, a], one = {}) =>
      verdicts(await pairOf('Verdict', verdict(one), verdict({ accepted: false, ...fields }), by));
    expect(await refused({ accepted: true, salt: freshHash() })).toBe('NotEquivocation');
    expect(await refused({ attempt: 1 })).toBe('NotEquivocation');
    expect(await refused({ chunk: 2 })).toBe('NotEquivocation');
    expect(await refused({ order: freshHash() })).toBe('NotEquivocation');
    expect(await refused({ validator: b.address }, [a, b])).toBe('NotEquivocation');
    expect(await refused({}, [a, b])).toBe('NotEquivocation');
    expect(await refused({}, [b, b])).toBe('NotEquivocation');
    expect(await refused({})).toBeUndefined();
    const away = { verifyingContract: net.at.market };
    const pair = await pairOf('Verdict', verdict(), verdict({ accepted: false }), [a, a], away);
    expect(await verdicts(pair)).toBe('NotEquivocation');
  });

  it('brings nothing against an account without stake', async () => {
    const pair = await pairOf('EpochRoot', root(4n), root(4n), [hunter, hunter]);
    expect(await epochs(pair)).toBe('NothingToSlash');
  });

  it('takes no malformed signature', async () => {
    const [one, signature, two] = await pairOf('EpochRoot', root(4n), root(4n));
    expect(await epochs([one, signature, two, '0x1234'])).toMatch(/^ECDSA/);
  });

  it('is not what an honest validator does after a cancelled epoch', async () => {
    const first = await post([creditLeaf(c.address, 1n)]);
    await net.send(net.at.timelock, 'settlement', 'cancel', [first.epoch, zeroHash]);
    const again = await post([creditLeaf(c.address, 2n)]);
    const pair = await pairOf('EpochRoot', first.message, again.message);
    expect(await epochs(pair)).toBe('NotEquivocation');
    expect(treeOf([creditLeaf(c.address, 2n)]).root).toBe(again.message.root);
  });
});
