/** What the commands of `dsperse gov` do. */
import { readFile, writeFile } from 'node:fs/promises';
import { InputError } from '@dsperse/core/graph';
import {
  type ChainAccess,
  castVote,
  delegateVotes,
  executeProposal,
  findProposal,
  type GovernedCall,
  listParameters,
  listProposals,
  openOverride,
  overrideDelegate,
  overridePool,
  parameterCalls,
  propose,
  queueProposal,
  sendOverride,
  signOverride,
  VOTES,
  type Vote,
  votingWeight,
} from '@dsperse/sdk';
import type { Outcome } from '../commands/command.js';
import { requireStage } from './check-proposal.js';
import { parameterOutcome, proposalOutcome, proposalsOutcome } from './describe-governance.js';
import { parseAddress } from './identifiers.js';
import { findNetwork, openAccount, openChain } from './network-access.js';
import type { NetworkOptions } from './network-options.js';
import { parseParameterChanges, parseProposalId } from './parse-governance.js';
import { type StakeOptions, subjectOf } from './stake-options.js';

/** The key of a local network that holds enough votes to propose. */
const LOCAL_KEY = 'deployer';
/** The key of a local network that has tokens to delegate and to stake. */
const REQUESTER_KEY = 'requester';

const reading = (options: NetworkOptions): Promise<ChainAccess> => openChain(findNetwork(options));

async function sending(options: NetworkOptions): Promise<ChainAccess> {
  const place = findNetwork(options);
  return openChain(place, await openAccount(options, place, LOCAL_KEY));
}

export async function showParameters(options: NetworkOptions): Promise<Outcome> {
  return parameterOutcome(await listParameters(await reading(options)));
}

export async function showProposals(options: NetworkOptions, id: string | undefined): Promise<Outcome> {
  const chain = await reading(options);
  if (id === undefined) return proposalsOutcome(await listProposals(chain));
  return proposalOutcome(await findProposal(chain, parseProposalId(id)));
}

export interface ProposeOptions extends NetworkOptions {
  readonly description: string;
  readonly target?: string;
  readonly calldata?: string;
}

export async function proposeChanges(changes: readonly string[], options: ProposeOptions): Promise<Outcome> {
  const parsed = parseParameterChanges(changes);
  const raw = rawCall(options);
  if (parsed.size === 0 && !raw) {
    throw new InputError('usage', 'nothing is proposed', 'give name=value, or --target and --calldata');
  }
  const chain = await sending(options);
  const calls = [...(await parameterCalls(chain, parsed)), ...(raw ? [raw] : [])];
  const id = await propose(chain, { calls, description: options.description });
  return proposalOutcome(await findProposal(chain, id));
}

/** @throws InputError `usage` */
function rawCall({ target, calldata }: ProposeOptions): GovernedCall | undefined {
  if (target === undefined && calldata === undefined) return undefined;
  if (target === undefined || calldata === undefined) {
    throw new InputError('usage', 'a raw call has a target and data', 'give --target and --calldata');
  }
  if (!/^0x([0-9a-fA-F]{2})*$/.test(calldata)) {
    throw new InputError('usage', '--calldata is not understood', 'write 0x and hexadecimal bytes');
  }
  return { target: parseAddress('--target', target), data: calldata as `0x${string}` };
}

export async function voteOn(
  text: string,
  vote: string,
  options: NetworkOptions & { readonly reason?: string },
): Promise<Outcome> {
  const id = parseProposalId(text);
  const word = parseVote(vote);
  const chain = await sending(options);
  const proposal = await findProposal(chain, id);
  requireStage(proposal, 'vote', await chain.now());
  if ((await votingWeight(chain, proposal, chain.account.address)) === 0n) {
    const message = `${chain.account.address} had no votes when the vote began`;
    const hint =
      'votes are those delegated by then (`dsperse gov delegate`, for proposals to come), and the stake of its operators; what it has staked with others votes by `dsperse gov override`';
    throw new InputError('no-votes', message, hint);
  }
  await castVote(chain, id, word, options.reason);
  return proposalOutcome(await findProposal(chain, id));
}

export type OverrideOptions = StakeOptions & { readonly reason?: string; readonly sign?: string };

/** With an operator: of what is staked with it. Without: of what the account's delegate votes with. */
export async function overrideVote(text: string, vote: string, options: OverrideOptions): Promise<Outcome> {
  const id = parseProposalId(text);
  const word = parseVote(vote);
  const place = findNetwork(options);
  const pool = options.operator === undefined ? undefined : await subjectOf(options, place);
  const chain = await openChain(place, await openAccount(options, place, REQUESTER_KEY));
  requireStage(await findProposal(chain, id), 'vote', await chain.now());
  if (options.sign !== undefined) {
    const ballot = await signOverride(chain, id, { vote: word, pool, reason: options.reason });
    await writeBallot(options.sign, ballot);
    const text = `${options.sign} has the vote of ${ballot.voter}: anyone can send it, once, with \`dsperse gov cast\``;
    return { document: { ballot, written: options.sign }, text };
  }
  if (pool) await overridePool(chain, id, word, pool, options.reason);
  else await overrideDelegate(chain, id, word, options.reason);
  return proposalOutcome(await findProposal(chain, id));
}

async function writeBallot(path: string, ballot: object): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(ballot, null, 2)}\n`, { flag: 'wx' });
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : (cause as Error).message;
    throw new InputError('unwritable', `${path} cannot be written: ${why}`, 'give another file', undefined, { cause });
  }
}

/** Sends a vote that its voter signed. @throws InputError `unreadable`, and what `sendOverride` throws */
export async function castSigned(path: string, options: NetworkOptions): Promise<Outcome> {
  let ballot: unknown;
  try {
    ballot = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const hint = 'give the file that `dsperse gov override --sign` wrote';
    throw new InputError('unreadable', `${path} cannot be read as JSON`, hint, undefined, { cause });
  }
  const place = findNetwork(options);
  const chain = await openChain(place, await openAccount(options, place, REQUESTER_KEY));
  const id = BigInt(openOverride(chain, ballot).proposal);
  requireStage(await findProposal(chain, id), 'vote', await chain.now());
  await sendOverride(chain, ballot);
  return proposalOutcome(await findProposal(chain, id));
}

/** @throws InputError `usage` */
function parseVote(vote: string): Vote {
  if (VOTES.includes(vote as Vote)) return vote as Vote;
  throw new InputError('usage', `${vote} is no vote`, `write ${VOTES.join(', ')}`);
}

export async function advanceProposal(
  step: 'queue' | 'execute',
  text: string,
  options: NetworkOptions,
): Promise<Outcome> {
  const id = parseProposalId(text);
  const chain = await sending(options);
  const proposal = await findProposal(chain, id);
  requireStage(proposal, step, await chain.now());
  await (step === 'queue' ? queueProposal : executeProposal)(chain, proposal);
  return proposalOutcome(await findProposal(chain, id));
}

export async function delegateTo(options: NetworkOptions & { readonly to?: string }): Promise<Outcome> {
  const given = options.to === undefined ? undefined : parseAddress('--to', options.to);
  const chain = await sending(options);
  const account = chain.account.address;
  const delegate = given ?? account;
  const transaction = await delegateVotes(chain, delegate);
  return {
    document: { account, delegate, transaction },
    text: `the tokens of ${account} count as votes of ${delegate} for what is proposed from now on`,
  };
}
