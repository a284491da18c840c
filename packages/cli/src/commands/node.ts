import { InputError } from '@dsperse/core/graph';
import type { Command } from 'commander';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

interface NodeOptions extends CommonOptions {
  readonly config?: string;
  readonly role?: string;
  readonly init?: boolean;
  readonly settings?: boolean;
}

export function nodeCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('node', undefined, 'run a prover, validator or gateway of a network')
      .argument('[settings...]', 'settings as name=value, over the environment and the config file')
      .option('--config <file>', 'config file (JSON); dsperse-node.json of this directory where there is one')
      .option('--role <roles>', 'prover, validator, gateway: one or several, with commas')
      .option('--init', 'make keys, measure the machine, write the config file, and stop')
      .option('--settings', 'list all settings with their meaning and stop'),
  ).action((settings: string[], options: NodeOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      // The network's libraries are loaded by its commands only.
      const { nodeSettings, initNode, runNode } = await import('../local-network/run-node.js');
      if (options.settings) return nodeSettings();
      const flags = Object.fromEntries(settings.map(parseSetting));
      if (options.role !== undefined) flags.roles = options.role;
      const sources = { ...(options.config === undefined ? {} : { file: options.config }), flags };
      return options.init ? initNode(sources, options.config, terminal) : runNode(sources, terminal);
    }),
  );
}

/** `prover.ask=10` as the flag `prover-ask`. */
function parseSetting(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) {
    throw new InputError('usage', `${text} is no setting`, 'write name=value; dsperse node --settings lists the names');
  }
  const name = text
    .slice(0, at)
    .replace(/^--/, '')
    .replace(/\./g, '-')
    .replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  return [name, text.slice(at + 1)];
}
