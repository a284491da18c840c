/** Proposals, votes and parameters. */
import { dsperseGovernorAbi, PARAMETERS, parametersAbi } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/verify';
import {
  type Address,
  decodeFunctionData,
  encodeFunctionData,
  type Hex,
  hexToString,
  isAddressEqual,
  keccak256,
  parseEventLogs,
  stringToHex,
} from 'viem';
import type { ChainAccess } from './chain-access.js';

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
 * @throws InputError `unknown-parameter`, `out-of-bounds`, `too-large-step`
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
    if (value < row.min || value > row.max) {
      const hint = `give a value from ${row.min} to ${row.max}`;
      throw new InputError('out-of-bounds', `${name} = ${value} is outside its bounds`, hint);
    }
    const step = (row.value * row.maxStepBps) / 10_000n;
    const change = value > row.value ? value - row.value : row.value - value;
    if (change > step) {
      const hint = `it is ${row.value} now and may change by ${step} at once`;
      throw new InputError('too-large-step', `${name} = ${value} is too large a step`, hint);
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

/** @returns the proposal's id. @throws InputError `refused` without enough votes */
export async function propose(chain: ChainAccess, proposal: Proposal): Promise<bigint> {
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
        chain.read('governor', 'state', [id]),
        chain.read('governor', 'proposalVotes', [id]),
        chain.read('governor', 'proposalEta', [id]),
        chain.read('governor', 'proposalDeadline', [id]),
      ]);
      const name = PROPOSAL_STATES[state] ?? 'pending';
      const quorum = name === 'pending' ? undefined : await chain.read('governor', 'quorum', [voteStart]);
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
