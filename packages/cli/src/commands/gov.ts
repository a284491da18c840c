import type { Command } from 'commander';
import type { OverrideOptions, ProposeOptions } from '../network/govern.js';
import { type NetworkOptions, withNetworkOptions } from '../network/network-options.js';
import { withSubcommands } from '../network/subcommands.js';
import { type CommonOptions, newCommand, type Perform, withCommonOptions } from './command.js';

type GovOptions = CommonOptions & NetworkOptions;

const finish = (command: Command): Command => withCommonOptions(withNetworkOptions(command));
// The network's libraries are loaded by its commands only.
const govern = () => import('../network/govern.js');

export function govCommand(perform: Perform): Command {
  const step = (name: 'queue' | 'execute', summary: string) =>
    finish(newCommand(name, undefined, summary).argument('<id>', 'the proposal')).action(
      (id: string, options: GovOptions) =>
        perform(options, async () => (await govern()).advanceProposal(name, id, options)),
    );
  return withSubcommands(newCommand('gov', undefined, 'the network’s parameters, proposals and votes'), [
    finish(newCommand('params', undefined, 'every parameter with meaning, unit, value and bounds')).action(
      (options: GovOptions) => perform(options, async () => (await govern()).showParameters(options)),
    ),
    finish(
      newCommand('propose', undefined, 'propose changes of parameters, or any call')
        .argument('[changes...]', 'parameters as name=value: whole numbers in their unit; tokens as 1.5 or 15wei')
        .requiredOption('--description <text>', 'what it is for; part of the proposal')
        .option('--target <address>', 'contract of a raw call')
        .option('--calldata <hex>', 'data of the raw call'),
    ).action((changes: string[], options: GovOptions & ProposeOptions) =>
      perform(options, async () => (await govern()).proposeChanges(changes, options)),
    ),
    finish(
      newCommand('vote', undefined, 'vote on a proposal')
        .argument('<id>', 'the proposal')
        .argument('<vote>', 'for, against or abstain')
        .option('--reason <text>', 'kept with the vote', ''),
    ).action((id: string, vote: string, options: GovOptions & { reason?: string }) =>
      perform(options, async () => (await govern()).voteOn(id, vote, options)),
    ),
    finish(
      newCommand(
        'override',
        undefined,
        'vote with what the account’s delegate, or an operator it staked with, votes with',
      )
        .argument('<id>', 'the proposal')
        .argument('<vote>', 'for, against or abstain')
        .option('--operator <operator>', 'whom it staked with; its own wallet otherwise')
        .option('--role <role>', "prover or validator; told by the operator's name in a local network")
        .option('--reason <text>', 'kept with the vote', '')
        .option('--sign <file>', 'only sign it, for somebody else to send (cast)'),
    ).action((id: string, vote: string, options: GovOptions & OverrideOptions) =>
      perform(options, async () => (await govern()).overrideVote(id, vote, options)),
    ),
    finish(
      newCommand('cast', undefined, 'send a vote that its voter signed (override --sign)').argument(
        '<file>',
        'the vote',
      ),
    ).action((file: string, options: GovOptions) =>
      perform(options, async () => (await govern()).castSigned(file, options)),
    ),
    finish(
      newCommand('delegate', undefined, "let the account's tokens count as votes").option(
        '--to <address>',
        'whose votes they are; its own otherwise',
      ),
    ).action((options: GovOptions & { to?: string }) =>
      perform(options, async () => (await govern()).delegateTo(options)),
    ),
    step('queue', 'queue a proposal that succeeded'),
    step('execute', 'execute a queued proposal whose time has come'),
    finish(newCommand('status', undefined, 'all proposals, or one').argument('[id]', 'the proposal')).action(
      (id: string | undefined, options: GovOptions) =>
        perform(options, async () => (await govern()).showProposals(options, id)),
    ),
  ]);
}
