/** The options of every command that is about a network. Light: the network's libraries are loaded when a command runs. */
import type { Command } from 'commander';

export const LOCAL_NETWORK = 'dsperse-network';

export interface NetworkOptions {
  readonly network?: string;
  readonly gateway?: readonly string[];
  readonly rpc?: string;
  readonly keystore?: string;
  readonly passwordFile?: string;
}

/** Names between commas. */
export const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

export function withNetworkOptions(command: Command): Command {
  return command
    .option('--network <file>', `network.json, or the directory it is in; ./${LOCAL_NETWORK} where that is there`)
    .option(
      '--gateway <url>',
      'the gateway, or several; DSPERSE_GATEWAYS, those of the network file, or that of the local network',
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), ...listOf(value)],
    )
    .option('--rpc <url>', "the chain's JSON-RPC; RPC_URL, or that of the local network")
    .option('--keystore <file>', 'the key that signs; a key of the local network where nothing is said')
    .option('--password-file <file>', 'its first line is the password; DSPERSE_PASSWORD, or asked for');
}
