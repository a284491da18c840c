import { type Hex, stringToHex, zeroHash } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROVER, VALIDATOR } from './encoding.js';
import { ACTORS, SHARES_PER_UNIT, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import {
  ascending,
  creditLeaf,
  depositAs,
  epochRootOf,
  freshHash,
  joinAs,
  postEpoch,
  sign,
  signEpoch,
  type Tree,
  treeOf,
} from './testing/signing.js';

const [, requester, prover, a, b, c, anyone] = ACTORS;
const guardian = ACTORS[11];
const validators = [a, b, c];
const WINDOW = 1_000n;

let net: TestNetwork;
let snapshot: Hex;
const filler = () => creditLeaf(anyone.address, 0n);
const claimArgs = (at: { epoch: bigint; tree: Tree }, who: { address: Hex } | Hex, cumulative: bigint) => {
  const account = typeof who === 'string' ? who : who.address;
  return [at.epoch, account, cumulative, at.tree.proof(creditLeaf(account, cumulative))];
};

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

describe('post', () => {
  it('takes a root signed by more than two thirds of the stake, from anyone', async () => {
    const tree = treeOf([filler()]);
    const message = await epochRootOf(net, tree, 5n);
    await net.send(anyone, 'settlement', 'post', [message, await signEpoch(net, validators, message)]);
    expect(await net.read('settlement', 'lastEpoch')).toEqual([true, 1n]);
    expect(await net.read('settlement', 'lastRoot')).toBe(tree.root);
    expect(await net.read('settlement', 'nextEpoch')).toBe(2n);
    expect(await net.read('settlement', 'isFinal', [1n])).toBe(false);
    const epoch = await net.read<{ postedAt: bigint; finalAt: bigint }>('settlement', 'epochOf', [1n]);
    expect(epoch).toMatchObject({ root: tree.root, previous: zeroHash, spent: 5n, leaves: 1, cancelled: false });
    expect(epoch.finalAt).toBe(epoch.postedAt + WINDOW);
    await net.pass(WINDOW);
    expect(await net.read('settlement', 'isFinal', [1n])).toBe(true);
  });

  it('refuses exactly two thirds, and takes a unit more', async () => {
    const message = await epochRootOf(net, treeOf([filler()]));
    const two = await signEpoch(net, [a, b], message);
    expect(await net.refusal(anyone, 'settlement', 'post', [message, two])).toBe('NoQuorum');
    expect(await net.refusal(anyone, 'settlement', 'post', [message, []])).toBe('NoQuorum');
    await net.send(a, 'stake', 'stake', [VALIDATOR, a.address, TOKEN]);
    expect(await net.refusal(anyone, 'settlement', 'post', [message, two])).toBeUndefined();
  });

  it('does not count stake that thaws, of provers, of closed pools or below the least', async () => {
    const message = await epochRootOf(net, treeOf([filler()]));
    const posting = async (actors: typeof validators) =>
      net.refusal(anyone, 'settlement', 'post', [message, await signEpoch(net, actors, message)]);
    expect(await posting([a, b, prover])).toBe('NoQuorum');
    await net.send(c, 'stake', 'undelegate', [VALIDATOR, c.address, 9_500n * TOKEN * SHARES_PER_UNIT]);
    expect(await posting([a, b])).toBeUndefined();
    expect(await posting([a, c])).toBe('NoQuorum');
    await net.send(a, 'stake', 'setClosed', [VALIDATOR, a.address, true]);
    expect(await posting([a, c])).toBe('NoQuorum');
    expect(await posting([b])).toBeUndefined();
  });

  it('counts nobody twice', async () => {
    const message = await epochRootOf(net, treeOf([filler()]));
    const [first, second] = await signEpoch(net, [a, b], message);
    for (const signatures of [
      [first, first, second],
      [second, first],
    ]) {
      expect(await net.refusal(anyone, 'settlement', 'post', [message, signatures])).toBe('SignersNotAscending');
    }
  });

  it('takes no signature for another chain, contract or root', async () => {
    const message = await epochRootOf(net, treeOf([filler()]));
    const posting = async (signed: object, domain = {}) => {
      const signatures = await Promise.all(
        ascending(validators).map((actor) => sign(net, actor, 'EpochRoot', signed, domain)),
      );
      // Signers that are recovered from something else come in any order.
      return net.refusal(anyone, 'settlement', 'post', [message, signatures]);
    };
    const refusals = ['NoQuorum', 'SignersNotAscending'];
    expect(refusals).toContain(await posting(message, { chainId: 1 }));
    expect(refusals).toContain(await posting(message, { verifyingContract: net.at.market }));
    expect(refusals).toContain(await posting({ ...message, root: freshHash() }));
    expect(refusals).toContain(await posting({ ...message, epoch: 2n }));
    expect(await posting(message)).toBeUndefined();
    const garbage = [`0x${'11'.repeat(65)}`];
    expect(await net.refusal(anyone, 'settlement', 'post', [message, garbage])).toMatch(/^ECDSA/);
  });

  it('goes on from the last root, one epoch at a time, and never back', async () => {
    const first = await postEpoch(net, validators, [filler()]);
    const next = await epochRootOf(net, treeOf([creditLeaf(prover.address, 1n)]));
    const posting = async (message: typeof next) =>
      net.refusal(anyone, 'settlement', 'post', [message, await signEpoch(net, validators, message)]);
    expect(await posting(next)).toBe('EpochPending');
    await net.pass(WINDOW);
    expect(await posting({ ...next, epoch: 1n })).toBe('EpochOutOfSequence');
    expect(await posting({ ...next, epoch: 0n })).toBe('EpochOutOfSequence');
    expect(await posting({ ...next, epoch: 1_003n })).toBe('EpochOutOfSequence');
    expect(await posting({ ...next, epoch: 1_002n })).toBeUndefined();
    const skipped = stringToHex('skippedEpochsMax', { size: 32 });
    await net.send(net.at.timelock, 'parameters', 'set', [skipped, 999n]);
    expect(await posting({ ...next, epoch: 1_002n })).toBe('EpochOutOfSequence');
    expect(await posting({ ...next, epoch: 1_001n })).toBeUndefined();
    expect(await posting({ ...next, previous: zeroHash })).toBe('WrongPrevious');
    expect(await posting({ ...next, root: zeroHash })).toBe('EmptyRoot');
    expect(await posting({ ...next, epoch: 3n })).toBeUndefined();
    expect(await posting(next)).toBeUndefined();
    const replayed = [first.message, first.signatures];
    expect(await net.refusal(anyone, 'settlement', 'post', replayed)).toBe('EpochOutOfSequence');
  });
});

describe('cancel and hold', () => {
  it('voids an epoch within its window, by vote alone; its number is not used again', async () => {
    const { epoch, tree } = await postEpoch(net, validators, [creditLeaf(prover.address, 5n), filler()]);
    const reason = stringToHex('wrong', { size: 32 });
    for (const actor of [a, guardian, ACTORS[0]]) {
      expect(await net.refusal(actor, 'settlement', 'cancel', [epoch, reason])).toBe('OwnableUnauthorizedAccount');
    }
    await net.send(net.at.timelock, 'settlement', 'cancel', [epoch, reason]);
    expect(await net.refusal(net.at.timelock, 'settlement', 'cancel', [epoch, reason])).toBe('NotChallengeable');
    await net.pass(WINDOW);
    expect(await net.refusal(anyone, 'settlement', 'claim', claimArgs({ epoch, tree }, prover, 5n))).toBe('NotFinal');
    expect(await net.read('settlement', 'lastRoot')).toBe(zeroHash);
    expect(await net.read('settlement', 'nextEpoch')).toBe(2n);
    const again = await postEpoch(net, validators, [filler()]);
    expect(again.epoch).toBe(2n);
    await net.pass(WINDOW);
    expect(await net.refusal(net.at.timelock, 'settlement', 'cancel', [2n, reason])).toBe('NotChallengeable');
  });

  it('keeps an epoch open beyond a pause, once', async () => {
    const { epoch } = await postEpoch(net, validators, [filler()]);
    expect(await net.refusal(anyone, 'settlement', 'hold', [epoch])).toBe('CannotHold');
    await net.send(guardian, 'guardian', 'pause');
    const until = await net.read<bigint>('guardian', 'pausedUntil');
    await net.send(anyone, 'settlement', 'hold', [epoch]);
    expect(await net.refusal(anyone, 'settlement', 'hold', [epoch])).toBe('CannotHold');
    expect(await net.read('settlement', 'epochOf', [epoch])).toMatchObject({ finalAt: until + WINDOW, held: true });
    await net.pass(WINDOW + 10n);
    expect(await net.read('settlement', 'isFinal', [epoch])).toBe(false);
    await net.pass(2_000);
    expect(await net.read('settlement', 'isFinal', [epoch])).toBe(true);
    expect(await net.refusal(anyone, 'settlement', 'hold', [epoch])).toBe('NotChallengeable');
  });

  it('lets a held epoch go on where the pause ended early, and no sooner', async () => {
    const { epoch } = await postEpoch(net, validators, [filler()]);
    expect(await net.refusal(anyone, 'settlement', 'release', [epoch])).toBe('CannotRelease');
    await net.send(guardian, 'guardian', 'pause');
    await net.send(anyone, 'settlement', 'hold', [epoch]);
    expect(await net.refusal(anyone, 'settlement', 'release', [epoch])).toBe('CannotRelease');
    await net.pass(100);
    await net.send(guardian, 'guardian', 'unpause');
    const ended = await net.read<bigint>('guardian', 'pausedUntil');
    await net.send(anyone, 'settlement', 'release', [epoch]);
    expect(await net.read('settlement', 'epochOf', [epoch])).toMatchObject({ finalAt: ended + WINDOW, held: true });
    expect(await net.refusal(anyone, 'settlement', 'release', [epoch])).toBe('CannotRelease');
    expect(await net.refusal(anyone, 'settlement', 'hold', [epoch])).toBe('CannotHold');
    await net.pass(WINDOW);
    expect(await net.read('settlement', 'isFinal', [epoch])).toBe(true);
  });

  it('holds an epoch that is posted during a pause from the start', async () => {
    await net.send(guardian, 'guardian', 'pause');
    const until = await net.read<bigint>('guardian', 'pausedUntil');
    const { epoch } = await postEpoch(net, validators, [filler()]);
    expect(await net.read('settlement', 'epochOf', [epoch])).toMatchObject({ finalAt: until + WINDOW, held: true });
  });
});
