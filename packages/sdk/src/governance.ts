/** Proposals, votes and parameters. */
import { dsperseGovernorAbi, PARAMETERS, parametersAbi } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/verify';
import {
  type Address,
  decodeFunctionData,
  encodeFunctionData,
  formatEther,
  type Hex,
  hexToString,
  isAddressEqual,
  keccak256,
  parseEventLogs,
  stringToHex,
} from 'viem';
import type { ChainAccess } from './chain-access.js';
import { roleNumber, type StakingRole } from './staking.js';

export interface ParameterRow {
  readonly name: string;
  readonly meaning: string;
  readonly unit: string;
  readonly value: bigint;
  readonly min: bigint;
  readonly max: bigint;
  /** Largest change at once, of the value that it replaces. */
  readonly maxStepBps: bigint;
}

/** All parameters as they are on the chain, with what they mean. */
export async function listParameters(chain: ChainAccess): Promise<ParameterRow[]> {
  const [names, values] = await chain.read('parameters', 'all', []);
  const known = new Map<string, { meaning: string; unit: string }>(PARAMETERS.map((p) => [p.name, p]));
  return Promise.all(
    names.map(async (key, i) => {
      const name = hexToString(key, { size: 32 });
      const [min, max, maxStepBps] = await chain.read('parameters', 'boundsOf', [key]);
      const { meaning = '', unit = '' } = known.get(name) ?? {};
      return { name, meaning, unit, value: values[i], min, max, maxStepBps };
    }),
  );
}

/** Token units as tokens, all else as it is. */
const inUnit = (unit: string, value: bigint): string =>
  unit === 'token units' ? `${formatEther(value)} tokens` : String(value);

export interface GovernedCall {
  readonly target: Address;
  readonly value?: bigint;
  readonly data: Hex;
}

export interface Proposal {
  readonly calls: readonly GovernedCall[];
  readonly description: string;
}

/**
 * The calls that set parameters.
 * @throws InputError `unknown-parameter`, `no-change`, `out-of-bounds`, `too-large-step`
 */
export async function parameterCalls(
  chain: ChainAccess,
  changes: ReadonlyMap<string, bigint>,
): Promise<GovernedCall[]> {
  const rows = new Map((await listParameters(chain)).map((row) => [row.name, row]));
  return [...changes].map(([name, value]) => {
    const row = rows.get(name);
    if (!row)
      throw new InputError('unknown-parameter', `there is no parameter ${name}`, '`dsperse gov params` lists them');
    const said = (x: bigint) => inUnit(row.unit, x);
    if (value === row.value) {
      throw new InputError('no-change', `${name} is ${said(value)} already`, 'give another value');
    }
    if (value < row.min || value > row.max) {
      const hint = `give a value from ${said(row.min)} to ${said(row.max)}`;
      throw new InputError('out-of-bounds', `${name} = ${said(value)} is outside its bounds`, hint);
    }
    const share = (row.value * row.maxStepBps) / 10_000n;
    // As the contract: from a small value a step of one is always possible.
    const step = share === 0n ? 1n : share;
    const change = value > row.value ? value - row.value : row.value - value;
    if (change > step) {
      const hint = `it is ${said(row.value)} now and may change by ${said(step)} at once: go there in several proposals`;
      throw new InputError('too-large-step', `${name} = ${said(value)} is too large a step`, hint);
    }
    const args = [stringToHex(name, { size: 32 }), value] as const;
    return {
      target: chain.addressOf('parameters'),
      data: encodeFunctionData({ abi: parametersAbi, functionName: 'set', args }),
    };
  });
}

const lists = ({ calls }: Proposal) =>
  [calls.map((c) => c.target), calls.map((c) => c.value ?? 0n), calls.map((c) => c.data)] as const;
const descriptionHash = ({ description }: Proposal): Hex => keccak256(stringToHex(description));

/** @returns the proposal's id. @throws InputError `refused` without enough votes, `proposed-before` */
export async function propose(chain: ChainAccess, proposal: Proposal): Promise<bigint> {
  const id = await chain.read('governor', 'hashProposal', [...lists(proposal), descriptionHash(proposal)]);
  if ((await chain.read('governor', 'proposalSnapshot', [id])) !== 0n) {
    const hint = 'give another description, where it is meant anew';
    throw new InputError('proposed-before', `the same was proposed before: ${id}`, hint);
  }
  const { logs } = await chain.send('governor', 'propose', [...lists(proposal), proposal.description]);
  const [created] = parseEventLogs({ abi: dsperseGovernorAbi, logs, eventName: 'ProposalCreated' });
  return created.args.proposalId;
}

export const VOTES = ['against', 'for', 'abstain'] as const;
export type Vote = (typeof VOTES)[number];

export async function castVote(chain: ChainAccess, id: bigint, vote: Vote, reason = ''): Promise<Hex> {
  const support = VOTES.indexOf(vote);
  return (await chain.send('governor', 'castVoteWithReason', [id, support, reason])).transactionHash;
}

