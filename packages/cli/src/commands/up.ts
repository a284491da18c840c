import type { Command } from 'commander';
import pc from 'picocolors';
import { parseWhole } from '../arguments/parse-options.js';
import { jsonDocument } from '../terminal/json-document.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

interface UpOptions extends CommonOptions {
  readonly directory: string;
  readonly provers?: string;
  readonly validators?: string;
  readonly rpc?: string;
}

/** Also the terminal's end. */
const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const countOf = (name: 'provers' | 'validators', text: string | undefined) =>
  text === undefined ? {} : { [name]: parseWhole(`--${name}`, text, 1, 64) };

export function upCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('up', undefined, 'run a whole network on this machine: chain, gateway, validators, provers')
      .option('-d, --directory <directory>', 'where everything is kept; started again, it goes on', 'dsperse-network')
      .option('--provers <n>', 'provers, when the network is made; 3 where nothing is said')
      .option('--validators <n>', 'validators, when the network is made; 3 where nothing is said')
      .option('--rpc <url>', 'a chain that runs already, in place of a local one'),
  ).action((options: UpOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      const { startNetwork } = await import('../local-network/start-network.js');
      const progress = terminal.progress();
      const stopped = new AbortController();
      const stop = () => stopped.abort();
      for (const name of STOPS) process.on(name, stop);
      const network = await startNetwork({
        directory: options.directory,
        ...countOf('provers', options.provers),
        ...countOf('validators', options.validators),
        signal: stopped.signal,
        ...(options.rpc === undefined ? {} : { rpcUrl: options.rpc }),
        tell: (step) => progress.report(step, 0),
        onEnd: (name, what) => terminal.note(pc.yellow(`${name} ended (${what}); it is started again`)),
      })
        .catch((error) => {
          if (!stopped.signal.aborted) throw error;
        })
        .finally(() => progress.done());
      if (!network) return { document: undefined, text: 'stopped' };
      const { members, keys } = network;
      const document = {
        directory: network.directory,
        gateway: network.gatewayUrl,
        rpc: network.rpcUrl,
        chainId: network.network.chainId,
        contracts: network.network.contracts,
        nodes: ['gateway', ...members.validators, ...members.provers].map((name) => ({
          name,
          address: keys.get(name)?.account.address,
          pid: network.node(name).pid,
        })),
        requester: keys.get('requester')?.account.address,
      };
      terminal.say(
        renderFacts([
          ['gateway', pc.bold(network.gatewayUrl)],
          ['chain', `${network.rpcUrl}, id ${network.network.chainId}`],
          ['directory', network.directory],
        ]),
      );
      terminal.say(
        `\n${renderTable(
          [{ title: 'node' }, { title: 'operator' }, { title: 'process', align: 'right' }],
          document.nodes.map((n) => [n.name, String(n.address), String(n.pid)]),
        )}\n`,
      );
      terminal.say(`order with  dsperse order <program> -i <input> --network ${options.directory}`);
      terminal.say('Ctrl-C stops everything; the same command goes on where it was.');
      if (options.json) process.stdout.write(`${jsonDocument(document)}\n`);
      await new Promise<void>((resolve) => {
        if (stopped.signal.aborted) resolve();
        stopped.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      terminal.note('stopping');
      await network.stop();
      for (const name of STOPS) process.off(name, stop);
      return { document: undefined, text: 'stopped' };
    }),
  );
}
