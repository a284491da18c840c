/** What `dsperse deploy` does. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { validateGenesis } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/graph';
import { deployTo } from '@dsperse/network/chain';
import { writeNetworkFile } from '@dsperse/network/node';
import type { Outcome } from '../commands/command.js';
import { formatCount } from '../terminal/format.js';
import { renderFacts } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';
import { openAccount } from './network-access.js';
import { readGenesis } from './read-genesis.js';

export interface DeployOptions {
  readonly rpc?: string;
  readonly keystore?: string;
  readonly passwordFile?: string;
  readonly genesis: string;
  readonly output: string;
}

export async function deployContracts(options: DeployOptions, terminal: Terminal): Promise<Outcome> {
  const { rpc = process.env.RPC_URL, output } = options;
  if (rpc === undefined) throw new InputError('no-rpc', 'no chain is given', 'give --rpc <url> or set RPC_URL');
  const path = resolve(output);
  if (existsSync(path)) {
    throw new InputError('exists', `${path} is there already`, 'it may be of a network that is used: give another');
  }
  const genesis = await readGenesis(options.genesis);
  try {
    validateGenesis(genesis);
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string };
    throw new InputError(code, message, hint, undefined, { cause: error });
  }
  const { account } = await openAccount(options, {}, 'deployer');
  const progress = terminal.progress();
  progress.report('deploying the contracts', 0);
  const deployed = await deployTo(rpc, account, genesis).finally(() => progress.done());
  const { chainId, contracts, fromBlock, gasUsed } = deployed;
  await writeNetworkFile(path, { chainId, contracts: { ...contracts }, fromBlock });
  return {
    document: { network: path, chainId, contracts, fromBlock, gasUsed: gasUsed.toString() },
    text: renderFacts([
      ['network file', path],
      ['chain', String(chainId)],
      ['from block', String(fromBlock)],
      ['gas', formatCount(Number(gasUsed))],
      ...Object.entries(contracts).map(([name, address]) => [name, address] as const),
    ]),
  };
}
