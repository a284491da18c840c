import { getAddress, type Hex, stringToHex, zeroAddress } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROVER, VALIDATOR } from './encoding.js';
import {
  ACTORS,
  type Actor,
  ALLOCATION,
  SHARES_PER_UNIT,
  startNetwork,
  type TestNetwork,
  TOKEN,
} from './testing/network.js';
import { ABSTAIN, AGAINST, FOR, idOf, type Proposal, proposal, stateOf } from './testing/proposals.js';
import { sign } from './testing/signing.js';

const [, owner, operator, delegator, other, holder] = ACTORS;
const tokens = (n: number) => (BigInt(Math.round(n * 10)) * TOKEN) / 10n;
const NONE = `0x${'00'.repeat(32)}` as const;

let net: TestNetwork;
let snapshot: Hex;
const votes = (who = owner) => net.read<bigint>('stake', 'getVotes', [who.address]);
const pastVotes = (time: bigint, who = owner) => net.read<bigint>('stake', 'getPastVotes', [who.address, time]);
const pastStake = (who: Actor, time: bigint, role = VALIDATOR) =>
  net.read<bigint>('stake', 'getPastStakeOf', [role, operator.address, who.address, time]);
const stake = (who: Actor, amount: bigint, role = VALIDATOR) =>
  net.send(who, 'stake', 'stake', [role, operator.address, amount]);
const slash = (amount: bigint) =>
  net.send(net.at.settlement, 'stake', 'slash', [VALIDATOR, operator.address, amount, NONE, NONE, zeroAddress, 0n]);
/** A time with everything until now in it, and nothing after. */
async function mark(): Promise<bigint> {
  const time = await net.now();
  await net.pass(1);
  return time;
}

async function register(role: number): Promise<void> {
  const message = { role, operator: operator.address, owner: owner.address };
  const signature = await sign(net, operator, 'Registration', message);
  await net.send(owner, 'stake', 'register', [role, operator.address, 1_000n, signature]);
}

