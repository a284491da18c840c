import { relative } from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import { parseWhole } from '../arguments/parse-options.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

interface SimulateOptions extends CommonOptions {
  readonly epochs: string;
  readonly agents: string;
  readonly seed: string;
  readonly write?: boolean;
  readonly report?: boolean;
}

// The network's libraries are loaded by its commands only.
const simulation = async () => ({
  ...(await import('../simulation/results.js')),
  ...(await import('../simulation/run-simulations.js')),
  ...(await import('../simulation/tables.js')),
  ...(await import('../simulation/write-report.js')),
});

export function simulateCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand(
      'simulate',
      undefined,
      'the network in a computer: strategies against honest work, prices, concentration',
    )
      .argument('[scenario...]', 'strategies and studies; all where none is given')
      .option('--epochs <n>', 'epochs of each run', '8')
      .option('--agents <n>', 'provers and validators together', '112')
      .option('--seed <n>', 'of all that is drawn', '1')
      .option('--write', 'keep the results, tables and pictures in docs/economics')
      .option('--report', 'simulate nothing: write tables and pictures from the results kept'),
  ).action((names: string[], options: SimulateOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      const { NAMES, RESULTS_FILE, readResults, runSimulations, TABLES, writeEconomics, writeResults } =
        await simulation();
      const settings = {
        epochs: parseWhole('--epochs', options.epochs, 2, 10_000),
        agents: parseWhole('--agents', options.agents, 22, 1_000_000),
        seed: parseWhole('--seed', options.seed, 0, 2 ** 50),
      };
      const progress = terminal.progress();
      const kept = options.report ? readResults() : undefined;
      const results = kept ?? runSimulations(names, settings, progress);
      progress.done();
      const lines = Object.entries(TABLES).flatMap(([name, of]) => {
        const table = of(results);
        return table === undefined ? [] : [pc.bold(name), '', table, ''];
      });
      if (options.write || kept) {
        const before = options.write && names.length > 0 ? readResults() : undefined;
        const merged = before ? { ...before, ...mergeOf(before, results) } : results;
        if (options.write) writeResults(merged);
        const { files, pictures } = await writeEconomics(merged, RESULTS_FILE);
        lines.push(...files.map((file) => relative(process.cwd(), file)));
        if (!pictures) lines.push(pc.yellow('no PNG: install Chromium, or name one in CHROMIUM'));
      }
      return { document: printable({ ...results, names: NAMES }), text: lines.join('\n') };
    }),
  );
}

type Results = Awaited<ReturnType<typeof simulation>>['runSimulations'] extends (...words: never[]) => infer R
  ? R
  : never;

/** What was run anew takes the place of what was kept. */
function mergeOf(before: Results, found: Results): Pick<Results, 'comparisons' | 'studies'> {
  const names = new Set(found.comparisons.map(({ scenario }) => scenario));
  return {
    comparisons: [...before.comparisons.filter(({ scenario }) => !names.has(scenario)), ...found.comparisons],
    studies: { ...before.studies, ...found.studies },
  };
}

function printable(document: object): object {
  return JSON.parse(JSON.stringify(document, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
}
