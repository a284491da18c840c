/** One network from its first stake to a change of its rules, over real contracts, each step on what the one before left. */
import { getAddress, type Hex, stringToHex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VALIDATOR } from './encoding.js';
import { stakeManagerAbi, stakeManagerBytecode } from './generated/stake-manager.js';
import { ACTORS, type Actor, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import { AGAINST, carry, FOR, idOf, proposal, stateOf, vote } from './testing/proposals.js';
import {
  creditLeaf,
  depositAs,
  joinAs,
  locate,
  orderLeaf,
  poolCreditLeaf,
  postEpoch,
  reserveAs,
} from './testing/signing.js';

const [, requester, delegator, holder, ...rest] = ACTORS;
const validators = rest.slice(0, 3);
const [honest, , third] = validators;
const guardian = ACTORS[11];
const CHALLENGE = 1_000n;
const UNBONDING = 30_000n;
const FEE = stringToHex('feeBps', { size: 32 });
const IMPLEMENTATION = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc';

let net: TestNetwork;
const pool = [VALIDATOR, honest.address] as const;
const balance = (who: Actor) => net.read<bigint>('token', 'balanceOf', [who.address]);
const staked = (who: Actor) => net.read<bigint>('stake', 'stakeOf', [...pool, who.address]);

beforeAll(async () => {
  net = await startNetwork({
    parameters: {
      challengeSeconds: { value: CHALLENGE, min: 1n },
      unbondingSeconds: { value: UNBONDING, min: 1n },
      pauseSeconds: { value: 500n, min: 1n },
      pauseCooldownSeconds: { value: 500n, min: 1n },
      parameterFreezeSeconds: { value: 200n, min: 1n },
      wrongAttestationBps: { value: 5_000n },
      bountyBps: { value: 1_000n },
    },
  });
}, 60_000);
afterAll(() => net?.stop());

/** A later test stands on what an earlier one did. */
describe.sequential('the life of a network', () => {
  it('begins with stake: of operators, and of one who delegates', async () => {
    for (const validator of validators) await joinAs(net, validator, VALIDATOR, 30_000n * TOKEN, 1_000n);
    await net.send(delegator, 'token', 'approve', [net.at.stake, 2n ** 255n]);
    await net.send(delegator, 'stake', 'stake', [...pool, 10_000n * TOKEN]);
    expect(await net.read('stake', 'activeStake', pool)).toBe(40_000n * TOKEN);
    expect(await net.read('stake', 'totalActiveStake', [VALIDATOR])).toBe(100_000n * TOKEN);
  });

  it('serves an order, earns and claims: the delegator has its part', async () => {
    await depositAs(net, requester, 1_000n * TOKEN);
    const order = await reserveAs(net, requester, 500n * TOKEN);
    const leaves = [
      orderLeaf(order, 400n * TOKEN),
      creditLeaf(third.address, 200n * TOKEN),
      poolCreditLeaf(VALIDATOR, honest.address, 200n * TOKEN),
    ];
    const { epoch, tree } = await postEpoch(net, validators, leaves, 400n * TOKEN);
    await net.pass(CHALLENGE);
    const settled = [{ order, spent: 400n * TOKEN, delivered: true }];
    await net.send(holder, 'settlement', 'settleOrders', [epoch, settled, [tree.proof(leaves[0])]]);
    const before = await balance(third);
    await net.send(holder, 'settlement', 'claim', [epoch, third.address, 200n * TOKEN, tree.proof(leaves[1])]);
    expect(await balance(third)).toBe(before + 200n * TOKEN);
    // 20 of commission to the owner; 180 to the pool of 40,000, of which the delegator has a quarter.
    const owners = await balance(honest);
    await net.send(holder, 'settlement', 'claimToPool', [epoch, ...pool, 200n * TOKEN, tree.proof(leaves[2])]);
    expect(await balance(honest)).toBe(owners + 20n * TOKEN);
    // Less a unit, rounded down: of nobody's shares.
    expect(await staked(delegator)).toBe(10_045n * TOKEN - 1n);
    // 500 were reserved, 400 spent.
    expect(await net.read('market', 'balanceOf', [requester.address])).toBe(600n * TOKEN);
  });

  it('slashes who signs what cannot be true, when anybody challenges it; their votes fall too', async () => {
    const order = await reserveAs(net, requester, 100n * TOKEN);
    const false_ = orderLeaf(order, 101n * TOKEN);
    const posted = await postEpoch(net, validators, [false_], 101n * TOKEN);
    const signers = [...validators].sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
    const before = await balance(requester);
    const votes = await net.read<bigint>('stake', 'getVotes', [honest.address]);
    expect(votes).toBe(40_180n * TOKEN);
    await net.send(requester, 'settlement', 'challengeOrder', [
      locate(posted, false_),
      signers.map(({ address }) => address),
    ]);
    // Half of 40,180 and of twice 30,000; a tenth of it to who showed it.
    expect(await net.read('stake', 'activeStake', pool)).toBe(20_090n * TOKEN);
    expect(await net.read('stake', 'getVotes', [honest.address])).toBe(20_090n * TOKEN);
    expect(await staked(delegator)).toBe((10_045n * TOKEN) / 2n);
    expect(await balance(requester)).toBe(before + (50_090n * TOKEN) / 10n);
    expect(await net.read('token', 'balanceOf', [net.at.treasury])).toBe((50_090n * TOKEN * 9n) / 10n);
    expect(await net.read('settlement', 'isFinal', [posted.epoch])).toBe(false);
    // The same order can be settled rightly, in the next epoch.
    const right = orderLeaf(order, 100n * TOKEN);
    const again = await postEpoch(net, validators, [right], 100n * TOKEN);
    await net.pass(CHALLENGE);
    const settled = [{ order, spent: 100n * TOKEN, delivered: true }];
    await net.send(holder, 'settlement', 'settleOrders', [again.epoch, settled, [again.tree.proof(right)]]);
    expect((await net.read<{ state: number }>('market', 'orderOf', [order])).state).toBe(2);
  });

  it('lets stake go after its time, without its votes meanwhile', async () => {
    const shares = await net.read<bigint>('stake', 'sharesOf', [...pool, delegator.address]);
    await net.send(delegator, 'stake', 'undelegate', [...pool, shares / 2n]);
    expect(await net.read('stake', 'getVotes', [honest.address])).toBe(20_090n * TOKEN - (10_045n * TOKEN) / 4n);
    expect(await net.refusal(delegator, 'stake', 'withdraw', [...pool, 0n])).toBe('StillThawing');
    await net.pass(UNBONDING);
    const before = await balance(delegator);
    await net.send(delegator, 'stake', 'withdraw', [...pool, 0n]);
    expect(await balance(delegator)).toBe(before + (10_045n * TOKEN) / 4n);
  });

  it('changes a fee by vote, against a pool that is overridden; the epoch before keeps the old one', async () => {
    await net.send(holder, 'token', 'delegate', [holder.address]);
    await net.pass(2);
    const closedAt = await net.now();
    const p = proposal(net, [['parameters', 'set', [FEE, 1_200n]]], 'a higher fee');
    await net.send(holder, 'governor', 'propose', p.propose);
    const id = await idOf(net, p);
    await net.pass(3);
    await vote(net, p, holder);
    await vote(net, p, honest, AGAINST);
    await net.send(delegator, 'governor', 'castStakeOverrideVote', [id, FOR, ...pool, 'not in my name']);
    const quarter = (10_045n * TOKEN) / 4n;
    // The pool has 20,090 less what has thawed; the delegator's part of it is a quarter of its 10,045.
    expect(await net.read('governor', 'proposalVotes', [id])).toEqual([
      20_090n * TOKEN - 2n * quarter,
      1_000_000n * TOKEN + quarter,
      0n,
    ]);
    await net.pass(await net.read<bigint>('governor', 'votingPeriod'));
    await net.pass(2);
    await net.send(holder, 'governor', 'queue', p.act);
    expect(await stateOf(net, p)).toBe('queued');
    await net.pass((await net.read<bigint>('timelock', 'getMinDelay')) + 1n);
    await net.send(requester, 'governor', 'execute', p.act);
    expect(await net.read('parameters', 'get', [FEE])).toBe(1_200n);
    expect(await net.read('parameters', 'getAt', [FEE, closedAt])).toBe(1_000n);
    // What an epoch may mint goes by the fee at its time: to provers 80 % of what their work lost to burn and treasury.
    await net.pass(1);
    const most = (time: bigint) => net.read<bigint>('emission', 'mostOf', [10n ** 30n, 1_000n * TOKEN, time]);
    const toValidators = await net.read<bigint>('parameters', 'get', [stringToHex('feeValidatorBps', { size: 32 })]);
    const lostMore = (1_000n * TOKEN * 200n * (10_000n - toValidators)) / 10_000n ** 2n;
    expect((await most(await net.now())) - (await most(closedAt))).toBe((lostMore * 8n) / 10n);
  });

  it('upgrades the stake manager through the timelock, its state and its votes kept', async () => {
    const hash = await net.wallet.deployContract({ abi: stakeManagerAbi, bytecode: stakeManagerBytecode });
    const { contractAddress } = await net.client.waitForTransactionReceipt({ hash });
    const upgrade = [contractAddress as Hex, '0x'] as const;
    expect(await net.refusal(holder, 'stake', 'upgradeToAndCall', upgrade)).toBe('OwnableUnauthorizedAccount');
    const time = await net.now();
    await net.pass(1);
    const state = () =>
      Promise.all([
        net.read('stake', 'poolOf', pool),
        net.read('stake', 'totalTokens'),
        staked(delegator),
        net.read('stake', 'getVotes', [honest.address]),
        net.read('stake', 'getPastVotes', [honest.address, time]),
        net.read('stake', 'getPastStakeOf', [...pool, delegator.address, time]),
      ]);
    const before = await state();
    await carry(net, proposal(net, [['stake', 'upgradeToAndCall', upgrade]], 'a new stake manager'), holder, [holder]);
    const stored = await net.client.getStorageAt({ address: net.at.stake, slot: IMPLEMENTATION });
    expect(getAddress(`0x${stored?.slice(-40)}`)).toBe(getAddress(contractAddress as Hex));
    expect(await state()).toEqual(before);
    await net.send(delegator, 'stake', 'stake', [...pool, 100n * TOKEN]);
  });

  it('is paused for a bounded time: nobody stakes, everybody leaves, and it goes on by itself', async () => {
    await net.send(guardian, 'guardian', 'pause');
    expect(await net.refusal(delegator, 'stake', 'stake', [...pool, TOKEN])).toBe('Paused');
    await net.send(requester, 'market', 'withdraw', [TOKEN, requester.address]);
    const shares = await net.read<bigint>('stake', 'sharesOf', [...pool, delegator.address]);
    await net.send(delegator, 'stake', 'undelegate', [...pool, shares]);
    await net.pass(501);
    expect(await net.read('guardian', 'paused')).toBe(false);
    await net.send(delegator, 'stake', 'stake', [...pool, TOKEN]);
    expect(await net.refusal(guardian, 'guardian', 'pause')).toBe('CoolingDown');
  });
});
