import { InputError } from '@dsperse/core/graph';
import { toJson } from '@dsperse/network/messages';
import {
  type ChainAccess,
  castVote,
  delegateVotes,
  executeProposal,
  findProposal,
  type GovernedCall,
  listParameters,
  listProposals,
  parameterCalls,
  propose,
  queueProposal,
  VOTES,
  type Vote,
} from '@dsperse/sdk';
import type { Command } from 'commander';
import { parameterOutcome, proposalOutcome, proposalsOutcome } from '../network/describe-governance.js';
import { parseAddress } from '../network/identifiers.js';
import {
  findNetwork,
  type NetworkOptions,
  openAccount,
  openChain,
  withNetworkOptions,
} from '../network/network-access.js';
import { parseParameterChanges, parseProposalId } from '../network/parse-governance.js';
import { withSubcommands } from '../network/subcommands.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

interface GovOptions extends CommonOptions, NetworkOptions {
  readonly description?: string;
  readonly target?: string;
  readonly calldata?: string;
  readonly reason?: string;
  readonly to?: string;
}

/** The key of a local network that holds enough votes to propose. */
const LOCAL_KEY = 'deployer';

export function govCommand(perform: Perform): Command {
  const finish = (command: Command) => withCommonOptions(withNetworkOptions(command));
  const reading = (options: GovOptions, work: (chain: ChainAccess) => Promise<Outcome>) =>
    perform(options, async () => work(await openChain(findNetwork(options))));
  const sending = (options: GovOptions, work: (chain: ChainAccess) => Promise<Outcome>) =>
    perform(options, async () => {
      const place = findNetwork(options);
      return work(await openChain(place, await openAccount(options, place, LOCAL_KEY)));
    });
  const onProposal = (name: string, summary: string, act: (chain: ChainAccess, id: bigint) => Promise<unknown>) =>
    finish(newCommand(name, undefined, summary).argument('<id>', 'the proposal')).action((text, options: GovOptions) =>
      sending(options, async (chain) => {
        const id = parseProposalId(text);
        await act(chain, id);
        return proposalOutcome(await findProposal(chain, id));
      }),
    );
  return withSubcommands(newCommand('gov', undefined, 'the network’s parameters, proposals and votes'), [
    finish(newCommand('params', undefined, 'every parameter with meaning, unit, value and bounds')).action(
      (options: GovOptions) => reading(options, async (chain) => parameterOutcome(await listParameters(chain))),
    ),
    finish(
      newCommand('propose', undefined, 'propose changes of parameters, or any call')
        .argument('[changes...]', 'parameters as name=value, in their unit; tokens like 1.5 or 15wei')
        .requiredOption('--description <text>', 'what it is for; part of the proposal')
        .option('--target <address>', 'contract of a raw call')
        .option('--calldata <hex>', 'its data'),
    ).action((changes: string[], options: GovOptions) =>
      sending(options, async (chain) => {
        const calls = await callsOf(chain, changes, options);
        const id = await propose(chain, { calls, description: options.description as string });
        return proposalOutcome(await findProposal(chain, id));
      }),
    ),
    finish(
      newCommand('vote', undefined, 'vote on a proposal')
        .argument('<id>', 'the proposal')
        .argument('<vote>', VOTES.join(', '))
        .option('--reason <text>', 'kept with the vote', ''),
    ).action((text: string, vote: string, options: GovOptions) =>
      sending(options, async (chain) => {
        if (!VOTES.includes(vote as Vote)) {
          throw new InputError('usage', `${vote} is no vote`, `write ${VOTES.join(', ')}`);
        }
        const id = parseProposalId(text);
        await castVote(chain, id, vote as Vote, options.reason);
        return proposalOutcome(await findProposal(chain, id));
      }),
    ),
    finish(
      newCommand('delegate', undefined, 'let the account’s tokens count as votes').option(
        '--to <address>',
        'whose votes they are; its own otherwise',
      ),
    ).action((options: GovOptions) =>
      sending(options, async (chain) => {
        const to = options.to === undefined ? chain.account.address : parseAddress('--to', options.to);
        const transaction = await delegateVotes(chain, to);
        return {
          document: { account: chain.account.address, delegate: to, transaction },
          text: `the tokens of ${chain.account.address} count as votes of ${to} for what is proposed from now on`,
        };
      }),
    ),
    onProposal('queue', 'queue a proposal that succeeded', async (chain, id) =>
      queueProposal(chain, await findProposal(chain, id)),
    ),
    onProposal('execute', 'execute a queued proposal whose time has come', async (chain, id) =>
      executeProposal(chain, await findProposal(chain, id)),
    ),
    finish(newCommand('status', undefined, 'all proposals, or one').argument('[id]', 'the proposal')).action(
      (text: string | undefined, options: GovOptions) =>
        reading(options, async (chain) =>
          text === undefined
            ? proposalsOutcome(await listProposals(chain))
            : proposalOutcome(await findProposal(chain, parseProposalId(text))),
        ),
    ),
  ]);
}

async function callsOf(chain: ChainAccess, changes: readonly string[], options: GovOptions): Promise<GovernedCall[]> {
  const { target, calldata } = options;
  if ((target === undefined) !== (calldata === undefined)) {
    throw new InputError('usage', 'a raw call has a target and data', 'give --target and --calldata');
  }
  const raw: GovernedCall[] = [];
  if (target !== undefined && calldata !== undefined) {
    if (!/^0x([0-9a-fA-F]{2})*$/.test(calldata)) {
      throw new InputError('usage', '--calldata is not understood', 'write 0x and hexadecimal bytes');
    }
    raw.push({ target: parseAddress('--target', target), data: calldata as `0x${string}` });
  }
  if (changes.length === 0 && raw.length === 0) {
    throw new InputError('usage', 'nothing is proposed', 'give name=value, or --target and --calldata');
  }
  return [...(await parameterCalls(chain, parseParameterChanges(changes))), ...raw];
}
