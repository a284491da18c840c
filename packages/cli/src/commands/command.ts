/** What every command has in common. */
import { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.js';

export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What a command comes to. */
export interface Outcome {
  /** With --json: all of stdout. Undefined where the command has written its document while it ran. */
  readonly document: object | undefined;
  /** Else: for people. */
  readonly text: string;
  /** 0 where nothing is said. */
  readonly exitCode?: number;
}

/** Runs a command's work and prints its outcome (main.ts). */
export type Perform = (options: CommonOptions, work: (terminal: Terminal) => Promise<Outcome>) => Promise<void>;

export function newCommand(name: string, short: string | undefined, summary: string): Command {
  const command = new Command(name).description(summary).helpOption('-h, --help', 'show this');
  if (short) command.alias(short);
  return command;
}

/** The options that every command ends with. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'one JSON document on stdout, errors included')
    .option('--quiet', 'print nothing but errors');
}

/** For repeatable options. */
export const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];