beforeAll(async () => {
  net = await startNetwork({
    parameters: {
      votingPeriodSeconds: { value: 100n, min: 1n },
      lateQuorumSeconds: { value: 50n, min: 1n },
      unbondingSeconds: { value: 30n, min: 1n },
      delegationMin: { value: 1n, min: 1n },
    },
  });
  for (const actor of [owner, delegator, other, holder]) {
    await net.send(actor, 'token', 'approve', [net.at.stake, 2n ** 255n]);
  }
  await register(VALIDATOR);
  await register(PROVER);
  // A pool of 1000: 600 of its owner's, 300 and 100 of others'.
  await stake(owner, tokens(600));
  await stake(delegator, tokens(300));
  await stake(other, tokens(100));
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

describe('votes of a pool', () => {
  it('are its tokens, its owner’s, over all of its pools', async () => {
    expect(await votes()).toBe(tokens(1_000));
    expect(await votes(operator)).toBe(0n);
    const before = await mark();
    await stake(delegator, tokens(50), PROVER);
    const after = await mark();
    expect(await votes()).toBe(tokens(1_050));
    expect(await pastVotes(before)).toBe(tokens(1_000));
    expect(await pastVotes(after)).toBe(tokens(1_050));
    expect(await pastStake(delegator, after)).toBe(tokens(300));
    expect(await pastStake(delegator, after, PROVER)).toBe(tokens(50));
    expect(await pastStake(delegator, before, PROVER)).toBe(0n);
  });

  it('fall with a slash, each account’s by its part', async () => {
    const before = await mark();
    await slash(tokens(250));
    const after = await mark();
    expect(await votes()).toBe(tokens(750));
    expect(await pastStake(delegator, before)).toBe(tokens(300));
    expect(await pastStake(delegator, after)).toBe(tokens(225));
    expect(await pastStake(owner, after)).toBe(tokens(450));
  });

  it('fall when stake begins to thaw, not when it is withdrawn', async () => {
    await net.send(delegator, 'stake', 'undelegate', [VALIDATOR, operator.address, tokens(200) * SHARES_PER_UNIT]);
    expect(await votes()).toBe(tokens(800));
    const thawing = await mark();
    expect(await pastStake(delegator, thawing)).toBe(tokens(100));
    // Thawing stake is slashed too, in proportion: 800 of 1000 are in the pool.
    await slash(tokens(100));
    expect(await votes()).toBe(tokens(720));
    await net.pass(31);
    await net.send(delegator, 'stake', 'withdraw', [VALIDATOR, operator.address, 0n]);
    expect(await votes()).toBe(tokens(720));
  });

  it('rise with rewards, each account’s by its part', async () => {
    await net.send(other, 'stake', 'reward', [VALIDATOR, operator.address, tokens(110)]);
    const time = await mark();
    // A tenth is commission.
    expect(await pastVotes(time)).toBe(tokens(1_099));
    // Less a unit, rounded down: of nobody's shares.
    expect(await pastStake(delegator, time)).toBe(tokens(329.7) - 1n);
    expect(await pastStake(other, time)).toBe(tokens(109.9) - 1n);
  });

  it('go with the pool to its next owner', async () => {
    const before = await mark();
    await net.send(owner, 'stake', 'transferPool', [VALIDATOR, operator.address, other.address]);
    const after = await mark();
    expect([await votes(owner), await votes(other)]).toEqual([0n, tokens(1_000)]);
    expect([await pastVotes(before, owner), await pastVotes(before, other)]).toEqual([tokens(1_000), 0n]);
    const past = (time: bigint) => net.read('stake', 'getPastOwner', [VALIDATOR, operator.address, time]);
    expect(await past(before)).toBe(getAddress(owner.address));
    expect(await past(after)).toBe(getAddress(other.address));
    await net.send(other, 'stake', 'transferPool', [VALIDATOR, operator.address, other.address]);
    expect(await votes(other)).toBe(tokens(1_000));
  });

  it('of a pool that was slashed to nothing are those who staked later', async () => {
    await slash(tokens(1_000));
    expect(await votes()).toBe(0n);
    const empty = await mark();
    expect(await pastStake(delegator, empty)).toBe(0n);
    await stake(other, tokens(50));
    const again = await mark();
    expect(await pastVotes(again)).toBe(tokens(50));
    expect([await pastStake(delegator, again), await pastStake(other, again)]).toEqual([0n, tokens(50)]);
  });

  it('stay with a pool that is closed, suspended or too small to count', async () => {
    await net.send(owner, 'stake', 'setClosed', [VALIDATOR, operator.address, true]);
    await net.send(net.at.timelock, 'stake', 'setSuspended', [VALIDATOR, operator.address, true]);
    expect(await net.read('stake', 'activeStake', [VALIDATOR, operator.address])).toBe(0n);
    expect(await votes()).toBe(tokens(1_000));
  });

  it('are told of the past only', async () => {
    const now = await net.now();
    expect(await net.refusal(other, 'stake', 'getPastVotes', [owner.address, now + 100n])).toBe('ERC5805FutureLookup');
  });
});

describe('a vote', () => {
  let p: Proposal;
  let id: bigint;
  const tally = () => net.read<bigint[]>('governor', 'proposalVotes', [id]);
  const cast = (who: Actor, support: number) => net.send(who, 'governor', 'castVote', [id, support]);
  const overrideArgs = (support: number, role: number) => [id, support, role, operator.address, 'mine'];
  const override = (who: Actor, support: number, role = VALIDATOR) =>
    net.send(who, 'governor', 'castStakeOverrideVote', overrideArgs(support, role));
  const refused = (who: Actor, support: number, role = VALIDATOR) =>
    net.refusal(who, 'governor', 'castStakeOverrideVote', overrideArgs(support, role));

  async function open(): Promise<void> {
    p = proposal(net, [['parameters', 'set', [stringToHex('feeBps', { size: 32 }), 1_100n]]], 'a higher fee');
    await net.send(holder, 'governor', 'propose', p.propose);
    id = await idOf(net, p);
    await net.pass(2);
  }
  beforeEach(async () => {
    await net.send(holder, 'token', 'delegate', [holder.address]);
    await net.pass(1);
  });

  it('of the owner counts the pool and what it holds itself', async () => {
    await net.send(owner, 'token', 'delegate', [owner.address]);
    await open();
    await cast(owner, FOR);
    // 999,400 in its wallet and 1,000 in the pool.
    expect(await tally()).toEqual([0n, tokens(1_000_400), 0n]);
    expect(await net.refusal(owner, 'governor', 'castVote', [id, FOR])).toBe('GovernorAlreadyCastVote');
  });

  it('of one who staked goes before the owner’s', async () => {
    await open();
    await override(delegator, AGAINST);
    expect(await tally()).toEqual([tokens(300), 0n, 0n]);
    await cast(owner, FOR);
    expect(await tally()).toEqual([tokens(300), tokens(700), 0n]);
    expect(await refused(delegator, AGAINST)).toBe('GovernorAlreadyOverriddenVote');
  });

  it('of one who staked is taken out of the owner’s afterwards', async () => {
    await open();
    await cast(owner, AGAINST);
    await override(delegator, FOR);
    await override(other, ABSTAIN);
    expect(await tally()).toEqual([tokens(600), tokens(300), tokens(100)]);
    await override(owner, FOR);
    expect(await tally()).toEqual([0n, tokens(900), tokens(100)]);
    expect(await net.read('governor', 'hasVotedStakeOverride', [id, other.address, VALIDATOR, operator.address])).toBe(
      true,
    );
  });

  it('of one who staked in two pools of one owner is one for each', async () => {
    await stake(delegator, tokens(50), PROVER);
    await open();
    await override(delegator, FOR);
    await cast(owner, AGAINST);
    expect(await tally()).toEqual([tokens(750), tokens(300), 0n]);
    await override(delegator, FOR, PROVER);
    expect(await tally()).toEqual([tokens(700), tokens(350), 0n]);
  });

  it('counts no token in a wallet and in a pool', async () => {
    await net.send(delegator, 'token', 'delegate', [other.address]);
    await open();
    await cast(owner, FOR);
    await cast(other, FOR);
    // Its wallet's 999,700 through `other`, its 300 through the owner: the pool's 1000 are all counted once.
    expect(await tally()).toEqual([0n, tokens(999_700 + 1_000), 0n]);
    await net.send(delegator, 'governor', 'castOverrideVote', [id, AGAINST, '']);
    await override(delegator, AGAINST);
    expect(await tally()).toEqual([ALLOCATION, tokens(700), 0n]);
  });

  it('is by what was staked at the snapshot', async () => {
    await open();
    await net.send(delegator, 'stake', 'undelegate', [VALIDATOR, operator.address, tokens(300) * SHARES_PER_UNIT]);
    await slash(tokens(100));
    await stake(holder, tokens(500));
    await net.send(owner, 'stake', 'transferPool', [VALIDATOR, operator.address, other.address]);
    expect(await refused(holder, FOR)).toBe('NoStakeAtSnapshot');
    expect(await refused(delegator, FOR, PROVER)).toBe('NoStakeAtSnapshot');
    await cast(other, FOR);
    expect(await tally()).toEqual([0n, 0n, 0n]);
    await cast(owner, FOR);
    await override(delegator, AGAINST);
    expect(await tally()).toEqual([tokens(300), tokens(700), 0n]);
  });

  it('is refused before it begins, after it ends, and with an unknown word', async () => {
    p = proposal(net, [['parameters', 'set', [stringToHex('feeBps', { size: 32 }), 1_100n]]], 'later');
    await net.send(holder, 'governor', 'propose', p.propose);
    id = await idOf(net, p);
    expect(await refused(delegator, FOR)).toBe('GovernorUnexpectedProposalState');
    await net.pass(2);
    expect(await refused(delegator, 3)).toBe('GovernorInvalidVoteType');
    await net.pass(102);
    expect(await refused(delegator, FOR)).toBe('GovernorUnexpectedProposalState');
  });

  it('has its quorum from the whole supply: a pool alone can reach it', async () => {
    // 4 % of 12,000,000.
    await stake(owner, tokens(479_000) - 1n);
    await open();
    await cast(owner, FOR);
    expect(await tally()).toEqual([0n, tokens(480_000) - 1n, 0n]);
    await net.pass(102);
    expect(await stateOf(net, p)).toBe('defeated');

    await stake(owner, 1n);
    p = proposal(net, [['parameters', 'set', [stringToHex('feeBps', { size: 32 }), 1_100n]]], 'again');
    await net.send(holder, 'governor', 'propose', p.propose);
    id = await idOf(net, p);
    await net.pass(2);
    await cast(owner, FOR);
    await net.pass(102);
    expect(await stateOf(net, p)).toBe('succeeded');
  });

  describe('by signature', () => {
    const GOVERNOR_DOMAIN = { name: 'DSperse Governor', version: '1' };
    const ballot = (types: readonly (readonly [string, string])[]) => types.map(([name, type]) => ({ name, type }));
    const STAKE = {
      StakeOverrideBallot: ballot([
        ['proposalId', 'uint256'],
        ['support', 'uint8'],
        ['role', 'uint8'],
        ['operator', 'address'],
        ['voter', 'address'],
        ['nonce', 'uint256'],
        ['reason', 'string'],
      ]),
    };
    const WALLET = {
      OverrideBallot: ballot([
        ['proposalId', 'uint256'],
        ['support', 'uint8'],
        ['voter', 'address'],
        ['nonce', 'uint256'],
        ['reason', 'string'],
      ]),
    };
    const domain = (chainId = net.chainId) => {
      return { ...GOVERNOR_DOMAIN, chainId, verifyingContract: net.at.governor };
    };
    const nonceOf = (who: Actor) => net.read<bigint>('governor', 'nonces', [who.address]);
    async function signStake(by: Actor, change: object = {}, chainId?: number): Promise<Hex> {
      const message = {
        ...{ proposalId: id, support: AGAINST, role: VALIDATOR, operator: operator.address },
        ...{ voter: delegator.address, nonce: await nonceOf(delegator), reason: 'mine', ...change },
      };
      return by.signTypedData({ domain: domain(chainId), types: STAKE, primaryType: 'StakeOverrideBallot', message });
    }
    const stakeArgs = (signature: Hex) => {
      return [id, AGAINST, VALIDATOR, operator.address, delegator.address, 'mine', signature];
    };

    it('an override of stake is sent by anyone, once, and by nobody’s signature but the voter’s', async () => {
      await open();
      await cast(owner, FOR);
      const refusal = async (signature: Hex) =>
        net.refusal(other, 'governor', 'castStakeOverrideVoteBySig', stakeArgs(signature));
      const good = await signStake(delegator);
      const forged = [
        await signStake(other),
        await signStake(delegator, { support: FOR }),
        await signStake(delegator, { role: PROVER }),
        await signStake(delegator, { operator: other.address }),
        await signStake(delegator, { nonce: 1n }),
        await signStake(delegator, { reason: '' }),
        await signStake(delegator, { proposalId: id + 1n }),
        await signStake(delegator, {}, 1),
        '0x' as const,
      ];
      for (const signature of forged) expect(await refusal(signature)).toBe('GovernorInvalidSignature');
      await net.send(other, 'governor', 'castStakeOverrideVoteBySig', stakeArgs(good));
      expect(await tally()).toEqual([tokens(300), tokens(700), 0n]);
      expect(await refusal(good)).toBe('GovernorInvalidSignature');
      expect(await refusal(await signStake(delegator))).toBe('GovernorAlreadyOverriddenVote');
      expect(await refused(delegator, AGAINST)).toBe('GovernorAlreadyOverriddenVote');
    });

    it('an override of a delegate is sent by anyone, with the next nonce', async () => {
      await net.send(delegator, 'token', 'delegate', [other.address]);
      await open();
      await cast(other, FOR);
      const sent = async (nonce: bigint) => {
        const message = { proposalId: id, support: AGAINST, voter: delegator.address, nonce, reason: 'mine' };
        const typed = { domain: domain(), types: WALLET, primaryType: 'OverrideBallot' as const, message };
        return [id, AGAINST, delegator.address, 'mine', await delegator.signTypedData(typed)];
      };
      const wrong = await sent(1n);
      expect(await net.refusal(other, 'governor', 'castOverrideVoteBySig', wrong)).toBe('GovernorInvalidSignature');
      await net.send(other, 'governor', 'castOverrideVoteBySig', await sent(0n));
      expect(await tally()).toEqual([tokens(999_700), 0n, 0n]);
      // One nonce for both kinds of ballot.
      expect(await nonceOf(delegator)).toBe(1n);
      await net.send(other, 'governor', 'castStakeOverrideVoteBySig', stakeArgs(await signStake(delegator)));
      expect(await tally()).toEqual([ALLOCATION, 0n, 0n]);
    });
  });

  it('is kept open by a late quorum once: one that is lost and brought back extends nothing', async () => {
    await stake(delegator, tokens(600_000));
    await open();
    const deadline = await net.read<bigint>('governor', 'proposalDeadline', [id]);
    const now = () => net.read<bigint>('governor', 'proposalDeadline', [id]);
    await net.test.setNextBlockTimestamp({ timestamp: deadline - 40n });
    await cast(owner, FOR);
    expect(await now()).toBe(deadline + 10n);
    // The quorum is gone.
    await override(delegator, AGAINST);
    await net.test.setNextBlockTimestamp({ timestamp: deadline + 10n });
    await cast(holder, ABSTAIN);
    expect(await now()).toBe(deadline + 10n);
    await net.pass(1);
    expect(await refused(other, FOR)).toBe('GovernorUnexpectedProposalState');
    // More against than for.
    expect(await stateOf(net, p)).toBe('defeated');
  });

  it('is kept open where an override brings a late quorum', async () => {
    await stake(delegator, tokens(600_000));
    await open();
    await cast(owner, AGAINST);
    const deadline = await net.read<bigint>('governor', 'proposalDeadline', [id]);
    await net.test.setNextBlockTimestamp({ timestamp: deadline - 10n });
    await override(delegator, FOR);
    expect(await net.read('governor', 'proposalDeadline', [id])).toBe(deadline + 40n);
    await net.pass(61);
    expect(await stateOf(net, p)).toBe('succeeded');
  });
});

it('a pool’s votes are enough to propose', async () => {
  const p = proposal(net, [['parameters', 'set', [stringToHex('feeBps', { size: 32 }), 1_100n]]], 'of a pool');
  expect(await net.refusal(owner, 'governor', 'propose', p.propose)).toBe('GovernorInsufficientProposerVotes');
  const needed = await net.read<bigint>('governor', 'proposalThreshold');
  await stake(delegator, needed - tokens(1_000));
  await net.pass(1);
  await net.send(owner, 'governor', 'propose', p.propose);
  expect(await stateOf(net, p)).toBe('pending');
});
