import type { Command } from 'commander';
import { AMOUNT_HELP } from '../network/amounts.js';
import { withNetworkOptions } from '../network/network-options.js';
import type { StakeOptions } from '../network/stake-options.js';
import { withSubcommands } from '../network/subcommands.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

type Options = CommonOptions & StakeOptions;
// The network's libraries are loaded by its commands only.
const stakes = () => import('../network/stakes.js');
const losses = () => import('../network/explain-losses.js');
const earnings = () => import('../network/claim-earnings.js');

/** The key that signs is the owner's; the operator's own key signs its registration once. */
export function stakeCommand(perform: Perform): Command {
  const about = (name: string, summary: string, amount?: string): Command => {
    const command = newCommand(name, undefined, summary);
    if (amount !== undefined) command.argument('<amount>', amount);
    return withNetworkOptions(
      command
        .option('--role <role>', "prover or validator; told by the operator's name in a local network")
        .option('--operator <operator>', 'its address, or its name in a local network, like prover-1'),
    );
  };
  const finish = (command: Command, work: (options: Options) => Promise<Outcome>) =>
    withCommonOptions(command).action((options: Options) => perform(options, () => work(options)));
  const withAmount = (command: Command, work: (amount: string, options: Options) => Promise<Outcome>) =>
    withCommonOptions(command).action((amount: string, options: Options) =>
      perform(options, () => work(amount, options)),
    );
  return withSubcommands(newCommand('stake', undefined, 'stake of provers and validators, and what was taken of it'), [
    finish(
      about('register', 'register an operator under an owner')
        .option('--operator-keystore <file>', "the operator's key: it signs that the owner may register it")
        .option('--operator-password-file <file>', 'its password')
        .option('--commission <percent>', 'of what others’ stake earns', '0'),
      async (options) => (await stakes()).register(options),
    ),
    withAmount(about('add', "stake the owner's tokens on its operator", AMOUNT_HELP), async (amount, options) =>
      (await stakes()).addOwn(amount, options),
    ),
    withAmount(about('delegate', 'stake tokens on any operator', AMOUNT_HELP), async (amount, options) =>
      (await stakes()).delegate(amount, options),
    ),
    withAmount(
      about('undelegate', 'let stake thaw; slashable until it is withdrawn', `${AMOUNT_HELP}; or all`),
      async (amount, options) => (await stakes()).thaw(amount, options),
    ),
    finish(about('withdraw', 'withdraw what has thawed'), async (options) => (await stakes()).withdrawAll(options)),
    finish(about('status', 'stake of all operators, or of one'), async (options) => (await stakes()).status(options)),
    finish(about('history', 'what was taken of an operator’s stake, and why'), async (options) =>
      (await losses()).explainLosses(options),
    ),
    finish(about('claim', 'take what has been earned out of the last final epoch'), async (options) =>
      (await earnings()).claimEarnings(options),
    ),
  ]);
}
