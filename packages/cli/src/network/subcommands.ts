/** Commands of a command. */
import type { Command } from 'commander';

/** Options before a subcommand's name are the parent's, those behind it the subcommand's. */
export function withSubcommands(parent: Command, subcommands: readonly Command[]): Command {
  parent.enablePositionalOptions();
  for (const command of subcommands) {
    // Errors are printed by main.ts.
    command.exitOverride().configureOutput({ outputError: () => undefined });
    parent.addCommand(command);
  }
  return parent;
}
