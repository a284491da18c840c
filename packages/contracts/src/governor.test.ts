import { getAddress, type Hex, keccak256, stringToHex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { marketAbi, marketBytecode } from './generated/market.js';
import { ACTORS, ALLOCATION, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import {
  AGAINST,
  type Call,
  carry as carryOn,
  FOR,
  idOf as idOn,
  type Proposal,
  proposal as proposalOn,
  stateOf as stateOn,
  vote as voteOn,
} from './testing/proposals.js';
import { depositAs, reserveAs } from './testing/signing.js';

const [deployer, proposer, voter, follower, someone] = ACTORS;
const FEE = stringToHex('feeBps', { size: 32 });

let net: TestNetwork;
let snapshot: Hex;

const proposal = (calls: readonly Call[], description: string) => proposalOn(net, calls, description);
const idOf = (p: Proposal) => idOn(net, p);
const stateOf = (p: Proposal) => stateOn(net, p);
const vote = (p: Proposal, by: typeof voter, support = FOR) => voteOn(net, p, by, support);
const carry = (p: Proposal) => carryOn(net, p, proposer, [voter]);

beforeAll(async () => {
  net = await startNetwork({
    parameters: {
      votingPeriodSeconds: { value: 100n, min: 1n },
      lateQuorumSeconds: { value: 50n, min: 1n },
      timelockSeconds: { value: 10n, min: 1n },
    },
  });
  await net.send(proposer, 'token', 'delegate', [proposer.address]);
  await net.send(voter, 'token', 'delegate', [voter.address]);
  await net.send(follower, 'token', 'delegate', [voter.address]);
  await net.pass(1);
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

describe('a proposal', () => {
  it('goes from vote to queue to execution, and changes a parameter', async () => {
    const p = proposal([['parameters', 'set', [FEE, 1_100n]]], 'a higher fee');
    await net.send(proposer, 'governor', 'propose', p.propose);
    expect(await stateOf(p)).toBe('pending');
    expect(await net.refusal(voter, 'governor', 'castVote', [await idOf(p), FOR])).toBe(
      'GovernorUnexpectedProposalState',
    );
    await net.pass(2);
    expect(await stateOf(p)).toBe('active');
    await vote(p, voter);
    expect(await net.refusal(voter, 'governor', 'castVote', [await idOf(p), FOR])).toBe('GovernorAlreadyCastVote');
    expect(await net.refusal(someone, 'governor', 'queue', p.act)).toBe('GovernorUnexpectedProposalState');
    await net.pass(101);
    expect(await stateOf(p)).toBe('succeeded');
    expect(await net.refusal(someone, 'governor', 'execute', p.act)).toBe('GovernorUnexpectedProposalState');
    await net.send(someone, 'governor', 'queue', p.act);
    expect(await stateOf(p)).toBe('queued');
    expect(await net.refusal(someone, 'governor', 'execute', p.act)).toBe('TimelockUnexpectedOperationState');
    await net.pass(11);
    await net.send(someone, 'governor', 'execute', p.act);
    expect(await stateOf(p)).toBe('executed');
    expect(await net.read('parameters', 'get', [FEE])).toBe(1_100n);
    expect(await net.refusal(someone, 'governor', 'execute', p.act)).toBe('GovernorUnexpectedProposalState');
  });

  it('fails as a whole where a parameter would leave its bounds', async () => {
    const p = proposal([['parameters', 'set', [FEE, 9_000n]]], 'too high a fee');
    await net.send(proposer, 'governor', 'propose', p.propose);
    await net.pass(2);
    await vote(p, voter);
    await net.pass(101);
    await net.send(someone, 'governor', 'queue', p.act);
    await net.pass(11);
    expect(await net.refusal(someone, 'governor', 'execute', p.act)).toBe('OutOfBounds');
  });

  it('needs a proposer with votes, the quorum and the majority', async () => {
    const p = proposal([['parameters', 'set', [FEE, 1_100n]]], 'x');
    expect(await net.refusal(someone, 'governor', 'propose', p.propose)).toBe('GovernorInsufficientProposerVotes');
    await net.send(proposer, 'governor', 'propose', p.propose);
    await net.pass(2);
    await vote(p, proposer, FOR);
    await vote(p, voter, AGAINST);
    await net.pass(101);
    expect(await stateOf(p)).toBe('defeated');

    const unseen = proposal([['parameters', 'set', [FEE, 1_100n]]], 'y');
    await net.send(proposer, 'governor', 'propose', unseen.propose);
    await net.pass(102);
    expect(await stateOf(unseen)).toBe('defeated');
  });

  it('has its quorum from the supply and the parameter at its snapshot', async () => {
    const now = await net.now();
    await net.pass(1);
    const supply = await net.read<bigint>('token', 'getPastTotalSupply', [now]);
    expect(await net.read('governor', 'quorum', [now])).toBe((supply * 400n) / 10_000n);
    const quorum = stringToHex('quorumBps', { size: 32 });
    await net.send(net.at.timelock, 'parameters', 'set', [quorum, 500n]);
    await net.pass(2);
    expect(await net.read('governor', 'quorum', [now])).toBe((supply * 400n) / 10_000n);
    expect(await net.read('governor', 'quorum', [(await net.now()) - 1n])).toBe((supply * 500n) / 10_000n);
  });

  it('stays open for a while after a late quorum', async () => {
    const p = proposal([['parameters', 'set', [FEE, 1_100n]]], 'x');
    await net.send(proposer, 'governor', 'propose', p.propose);
    await net.pass(2);
    const id = await idOf(p);
    const deadline = await net.read<bigint>('governor', 'proposalDeadline', [id]);
    await net.test.setNextBlockTimestamp({ timestamp: deadline - 10n });
    await vote(p, voter);
    expect(await net.read('governor', 'proposalDeadline', [id])).toBe(deadline + 40n);
    await net.pass(20);
    expect(await stateOf(p)).toBe('active');
  });

  it('lets those who delegated override their delegate', async () => {
    const p = proposal([['parameters', 'set', [FEE, 1_100n]]], 'x');
    await net.send(proposer, 'governor', 'propose', p.propose);
    await net.pass(2);
    const id = await idOf(p);
    await vote(p, voter, FOR);
    expect(await net.read('governor', 'proposalVotes', [id])).toEqual([0n, 2n * ALLOCATION, 0n]);
    await net.send(follower, 'governor', 'castOverrideVote', [id, AGAINST, 'no']);
    expect(await net.read('governor', 'proposalVotes', [id])).toEqual([ALLOCATION, ALLOCATION, 0n]);
    expect(await net.refusal(follower, 'governor', 'castOverrideVote', [id, AGAINST, ''])).toBe(
      'GovernorAlreadyOverriddenVote',
    );
  });
});

describe('the timelock', () => {
  it('takes nothing from anyone but the governor', async () => {
    const call = [net.at.parameters, 0n, '0x', `0x${'00'.repeat(32)}`, `0x${'00'.repeat(32)}`] as const;
    for (const actor of [deployer, proposer, ACTORS[11]]) {
      expect(await net.refusal(actor, 'timelock', 'schedule', [...call, 10n])).toBe('AccessControlUnauthorizedAccount');
      expect(await net.refusal(actor, 'timelock', 'grantRole', [call[3], actor.address])).toBe(
        'AccessControlUnauthorizedAccount',
      );
    }
    expect(await net.refusal(deployer, 'timelock', 'execute', call)).toBe('TimelockUnexpectedOperationState');
  });

  it('has its delay, and the governor its extension, from the parameters', async () => {
    expect(await net.read('timelock', 'getMinDelay')).toBe(10n);
    expect(await net.refusal(net.at.timelock, 'timelock', 'updateDelay', [0n])).toBe('DelayIsAParameter');
    expect(await net.read('governor', 'votingPeriod')).toBe(100n);
    expect(await net.refusal(net.at.timelock, 'governor', 'setLateQuorumVoteExtension', [0n])).toBe(
      'ExtensionIsAParameter',
    );
  });
});

describe('by vote', () => {
  it('the treasury spends, and not otherwise', async () => {
    await net.send(someone, 'token', 'transfer', [net.at.treasury, 50n]);
    const spend = [net.at.token, someone.address, 20n, stringToHex('audit', { size: 32 })];
    for (const actor of [deployer, proposer]) {
      expect(await net.refusal(actor, 'treasury', 'spend', spend)).toBe('OwnableUnauthorizedAccount');
    }
    await carry(proposal([['treasury', 'spend', spend]], 'audit'));
    expect(await net.read('token', 'balanceOf', [net.at.treasury])).toBe(30n);
  });

  it('a contract is upgraded with its state kept, and not otherwise', async () => {
    await depositAs(net, someone, 5n * TOKEN);
    const id = await reserveAs(net, someone, TOKEN);
    const hash = await net.wallet.deployContract({ abi: marketAbi, bytecode: marketBytecode });
    const { contractAddress } = await net.client.waitForTransactionReceipt({ hash });
    const upgrade = [contractAddress as Hex, '0x'];
    expect(await net.refusal(deployer, 'market', 'upgradeToAndCall', upgrade)).toBe('OwnableUnauthorizedAccount');
    await carry(proposal([['market', 'upgradeToAndCall', upgrade]], 'upgrade'));
    const slot = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc';
    const stored = await net.client.getStorageAt({ address: net.at.market, slot });
    expect(getAddress(`0x${stored?.slice(-40)}`)).toBe(getAddress(contractAddress as Hex));
    expect(await net.read('market', 'balanceOf', [someone.address])).toBe(4n * TOKEN);
    expect((await net.read<{ budget: bigint }>('market', 'orderOf', [id])).budget).toBe(TOKEN);
    await net.send(someone, 'market', 'withdraw', [4n * TOKEN, someone.address]);
  });

  it('models are retired, guardians replaced, several calls at once', async () => {
    const model = keccak256('0x01');
    await net.send(someone, 'models', 'register', [model, 1, model, 0n]);
    const calls: Call[] = [
      ['models', 'retire', [model]],
      ['guardian', 'changeGuardian', [someone.address]],
    ];
    await carry(proposal(calls, 'both'));
    expect(await net.read('models', 'isActive', [model])).toBe(false);
    expect(await net.read('guardian', 'guardian')).toBe(getAddress(someone.address));
  });
});
