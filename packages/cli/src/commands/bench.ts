import { cpus, loadavg, totalmem } from 'node:os';
import type { Command } from 'commander';
import pc from 'picocolors';
import { parseWhole } from '../arguments/parse-options.js';
import { checkModel, DEFAULT_MODELS } from '../bench/load-model.js';
import { type BenchResult, type Distribution, measureAll, measureDistribution } from '../bench/measure.js';
import { listModels } from '../bench-models/catalogue.js';
import { PEER_FIGURES, type PeerFigure } from '../bench-models/peers.js';
import { formatBytes, formatCount, formatMs } from '../terminal/format.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

interface BenchOptions extends CommonOptions {
  readonly runs: string;
  readonly workers?: string;
  readonly peers?: boolean;
  readonly distribution: boolean;
  readonly list?: boolean;
}

const NO_PEERS = 'running other systems beside ours (--peers) is not available yet; what they publish is below';

export function benchCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('bench', undefined, 'measure compiling, proving and verifying')
      .argument('[model...]', `names (see --list) or .onnx files; ${DEFAULT_MODELS.join(', ')} where none is given`)
      .option('--runs <n>', 'proofs of each model that are counted, after one to warm up', '3')
      .option('--workers <n>', 'threads; one for each core where nothing is said')
      .option('--no-distribution', 'leave out two processes against one')
      .option('--list', 'list the models')
      .option('--peers', 'run other systems beside ours'),
  ).action((models: string[], options: BenchOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      if (options.list) return list();
      const runs = parseWhole('--runs', options.runs, 1, 1000);
      const workers = options.workers === undefined ? undefined : parseWhole('--workers', options.workers, 1, 64);
      const names = models.length > 0 ? models : DEFAULT_MODELS;
      for (const name of names) checkModel(name);
      if (options.peers) terminal.note(pc.yellow(NO_PEERS));
      // Before we are busy ourselves.
      const here = machine();
      const progress = terminal.progress();
      try {
        const results = await measureAll(names, runs, workers, progress);
        const heaviest = models.length > 0 ? slowestFirst(names, results) : [DISTRIBUTED_MODEL];
        const distribution = options.distribution ? await distribute(heaviest, runs, progress) : undefined;
        progress.done();
        return outcome(here, results, distribution, options);
      } finally {
        progress.done();
      }
    }),
  );
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

/** Large enough for proving to outweigh what a process costs. */
const DISTRIBUTED_MODEL = 'squeezenet';

function slowestFirst(names: readonly string[], results: readonly BenchResult[]): string[] {
  const order = results.map((r, i) => ({ name: names[i], ms: r.proveMs.median })).sort((a, b) => b.ms - a.ms);
  return order.map(({ name }) => name);
}

/** Measured on the first model that can be cut in two. */
async function distribute(
  names: readonly string[],
  runs: number,
  progress: Parameters<typeof measureDistribution>[2],
): Promise<Distribution | undefined> {
  for (const name of names) {
    try {
      return await measureDistribution(name, runs, progress);
    } catch (e) {
      // A model of one layer has no two slices.
      if (!(e instanceof Error && 'code' in e && e.code === 'bad-slices')) throw e;
    }
  }
  return undefined;
}

function machine() {
  const [{ model } = { model: 'unknown' }] = cpus();
  const { platform, arch, version } = process;
  const [load] = loadavg();
  return { cpu: model.trim(), cores: cpus().length, memoryBytes: totalmem(), platform, arch, node: version, load };
}

function outcome(
  here: ReturnType<typeof machine>,
  results: readonly BenchResult[],
  distribution: Distribution | undefined,
  o: BenchOptions,
): Outcome {
  const names = results.map((r) => r.model);
  const published = PEER_FIGURES.filter(
    (f) => f.comparable.length === 0 || f.comparable.some((m) => names.includes(m)),
  );
  const text = [
    renderFacts([
      ['machine', `${here.cpu}, ${here.cores} cores, ${formatBytes(here.memoryBytes)}, Node ${here.node}`],
      ...(here.load > here.cores / 4
        ? [
            [
              'busy',
              pc.yellow(`load ${here.load.toFixed(1)} from other programs: times are longer than they would be`),
            ] as const,
          ]
        : []),
      ['compared', `with ${[...new Set(results.map((r) => r.inferenceBy))].join('; ')}`],
    ]),
    '',
    resultTable(results),
    ...(distribution ? ['', distributionWords(distribution)] : []),
    '',
    pc.bold('Published by others, on other machines: no comparison side by side'),
    publishedTable(published),
  ].join('\n');
  return {
    document: {
      machine: here,
      results,
      ...(distribution ? { distribution } : {}),
      published,
      ...(o.peers ? { notes: [NO_PEERS] } : {}),
    },
    text,
  };
}

function resultTable(results: readonly BenchResult[]): string {
  return renderTable(
    [
      { title: 'model' },
      { title: 'parameters', align: 'right' },
      { title: 'mult.', align: 'right' },
      { title: 'slices', align: 'right' },
      { title: 'compile', align: 'right' },
      { title: 'first', align: 'right' },
      { title: 'prove (min … max)', align: 'right' },
      { title: 'verify', align: 'right' },
      { title: 'proof', align: 'right' },
      { title: 'memory', align: 'right' },
      { title: 'inference', align: 'right' },
      { title: 'ratio', align: 'right' },
    ],
    results.map((r) => [
      r.model,
      formatCount(r.parameters),
      formatCount(r.multiplications),
      String(r.slices),
      formatMs(r.compileMs),
      formatMs(r.firstProveMs),
      `${formatMs(r.proveMs.median)} (${formatMs(r.proveMs.min)} … ${formatMs(r.proveMs.max)})`,
      formatMs(r.verifyMs.median),
      formatBytes(r.proofBytes),
      formatBytes(r.peakRssBytes),
      formatMs(r.inferenceMs),
      `${r.ratio < 10 ? r.ratio.toFixed(1) : r.ratio.toFixed(0)}×`,
    ]),
  );
}

function distributionWords(d: Distribution): string {
  const [one, two] = [formatMs(d.oneProcessMs.median), formatMs(d.twoProcessesMs.median)];
  const parts = d.sliceMs.map(formatMs).join(' and ');
  return `${d.model} in two slices (${parts}), one thread each: one process ${one}, two processes ${two}: ${d.speedup.toFixed(2)}× as fast`;
}

function publishedTable(figures: readonly PeerFigure[]): string {
  return renderTable(
    [
      { title: 'system' },
      { title: 'model', most: 36 },
      { title: 'prove', align: 'right' },
      { title: 'verify', align: 'right' },
      { title: 'proof', align: 'right' },
      { title: 'machine' },
    ],
    figures.map((f) => [
      f.system,
      f.model,
      formatMs(f.proveMs),
      f.verifyMs === undefined ? '' : formatMs(f.verifyMs),
      f.proofBytes === undefined ? '' : formatBytes(f.proofBytes),
      f.machine ?? '',
    ]),
  );
}
