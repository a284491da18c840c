import { relative } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import type { Command } from 'commander';
import pc from 'picocolors';
import { parseWhole } from '../arguments/parse-options.js';
import { ALL_BROWSER_MODELS, BROWSER_MODELS, runBrowser } from '../bench/browser/run-browser.js';
import { checkModel } from '../bench/load-model.js';
import { describeMachine, occasion } from '../bench/machine.js';
import {
  ALL_SLICED_MODELS,
  allModels,
  DEFAULT_MODELS,
  missingOf,
  SLICE_COUNTS,
  SLICED_MODELS,
} from '../bench/model-sets.js';
import { NETWORK_PARTS, type NetworkPart } from '../bench/network/network-results.js';
import { resultText } from '../bench/network/network-tables.js';
import { FULL_PLAN, QUICK_PLAN, runNetworkBench } from '../bench/network/run-network-bench.js';
import { readNetworkResults, writeNetworkResults } from '../bench/network/write-network-page.js';
import { PEER_MODELS, runPeers } from '../bench/peers/run-peers.js';
import { writeReport } from '../bench/report/write-report.js';
import type { BenchResults } from '../bench/results.js';
import { mergeResults, RESULTS_FILE, readResults, writeResults } from '../bench/results-file.js';
import { type BenchPlan, memoryLimit, runBench } from '../bench/run-bench.js';
import { publishedTable, resultTables } from '../bench/tables.js';
import { listModels } from '../bench-models/catalogue.js';
import { PEER_FIGURES } from '../bench-models/peers.js';
import { formatBytes, formatCount } from '../terminal/format.js';
import type { Progress } from '../terminal/progress.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

interface BenchOptions extends CommonOptions {
  readonly all?: boolean;
  readonly only?: string;
  readonly runs: string;
  readonly workers?: string;
  readonly slicing: boolean;
  readonly limit: string;
  readonly total?: string;
  readonly write?: boolean;
  readonly peers?: boolean;
  readonly browser?: boolean;
  readonly network?: boolean;
  readonly part?: string;
  readonly report?: boolean;
  readonly list?: boolean;
}

/** Proving a model again and again takes about this long, with few models and with all. */
const BUDGET_MS = 60_000;
const BUDGET_OF_ALL_MS = 30_000;

export function benchCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('bench', undefined, 'measure compiling, proving and verifying')
      .argument('[model...]', `names (see --list) or .onnx files; ${DEFAULT_MODELS.join(', ')} where none is given`)
      .option('--all', 'every model, the largest included')
      .option('--only <which>', 'missing: models that docs/bench/results.json says nothing of yet')
      .option('--runs <n>', 'most proofs of each model that are counted, after one to warm up', '5')
      .option('--workers <n>', 'most threads; one for each core where nothing is said')
      .option('--no-slicing', 'leave out cutting a model into 1, 2, 4, … slices')
      .option('--limit <minutes>', 'of one model', '20')
      .option(
        '--total <minutes>',
        'of everything: no model is begun later; of --network: how long its memory is watched',
      )
      .option('--write', 'keep the results in docs/bench/results.json')
      .option('--peers', 'run other systems beside ours; they are installed for that, outside of the project')
      .option('--browser', 'compile, prove and verify in Chromium instead')
      .option(
        '--network',
        'orders on a local network beside proving alone, and one gateway under load; --all: 10 000 orders',
      )
      .option('--part <names>', `of --network only these: ${NETWORK_PARTS.join(', ')}`)
      .option('--report', 'measure nothing: write docs/bench/README.md and its pictures from the results kept')
      .option('--list', 'list the models'),
  ).action((models: string[], options: BenchOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      if (options.list) return list();
      if (options.report) return report();
      if (options.part !== undefined && !options.network) {
        throw new InputError('bad-option', '--part is about --network', 'give --network too, or leave --part out');
      }
      if (options.network) return measureNetwork(options, terminal);
      for (const name of models) checkModel(name);
      const plan = planOf(models, options);
      if (options.browser) {
        const browsed = models.length > 0 ? models : options.all ? ALL_BROWSER_MODELS : BROWSER_MODELS;
        return measure((progress, keep) => runBrowser({ ...plan, models: browsed }, progress, keep), options, terminal);
      }
      if (options.peers)
        return measure((progress, keep) => besidePeers(plan, models, options, progress, keep), options, terminal);
      return measure((progress, keep) => runBench(plan, progress, keep), options, terminal);
    }),
  );
}

function planOf(models: readonly string[], options: BenchOptions): BenchPlan {
  const most = options.workers === undefined ? describeMachine().cores : parseWhole('--workers', options.workers, 1, 8);
  const named = models.length > 0 ? models : options.all ? allModels() : DEFAULT_MODELS;
  const missing = options.only !== undefined;
  if (missing && options.only !== 'missing') {
    throw new InputError(
      'bad-option',
      `--only takes missing, not ${options.only}`,
      'leave it out to measure all again',
    );
  }
  const known = missing ? readResults(RESULTS_FILE) : undefined;
  const sliced = options.all ? ALL_SLICED_MODELS : models.length > 0 ? models.slice(0, 1) : SLICED_MODELS;
  const sliceCounts = options.all || models.length === 0 ? SLICE_COUNTS : SLICE_COUNTS.slice(0, 3);
  const isCut = (model: string): boolean => {
    const found = known?.slicing.find((s) => s.model === model);
    return sliceCounts.every((n) => [...(found?.plans ?? []), ...(found?.failed ?? [])].some((p) => p.slices === n));
  };
  return {
    models: missing ? missingOf(named, known) : named,
    sliced: options.slicing ? sliced.filter((m) => !isCut(m)) : [],
    sliceCounts,
    runs: parseWhole('--runs', options.runs, 1, 1000),
    workers: [...new Set([1, Math.min(2, most), most])].sort((a, b) => a - b),
    budgetMs: options.all ? BUDGET_OF_ALL_MS : BUDGET_MS,
    limitMs: 60_000 * parseWhole('--limit', options.limit, 1, 10_000),
    totalMs: 60_000 * (options.total ? parseWhole('--total', options.total, 1, 10_000) : 10_000),
    memoryBytes: memoryLimit(),
  };
}

