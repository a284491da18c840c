/** Proposals, for tests: made, voted on, queued and carried out. */
import { type Abi, encodeFunctionData, type Hex, keccak256, toHex } from 'viem';
import { ABIS, type Actor, type Contract, type TestNetwork } from './network.js';

export const AGAINST = 0;
export const FOR = 1;
export const ABSTAIN = 2;
const STATES = ['pending', 'active', 'canceled', 'defeated', 'succeeded', 'queued', 'expired', 'executed'] as const;

export type Call = readonly [Contract, string, readonly unknown[]];

export interface Proposal {
  /** Arguments of `propose`. */
  readonly propose: readonly [readonly Hex[], readonly bigint[], readonly Hex[], string];
  /** Arguments of `hashProposal`, `queue` and `execute`. */
  readonly act: readonly [readonly Hex[], readonly bigint[], readonly Hex[], Hex];
}

export function proposal(net: TestNetwork, calls: readonly Call[], description: string): Proposal {
  const targets = calls.map(([contract]) => net.at[contract]);
  const datas = calls.map(([contract, functionName, args]) =>
    encodeFunctionData({ abi: ABIS[contract] as Abi, functionName, args }),
  );
  const values = calls.map(() => 0n);
  return {
    propose: [targets, values, datas, description],
    act: [targets, values, datas, keccak256(toHex(description))],
  };
}

export const idOf = (net: TestNetwork, { act }: Proposal) => net.read<bigint>('governor', 'hashProposal', act);

export async function stateOf(net: TestNetwork, p: Proposal): Promise<(typeof STATES)[number] | undefined> {
  return STATES[await net.read<number>('governor', 'state', [await idOf(net, p)])];
}

export async function vote(net: TestNetwork, p: Proposal, by: Actor, support = FOR): Promise<void> {
  await net.send(by, 'governor', 'castVote', [await idOf(net, p), support]);
}

/** Through vote, queue and execution; the times are those of the network's parameters. */
export async function carry(net: TestNetwork, p: Proposal, proposer: Actor, voters: readonly Actor[]): Promise<void> {
  const [delay, period, timelock] = await Promise.all([
    net.read<bigint>('governor', 'votingDelay'),
    net.read<bigint>('governor', 'votingPeriod'),
    net.read<bigint>('timelock', 'getMinDelay'),
  ]);
  await net.send(proposer, 'governor', 'propose', p.propose);
  await net.pass(delay + 1n);
  for (const voter of voters) await vote(net, p, voter);
  await net.pass(period + 1n);
  await net.send(proposer, 'governor', 'queue', p.act);
  await net.pass(timelock + 1n);
  await net.send(proposer, 'governor', 'execute', p.act);
}
