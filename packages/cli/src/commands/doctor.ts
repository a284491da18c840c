import type { Command } from 'commander';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

interface DoctorOptions extends CommonOptions {
  readonly config?: string;
  readonly role?: string;
}

export function doctorCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('doctor', undefined, 'what is wrong with a node, and what to do about it')
      .option('--config <file>', 'config file of the node; dsperse-node.json of this directory where there is one')
      .option('--role <roles>', 'check for these roles instead of the configured ones'),
  ).action((options: DoctorOptions) =>
    perform(options, async (): Promise<Outcome> => {
      const { diagnoseNode } = await import('../network/diagnose-node.js');
      return diagnoseNode(options.config, options.role);
    }),
  );
}