/** Ours first, then the others on the same models. */
async function besidePeers(
  plan: BenchPlan,
  named: readonly string[],
  options: BenchOptions,
  progress: Progress,
  keep: (found: BenchResults) => void,
): Promise<BenchResults> {
  const models = named.length > 0 ? named : PEER_MODELS;
  const { limitMs, memoryBytes } = plan;
  const measured = occasion(describeMachine().load);
  const known = options.only === 'missing' ? readResults(RESULTS_FILE) : undefined;
  const ours = await runBench({ ...plan, models: missingOf(models, known), sliced: [] }, progress, keep);
  const peers = await runPeers(
    models,
    { limitMs, memoryBytes },
    { measured, known: known?.peers ?? [] },
    progress,
    (soFar) => keep({ ...ours, peers: soFar }),
  );
  return { ...ours, peers };
}

/** Does what is asked for, and keeps what is found as it comes. */
async function measure(
  work: (progress: Progress, keep: (found: BenchResults) => void) => Promise<BenchResults>,
  { write }: BenchOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const before = write ? readResults(RESULTS_FILE) : undefined;
  const progress = terminal.progress();
  try {
    const found = await work(progress, (soFar) => {
      if (write) writeResults(RESULTS_FILE, mergeResults(before, soFar));
    });
    progress.done();
    return outcome(found);
  } finally {
    progress.done();
  }
}

function partsOf(names: string | undefined): readonly NetworkPart[] {
  if (names === undefined) return NETWORK_PARTS;
  return names.split(',').map((name) => {
    const part = NETWORK_PARTS.find((p) => p === name.trim());
    if (part) return part;
    const hint = `take one or more of ${NETWORK_PARTS.join(',')}`;
    throw new InputError('bad-option', `--part has no ${name.trim() || 'name'}`, hint);
  });
}

async function measureNetwork({ all, write, part, total }: BenchOptions, terminal: Terminal): Promise<Outcome> {
  const parts = partsOf(part);
  const usual = all ? FULL_PLAN : QUICK_PLAN;
  const plan = total ? { ...usual, memorySeconds: 60 * parseWhole('--total', total, 1, 10_000) } : usual;
  const before = write ? readNetworkResults() : undefined;
  const progress = terminal.progress();
  try {
    const found = await runNetworkBench(plan, parts, progress, (soFar) => {
      if (write) writeNetworkResults(before, soFar);
    });
    progress.done();
    const isEmpty = found.times.length + found.load.length + found.memory.length === 0;
    const hasStood = found.left.some((l) => l.stood);
    return { document: { ...found }, text: resultText(found), ...(isEmpty || hasStood ? { exitCode: 2 } : {}) };
  } finally {
    progress.done();
  }
}

async function report(): Promise<Outcome> {
  const { files, pictures } = await writeReport(RESULTS_FILE);
  const names = files.map((f) => relative(process.cwd(), f));
  const without = pictures ? [] : [pc.yellow('no PNG: install Chromium, or name one in CHROMIUM')];
  return { document: { files: names, pictures }, text: [...names, ...without].join('\n') };
}

function list(): Outcome {
  const models = listModels();
  const rows = models.map((m) => [m.name, formatCount(m.parameters), m.about]);
  const table = renderTable(
    [{ title: 'model' }, { title: 'parameters', align: 'right' }, { title: 'about' }],
    [['digits', '21 114', 'the example in examples/digits'], ...rows],
  );
  return { document: { models }, text: table };
}

function outcome(found: BenchResults): Outcome {
  const { machine, results } = found;
  const failed = found.failures.length + found.browserFailures.length;
  const names = results.map((r) => r.model);
  const published = PEER_FIGURES.filter(
    (f) => f.comparable.length === 0 || f.comparable.some((m) => names.includes(m)),
  );
  const compared = [...new Set(results.map((r) => r.inferenceBy))].join('; ');
  const facts: (readonly [string, string])[] = [
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${formatBytes(machine.memoryBytes)}, Node ${machine.node}`],
  ];
  if (machine.load > machine.cores / 4) {
    const words = `load ${machine.load.toFixed(1)} from other programs: times are longer than they would be`;
    facts.push(['busy', pc.yellow(words)]);
  }
  if (compared) facts.push(['compared', `with ${compared}`]);
  return {
    document: { ...found, published },
    text: [
      renderFacts(facts),
      '',
      resultTables(found),
      ...(results.length > 0 ? ['', publishedTable(published)] : []),
    ].join('\n'),
    ...(results.length + found.browser.length + found.peers.length === 0 && failed > 0 ? { exitCode: 2 } : {}),
  };
}
