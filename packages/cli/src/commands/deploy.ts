import type { Command } from 'commander';
import type { DeployOptions } from '../network/deploy-contracts.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

export function deployCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('deploy', undefined, "put a new network's contracts on a chain, and write its network file")
      .requiredOption('--genesis <file>', 'who gets tokens, and which parameters differ (JSON)')
      .option('--rpc <url>', "the chain's JSON-RPC; RPC_URL")
      .option('--keystore <file>', 'the key that pays; it keeps no right over the contracts')
      .option('--password-file <file>', 'its first line is the password; DSPERSE_PASSWORD, or asked for')
      .option('-o, --output <file>', 'where the network file is written', 'network.json'),
  ).action((options: CommonOptions & DeployOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      // The network's libraries are loaded by its commands only.
      const { deployContracts } = await import('../network/deploy-contracts.js');
      return deployContracts(options, terminal);
    }),
  );
}