/** The account's own tokens vote by themselves, and no longer through its delegate. */
export async function overrideDelegate(chain: ChainAccess, id: bigint, vote: Vote, reason = ''): Promise<Hex> {
  const args = [id, VOTES.indexOf(vote), reason] as const;
  return (await chain.send('governor', 'castOverrideVote', args)).transactionHash;
}

/** What the account has staked with an operator votes by itself, and no longer through the pool's owner. */
export async function overridePool(
  chain: ChainAccess,
  id: bigint,
  vote: Vote,
  pool: { readonly role: StakingRole; readonly operator: Address },
  reason = '',
): Promise<Hex> {
  const args = [id, VOTES.indexOf(vote), roleNumber(pool.role), pool.operator, reason] as const;
  return (await chain.send('governor', 'castStakeOverrideVote', args)).transactionHash;
}

/** What an account's vote on a proposal weighs: its delegates' and its own tokens, and those of its pools. */
export async function votingWeight(chain: ChainAccess, proposal: ProposalStatus, account: Address): Promise<bigint> {
  return chain.read('governor', 'getVotes', [account, BigInt(proposal.voteStart)], 'pending');
}

export async function queueProposal(chain: ChainAccess, proposal: Proposal): Promise<Hex> {
  return (await chain.send('governor', 'queue', [...lists(proposal), descriptionHash(proposal)])).transactionHash;
}

export async function executeProposal(chain: ChainAccess, proposal: Proposal): Promise<Hex> {
  return (await chain.send('governor', 'execute', [...lists(proposal), descriptionHash(proposal)])).transactionHash;
}

/** Votes of an account count from here on: its own, or those of `to`. */
export async function delegateVotes(chain: ChainAccess, to: Address = chain.account.address): Promise<Hex> {
  return (await chain.send('token', 'delegate', [to])).transactionHash;
}

export const PROPOSAL_STATES = [
  'pending',
  'active',
  'cancelled',
  'defeated',
  'succeeded',
  'queued',
  'expired',
  'executed',
] as const;
export type ProposalState = (typeof PROPOSAL_STATES)[number];

/** A parameter that a call sets. */
export interface ParameterChange {
  readonly name: string;
  readonly value: bigint;
}

/** What a call to the parameter store sets; undefined of any other call. */
export function parameterChangeOf(chain: ChainAccess, call: GovernedCall): ParameterChange | undefined {
  if (!isAddressEqual(call.target, chain.addressOf('parameters'))) return undefined;
  try {
    const { functionName, args } = decodeFunctionData({ abi: parametersAbi, data: call.data });
    if (functionName !== 'set') return undefined;
    return { name: hexToString(args[0], { size: 32 }), value: args[1] };
  } catch {
    return undefined;
  }
}

export interface ProposalStatus extends Proposal {
  /** For each call what it sets, where it sets a parameter. */
  readonly changes: readonly (ParameterChange | undefined)[];
  readonly id: bigint;
  readonly proposer: Address;
  readonly state: ProposalState;
  /** Seconds since 1970. */
  readonly voteStart: number;
  readonly voteEnd: number;
  /** When it can be executed; 0 before it is queued. */
  readonly executableAt: number;
  readonly votes: { readonly for: bigint; readonly against: bigint; readonly abstain: bigint };
  /** For and abstaining votes that it needs; known from the start of the vote on. */
  readonly quorum?: bigint;
}

/** All proposals, oldest first. */
export async function listProposals(chain: ChainAccess): Promise<ProposalStatus[]> {
  const created = await chain.events('governor', 'ProposalCreated');
  return Promise.all(
    created.map(async ({ args }) => {
      const { proposalId: id, proposer, targets, values, calldatas, description, voteStart } = args;
      const [state, [against, inFavour, abstain], eta, deadline] = await Promise.all([
        chain.read('governor', 'state', [id], 'pending'),
        chain.read('governor', 'proposalVotes', [id]),
        chain.read('governor', 'proposalEta', [id]),
        chain.read('governor', 'proposalDeadline', [id]),
      ]);
      const name = PROPOSAL_STATES[state] ?? 'pending';
      const quorum = name === 'pending' ? undefined : await chain.read('governor', 'quorum', [voteStart], 'pending');
      const calls = targets.map((target, i) => ({ target, value: values[i], data: calldatas[i] }));
      return {
        id,
        proposer,
        state: name,
        description,
        calls,
        changes: calls.map((call) => parameterChangeOf(chain, call)),
        voteStart: Number(voteStart),
        voteEnd: Number(deadline),
        executableAt: Number(eta),
        votes: { for: inFavour, against, abstain },
        ...(quorum === undefined ? {} : { quorum }),
      };
    }),
  );
}

/** @throws InputError `unknown-proposal` */
export async function findProposal(chain: ChainAccess, id: bigint): Promise<ProposalStatus> {
  const found = (await listProposals(chain)).find((p) => p.id === id);
  if (found) return found;
  throw new InputError('unknown-proposal', `there is no proposal ${id}`, '`dsperse gov status` lists them');
}
